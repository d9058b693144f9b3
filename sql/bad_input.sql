-- Errors at creation, with SQLSTATE, position and hint; a failed creation leaves nothing behind.
\set VERBOSITY default
CREATE TABLE bi_source (id int PRIMARY KEY, n int, secret text);
-- Runs a CREATE and returns the SQLSTATE of its error.
CREATE FUNCTION bi_try(options text, columns text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE FOREIGN TABLE bi_st (%s) SERVER pgtrickle OPTIONS (%s)', columns, options);
  RETURN 'created';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;

-- queries
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FORM bi_source');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_sauce');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT idd FROM bi_source');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT 1; SELECT 2');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'INSERT INTO bi_source VALUES (1)');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'WITH i AS (DELETE FROM bi_source RETURNING id) SELECT * FROM i');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id INTO other FROM bi_source');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query '  ');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source WHERE n = $1');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source FOR UPDATE');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source LIMIT 5');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT relname FROM pg_class');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id, random() AS r FROM bi_source', refresh_mode 'DIFFERENTIAL');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_st');
CREATE TEMP TABLE bi_temp (id int);
CREATE FUNCTION pg_temp.bi_twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * $1';
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_temp');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT pg_temp.bi_twice(id) AS d FROM bi_source');
CREATE DOMAIN pg_temp.bi_small AS int;
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id::pg_temp.bi_small::int AS d FROM bi_source');
CREATE TYPE pg_temp.bi_mood AS ENUM ('x');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id, ''x''::pg_temp.bi_mood AS m FROM bi_source', refresh_mode 'FULL');
CREATE OPERATOR pg_temp.@+ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id OPERATOR(pg_temp.@+) 1 AS d FROM bi_source');

-- columns
CREATE FOREIGN TABLE bi_st (id int) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM bi_source');
CREATE FOREIGN TABLE bi_st (id int, n int, m int) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM bi_source');
CREATE FOREIGN TABLE bi_st (id int, day date) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM bi_source');
CREATE FOREIGN TABLE bi_st (id int, m int) SERVER pgtrickle OPTIONS (query 'SELECT id, n AS k FROM bi_source');
CREATE FOREIGN TABLE bi_st (id int, pgt_hash int) SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM bi_source');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id, id FROM bi_source');
CREATE FOREIGN TABLE bi_st (id int NOT NULL) SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source');
CREATE FOREIGN TABLE bi_st (id int UNIQUE) SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source');
CREATE FOREIGN TABLE bi_st (id int, CHECK (id > 0)) SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source');
CREATE FOREIGN TABLE bi_st (id int OPTIONS (a 'b')) SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source');

-- options
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (schedule '1s');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source', colour 'red');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source', schedule '1s', schedule '2s');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source', schedule 'abc');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source', schedule '-5s');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source', schedule '0.001s');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source', refresh_mode 'OFTEN');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source', initialize 'perhaps');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source', diamond_consistency 'some');
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source', work_mem '1kB');
SET pg_trickle.min_schedule_seconds = 10;
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source', schedule '5s');
RESET pg_trickle.min_schedule_seconds;
ALTER SERVER pgtrickle OPTIONS (ADD host 'x');

-- sqlstates
SELECT o, bi_try(o) FROM (VALUES
  ($$query 'SELECT id FORM bi_source'$$), ($$query 'SELECT id FROM bi_sauce'$$), ($$query 'SELECT idd FROM bi_source'$$),
  ($$query 'SELECT 1; SELECT 2'$$), ($$query 'DELETE FROM bi_source'$$), ($$query 'SELECT id FROM bi_source LIMIT 1'$$),
  ($$query 'SELECT relname FROM pg_class'$$), ($$query 'SELECT id FROM bi_temp'$$),
  ($$query 'SELECT random() AS r', refresh_mode 'DIFFERENTIAL'$$), ($$schedule '1s'$$),
  ($$query 'SELECT 1 AS a', colour 'red'$$), ($$query 'SELECT 1 AS a', schedule 'abc'$$),
  ($$query 'SELECT 1 AS a', refresh_mode 'x'$$)) v (o);

-- no privilege to read a source
CREATE ROLE bi_reader;
GRANT CREATE ON SCHEMA public TO bi_reader;
GRANT SELECT (id, n) ON bi_source TO bi_reader; GRANT TRIGGER ON bi_source TO bi_reader;
SET ROLE bi_reader;
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id FROM bi_source');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO bi_reader;
SET ROLE bi_reader;
CREATE FOREIGN TABLE bi_st () SERVER pgtrickle OPTIONS (query 'SELECT id, secret FROM bi_source');
RESET ROLE;

-- an error of a query at a value: the message names the stream table, which shows its previous rows
CREATE TABLE bi_divisor (id int PRIMARY KEY, n int);
INSERT INTO bi_divisor VALUES (1, 5);
CREATE FOREIGN TABLE bi_quotient () SERVER pgtrickle OPTIONS (query 'SELECT id, 10 / n AS q FROM bi_divisor', schedule '520w');
CREATE FOREIGN TABLE bi_above () SERVER pgtrickle OPTIONS (query 'SELECT sum(q) AS q FROM bi_quotient', schedule '520w');
UPDATE bi_divisor SET n = 0;
SELECT pgtrickle.refresh_stream_table('bi_above');
SELECT q FROM bi_above;
SELECT pgt_name, last_error_message FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name;
UPDATE bi_divisor SET n = 2;
SELECT pgtrickle.refresh_stream_table('bi_above');
SELECT q FROM bi_above;
SELECT pgt_name, last_error_message FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name;
DROP TABLE bi_divisor CASCADE;

-- nothing_is_left_behind
SELECT count(*) FROM pgtrickle.pgt_state;
SELECT count(*) FROM pg_class WHERE relnamespace IN ('pg_trickle_storage'::regnamespace, 'pg_trickle_log'::regnamespace);
REVOKE ALL ON SCHEMA public FROM bi_reader;
REVOKE ALL ON FOREIGN SERVER pgtrickle FROM bi_reader;
DROP TABLE bi_source, bi_temp;
DROP FUNCTION bi_try;
DROP ROLE bi_reader;

-- settings that accept a single value so far
SHOW pg_trickle.read_mode;
SET pg_trickle.read_mode = 'refresh';
SET pg_trickle.read_mode = 'exact';
SHOW pg_trickle.consistent_reads;
SET pg_trickle.consistent_reads = off;
SET pg_trickle.consistent_reads = on;
SHOW pg_trickle.on_error;
SET pg_trickle.on_error = 'ignore';
