-- Procedures of tests/soak/core_queries. They run with the search path, role and settings that the file of PostgreSQL's tests has
-- set. Everything found is an INFO that begins with "soak:" and has one line.
CREATE EXTENSION pg_trickle;
CREATE SCHEMA soak;
GRANT ALL ON SCHEMA soak TO public;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO public;

CREATE PROCEDURE soak.report(kind text, detail text) LANGUAGE plpgsql AS $$
BEGIN
  RAISE INFO 'soak: %: %', kind, regexp_replace(detail, '\s+', ' ', 'g');
END $$;

-- All rows of a relation as one text, computed with the search path of maintenance: what functions find by it is documented.
CREATE FUNCTION soak.digest(relation text, OUT answer text) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('SELECT coalesce(string_agg(r::text, E''\n'' ORDER BY r::text COLLATE "C"), '''') FROM %s r', relation) INTO answer;
END $$;

-- Names the columns of a query whose names are not unique, or those of system columns.
CREATE FUNCTION soak.with_own_names(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  named text := E'SELECT * FROM (%s\n) AS q(%s)';
  names text[] := ARRAY(SELECT 'c' || g FROM generate_series(1, 1700) g);
BEGIN
  EXECUTE format(named, query, array_to_string(names, ','));
EXCEPTION WHEN invalid_column_reference THEN
  RETURN format(named, query, array_to_string(names[1:substring(sqlerrm FROM 'has (\d+) columns')::int], ','));
END $$;

-- The tables without children below the sources.
CREATE FUNCTION soak.tables_of(stream_table regclass) RETURNS regclass[] BEGIN ATOMIC
  WITH RECURSIVE sources(oid) AS (
    SELECT source_relid FROM pgtrickle.pgt_dependencies d JOIN pgtrickle.pgt_stream_tables s USING (pgt_id) WHERE s.pgt_relid = stream_table
    UNION SELECT inhrelid FROM pg_inherits i JOIN sources s ON i.inhparent = s.oid)
  SELECT array_agg(c.oid::regclass ORDER BY c.oid) FROM sources s JOIN pg_class c USING (oid) WHERE c.relkind = 'r';
END;

CREATE FUNCTION soak.columns_of(source regclass) RETURNS text BEGIN ATOMIC
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
  WHERE attrelid = source AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
END;

-- Changes a few rows in one of several ways, unless a constraint or trigger refuses that.
CREATE PROCEDURE soak.change(source regclass) LANGUAGE plpgsql AS $$
DECLARE
  few text := format('ctid = ANY (ARRAY(SELECT ctid FROM ONLY %s ORDER BY random() LIMIT %s))', source, 1 + floor(random() * 6));
  into_it text := format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM ', source, soak.columns_of(source));
  columns text[] := string_to_array(soak.columns_of(source), ', ');
  one text := columns[1 + floor(random() * cardinality(columns))];
BEGIN
  EXECUTE (ARRAY[
    into_it || format('ONLY %s WHERE %s', source, few),
    into_it || format('soak.%I ORDER BY random() LIMIT 4', 'saved_' || source::oid),
    format('DELETE FROM ONLY %s WHERE %s', source, few),
    format('UPDATE ONLY %s SET %s = (SELECT %2$s FROM ONLY %1$s ORDER BY random() LIMIT 1) WHERE %3$s', source, one, few),
    format('UPDATE ONLY %s SET %s = NULL WHERE %s', source, one, few)])[1 + floor(random() * 5)];
EXCEPTION WHEN OTHERS THEN
  IF sqlstate LIKE 'XX%' THEN CALL soak.report('BAD change', sqlerrm); END IF;
END $$;

CREATE PROCEDURE soak.replace_rows(source regclass, rows text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('DELETE FROM ONLY %s', source);
  EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM %s', source, soak.columns_of(source), rows);
END $$;

-- Whether the answer is the same however the rows lie in their tables, and by whatever plan.
CREATE FUNCTION soak.has_one_answer(relation text, sources regclass[]) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
  first text := soak.digest(relation);
  answers text[] := '{}';
  plan text;
  source regclass;
BEGIN
  BEGIN
    FOR attempt IN 1..3 LOOP
      FOREACH plan IN ARRAY '{hashagg,hashjoin,mergejoin,nestloop,sort,seqscan}'::text[] LOOP
        PERFORM set_config('enable_' || plan, CASE WHEN random() < 0.4 THEN 'off' ELSE 'on' END, true);
      END LOOP;
      PERFORM set_config('max_parallel_workers_per_gather', (attempt % 2 * 4)::text, true);
      answers := answers || soak.digest(relation);
      PERFORM set_config('session_replication_role', 'replica', true);
      FOREACH source IN ARRAY coalesce(sources, '{}') LOOP
        EXECUTE format('CREATE TABLE soak.shuffled AS SELECT * FROM ONLY %s ORDER BY random()', source);
        CALL soak.replace_rows(source, 'soak.shuffled');
        DROP TABLE soak.shuffled;
      END LOOP;
      answers := answers || soak.digest(relation);
    END LOOP;
    RAISE EXCEPTION USING errcode = 'SOAK0';
  EXCEPTION WHEN OTHERS THEN
    IF sqlstate <> 'SOAK0' THEN CALL soak.report('undecided', sqlerrm); RETURN false; END IF;
  END;
  RETURN first = ALL (answers);
END $$;

-- Whether a view of the query fails with this error.
CREATE FUNCTION soak.fails_as(query text, state text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE 'CREATE VIEW soak.probe AS ' || query;
  PERFORM soak.digest('soak.probe');
  DROP VIEW soak.probe;
  RETURN false;
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate = state;
END $$;

-- Refreshes, or reads exactly, and compares.
CREATE PROCEDURE soak.compare(stream_table regclass, relation text, mode text) LANGUAGE plpgsql AS $$
DECLARE
  kept text;
  true_rows text;
BEGIN
  IF mode = 'refresh' THEN PERFORM pgtrickle.refresh_stream_table(stream_table::text); END IF;
  PERFORM set_config('pg_trickle.read_mode', mode, true);
  kept := soak.digest(stream_table::text);
  PERFORM set_config('pg_trickle.read_mode', 'refresh', true);
  true_rows := soak.digest(relation);
  IF kept IS NOT DISTINCT FROM true_rows THEN
    CALL soak.report('agrees', mode);
  ELSIF soak.has_one_answer(relation, soak.tables_of(stream_table)) THEN
    CALL soak.report('BAD ' || mode, format('%s is not %s', left(kept, 300), left(true_rows, 300)));
  END IF;
EXCEPTION WHEN OTHERS THEN
  IF sqlstate <> '55P03' AND NOT soak.fails_as('TABLE ' || relation, sqlstate) THEN CALL soak.report('BAD ' || mode, sqlstate || ' ' || sqlerrm); END IF;
END $$;

CREATE PROCEDURE soak.follow(stream_table regclass, relation text, sources regclass[], commits bool) LANGUAGE plpgsql AS $$
DECLARE
  source regclass;
BEGIN
  CALL soak.compare(stream_table, relation, 'refresh');
  FOR step IN 1..CASE WHEN sources IS NULL THEN 0 ELSE 4 END LOOP
    FOR number IN 0..floor(random() * 2) LOOP
      CALL soak.change(sources[1 + floor(random() * cardinality(sources))]);
      IF commits THEN COMMIT; END IF;
    END LOOP;
    CALL soak.compare(stream_table, relation, 'exact');
    CALL soak.compare(stream_table, relation, 'refresh');
    IF commits THEN COMMIT; END IF;
  END LOOP;
END $$;

-- Puts back all rows of the sources, which the file needs.
CREATE PROCEDURE soak.restore(sources regclass[]) LANGUAGE plpgsql AS $$
DECLARE
  source regclass;
BEGIN
  FOREACH source IN ARRAY coalesce(sources, '{}') LOOP
    BEGIN
      CALL soak.replace_rows(source, 'soak.saved_' || source::oid);
    EXCEPTION WHEN OTHERS THEN
      CALL soak.report('not restored', sqlerrm);
    END;
  END LOOP;
END $$;

-- Saves the rows of the sources. Returns the tables that the role may read and change.
CREATE FUNCTION soak.save(stream_table regclass) RETURNS regclass[] LANGUAGE plpgsql AS $$
DECLARE
  sources regclass[] := soak.tables_of(stream_table);
  source regclass;
BEGIN
  FOREACH source IN ARRAY coalesce(sources, '{}') LOOP
    EXECUTE format('DROP TABLE IF EXISTS soak.saved_%s; CREATE TABLE soak.saved_%1$s AS TABLE ONLY %2$s', source::oid, source);
  END LOOP;
  RETURN sources;
EXCEPTION WHEN OTHERS THEN
  CALL soak.report('not saved', sqlerrm);
  RETURN NULL;
END $$;

-- Creates the stream table. Returns null if the query is refused as it should be.
CREATE FUNCTION soak.create(name text, query text) RETURNS regclass LANGUAGE plpgsql AS $$
DECLARE
  schedules text[] := '{520w,520w,calculated,0s,1s}';
BEGIN
  PERFORM pgtrickle.create_stream_table(name, query, schedules[1 + floor(random() * 5)]);
  RETURN name::regclass;
EXCEPTION
  WHEN feature_not_supported OR lock_not_available THEN
    CALL soak.report('refused', sqlerrm);
    RETURN NULL;
  WHEN OTHERS THEN
    CALL soak.report(CASE WHEN soak.fails_as(query, sqlstate) THEN 'fails' ELSE 'BAD refusal' END, sqlstate || ' ' || sqlerrm);
    RETURN NULL;
END $$;

-- Whether the columns of a table can be called as those of the query.
CREATE FUNCTION soak.has_own_names(query text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format(E'CREATE TABLE soak.probe AS %s\nWITH NO DATA', query);
  DROP TABLE soak.probe;
  RETURN true;
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate <> '42701';
END $$;

-- Makes a stream table of the query, and follows it through changes of its sources: in transactions of its own, unless the file
-- has begun one, in which everything is then undone.
CREATE PROCEDURE soak.check_query(query text, number int, seed float8) LANGUAGE plpgsql AS $$
DECLARE
  commits bool := now() = statement_timestamp();
  stream_table regclass;
  relation text := 'soak.query_' || number;
  sources regclass[];
BEGIN
  PERFORM setseed(seed);
  IF NOT soak.has_own_names(query) THEN query := soak.with_own_names(query); END IF;
  IF commits THEN
    stream_table := soak.create('soak.kept_' || number, query);
    IF stream_table IS NULL THEN RETURN; END IF;
    EXECUTE format('CREATE VIEW %s AS %s', relation, query);
    sources := soak.save(stream_table);
    COMMIT;
    CALL soak.follow(stream_table, relation, sources, true);
    CALL soak.restore(sources);
    CALL soak.compare(stream_table, relation, 'refresh');
    COMMIT;
    EXECUTE format('DROP FOREIGN TABLE %s; DROP VIEW %s', stream_table, relation);
    EXECUTE coalesce((SELECT string_agg(format('DROP TABLE soak.saved_%s', s::oid), ';') FROM unnest(sources) s), '');
  ELSE
    BEGIN
      stream_table := soak.create('soak.kept_' || number, query);
      IF stream_table IS NULL THEN RETURN; END IF;
      EXECUTE format('CREATE VIEW %s AS %s', relation, query);
      CALL soak.follow(stream_table, relation, soak.save(stream_table), false);
      RAISE EXCEPTION USING errcode = 'SOAK0';
    EXCEPTION WHEN SQLSTATE 'SOAK0' THEN
    END;
  END IF;
  CALL soak.report(CASE WHEN commits THEN 'followed' ELSE 'followed inside' END, array_to_string(sources, ' '));
END $$;
