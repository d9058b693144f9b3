-- Sources of every kind that are altered; generated and identity columns; time-dependent queries.
SET client_min_messages = warning;
CREATE SCHEMA source_altered;
SET search_path = source_altered;
CREATE TYPE mood AS ENUM ('bad', 'good');
CREATE TABLE parent (gone int, id int GENERATED ALWAYS AS IDENTITY, v int, twice int GENERATED ALWAYS AS (v * 2) STORED, m mood);
ALTER TABLE parent DROP COLUMN gone;
CREATE TABLE child (extra numeric) INHERITS (parent);
CREATE UNLOGGED TABLE fleeting (id serial, m mood, n int);
CREATE FUNCTION doubled(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
INSERT INTO parent (v, m) VALUES (1, 'bad'), (2, 'good');
INSERT INTO child (id, v, m, extra) VALUES (10, 3, 'good', 1.5);
INSERT INTO fleeting (m, n) VALUES ('bad', 1), ('good', 2);
CREATE MATERIALIZED VIEW view AS SELECT id, v, m FROM parent;
CREATE TABLE kept (name name, query text);
INSERT INTO kept VALUES
  ('of_parent', 'SELECT id, twice, m::text AS m FROM parent'),
  ('of_child', 'SELECT id, twice, extra FROM child'),
  ('of_fleeting', 'SELECT m, sum(doubled(n)) AS n FROM fleeting GROUP BY m'),
  ('of_view', 'SELECT m::text AS m, doubled(v) AS v FROM view');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
CREATE FUNCTION actions() RETURNS TABLE (actions text) LANGUAGE sql AS
  $$ SELECT string_agg(action, ' ' ORDER BY name) FROM kept, LATERAL pgtrickle.get_refresh_history(name, 1) $$;

-- generated_and_identity_columns
UPDATE parent SET v = v + 10;
INSERT INTO parent (v) VALUES (7);
INSERT INTO child (id, v, extra) VALUES (11, NULL, 2);
INSERT INTO fleeting (n) VALUES (5);
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- a_function_replaced
CREATE OR REPLACE FUNCTION doubled(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 20';
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- an_enumeration_altered
ALTER TYPE mood ADD VALUE 'soso' BEFORE 'good';
INSERT INTO fleeting (m, n) VALUES ('soso', 5);
INSERT INTO child (id, v, m) VALUES (12, 4, 'soso');
ALTER TYPE mood RENAME VALUE 'bad' TO 'awful';
REFRESH MATERIALIZED VIEW view;
SELECT * FROM test.wrong('kept');
SELECT * FROM actions();

-- the_type_of_a_column_that_is_read, and_of_one_that_is_not
ALTER TABLE fleeting ALTER COLUMN n TYPE bigint;
ALTER TABLE child ALTER COLUMN extra TYPE numeric(10, 3);
ALTER TABLE fleeting ADD COLUMN more text DEFAULT 'x';
ALTER TABLE fleeting ALTER COLUMN more TYPE varchar;
INSERT INTO fleeting (m, n) VALUES ('good', 50);
SELECT * FROM test.wrong('kept');

-- everything_renamed
ALTER TABLE parent RENAME COLUMN twice TO double;
ALTER TABLE child RENAME COLUMN extra TO additional;
ALTER TABLE child RENAME TO kid;
ALTER TABLE fleeting RENAME TO brief;
ALTER SCHEMA source_altered RENAME TO source_altered_2;
SET search_path = source_altered_2;
UPDATE kept SET query = replace(replace(replace(replace(query, 'twice', 'double AS twice'), 'extra', 'additional AS extra'), 'FROM child', 'FROM kid'), 'fleeting', 'brief');
UPDATE parent SET v = 100 WHERE id > 9;
DELETE FROM brief WHERE m = 'soso';
SELECT * FROM test.wrong('kept');

-- policies_enabled_and_disabled, for an inheritance parent
CREATE ROLE source_altered_owner;
GRANT USAGE, CREATE ON SCHEMA source_altered_2 TO source_altered_owner;
GRANT USAGE ON SCHEMA pgtrickle TO source_altered_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO source_altered_owner;
GRANT SELECT, TRIGGER ON parent TO source_altered_owner; GRANT TRIGGER ON kid TO source_altered_owner;
CREATE POLICY few ON parent USING (id < 3);
SET ROLE source_altered_owner;
SELECT pgtrickle.create_stream_table('by_delta', 'SELECT id, v FROM parent', '520w', 'DIFFERENTIAL') \g /dev/null
SELECT pgtrickle.create_stream_table('fully', 'SELECT count(*) AS n FROM parent', '520w', 'FULL') \g /dev/null
SELECT n > 3 AS sees_all FROM fully;
SELECT pgtrickle.create_stream_table('either', 'SELECT v, count(*) AS n, tableoid > 0::oid AS t FROM parent GROUP BY v, 3', '520w') \g /dev/null
RESET ROLE;
ALTER TABLE parent ENABLE ROW LEVEL SECURITY;
SELECT pgtrickle.refresh_stream_table('by_delta');
SELECT pgtrickle.refresh_stream_table('fully');
SELECT pgtrickle.refresh_stream_table('either');
TABLE fully;
SELECT sum(n) FROM either;
-- policies_created_altered_and_dropped, also together with a role
CREATE ROLE source_altered_reader;
GRANT source_altered_reader TO source_altered_owner;
CREATE POLICY more ON parent TO source_altered_reader USING (false);
SELECT pgtrickle.refresh_stream_table('fully'), pgtrickle.refresh_stream_table('either') \g /dev/null
SELECT n, (SELECT sum(n) FROM either) FROM fully;
ALTER POLICY more ON parent USING (id = 3);
SELECT pgtrickle.refresh_stream_table('fully'), pgtrickle.refresh_stream_table('either') \g /dev/null
SELECT n, (SELECT sum(n) FROM either) FROM fully;
DROP OWNED BY source_altered_reader;
SELECT pgtrickle.refresh_stream_table('fully'), pgtrickle.refresh_stream_table('either') \g /dev/null
SELECT n, (SELECT sum(n) FROM either) FROM fully;
DROP ROLE source_altered_reader;
DROP POLICY few ON parent;
SELECT pgtrickle.refresh_stream_table('fully'), pgtrickle.refresh_stream_table('either') \g /dev/null
SELECT n, (SELECT sum(n) FROM either) FROM fully;
ALTER TABLE parent DISABLE ROW LEVEL SECURITY;
SELECT pgtrickle.refresh_stream_table('by_delta'), pgtrickle.refresh_stream_table('fully');
SELECT n = (SELECT count(*) FROM by_delta) AND n > 3 AS sees_all FROM fully;
SELECT pgtrickle.refresh_stream_table('either');
SELECT sum(n) = (SELECT n FROM fully) AS sees_all FROM either;
DROP OWNED BY source_altered_owner;

-- time_dependent: refused by_delta, refreshed in full whenever due although no source changes
SELECT pgtrickle.create_stream_table('today', 'SELECT current_date AS d, count(*) AS n FROM brief', '1s', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('clock', 'SELECT id, statement_timestamp() AS at FROM brief', '1s', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('today', 'SELECT current_date AS d, count(*) AS n FROM brief', '1s') \g /dev/null
SELECT pgtrickle.create_stream_table('clock', 'SELECT count(*) AS n, now() AS at FROM brief', '1s', 'FULL') \g /dev/null
CREATE TABLE first AS SELECT at FROM clock;
DO $$ BEGIN FOR i IN 1..300 LOOP
  IF (SELECT c.at > f.at FROM clock c, first f) THEN EXIT; END IF;
  COMMIT; PERFORM pg_sleep(0.1);
END LOOP; END $$;
SELECT c.at > f.at AS moves_on, n FROM clock c, first f;
SELECT d = current_date AS is_today FROM today;
DROP SCHEMA source_altered_2 CASCADE;
REVOKE USAGE ON SCHEMA pgtrickle FROM source_altered_owner;
DROP ROLE source_altered_owner;
