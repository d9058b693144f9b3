-- A column of a gated source gets another type: the rows cannot be computed again before the gate is opened, and the status says so.
SET client_min_messages = warning;
CREATE SCHEMA retyped_gated;
SET search_path = retyped_gated;
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 10), (2, 20);
SELECT pgtrickle.create_stream_table('kept', 'SELECT id, v FROM t', '520w') \g /dev/null
SELECT pgtrickle.gate_source('t');
ALTER TABLE t ALTER COLUMN v TYPE numeric(6,1);
SELECT status, is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'retyped_gated';
SELECT * FROM kept;
SELECT pgtrickle.ungate_source('t');
SELECT * FROM kept ORDER BY id;
SELECT status, is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'retyped_gated';
DROP SCHEMA retyped_gated CASCADE;
