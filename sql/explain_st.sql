-- How a stream table is maintained, or would be.
CREATE TABLE ex_order (id int PRIMARY KEY, customer int, qty int);
CREATE TABLE ex_customer (id int PRIMARY KEY, region text);
INSERT INTO ex_customer VALUES (1, 'north');
INSERT INTO ex_order VALUES (1, 1, 5);
CREATE FOREIGN TABLE ex_st () SERVER pgtrickle
  OPTIONS (query 'SELECT c.region, sum(o.qty) AS qty FROM ex_order o JOIN ex_customer c ON c.id = o.customer GROUP BY c.region',
           schedule '520w');
SELECT property, value FROM pgtrickle.explain_st('ex_st')
  WHERE property IN ('schedule', 'refresh mode', 'kept', 'status', 'source', 'missing index');
SELECT value AS operators FROM pgtrickle.explain_st('ex_st') WHERE property = 'operators';
SELECT value AS statement FROM pgtrickle.explain_st('ex_st') WHERE property = 'storage: delta statement';
SELECT count(*) FROM pgtrickle.explain_st('ex_st', true) WHERE property LIKE 'rows of %' AND value = '1';
CREATE FOREIGN TABLE ex_full () SERVER pgtrickle OPTIONS (query 'SELECT id FROM ex_order', refresh_mode 'FULL', schedule '520w');
SELECT property, value FROM pgtrickle.explain_st('ex_full') WHERE property = 'kept';

-- validate_query
SELECT check_name, severity, result FROM pgtrickle.validate_query('SELECT customer, sum(qty) FROM ex_order GROUP BY customer')
  WHERE check_name <> 'operators';
SELECT * FROM pgtrickle.validate_query('SELECT date_trunc(''day'', to_timestamp(id)) FROM ex_order') WHERE check_name = 'recorded setting';
SELECT * FROM pgtrickle.validate_query('SELECT nosuch FROM ex_order');
SELECT * FROM pgtrickle.validate_query('SELECT id FROM ex_order; SELECT 1');
SELECT * FROM pgtrickle.validate_query('SELECT id FROM ex_order LIMIT 3');
SELECT check_name, severity FROM pgtrickle.validate_query('SELECT id, random() FROM ex_order');
SELECT * FROM pgtrickle.validate_query(NULL);
-- an error within it leaves the transaction usable
BEGIN;
SELECT * FROM pgtrickle.validate_query('SELECT FROM WHERE');
SELECT count(*) FROM ex_order;
COMMIT;

-- export_definition: recreates it, with its indexes
CREATE INDEX ex_of_region ON ex_st (lower(region)) WHERE qty > 0;
SELECT pgtrickle.export_definition('ex_st') AS statement \gset
DROP FOREIGN TABLE ex_st;
SET search_path = pg_catalog;
:statement;
RESET search_path;
SELECT * FROM ex_st;
SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%ex_of_region%lower(region)%WHERE (qty > 0)';
CREATE SERVER "ex of Users" FOREIGN DATA WRAPPER pgtrickle_fdw;
CREATE FOREIGN TABLE ex_there () SERVER "ex of Users" OPTIONS (query 'SELECT id FROM ex_order');
SELECT substring(pgtrickle.export_definition('ex_there') FROM 'SERVER .* OPTIONS');
DROP SERVER "ex of Users" CASCADE;

-- wait_until_fresh: the manager refreshes it
INSERT INTO ex_order VALUES (2, 1, 6);
SELECT pgtrickle.wait_until_fresh('ex_st');
SELECT * FROM ex_st;
SELECT pgtrickle.alter_stream_table('ex_st', status => 'SUSPENDED');
INSERT INTO ex_order VALUES (3, 1, 7);
SELECT pgtrickle.wait_until_fresh('ex_st');
SELECT pgtrickle.resume_stream_table('ex_st');
SELECT pgtrickle.wait_until_fresh('ex_st');
SELECT * FROM ex_st;

-- privileges: the statements quote the query
CREATE ROLE ex_reader;
GRANT SELECT ON ex_st TO ex_reader;
SET ROLE ex_reader;
SELECT count(*) FROM pgtrickle.explain_st('ex_st');
SELECT pgtrickle.export_definition('ex_st');
SELECT severity, result FROM pgtrickle.validate_query('SELECT id FROM ex_order') WHERE check_name = 'privileges';
RESET ROLE;
DROP TABLE ex_order, ex_customer CASCADE;
DROP ROLE ex_reader;
