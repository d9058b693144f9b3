-- Functions of tests/soak/core_sources. Everything found is an INFO that begins with "soak:" and has one line; as the test of sessions
-- shows no message of its teardown, it is a row of soak.found, too.
CREATE EXTENSION pg_trickle;
CREATE SCHEMA soak;
GRANT USAGE ON SCHEMA soak TO public;
CREATE TABLE soak.found (kind text, detail text);

CREATE PROCEDURE soak.report(kind text, detail text) LANGUAGE plpgsql AS $$
BEGIN
  RAISE INFO 'soak: %: %', kind, regexp_replace(detail, '\s+', ' ', 'g');
  INSERT INTO soak.found VALUES (kind, detail);
END $$;

CREATE FUNCTION soak.digest(query text, OUT answer text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SELECT coalesce(string_agg(r::text, E''\n'' ORDER BY r::text COLLATE "C"), '''') FROM (%s) r', query) INTO answer;
END $$;

-- Whether the query fails with this error.
CREATE FUNCTION soak.fails_as(query text, state text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
  PERFORM soak.digest(query);
  RETURN false;
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate = state;
END $$;

-- Creates a stream table that is dropped with its source, without CASCADE.
CREATE PROCEDURE soak.create(name text, source regclass, query text) LANGUAGE plpgsql AS $$
DECLARE
  schedules text[] := '{520w,calculated,0s,1s}';
  stream_table regclass;
BEGIN
  PERFORM pgtrickle.create_stream_table(name, query, schedules[1 + floor(random() * 4)]);
  stream_table := name::regclass;
  UPDATE pg_depend SET deptype = 'a' WHERE objid = stream_table AND refobjid = source AND deptype = 'n';
EXCEPTION WHEN OTHERS THEN
  IF NOT (sqlstate IN ('0A000', '55P03') OR soak.fails_as(query, sqlstate)) THEN
    CALL soak.report('refusal', format('%s %s: %s', sqlstate, sqlerrm, query));
  END IF;
END $$;

-- Makes every new table the source of two stream tables: its rows, and groups by one of its columns.
CREATE FUNCTION soak.follow() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  source regclass;
  one text;
BEGIN
  FOR source IN
    SELECT DISTINCT c.oid FROM pg_event_trigger_ddl_commands() d JOIN pg_class c ON c.oid = d.objid
    WHERE d.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND c.relnamespace::regnamespace::text NOT IN ('soak', 'pg_trickle_log', 'pg_trickle_storage')
  LOOP
    CALL soak.create('soak.rows_' || source::oid, source, 'SELECT * FROM ' || source);
    SELECT quote_ident(attname) INTO one FROM pg_attribute
    WHERE attrelid = source AND attnum > 0 AND NOT attisdropped AND atttypid NOT IN ('json'::regtype, 'xml'::regtype, 'point'::regtype) ORDER BY random();
    IF FOUND THEN
      CALL soak.create('soak.groups_' || source::oid, source, format('SELECT %s AS k, count(*) AS c FROM %s GROUP BY 1', one, source));
    END IF;
  END LOOP;
END $$;

-- Compares one stream table with its query, read exactly and after a refresh.
CREATE PROCEDURE soak.compare(stream_table regclass, query text, INOUT compared int) LANGUAGE plpgsql AS $$
DECLARE
  modes text[] := CASE current_setting('transaction_isolation') WHEN 'read committed' THEN '{exact,refresh}' ELSE '{exact}' END;
  mode text;
  kept text;
  true_rows text;
BEGIN
  FOREACH mode IN ARRAY modes LOOP
    IF mode = 'refresh' THEN PERFORM pgtrickle.refresh_stream_table(stream_table::text); END IF;
    PERFORM set_config('pg_trickle.read_mode', mode, true);
    kept := soak.digest('TABLE ' || stream_table);
    PERFORM set_config('pg_trickle.read_mode', 'refresh', true);
    true_rows := soak.digest(query);
    IF kept IS NOT DISTINCT FROM true_rows THEN
      compared := compared + 1;
    ELSE
      CALL soak.report(mode, format('%s: %s is not %s', query, left(kept, 300), left(true_rows, 300)));
    END IF;
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  IF sqlstate <> '55P03' AND NOT soak.fails_as(query, sqlstate) THEN CALL soak.report(mode, format('%s: %s %s', query, sqlstate, sqlerrm)); END IF;
END $$;

-- Compares the newest stream tables, or some of them.
CREATE PROCEDURE soak.compare_newest(fraction float8, seed float8) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  one record;
  compared int := 0;
BEGIN
  PERFORM setseed(seed);
  IF current_setting('transaction_read_only')::bool THEN RETURN; END IF;
  FOR one IN SELECT * FROM (SELECT pgt_relid::regclass AS stream_table, defining_query AS query FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'soak'
                            ORDER BY pgt_relid DESC LIMIT 200) newest WHERE random() < fraction LOOP
    CALL soak.compare(one.stream_table, one.query, compared);
  END LOOP;
  CALL soak.report('compared', compared::text);
END $$;
GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA soak TO public;
SELECT setseed(:seed);
CREATE EVENT TRIGGER soak_follow ON ddl_command_end WHEN tag IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE SCHEMA')
  EXECUTE FUNCTION soak.follow();
