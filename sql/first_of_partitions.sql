-- The first rows of each partition are read from an index that has their order.
SET client_min_messages = warning;
CREATE SCHEMA first_of_partitions;
SET search_path = first_of_partitions;
CREATE TABLE event (id int PRIMARY KEY, who int, kind text, at int, v numeric);
CREATE INDEX ON event (who, at DESC);
CREATE INDEX ON event (kind, who, v);
CREATE TABLE person (who int PRIMARY KEY, name text);
CREATE TABLE part (who int, at int, id int) PARTITION BY LIST (who);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1, 2);
CREATE TABLE part_2 PARTITION OF part DEFAULT;
CREATE INDEX ON part (who, at);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('latest', 'SELECT DISTINCT ON (who) who, at, id FROM event ORDER BY who, at DESC, id'),
  ('earliest', 'SELECT DISTINCT ON (who) who, at, v FROM event ORDER BY who, at NULLS FIRST, id DESC'),
  ('nulls_last', 'SELECT DISTINCT ON (who) who, at, id FROM event ORDER BY who, at DESC NULLS LAST, id'),
  ('of_two_keys', 'SELECT DISTINCT ON (who, kind) who, kind, v, id FROM event WHERE v IS NOT NULL ORDER BY who, kind, v DESC, id'),
  ('three', 'SELECT who, at, id FROM (SELECT *, row_number() OVER (PARTITION BY who ORDER BY at DESC, id) AS n FROM event) e WHERE n <= 3'),
  ('below_three', 'SELECT who, at, id, n FROM (SELECT *, row_number() OVER (PARTITION BY who ORDER BY at DESC, id) AS n FROM event WHERE id % 3 > 0) e WHERE 3 > n AND v > 1'),
  ('second', 'SELECT who, at, id FROM (SELECT *, row_number() OVER (PARTITION BY who ORDER BY at DESC, id) AS n FROM event) e WHERE n = 2'),
  ('by_rank', 'SELECT who, at, id, n FROM (SELECT *, rank() OVER (PARTITION BY who ORDER BY at DESC) AS n FROM event) e WHERE n <= 2'),
  ('by_dense_rank', 'SELECT who, at, id, n FROM (SELECT *, dense_rank() OVER (PARTITION BY who ORDER BY at DESC) AS n FROM event) e WHERE n <= 2'),
  ('by_count', 'SELECT who, at, id, n FROM (SELECT *, count(*) OVER (PARTITION BY who ORDER BY at DESC) AS n FROM event) e WHERE n <= 3'),
  ('by_count_of_some', 'SELECT who, at, id, n FROM (SELECT *, count(v) OVER (PARTITION BY who ORDER BY at DESC) AS n FROM event) e WHERE n <= 1'),
  ('with_running_sum', 'SELECT who, id, s FROM (SELECT *, sum(v) OVER w AS s, rank() OVER w AS n FROM event WINDOW w AS (PARTITION BY who ORDER BY at DESC)) e WHERE n <= 2'),
  ('with_lag', 'SELECT who, id, p FROM (SELECT *, lag(id) OVER w AS p, row_number() OVER w AS n FROM event WINDOW w AS (PARTITION BY who ORDER BY at DESC, id)) e WHERE n <= 2'),
  ('with_lead', 'SELECT who, id, p FROM (SELECT *, lead(id) OVER w AS p, row_number() OVER w AS n FROM event WINDOW w AS (PARTITION BY who ORDER BY at DESC, id)) e WHERE n <= 2'),
  ('with_total', 'SELECT who, id, s FROM (SELECT *, sum(at) OVER (PARTITION BY who) AS s, row_number() OVER (PARTITION BY who ORDER BY at DESC, id) AS n FROM event) e WHERE n <= 2'),
  ('two_bounds', 'SELECT who, id FROM (SELECT *, row_number() OVER w AS n, rank() OVER w AS r FROM event WINDOW w AS (PARTITION BY who ORDER BY at DESC, id)) e WHERE n <= 5 AND r < 3'),
  ('none', 'SELECT who, id FROM (SELECT *, row_number() OVER (PARTITION BY who ORDER BY at DESC, id) AS n FROM event) e WHERE n <= 0'),
  ('shifted', 'SELECT who, id FROM (SELECT *, row_number() OVER (PARTITION BY who ORDER BY at DESC, id) - 3 AS n FROM event) e WHERE n <= 1'),
  ('of_all', 'SELECT id, v FROM (SELECT *, row_number() OVER (ORDER BY id DESC) AS n FROM event) e WHERE n <= 3'),
  ('lateral_limit', 'SELECT p.who, e.id, e.at FROM person p, LATERAL (SELECT id, at FROM event WHERE event.who = p.who ORDER BY at DESC, id LIMIT 2) e'),
  ('lateral_ties', 'SELECT p.name, e.id, e.at FROM person p LEFT JOIN LATERAL (SELECT id, at FROM event WHERE event.who = p.who ORDER BY at DESC FETCH FIRST 2 ROWS WITH TIES) e ON true'),
  ('scalar', 'SELECT p.who, (SELECT id FROM event WHERE event.who = p.who ORDER BY at DESC, id LIMIT 1) AS latest FROM person p'),
  ('of_join', 'SELECT DISTINCT ON (who) who, p.name, e.id FROM event e JOIN person p USING (who) ORDER BY who, e.at DESC, e.id'),
  ('of_partitions', 'SELECT DISTINCT ON (who) who, at, id FROM part ORDER BY who, at, id'),
  ('of_united', 'SELECT DISTINCT ON (who) who, at, id FROM (SELECT who, at, id FROM event UNION ALL SELECT who, at, id FROM part) u ORDER BY who, at DESC, id'),
  ('counted', 'SELECT at, count(*) AS n FROM (SELECT DISTINCT ON (who) who, at FROM event ORDER BY who, at DESC) e GROUP BY at');
SELECT pgtrickle.create_stream_table('first_of_partitions.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null

INSERT INTO person SELECT g, 'p' || g FROM generate_series(1, 8) g;
INSERT INTO event SELECT g, g % 7 + 1, 'k' || g % 3, g * 7 % 11, g % 5 FROM generate_series(1, 60) g;
INSERT INTO part SELECT g % 7 + 1, g * 7 % 11, g FROM generate_series(1, 40) g;
SELECT * FROM test.wrong('kept');
-- the_first_rows_go_and_others_come
DELETE FROM event WHERE id IN (SELECT id FROM latest);
UPDATE event SET at = at + 5 WHERE id % 9 = 0;
DELETE FROM part WHERE id IN (SELECT id FROM of_partitions);
SELECT * FROM test.wrong('kept');
-- nulls_among_keys_and_orders
UPDATE event SET at = NULL WHERE id % 8 = 0;
UPDATE event SET who = NULL WHERE id % 7 = 1;
UPDATE event SET kind = NULL, v = v / 2 WHERE id % 6 = 1;
UPDATE part SET at = NULL WHERE id % 8 = 0;
UPDATE part SET who = NULL WHERE id % 9 = 2;
SELECT * FROM test.wrong('kept');
DELETE FROM event WHERE at IS NULL AND id % 3 = 0;
UPDATE event SET at = 30 WHERE who IS NULL AND id % 4 = 0;
DELETE FROM part WHERE who IS NULL;
SELECT * FROM test.wrong('kept');
-- partitions_come_and_go
DELETE FROM event WHERE who = 2;
INSERT INTO event SELECT g, 100 + g, 'k', g % 3, g FROM generate_series(101, 110) g;
UPDATE event SET who = who + 1 WHERE who IN (3, 4);
UPDATE person SET who = 20 WHERE who = 5;
INSERT INTO person VALUES (101, 'new'), (102, NULL);
SELECT * FROM test.wrong('kept');

-- an_index_that_comes_or_goes_changes_the_statement
CREATE FUNCTION reads_first(name text) RETURNS bool LANGUAGE sql AS $$
  SELECT bool_or(value ~ 'FETCH FIRST') FROM pgtrickle.explain_st('first_of_partitions.' || name) WHERE property ~ 'delta statement' $$;
SELECT name, reads_first(name) FROM kept ORDER BY 1;
DROP INDEX event_who_at_idx;
SELECT name, reads_first(name) FROM kept WHERE name IN ('latest', 'earliest', 'three', 'lateral_limit');
SELECT name, value FROM kept, pgtrickle.explain_st('first_of_partitions.' || name) WHERE property = 'missing index' ORDER BY 1, 2;
UPDATE event SET at = at + 1 WHERE id % 5 = 0;
SELECT * FROM test.wrong('kept');
CREATE INDEX ON event (who, at);
SELECT name, reads_first(name) FROM kept WHERE name IN ('latest', 'earliest', 'three', 'lateral_limit', 'nulls_last');
UPDATE event SET at = at - 2 WHERE id % 4 = 0;
DELETE FROM event WHERE id % 10 = 3;
SELECT * FROM test.wrong('kept');
-- a_partial_index_or_one_of_another_order_does_not_count
DROP INDEX event_who_at_idx;
CREATE INDEX ON event (who, at) WHERE id > 0;
CREATE INDEX ON event (who, id, at);
CREATE INDEX ON event USING hash (who);
SELECT name, reads_first(name) FROM kept WHERE name IN ('latest', 'three');
SET client_min_messages = notice;
SELECT pgtrickle.create_stream_table('first_of_partitions.noticed', 'SELECT DISTINCT ON (who) who, at, id FROM event ORDER BY who, at, id', '520w');
SET client_min_messages = warning;
DELETE FROM event;
SELECT * FROM test.wrong('kept');
DROP SCHEMA first_of_partitions CASCADE;
