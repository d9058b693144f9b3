-- WITH RECURSIVE … UNION ALL: every derivation is a row; hierarchies, paths, quantities, stop conditions.
SET client_min_messages = warning;
CREATE SCHEMA recursive_union_all;
SET search_path = recursive_union_all;
CREATE TABLE part (id int, name text, price numeric);
CREATE TABLE uses (whole int, part int, quantity numeric);
CREATE TABLE person (id int, boss int, name text);
CREATE TABLE barred (id int);
CREATE INDEX ON uses (whole);
CREATE INDEX ON person (boss);
INSERT INTO part SELECT g, 'part ' || g, g / 4.0 FROM generate_series(1, 12) g;
-- a whole has parts of higher numbers only: no cycles
INSERT INTO uses SELECT 1 + g % 6, 2 + g % 6 + g * 7 % 5, 1 + g % 3 FROM generate_series(1, 14) g;
INSERT INTO uses VALUES (1, 2, 1), (1, 2, 1), (2, NULL, 1), (NULL, 3, 2.50);
INSERT INTO person SELECT g, nullif(g / 2, 0), 'p' || g FROM generate_series(1, 20) g;

CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('paths', 'WITH RECURSIVE t(a, b) AS (SELECT whole, part FROM uses UNION ALL SELECT t.a, u.part FROM t JOIN uses u ON u.whole = t.b) SELECT * FROM t'),
  ('path_counts', 'WITH RECURSIVE t(a, b) AS (SELECT whole, part FROM uses UNION ALL SELECT t.a, u.part FROM t JOIN uses u ON u.whole = t.b) SELECT a, b, count(*) FROM t GROUP BY a, b'),
  ('bill', 'WITH RECURSIVE t AS (SELECT whole, part, quantity FROM uses UNION ALL SELECT t.whole, u.part, t.quantity * u.quantity FROM t JOIN uses u ON u.whole = t.part) SELECT t.whole, t.part, p.name, sum(t.quantity) AS quantity, sum(t.quantity * p.price) AS price FROM t JOIN part p ON p.id = t.part GROUP BY 1, 2, 3'),
  ('hierarchy', 'WITH RECURSIVE t AS (SELECT id, name, 1 AS depth, ARRAY[id] AS path, name AS names FROM person WHERE boss IS NULL UNION ALL SELECT p.id, p.name, depth + 1, path || p.id, names || ''/'' || p.name FROM person p JOIN t ON p.boss = t.id) SELECT * FROM t'),
  ('not_in_path', 'WITH RECURSIVE t AS (SELECT id, ARRAY[id] AS path FROM person WHERE id < 4 UNION ALL SELECT p.id, path || p.id FROM person p JOIN t ON p.boss = t.id WHERE p.id <> ALL (path)) SELECT * FROM t'),
  ('three_deep', 'WITH RECURSIVE t AS (SELECT id, 0 AS depth FROM person WHERE id < 3 UNION ALL SELECT p.id, depth + 1 FROM person p, t WHERE p.boss = t.id AND depth < 2) SELECT depth, count(*), min(id) FROM t GROUP BY depth'),
  ('around_barred', 'WITH RECURSIVE t AS (SELECT id, NULL::int AS barred FROM person WHERE boss IS NULL UNION ALL SELECT p.id, b.id FROM t JOIN person p ON p.boss = t.id LEFT JOIN barred b ON b.id = p.id WHERE t.barred IS NULL) SELECT * FROM t'),
  ('counters', 'WITH RECURSIVE t(id, n) AS (SELECT id, 1 FROM barred UNION ALL SELECT id, n + 1 FROM t WHERE n < id) SELECT * FROM t'),
  ('of_an_aggregate', 'WITH RECURSIVE n AS (SELECT boss, count(*) AS staff FROM person GROUP BY boss), t AS (SELECT id, 0::bigint AS seen FROM person WHERE boss IS NULL UNION ALL SELECT p.id, t.seen + n.staff FROM t JOIN person p ON p.boss = t.id JOIN n ON n.boss = p.boss) SELECT * FROM t'),
  ('one_reads_another', 'WITH RECURSIVE a AS (SELECT id, boss FROM person WHERE boss IS NULL UNION ALL SELECT p.id, p.boss FROM person p JOIN a ON p.boss = a.id), b AS (SELECT id FROM barred UNION SELECT a.id FROM a JOIN b ON a.boss = b.id) SELECT b.id, a.boss FROM b LEFT JOIN a ON a.id = b.id'),
  ('no_equality', 'WITH RECURSIVE t AS (SELECT id, to_json(id) AS j FROM person WHERE boss IS NULL UNION ALL SELECT p.id, json_build_array(t.j, p.id) FROM person p JOIN t ON p.boss = t.id) SELECT * FROM t'),
  ('not_recursive', 'WITH RECURSIVE t AS (SELECT id FROM person UNION SELECT id FROM barred) SELECT * FROM t');
SELECT pgtrickle.create_stream_table('recursive_union_all.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null

-- compared as texts, because json has no equality
SELECT * FROM test.wrong('kept', true);

-- a_branch_moves_with_its_subtree
UPDATE person SET boss = 3 WHERE id = 4;
INSERT INTO barred VALUES (3), (5), (5);
SELECT * FROM test.wrong('kept', true);
-- a_branch_is_cut_and_grows_at_once
DELETE FROM person WHERE id = 6;
INSERT INTO person VALUES (21, 7, 'new'), (22, 21, 'new'), (22, 21, 'new');
DELETE FROM barred WHERE id = 3;
SELECT * FROM test.wrong('kept', true);
-- copies_of_an_edge
DELETE FROM uses WHERE ctid = (SELECT min(ctid) FROM uses WHERE whole = 1 AND part = 2);
INSERT INTO uses VALUES (5, 9, 1.0), (5, 9, 1.00);
SELECT * FROM test.wrong('kept', true);
UPDATE uses SET quantity = quantity + 0.5 WHERE whole = 1;
SELECT * FROM test.wrong('kept', true);

-- unreachable_edges_may_become_a_cycle: old and new paths come to an end, those of the two together would not
CREATE TABLE edge (src int, dst int);
CREATE TABLE start (node int);
INSERT INTO start VALUES (1);
INSERT INTO edge VALUES (1, 2), (2, 3), (3, 4);
INSERT INTO kept VALUES ('walks', 'WITH RECURSIVE t AS (SELECT node FROM start UNION ALL SELECT e.dst FROM t JOIN edge e ON e.src = t.node) SELECT * FROM t');
SELECT pgtrickle.create_stream_table('recursive_union_all.walks', query, '520w', 'DIFFERENTIAL') FROM kept WHERE name = 'walks' \g /dev/null
UPDATE edge SET src = 4 WHERE src = 1;
SELECT * FROM test.wrong('kept', true);
TABLE walks;
UPDATE edge SET src = 1 WHERE src = 4;
SELECT * FROM test.wrong('kept', true);
SELECT * FROM walks ORDER BY 1;

-- random_changes: a fixed sequence
CREATE FUNCTION dice(step int, salt int, sides int) RETURNS int LANGUAGE sql AS
  $$ SELECT 1 + abs(('x' || substr(md5(step || ':' || salt), 1, 6))::bit(24)::int) % sides $$;
CREATE FUNCTION change(step int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE w int;
BEGIN
  FOR i IN 1 .. dice(step, 0, 3) LOOP
    w := dice(step, i * 10 + 1, 6);
    CASE dice(step, i * 10, 7)
      WHEN 1 THEN INSERT INTO uses VALUES (w, w + dice(step, i * 10 + 2, 4), dice(step, i * 10 + 3, 3));
      WHEN 2 THEN DELETE FROM uses WHERE ctid IN (SELECT ctid FROM uses ORDER BY md5(step || ' ' || uses::text) LIMIT dice(step, i * 10 + 4, 3));
      WHEN 3 THEN UPDATE uses SET quantity = quantity * 2 WHERE whole = w;
      WHEN 4 THEN UPDATE person SET boss = dice(step, i * 10 + 5, 40) WHERE id = 40 + w;
      WHEN 5 THEN INSERT INTO person VALUES (40 + w, dice(step, i * 10 + 6, 20), 'p' || step);
      WHEN 6 THEN DELETE FROM person WHERE id = dice(step, i * 10 + 7, 22) + 1;
      ELSE
        DELETE FROM barred;
        INSERT INTO barred SELECT dice(step, i * 10 + g, 9) FROM generate_series(1, 3) g;
    END CASE;
  END LOOP;
END $$;
DO $$
DECLARE found text;
BEGIN
  FOR step IN 1 .. 40 LOOP
    PERFORM change(step);
    FOR found IN SELECT d::text FROM test.wrong('kept', true) d LOOP
      RAISE WARNING 'after step %: %', step, found;
    END LOOP;
  END LOOP;
END $$;
-- every_refresh_was_a_delta: filled once each
SELECT action, max(count) FROM (
  SELECT t.pgt_name, action, CASE action WHEN 'FULL' THEN count(*) END AS count
  FROM pgtrickle.pgt_stream_tables t, pgtrickle.get_refresh_history(t.pgt_schema || '.' || t.pgt_name, 1000) h
  WHERE t.pgt_schema = 'recursive_union_all' AND action <> 'NO_DATA' GROUP BY 1, 2) a GROUP BY 1 ORDER BY 1;
DROP SCHEMA recursive_union_all CASCADE;
