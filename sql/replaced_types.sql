-- Types of columns that are replaced and dropped, as migrations do with enumerations and domains.
CREATE SCHEMA replaced_types;
SET search_path = replaced_types;
SET client_min_messages = warning;
CREATE TYPE state AS ENUM ('new', 'paid');
CREATE DOMAIN amount AS int;
CREATE TABLE person (id int PRIMARY KEY, name text, spent amount, kind state);
CREATE TABLE sale (id int PRIMARY KEY, person int, state state, spent amount);
CREATE INDEX ON sale (person);
INSERT INTO person SELECT g, 'p' || g, g, 'new' FROM generate_series(1, 5) g;
INSERT INTO sale SELECT g, g % 7, (ARRAY['new', 'paid'])[1 + g % 2]::state, g % 5 FROM generate_series(1, 40) g;
CREATE VIEW joined_sale AS SELECT p.name, s.id FROM sale s JOIN person p ON p.id = s.person;
-- No query uses a column of the types: PostgreSQL lets them go, although the joins list all columns.
CREATE TABLE definition (name text, query text);
INSERT INTO definition VALUES
  ('joined', 'SELECT p.name, s.id FROM sale s JOIN person p ON p.id = s.person'),
  ('joined_using', 'SELECT p.name, s.person FROM sale s JOIN person p USING (id)'),
  ('joined_naturally', 'SELECT id, a.name FROM (SELECT id, name FROM person) a NATURAL JOIN (SELECT id, person FROM sale) b'),
  ('left_joined', 'SELECT p.name, s.id FROM sale s LEFT JOIN person p ON p.id = s.person'),
  ('full_joined', 'SELECT id, p.name, s.person FROM sale s FULL JOIN person p USING (id)'),
  ('joined_three_times', 'SELECT a.id, b.name, c.person FROM sale a JOIN person b ON b.id = a.person JOIN sale c ON c.id = b.id'),
  ('joined_with_itself', 'SELECT a.id, b.person FROM sale a JOIN sale b ON a.id = b.person'),
  ('in_with', 'WITH w AS (SELECT p.name, s.id FROM sale s JOIN person p ON p.id = s.person) SELECT name, count(*) FROM w GROUP BY name'),
  ('through_view', 'SELECT name, count(*) AS n FROM joined_sale GROUP BY name'),
  ('under_exists', 'SELECT id FROM person p WHERE EXISTS (SELECT FROM sale s JOIN person q ON q.id = s.person WHERE s.id = p.id)'),
  ('under_union', 'SELECT p.name FROM sale s JOIN person p ON p.id = s.person UNION SELECT name FROM person');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM definition \g /dev/null
BEGIN;
CREATE TYPE new_state AS ENUM ('new', 'paid', 'void');
ALTER TABLE sale ALTER state TYPE new_state USING state::text::new_state;
ALTER TABLE person ALTER kind TYPE new_state USING kind::text::new_state;
DROP TYPE state;
ALTER TYPE new_state RENAME TO state;
COMMIT;
SELECT * FROM test.wrong('definition');
INSERT INTO sale VALUES (100, 1, 'void', 1), (101, 2, 'void', 2);
UPDATE person SET name = name || '!' WHERE id < 3;
SELECT * FROM test.wrong('definition');
ALTER TABLE sale ALTER spent TYPE bigint;
ALTER TABLE person ALTER spent TYPE int;
DROP DOMAIN amount;
DELETE FROM sale WHERE id % 5 = 0;
SELECT * FROM test.wrong('definition');
-- Each definition can be set up again, and what could read the view before still can.
SELECT count(pgtrickle.repair_stream_table(name)) = count(*) AS are_repaired FROM definition;
SELECT * FROM test.wrong('definition');
SELECT check_name, result FROM pgtrickle.validate_query('SELECT * FROM joined_sale') WHERE severity = 'ERROR';
SELECT pgtrickle.create_stream_table('of_view', 'SELECT * FROM joined_sale', '520w', 'DIFFERENTIAL') \g /dev/null
DROP FOREIGN TABLE of_view;

-- A type that rows are found by is dropped with the stream tables that use it.
CREATE DOMAIN amount AS int;
CREATE TABLE payment (id int PRIMARY KEY, amount amount, state state);
INSERT INTO payment SELECT g, g % 5, 'paid' FROM generate_series(1, 20) g;
CREATE TABLE typed (name text, query text);
INSERT INTO typed VALUES
  ('by_amount', 'SELECT amount, count(*) AS n FROM payment GROUP BY amount'),
  ('by_state', 'SELECT state, max(id) AS last FROM payment GROUP BY state'),
  ('distinct_rows', 'SELECT DISTINCT amount, state FROM payment'),
  ('pairs', 'SELECT a.amount, b.id FROM payment a JOIN payment b ON a.amount = b.amount'),
  ('ranked', 'SELECT amount, rank() OVER (PARTITION BY state ORDER BY amount, id) FROM payment'),
  ('first_rows', 'SELECT amount, id FROM payment ORDER BY amount, id LIMIT 3'),
  ('of_groups', 'SELECT n, count(*) FROM (SELECT state, count(*) AS n FROM payment GROUP BY state) g GROUP BY n'),
  ('united', 'SELECT amount FROM payment UNION SELECT id FROM payment'),
  ('counted', 'SELECT id, count(*) AS n FROM payment WHERE amount > 1 GROUP BY id');
SELECT format('CREATE FOREIGN TABLE %I () SERVER pgtrickle OPTIONS (query %L, schedule %L)', name, query, '520w') FROM typed \gexec
CREATE FOREIGN TABLE in_parts () SERVER pgtrickle
  OPTIONS (query 'SELECT state, count(*) AS n FROM payment GROUP BY state', schedule '520w', partition_by 'HASH(state, 3)');
SELECT count(*) FROM in_parts;
CREATE UNIQUE INDEX ON by_amount (amount);
CREATE INDEX ON distinct_rows (state);
SET client_min_messages = notice;
DROP DOMAIN amount;
DROP TYPE state;
SET client_min_messages = warning;
BEGIN;
DROP DOMAIN amount CASCADE;
SELECT foreign_table_name FROM information_schema.foreign_tables WHERE foreign_table_schema = 'replaced_types'
  AND foreign_table_name NOT IN (SELECT name FROM definition) ORDER BY foreign_table_name COLLATE "C";
ROLLBACK;
BEGIN;
DROP INDEX by_amount_amount_idx;
DROP DOMAIN amount CASCADE;
ROLLBACK;
INSERT INTO payment VALUES (100, 100, 'void');
SELECT * FROM test.wrong('typed');
DROP TYPE state CASCADE;
SELECT foreign_table_name FROM information_schema.foreign_tables WHERE foreign_table_schema = 'replaced_types'
  AND foreign_table_name NOT IN (SELECT name FROM definition) ORDER BY foreign_table_name COLLATE "C";
DROP SCHEMA replaced_types CASCADE;
