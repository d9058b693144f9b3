-- Rows of a storage are found by a key of its sources where there is one. That the key holds is not relied on.
CREATE SCHEMA rows_by_key;
SET search_path = rows_by_key;
SET client_min_messages = warning;
CREATE COLLATION ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE customer (id int PRIMARY KEY, name text, code varchar(20) UNIQUE);
CREATE TABLE item (customer int NOT NULL, position int NOT NULL, amount int, note text, UNIQUE (customer, position) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE tag (word varchar(10) COLLATE ignoring_case PRIMARY KEY, n int);
CREATE TABLE price (at numeric(6,2) UNIQUE, n int); -- any number of rows may have a NULL there
CREATE TABLE rate (at numeric(6,2) NOT NULL UNIQUE, n int);
CREATE TABLE one_null (v varchar(249) UNIQUE NULLS NOT DISTINCT, w varchar(249) NOT NULL UNIQUE, x name NOT NULL, PRIMARY KEY (w, x));
CREATE TABLE odd (a int, b int, c int);
CREATE UNIQUE INDEX ON odd (a) WHERE b > 0;
CREATE UNIQUE INDEX ON odd ((b + 1));
CREATE TABLE part (day date, id int, v int, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2020-01-01') TO ('2020-02-01');
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM ('2020-02-01') TO ('2020-03-01');
CREATE TABLE parent (id int PRIMARY KEY, v int);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE no_key (v int);
INSERT INTO customer SELECT g, 'c' || g, CASE WHEN g % 3 > 0 THEN 'code' || g END FROM generate_series(1, 20) g;
INSERT INTO item SELECT g % 25, g / 25, g % 7, repeat('n', g % 5) FROM generate_series(1, 100) g;
INSERT INTO tag VALUES ('a', 1), ('b', 2);
INSERT INTO price VALUES (1.00, 1), (NULL, 2), (NULL, 2);
INSERT INTO rate VALUES (1.00, 1), (2.50, 2);
INSERT INTO one_null VALUES (NULL, 'w', 'x'), ('v', 'w2', 'x');
INSERT INTO odd VALUES (1, 1, 1), (1, 0, 1), (1, -1, 1);
INSERT INTO part VALUES ('2020-01-05', 1, 1), ('2020-02-05', 1, 1);
INSERT INTO parent VALUES (1, 1);
INSERT INTO child VALUES (1, 1), (2, 2);
INSERT INTO no_key VALUES (1), (1), (NULL);
CREATE TABLE definition (name text, query text);
INSERT INTO definition VALUES
  ('filtered', 'SELECT id, name FROM customer WHERE id % 2 = 0'),
  ('other_key', 'SELECT code, name FROM customer'),
  ('no_key_shown', 'SELECT name, code || '''' AS code FROM customer'),
  ('of_foreign_key', 'SELECT i.customer, i.position, i.amount, c.name FROM item i JOIN customer c ON c.id = i.customer'),
  ('of_both', 'SELECT c.id, i.customer, i.position FROM item i JOIN customer c ON c.id <> i.customer AND i.position = 0'),
  ('of_many', 'SELECT c.id, i.amount FROM customer c JOIN item i ON i.customer = c.id'),
  ('left_one', 'SELECT i.customer, i.position, c.name FROM item i LEFT JOIN customer c ON c.id = i.customer'),
  ('left_many', 'SELECT c.id, i.customer, i.position, i.amount FROM customer c LEFT JOIN item i ON i.customer = c.id'),
  ('full_one', 'SELECT c.id, i.customer, i.position FROM customer c FULL JOIN item i ON i.customer = c.id'),
  ('semi', 'SELECT id, name FROM customer c WHERE EXISTS (SELECT FROM item i WHERE i.customer = c.id AND amount > 3)'),
  ('collated', 'SELECT word, n FROM tag'),
  ('scaled', 'SELECT at, n FROM price'),
  ('scaled_key', 'SELECT at, n FROM rate'),
  ('null_key', 'SELECT v, x FROM one_null'),
  ('wide_keys', 'SELECT v, w, x, count(*) AS n, v || w AS y FROM one_null GROUP BY v, w, x, 5'),
  ('odd_indexes', 'SELECT a, b, c FROM odd'),
  ('partitions', 'SELECT day, id, v FROM part'),
  ('inherited', 'SELECT id, v FROM parent'),
  ('keyless', 'SELECT v FROM no_key'),
  ('both_branches', 'SELECT id, name FROM customer UNION ALL SELECT id, name FROM customer WHERE id < 5'),
  ('branches_of_two', 'SELECT id, name FROM customer UNION ALL SELECT customer, note FROM item WHERE position = 1 UNION ALL (SELECT amount, note FROM item WHERE false)'),
  ('branches_with_other_keys', 'SELECT id, 0 AS position, 0 AS customer, name FROM customer UNION ALL SELECT amount, position, customer, note FROM item'),
  ('branches_named', 'SELECT ''c''::"char" AS kind, id, name FROM customer UNION ALL SELECT ''p'', id, NULL FROM parent'),
  ('branch_without_a_key', 'SELECT id FROM customer UNION ALL SELECT v FROM no_key'),
  ('rolled_up', 'SELECT customer, position % 3 AS third, sum(amount) AS total, count(*) AS n FROM item GROUP BY ROLLUP (customer, position % 3)'),
  ('of_branches', 'SELECT id, count(*) AS n, min(name) AS name FROM both_branches GROUP BY id'),
  ('of_branch_rows', 'SELECT id, name FROM both_branches WHERE id < 9'),
  ('groups', 'SELECT customer, count(*) AS n, sum(amount) AS total FROM item GROUP BY customer'),
  ('groups_of_text', 'SELECT note, count(*) AS n FROM item GROUP BY note'),
  ('two_grouped', 'SELECT g.customer, g.n, c.name FROM (SELECT customer, count(*) AS n FROM item GROUP BY customer) g JOIN customer c ON c.id = g.customer'),
  ('numbered', 'SELECT customer, position, row_number() OVER (PARTITION BY customer ORDER BY amount, position) AS n FROM item'),
  ('expanded', 'SELECT customer, position, x FROM item CROSS JOIN LATERAL generate_series(1, amount) x'),
  ('reached', 'WITH RECURSIVE r (n) AS (SELECT id FROM customer WHERE id < 4 UNION SELECT n + 4 FROM r WHERE n < 20) SELECT n FROM r'),
  ('of_stream_table', 'SELECT name, id FROM filtered WHERE id > 2'),
  ('of_stream_tables', 'SELECT g.customer, g.n, f.name FROM groups g JOIN filtered f ON f.id = g.customer'),
  ('sums', 'SELECT sum(amount) AS total FROM item GROUP BY customer'),
  ('of_hidden_key', 'SELECT total FROM sums');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM definition \g /dev/null

SELECT name, substring(pg_get_indexdef(indexrelid) FROM '\(.*\)') AS found_by, pgtrickle.stream_table_key(name) AS key
FROM definition JOIN pg_index ON indrelid = ('pg_trickle_storage.st_' || name::regclass::oid)::regclass
JOIN pg_class c ON c.oid = indexrelid WHERE relname ~ '_(key|pgt_hash_idx)$' ORDER BY name COLLATE "C";

CREATE FUNCTION actions() RETURNS TABLE (action text, n bigint) LANGUAGE sql AS
  'SELECT action, count(*) FROM pgtrickle.pgt_refresh_history WHERE NOT action IN (''NO_DATA'', ''DIFFERENTIAL'') AND pgt_id IN (SELECT name::regclass::oid FROM definition) GROUP BY 1 ORDER BY 1';
SELECT * FROM test.wrong('definition');

-- values_and_keys_change
UPDATE item SET amount = amount + 1 WHERE position = 1;
UPDATE item SET note = note || 'x', position = 3 - position;
UPDATE customer SET id = id + 100 WHERE id > 15;
UPDATE tag SET word = upper(word);
UPDATE price SET at = at + 0.5, n = n + 1;
UPDATE rate SET at = at + 0.5, n = n + 1;
UPDATE one_null SET v = CASE WHEN v IS NULL THEN 'v2' END WHERE v IS NULL;
UPDATE one_null SET v = NULL WHERE v = 'v';
UPDATE part SET day = day + 31 WHERE day < '2020-02-01' AND id = 1 AND v = 2;
SELECT * FROM test.wrong('definition');
-- keys_are_exchanged
UPDATE customer SET id = CASE id WHEN 1 THEN 1001 WHEN 2 THEN 1 END WHERE id < 3;
UPDATE customer SET id = 2 WHERE id = 1001;
UPDATE item SET position = 1 - position WHERE position IN (0, 1);
SELECT * FROM test.wrong('definition');

-- a deferred constraint is violated while the transaction refreshes
BEGIN;
INSERT INTO item SELECT customer, position, amount + g, 'again' FROM item, generate_series(1, 2) g WHERE customer < 5;
SELECT * FROM test.wrong('definition');
UPDATE item SET amount = amount + 1 WHERE customer < 3;
SELECT * FROM test.wrong('definition');
DELETE FROM item WHERE note = 'again' AND amount % 2 = 0;
SELECT * FROM test.wrong('definition');
ROLLBACK;
SELECT * FROM test.wrong('definition');

-- a transaction that drops a key still reads its own changes
BEGIN;
ALTER TABLE customer DROP CONSTRAINT customer_pkey;
INSERT INTO customer SELECT id, name, code || 'x' FROM customer WHERE id < 9;
INSERT INTO customer SELECT id, name || '!', 'y' || code FROM customer WHERE id < 9;
SET LOCAL pg_trickle.max_staleness = 0;
SELECT count(*) FROM ((TABLE filtered EXCEPT ALL SELECT id, name FROM customer WHERE id % 2 = 0) UNION ALL
  (SELECT id, name FROM customer WHERE id % 2 = 0 EXCEPT ALL TABLE filtered)) d;
ROLLBACK;
-- the constraints are dropped: the storages are laid out again, as several rows may have one key from now on
ALTER TABLE customer DROP CONSTRAINT customer_pkey, DROP CONSTRAINT customer_code_key;
ALTER TABLE item DROP CONSTRAINT item_customer_position_key;
ALTER TABLE tag DROP CONSTRAINT tag_pkey;
ALTER TABLE price DROP CONSTRAINT price_at_key;
ALTER TABLE rate DROP CONSTRAINT rate_at_key;
ALTER TABLE one_null DROP CONSTRAINT one_null_v_key;
ALTER TABLE part DROP CONSTRAINT part_pkey;
INSERT INTO rate SELECT at, n + g FROM rate, generate_series(1, 2) g;
SELECT * FROM test.wrong('definition');
SELECT name, substring(pg_get_indexdef(indexrelid) FROM '\(.*\)') AS found_by
FROM definition JOIN pg_index ON indrelid = ('pg_trickle_storage.st_' || name::regclass::oid)::regclass
JOIN pg_class c ON c.oid = indexrelid WHERE relname ~ '_key$' ORDER BY name COLLATE "C";
INSERT INTO customer SELECT * FROM customer WHERE id < 9;
INSERT INTO customer SELECT id, name || '!', code FROM customer WHERE id < 9;
INSERT INTO item SELECT * FROM item WHERE customer < 9;
INSERT INTO item SELECT customer, position, amount + 1, note FROM item WHERE customer < 9;
INSERT INTO tag VALUES ('A', 1), ('a', 1), ('a', 3);
INSERT INTO price VALUES (1.50, 2), (1.5, 3), (NULL, 3);
INSERT INTO part VALUES ('2020-02-05', 1, 1), ('2020-02-05', 1, 2);
INSERT INTO child VALUES (1, 1), (1, 3);
SELECT * FROM test.wrong('definition');
UPDATE customer SET name = name || '?' WHERE id < 5;
UPDATE item SET amount = amount + 1 WHERE customer < 5 AND amount % 2 = 0;
UPDATE tag SET n = n + 1;
UPDATE price SET n = n + 1;
UPDATE part SET v = v + 1;
UPDATE child SET v = v + 1;
UPDATE no_key SET v = coalesce(v, 0) + 1;
SELECT * FROM test.wrong('definition');
DELETE FROM customer WHERE name LIKE '%!%';
DELETE FROM item WHERE amount % 3 = 0;
DELETE FROM tag WHERE n = 2;
DELETE FROM price WHERE n = 3;
DELETE FROM part WHERE v = 2;
DELETE FROM child WHERE v = 2;
SELECT * FROM test.wrong('definition');
SELECT * FROM actions();

-- a full refresh keeps the rows of a key in their place, too
SELECT pgtrickle.alter_stream_table(name, refresh_mode => 'AUTO') FROM definition \g /dev/null
SELECT pgtrickle.repair_stream_table(name) IS NULL FROM definition \g /dev/null
UPDATE item SET amount = amount + 1;
SELECT * FROM test.wrong('definition');
DROP SCHEMA rows_by_key CASCADE;
