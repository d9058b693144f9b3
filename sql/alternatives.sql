-- Conditions of alternatives over several inputs of a join, which filter each input for itself as far as it is in all of them.
SET client_min_messages = warning;
CREATE SCHEMA alternatives;
SET search_path = alternatives;
CREATE TABLE a (id int PRIMARY KEY, k int, v int, name text);
CREATE TABLE b (id int PRIMARY KEY, k int, w int, name text);
CREATE TABLE c (id int PRIMARY KEY, w int);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('of_both', $$SELECT a.id, b.id AS other FROM a JOIN b ON b.k = a.k
    WHERE (a.name = 'n1' AND b.name = 'n2') OR (a.name = 'n2' AND b.name = 'n1')$$),
  ('of_one', $$SELECT a.id, b.id AS other FROM a, b WHERE (a.v = 1 AND a.k = b.k) OR (a.v = 2 AND b.w < 2) OR (a.k IS NULL AND a.id = b.id)$$),
  ('of_three', $$SELECT a.id, b.id AS other, c.id AS third FROM a, b, c
    WHERE b.k = a.k AND ((a.v > 1 AND b.w = c.w) OR (NOT (a.v > 0 OR b.w = 1) AND c.w IS NULL) OR (a.v = 0 AND b.w > 1 AND c.id = 3))$$),
  ('may_fail', $$SELECT a.id, b.id AS other FROM a JOIN b ON b.k = a.k AND a.v <> 0
    WHERE (6 / a.v > b.w AND b.name = 'n1') OR (6 / a.v = 2 AND b.w > 2)$$),
  ('has_subquery', $$SELECT a.id, b.id AS other FROM a JOIN b ON b.k = a.k
    WHERE (a.v IN (SELECT w FROM c) AND b.w = 1) OR (a.v = (SELECT max(w) FROM c) AND b.w = 2)$$),
  ('left_on', $$SELECT a.id, b.id AS other FROM a LEFT JOIN b ON b.k = a.k AND ((a.v = 1 AND b.w = 1) OR (a.v = 2 AND b.w = 2))$$),
  ('left_above', $$SELECT a.id, b.id AS other FROM a LEFT JOIN b ON b.k = a.k WHERE (a.v = 1 AND b.w IS NULL) OR (a.v = 2 AND b.w = 2)$$),
  ('full_on', $$SELECT a.id, b.id AS other FROM a FULL JOIN b ON b.k = a.k AND ((a.v = 1 AND b.w = 1) OR (a.v = 2 AND b.w = 2))$$),
  ('of_pairs', $$SELECT a.id, b.id AS other, c.id AS third FROM (a LEFT JOIN b ON b.k = a.k) JOIN c ON true
    WHERE (a.v = 1 AND b.w IS NULL AND c.id = 1) OR (b.w = c.w AND a.v = 2)$$),
  ('correlated', $$SELECT a.id, (SELECT count(*) FROM b, c WHERE (b.k = a.k AND c.w = 1) OR (b.k = a.v AND c.w = 2 AND b.w > 0)) AS n FROM a$$),
  ('lateral', $$SELECT a.id, g FROM a, LATERAL generate_series(1, a.v) g WHERE (a.k = 1 AND g = 1) OR (a.k = 2 AND g > 1)$$),
  ('grouped', $$SELECT a.k, count(*) AS n FROM a JOIN b ON b.k = a.k WHERE (a.v = 1 AND b.w = 1) OR (a.v = 2 AND b.w = 2) GROUP BY a.k$$);
SELECT pgtrickle.create_stream_table('alternatives.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
SELECT value FROM pgtrickle.explain_st('alternatives.of_both') WHERE property = 'operators';
SELECT value FROM pgtrickle.explain_st('alternatives.may_fail') WHERE property = 'operators';
SELECT value FROM pgtrickle.explain_st('alternatives.left_on') WHERE property = 'operators';

INSERT INTO a SELECT g, g % 4, g % 3, 'n' || g % 3 FROM generate_series(1, 24) g;
INSERT INTO b SELECT g, g % 4, g % 5, 'n' || g % 3 FROM generate_series(1, 12) g;
INSERT INTO c VALUES (1, 1), (2, 2), (3, 3), (4, NULL);
SELECT * FROM test.wrong('kept');
-- rows_that_meet_other_alternatives
UPDATE a SET v = 2 - v, name = 'n' || v WHERE id % 2 = 0;
UPDATE b SET w = (w + 1) % 5, name = 'n' || w % 3 WHERE id % 3 = 0;
SELECT * FROM test.wrong('kept');
-- nulls
UPDATE a SET k = NULL WHERE id % 5 = 0;
UPDATE a SET v = NULL, name = NULL WHERE id % 7 = 0;
UPDATE b SET w = NULL, name = NULL WHERE id % 4 = 0;
UPDATE c SET w = w - 1 WHERE id < 3;
SELECT * FROM test.wrong('kept');
-- all_at_once
INSERT INTO a SELECT g, g % 5, g % 4, 'n' || g % 4 FROM generate_series(31, 50) g;
DELETE FROM b WHERE id % 3 = 1;
INSERT INTO b SELECT g, g % 5, g % 3, 'n' || g % 4 FROM generate_series(31, 40) g;
DELETE FROM c WHERE id = 3;
SELECT * FROM test.wrong('kept');
DELETE FROM a WHERE v = 2;
TRUNCATE b;
SELECT * FROM test.wrong('kept');
SELECT count(*) FROM of_both;
DROP SCHEMA alternatives CASCADE;
