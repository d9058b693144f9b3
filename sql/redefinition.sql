-- Redefining an object that a stream table uses reinitialises it.
CREATE TABLE rd_source (id int PRIMARY KEY, n int);
CREATE TABLE rd_second (id int PRIMARY KEY, n int);
INSERT INTO rd_source VALUES (1, 10), (2, 20);
INSERT INTO rd_second VALUES (3, 30);

-- function
CREATE FUNCTION rd_f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1';
CREATE FOREIGN TABLE rd_of_function () SERVER pgtrickle OPTIONS (query 'SELECT id, rd_f(n) AS n FROM rd_source', schedule '520w');
CREATE VIEW rd_by_view AS SELECT id, rd_f(n) AS n FROM rd_source;
CREATE FOREIGN TABLE rd_by_way () SERVER pgtrickle OPTIONS (query 'SELECT n FROM rd_by_view', schedule '520w');
CREATE OR REPLACE FUNCTION rd_f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1000';
SELECT pgt_name, needs_reinit FROM pgtrickle.pgt_stream_tables ORDER BY 1;
SELECT pgtrickle.refresh_stream_table('rd_of_function'), pgtrickle.refresh_stream_table('rd_by_way');
SELECT * FROM rd_of_function ORDER BY id;
SELECT * FROM rd_by_way ORDER BY n;
DROP FUNCTION rd_f(int);
DROP FUNCTION rd_f(int) CASCADE;

-- view: its new table is captured from then on, the old one no longer
CREATE VIEW rd_view AS SELECT id, n FROM rd_source;
CREATE FOREIGN TABLE rd_of_view () SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM rd_view', schedule '520w');
SELECT * FROM rd_of_view ORDER BY id;
CREATE OR REPLACE VIEW rd_view AS SELECT id, n FROM rd_second;
SELECT * FROM rd_of_view ORDER BY id;
INSERT INTO rd_second VALUES (4, 40);
SELECT pgtrickle.refresh_stream_table('rd_of_view');
SELECT * FROM rd_of_view ORDER BY id;
SELECT source_relid::regclass, source_type FROM pgtrickle.pgt_dependencies ORDER BY 2;
-- a view that closes a cycle
CREATE OR REPLACE VIEW rd_view AS SELECT id, n FROM rd_of_view;
CREATE FOREIGN TABLE rd_above () SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM rd_of_view', schedule '520w');
CREATE OR REPLACE VIEW rd_view AS SELECT id, n FROM rd_above;
SELECT * FROM rd_of_view ORDER BY id;
-- a view may be replaced as a rule
CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO rd_view DO INSTEAD SELECT id, n FROM rd_above;
CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO rd_view DO INSTEAD SELECT id, n * 2 AS n FROM rd_second;
SELECT * FROM rd_of_view ORDER BY id;

DROP TABLE rd_source, rd_second CASCADE;
SELECT count(*) FROM pgtrickle.pgt_state;
