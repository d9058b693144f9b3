-- Ten rounds of changes in two joined sources leave no drift: a plain read causes the refresh.
SET client_min_messages = warning;
SET pg_trickle.max_staleness = 0;
CREATE TABLE ks_regions (id int PRIMARY KEY, name text);
CREATE TABLE ks_sales (id serial PRIMARY KEY, region_id int, revenue int);
INSERT INTO ks_regions VALUES (1, 'North'), (2, 'South'), (3, 'East');
INSERT INTO ks_sales (region_id, revenue) SELECT (g % 3) + 1, g * 10 FROM generate_series(1, 30) g;
\set ks_rev_summary_query 'SELECT r.name AS region, SUM(s.revenue) AS total_revenue FROM ks_sales s JOIN ks_regions r ON s.region_id = r.id GROUP BY r.name'
SELECT pgtrickle.create_stream_table('ks_rev_summary', :'ks_rev_summary_query', '520w', 'DIFFERENTIAL');
-- as filled
SELECT * FROM ks_rev_summary ORDER BY region;
-- round 1
INSERT INTO ks_sales (region_id, revenue) SELECT (g % 3) + 1, 100 + g FROM generate_series(1, 5) g;
UPDATE ks_sales SET revenue = revenue + 1 WHERE (id + 1) % 7 = 0;
SELECT :ROW_COUNT > 0 AS some_rows_are_updated;
DELETE FROM ks_sales WHERE id IN (SELECT id FROM ks_sales WHERE region_id = (1 % 3) + 1 ORDER BY id LIMIT 2);
SELECT count(*) AS too_much FROM (SELECT * FROM ks_rev_summary EXCEPT ALL (:ks_rev_summary_query)) x;
SELECT count(*) AS missing FROM ((:ks_rev_summary_query) EXCEPT ALL SELECT * FROM ks_rev_summary) x;
-- round 2
INSERT INTO ks_sales (region_id, revenue) SELECT (g % 3) + 1, 200 + g FROM generate_series(1, 5) g;
UPDATE ks_sales SET revenue = revenue + 1 WHERE (id + 2) % 7 = 0;
SELECT :ROW_COUNT > 0 AS some_rows_are_updated;
DELETE FROM ks_sales WHERE id IN (SELECT id FROM ks_sales WHERE region_id = (2 % 3) + 1 ORDER BY id LIMIT 2);
SELECT count(*) AS too_much FROM (SELECT * FROM ks_rev_summary EXCEPT ALL (:ks_rev_summary_query)) x;
SELECT count(*) AS missing FROM ((:ks_rev_summary_query) EXCEPT ALL SELECT * FROM ks_rev_summary) x;
-- round 3
INSERT INTO ks_sales (region_id, revenue) SELECT (g % 3) + 1, 300 + g FROM generate_series(1, 5) g;
UPDATE ks_sales SET revenue = revenue + 1 WHERE (id + 3) % 7 = 0;
SELECT :ROW_COUNT > 0 AS some_rows_are_updated;
DELETE FROM ks_sales WHERE id IN (SELECT id FROM ks_sales WHERE region_id = (3 % 3) + 1 ORDER BY id LIMIT 2);
SELECT count(*) AS too_much FROM (SELECT * FROM ks_rev_summary EXCEPT ALL (:ks_rev_summary_query)) x;
SELECT count(*) AS missing FROM ((:ks_rev_summary_query) EXCEPT ALL SELECT * FROM ks_rev_summary) x;
-- round 4
INSERT INTO ks_sales (region_id, revenue) SELECT (g % 3) + 1, 400 + g FROM generate_series(1, 5) g;
UPDATE ks_sales SET revenue = revenue + 1 WHERE (id + 4) % 7 = 0;
SELECT :ROW_COUNT > 0 AS some_rows_are_updated;
DELETE FROM ks_sales WHERE id IN (SELECT id FROM ks_sales WHERE region_id = (4 % 3) + 1 ORDER BY id LIMIT 2);
SELECT count(*) AS too_much FROM (SELECT * FROM ks_rev_summary EXCEPT ALL (:ks_rev_summary_query)) x;
SELECT count(*) AS missing FROM ((:ks_rev_summary_query) EXCEPT ALL SELECT * FROM ks_rev_summary) x;
-- round 5
INSERT INTO ks_sales (region_id, revenue) SELECT (g % 3) + 1, 500 + g FROM generate_series(1, 5) g;
UPDATE ks_sales SET revenue = revenue + 1 WHERE (id + 5) % 7 = 0;
SELECT :ROW_COUNT > 0 AS some_rows_are_updated;
DELETE FROM ks_sales WHERE id IN (SELECT id FROM ks_sales WHERE region_id = (5 % 3) + 1 ORDER BY id LIMIT 2);
SELECT count(*) AS too_much FROM (SELECT * FROM ks_rev_summary EXCEPT ALL (:ks_rev_summary_query)) x;
SELECT count(*) AS missing FROM ((:ks_rev_summary_query) EXCEPT ALL SELECT * FROM ks_rev_summary) x;
-- round 6
INSERT INTO ks_sales (region_id, revenue) SELECT (g % 3) + 1, 600 + g FROM generate_series(1, 5) g;
UPDATE ks_sales SET revenue = revenue + 1 WHERE (id + 6) % 7 = 0;
SELECT :ROW_COUNT > 0 AS some_rows_are_updated;
DELETE FROM ks_sales WHERE id IN (SELECT id FROM ks_sales WHERE region_id = (6 % 3) + 1 ORDER BY id LIMIT 2);
SELECT count(*) AS too_much FROM (SELECT * FROM ks_rev_summary EXCEPT ALL (:ks_rev_summary_query)) x;
SELECT count(*) AS missing FROM ((:ks_rev_summary_query) EXCEPT ALL SELECT * FROM ks_rev_summary) x;
-- round 7
INSERT INTO ks_sales (region_id, revenue) SELECT (g % 3) + 1, 700 + g FROM generate_series(1, 5) g;
UPDATE ks_sales SET revenue = revenue + 1 WHERE (id + 7) % 7 = 0;
SELECT :ROW_COUNT > 0 AS some_rows_are_updated;
DELETE FROM ks_sales WHERE id IN (SELECT id FROM ks_sales WHERE region_id = (7 % 3) + 1 ORDER BY id LIMIT 2);
SELECT count(*) AS too_much FROM (SELECT * FROM ks_rev_summary EXCEPT ALL (:ks_rev_summary_query)) x;
SELECT count(*) AS missing FROM ((:ks_rev_summary_query) EXCEPT ALL SELECT * FROM ks_rev_summary) x;
-- round 8
INSERT INTO ks_sales (region_id, revenue) SELECT (g % 3) + 1, 800 + g FROM generate_series(1, 5) g;
UPDATE ks_sales SET revenue = revenue + 1 WHERE (id + 8) % 7 = 0;
SELECT :ROW_COUNT > 0 AS some_rows_are_updated;
DELETE FROM ks_sales WHERE id IN (SELECT id FROM ks_sales WHERE region_id = (8 % 3) + 1 ORDER BY id LIMIT 2);
SELECT count(*) AS too_much FROM (SELECT * FROM ks_rev_summary EXCEPT ALL (:ks_rev_summary_query)) x;
SELECT count(*) AS missing FROM ((:ks_rev_summary_query) EXCEPT ALL SELECT * FROM ks_rev_summary) x;
-- round 9
INSERT INTO ks_sales (region_id, revenue) SELECT (g % 3) + 1, 900 + g FROM generate_series(1, 5) g;
UPDATE ks_sales SET revenue = revenue + 1 WHERE (id + 9) % 7 = 0;
SELECT :ROW_COUNT > 0 AS some_rows_are_updated;
DELETE FROM ks_sales WHERE id IN (SELECT id FROM ks_sales WHERE region_id = (9 % 3) + 1 ORDER BY id LIMIT 2);
SELECT count(*) AS too_much FROM (SELECT * FROM ks_rev_summary EXCEPT ALL (:ks_rev_summary_query)) x;
SELECT count(*) AS missing FROM ((:ks_rev_summary_query) EXCEPT ALL SELECT * FROM ks_rev_summary) x;
-- round 10
INSERT INTO ks_sales (region_id, revenue) SELECT (g % 3) + 1, 1000 + g FROM generate_series(1, 5) g;
UPDATE ks_sales SET revenue = revenue + 1 WHERE (id + 10) % 7 = 0;
SELECT :ROW_COUNT > 0 AS some_rows_are_updated;
DELETE FROM ks_sales WHERE id IN (SELECT id FROM ks_sales WHERE region_id = (10 % 3) + 1 ORDER BY id LIMIT 2);
SELECT count(*) AS too_much FROM (SELECT * FROM ks_rev_summary EXCEPT ALL (:ks_rev_summary_query)) x;
SELECT count(*) AS missing FROM ((:ks_rev_summary_query) EXCEPT ALL SELECT * FROM ks_rev_summary) x;
SELECT * FROM ks_rev_summary ORDER BY region;
SELECT pgtrickle.drop_stream_table('ks_rev_summary');
DROP TABLE ks_sales, ks_regions;
