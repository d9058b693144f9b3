-- Creates the extension and the functions that the later files share.
SET client_min_messages = warning;
CREATE EXTENSION pg_trickle;
SELECT pgtrickle.version();
-- Functions that the files compare results with; 01_test_functions.sql shows that each of them detects an error.
-- They run with the privileges and the search_path of the caller.
CREATE SCHEMA test;
GRANT USAGE ON SCHEMA test TO PUBLIC;
-- Counts the rows that a stream table lacks, and those that it has in surplus, relative to a query, by default its defining query:
-- as multisets of values, or of their texts where equal values have different texts or the type has no equality.
CREATE FUNCTION test.differences(stream_table regclass, query text DEFAULT NULL, by_text bool DEFAULT false,
                                 OUT missing bigint, OUT surplus bigint) LANGUAGE plpgsql AS $$
BEGIN
  IF query IS NULL THEN
    SELECT s.original_query INTO STRICT query FROM pgtrickle.pgt_stream_tables s WHERE s.pgt_relid = stream_table;
  END IF;
  EXECUTE format(CASE WHEN by_text THEN
      'WITH q AS (SELECT r::text FROM (%1$s) r), s AS (SELECT r::text FROM %2$s r)
       SELECT (SELECT count(*) FROM (TABLE q EXCEPT ALL TABLE s) x), (SELECT count(*) FROM (TABLE s EXCEPT ALL TABLE q) x)'
    ELSE
      'SELECT (SELECT count(*) FROM ((%1$s) EXCEPT ALL TABLE %2$s) x), (SELECT count(*) FROM (TABLE %2$s EXCEPT ALL (%1$s)) x)'
    END, query, stream_table) INTO missing, surplus;
END $$;
-- Refreshes the stream tables listed in a table of names and queries; returns those that then differ from their queries.
CREATE FUNCTION test.wrong(listed regclass, by_text bool DEFAULT false)
RETURNS TABLE (stream_table text, missing bigint, surplus bigint) LANGUAGE plpgsql AS $$
DECLARE query text;
BEGIN
  FOR stream_table, query IN EXECUTE format('SELECT name::text, query FROM %s ORDER BY name::text COLLATE "C"', listed) LOOP
    PERFORM pgtrickle.refresh_stream_table(format('%I', stream_table));
    SELECT d.missing, d.surplus INTO missing, surplus FROM test.differences(format('%I', stream_table)::regclass, query, by_text) d;
    IF missing + surplus > 0 THEN RETURN NEXT; END IF;
  END LOOP;
  IF NOT found THEN RAISE EXCEPTION '% lists no stream table', listed; END IF;
END $$;
-- Waits until a query returns the wanted value, and returns it; after the limit, returns the last value found.
CREATE FUNCTION test.wait_for(query text, wanted text, limit_s float8 DEFAULT 30) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  give_up_at timestamptz := clock_timestamp() + limit_s * interval '1 s';
  found text;
BEGIN
  LOOP
    EXECUTE query INTO found;
    IF found = wanted THEN RETURN found; END IF;
    IF clock_timestamp() > give_up_at THEN RETURN format('%s after %s s', coalesce(found, 'NULL'), limit_s); END IF;
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$;
-- Waits until a stream table has the rows of a query.
CREATE FUNCTION test.wait_until_equal(stream_table regclass, query text, limit_s float8 DEFAULT 30) RETURNS text LANGUAGE sql
RETURN test.wait_for(format('SELECT format(''%%s missing, %%s surplus'', missing, surplus) FROM test.differences(%L, %L)', stream_table, query),
                     '0 missing, 0 surplus', limit_s);
-- Makes a change, refreshes a stream table, and lists the tables of the current schema that the refresh scanned sequentially.
CREATE FUNCTION test.whole_reads(stream_table text, change text) RETURNS TABLE (source name, read_whole bigint) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE change;
  CREATE TEMP TABLE before ON COMMIT DROP AS
    SELECT relid, seq_tup_read AS n FROM pg_stat_xact_user_tables WHERE schemaname = current_schema();
  PERFORM pgtrickle.refresh_stream_table(stream_table);
  RETURN QUERY SELECT s.relname, s.seq_tup_read - b.n FROM pg_stat_xact_user_tables s JOIN before b USING (relid)
    WHERE s.seq_tup_read > b.n ORDER BY 1;
  DROP TABLE before;
END $$;
