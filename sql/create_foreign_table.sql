-- The native form: a foreign table of the server pgtrickle.
CREATE TABLE cf_customer (id int PRIMARY KEY, region text);
CREATE TABLE cf_order (id int PRIMARY KEY, customer int, qty int, price numeric, note text COLLATE "C");
INSERT INTO cf_customer VALUES (1, 'north'), (2, 'south');
INSERT INTO cf_order VALUES (1, 1, 2, 10.5, 'a'), (2, 1, 1, 3, 'b'), (3, 2, 5, 1, 'c');

-- columns_declared_with_other_names_and_types
CREATE FOREIGN TABLE cf_by_region (region text, orders bigint, revenue numeric(10,2))
  SERVER pgtrickle
  OPTIONS (query $$SELECT c.region, count(*), sum(o.qty * o.price)
                   FROM cf_order o JOIN cf_customer c ON o.customer = c.id GROUP BY c.region$$,
           schedule '30s', refresh_mode 'DIFFERENTIAL');
\d+ cf_by_region
SELECT * FROM cf_by_region ORDER BY region;

-- texts_declared_for_other_types_of_text
CREATE TABLE cf_text (id int PRIMARY KEY, v varchar(20), c char(5), k text COLLATE "C", n int);
INSERT INTO cf_text VALUES (1, 'one', 'uno', 'ein', 11);
CREATE FOREIGN TABLE cf_as_text (v text, c text, k varchar, n text) SERVER pgtrickle
  OPTIONS (query 'SELECT v, c, k, n FROM cf_text', schedule '520w', refresh_mode 'DIFFERENTIAL');
\d cf_as_text
UPDATE cf_text SET v = 'two', k = 'zwei';
SELECT pgtrickle.refresh_stream_table('cf_as_text') \g /dev/null
SELECT *, pg_collation_for(k) AS collation FROM cf_as_text;
DROP TABLE cf_text CASCADE;

-- time_dependent_queries: a schedule on change alone would never be due
CREATE FOREIGN TABLE cf_recent () SERVER pgtrickle
  OPTIONS (query $$SELECT count(*) AS n FROM cf_order WHERE now() > timestamptz '2024-01-01 00:00+00'$$, refresh_mode 'FULL');
CREATE FOREIGN TABLE cf_recent_due () SERVER pgtrickle
  OPTIONS (query $$SELECT count(*) AS n FROM cf_recent WHERE now() > timestamptz '2024-01-01 00:00+00'$$, refresh_mode 'FULL', schedule '1m');
DROP FOREIGN TABLE cf_recent_due, cf_recent;

-- columns_taken_from_the_query
CREATE FOREIGN TABLE cf_notes () SERVER pgtrickle OPTIONS (query 'SELECT note, qty::smallint AS few FROM cf_order');
\d cf_notes
SELECT * FROM cf_notes ORDER BY note;

-- group_by_primary_key_is_widened: the text must not need the constraint
CREATE FOREIGN TABLE cf_per_customer () SERVER pgtrickle
  OPTIONS (query 'SELECT c.id, c.region, count(*) AS n FROM cf_customer c JOIN cf_order o ON o.customer = c.id GROUP BY c.id');
SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'cf_per_customer';
SELECT * FROM cf_per_customer ORDER BY id;

-- group_by_primary_key_of_a_parent_is_refused: children may have rows with equal keys, of which PostgreSQL makes one group
CREATE TABLE cf_parent (id int PRIMARY KEY, v int);
CREATE TABLE cf_child () INHERITS (cf_parent);
SELECT pgtrickle.create_stream_table('cf_groups', 'SELECT id, count(*) AS n, v FROM cf_parent GROUP BY id');
SELECT pgtrickle.create_stream_table('cf_groups', 'SELECT id, count(*) AS n FROM cf_parent p JOIN cf_customer c USING (id) GROUP BY p.id HAVING p.v > 0');
SELECT pgtrickle.create_stream_table('cf_groups', 'SELECT id, count(*) AS n, v FROM ONLY cf_parent GROUP BY id');
DROP TABLE cf_child, cf_parent CASCADE;

-- cast_does_not_change_what_distinct_means
CREATE FOREIGN TABLE cf_distinct (whole int) SERVER pgtrickle
  OPTIONS (query 'SELECT DISTINCT price FROM (VALUES (1.2), (1.4)) v (price)', refresh_mode 'FULL');
SELECT * FROM cf_distinct;

-- names_that_need_quotes, and of 63 bytes
CREATE SCHEMA "Cf Schema";
CREATE FOREIGN TABLE "Cf Schema"."Têble.with ""everything""" ("the Column" int) SERVER pgtrickle
  OPTIONS (query 'SELECT id FROM cf_customer');
SELECT * FROM "Cf Schema"."Têble.with ""everything""" ORDER BY 1;
CREATE FOREIGN TABLE cf_12345678901234567890123456789012345678901234567890123456789x () SERVER pgtrickle
  OPTIONS (query 'SELECT id FROM cf_customer');
SELECT count(*) FROM cf_12345678901234567890123456789012345678901234567890123456789x;

-- order_by_is_ignored
CREATE FOREIGN TABLE cf_ordered () SERVER pgtrickle OPTIONS (query 'SELECT region FROM cf_customer ORDER BY id');
SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'cf_ordered';

-- if_not_exists
CREATE FOREIGN TABLE IF NOT EXISTS cf_notes () SERVER pgtrickle OPTIONS (query 'SELECT 1 AS one');

-- drop_leaves_nothing
DROP FOREIGN TABLE cf_by_region, cf_per_customer, cf_distinct, cf_ordered,
  cf_12345678901234567890123456789012345678901234567890123456789x;
DROP SCHEMA "Cf Schema" CASCADE;
DROP TABLE cf_order, cf_customer CASCADE;
SELECT count(*) FROM pgtrickle.pgt_state;
SELECT count(*) FROM pgtrickle.pgt_dependency;
SELECT count(*) FROM pg_class WHERE relnamespace = 'pg_trickle_storage'::regnamespace;
