-- ORDER BY … LIMIT, OFFSET, WITH TIES and DISTINCT ON, at the top and below, equal a run of the query after each change.
SET client_min_messages = warning;
CREATE SCHEMA limits;
SET search_path = limits, public;
CREATE TABLE score (id int PRIMARY KEY, team int, points int, name text COLLATE "C");
INSERT INTO score SELECT g, nullif(g % 5, 2), g * 31 % 23, 'n' || g % 11 FROM generate_series(1, 60) g;
CREATE TABLE team (id int PRIMARY KEY, label text);
INSERT INTO team SELECT g, 'team ' || g FROM generate_series(0, 5) g;

CREATE TABLE defined (name text PRIMARY KEY, query text);
INSERT INTO defined VALUES
  ('first_five', 'SELECT id, points FROM score ORDER BY points DESC, id LIMIT 5'),
  ('next_five', 'SELECT id, points FROM score ORDER BY points DESC, id LIMIT 2 + 3 OFFSET 5'),
  ('all_but_some', 'SELECT id FROM score ORDER BY points, id OFFSET 7'),
  ('with_ties', 'SELECT points, name FROM score ORDER BY points DESC FETCH FIRST 4 ROWS WITH TIES'),
  ('skipping_with_ties', 'SELECT points FROM score ORDER BY points OFFSET 3 FETCH FIRST 4 ROWS WITH TIES'),
  ('none_with_ties', 'SELECT points FROM score ORDER BY points OFFSET 1 FETCH FIRST 0 ROWS WITH TIES'),
  ('no_limit', 'SELECT id FROM score ORDER BY points LIMIT NULL OFFSET NULL'),
  ('none', 'SELECT id FROM score ORDER BY points LIMIT 0'),
  ('beyond_all_numbers', 'SELECT id FROM score ORDER BY points, id LIMIT 9223372036854775807 OFFSET 3'),
  ('by_what_it_does_not_show', 'SELECT name FROM score ORDER BY team NULLS FIRST, points USING >, id LIMIT 9'),
  ('of_groups', 'SELECT team, sum(points) AS s FROM score GROUP BY team ORDER BY sum(points) DESC, team LIMIT 2'),
  ('of_distinct', 'SELECT DISTINCT points FROM score ORDER BY points DESC LIMIT 6'),
  ('of_windows', 'SELECT id, rank() OVER (PARTITION BY team ORDER BY points) AS r FROM score ORDER BY rank() OVER (PARTITION BY team ORDER BY points), id LIMIT 8'),
  ('of_a_union', 'SELECT points AS p FROM score UNION ALL SELECT id FROM team ORDER BY p DESC LIMIT 7'),
  ('of_operands', '(SELECT id FROM score ORDER BY points, id LIMIT 3) UNION ALL (SELECT id FROM team ORDER BY label DESC LIMIT 2)'),
  ('below_a_join', 'SELECT t.label, s.id FROM team t LEFT JOIN (SELECT id, team FROM score ORDER BY points DESC, id LIMIT 10) s ON s.team = t.id'),
  ('below_an_aggregate', 'SELECT count(*) AS n, sum(points) AS s FROM (SELECT points FROM score ORDER BY points DESC LIMIT 10) x'),
  ('in_a_cte', 'WITH best AS (SELECT id, points FROM score ORDER BY points DESC, id LIMIT 20) SELECT id FROM best ORDER BY points, id LIMIT 3'),
  ('of_a_join', 'SELECT t.label, s.points FROM team t JOIN score s ON s.team = t.id ORDER BY s.points DESC, t.id LIMIT 6'),
  ('first_of_each', 'SELECT DISTINCT ON (team) team, id, points FROM score ORDER BY team, points DESC, id'),
  ('first_of_two_keys', 'SELECT DISTINCT ON (team, points % 2) points, name FROM score ORDER BY points % 2, team DESC, id DESC'),
  ('first_of_each_limited', 'SELECT DISTINCT ON (name) name, id FROM score ORDER BY name DESC, points, id LIMIT 4 OFFSET 1'),
  ('first_of_groups', 'SELECT DISTINCT ON (team) team, name, count(*) AS n FROM score GROUP BY team, name ORDER BY team, count(*) DESC, name'),
  ('first_joined', 'SELECT t.label, f.id FROM team t LEFT JOIN (SELECT DISTINCT ON (team) team, id FROM score ORDER BY team, points, id) f ON f.team = t.id');
SELECT pgtrickle.create_stream_table('limits.' || name, query, '520w', 'DIFFERENTIAL') FROM defined \g /dev/null


-- filled
SELECT * FROM test.wrong('defined');
SELECT count(*) FROM first_five;
-- a_row_among_the_first_goes
DELETE FROM score WHERE id IN (SELECT id FROM score ORDER BY points DESC, id LIMIT 2);
SELECT * FROM test.wrong('defined');
-- a_row_comes_first
INSERT INTO score VALUES (100, 1, 99, 'first'), (101, NULL, NULL, NULL);
SELECT * FROM test.wrong('defined');
-- ties_come_and_go
INSERT INTO score SELECT g, g % 3, 22, 'tie' FROM generate_series(110, 120) g;
SELECT * FROM test.wrong('defined');
DELETE FROM score WHERE points = 22;
SELECT * FROM test.wrong('defined');
-- the_order_turns_around
UPDATE score SET points = -points;
SELECT * FROM test.wrong('defined');
-- fewer_rows_than_asked_for
DELETE FROM score WHERE id > 3;
SELECT * FROM test.wrong('defined');
UPDATE team SET id = id + 1 WHERE id = 5;
DELETE FROM score;
SELECT * FROM test.wrong('defined');
INSERT INTO score SELECT g, g % 2, g % 4, 'again' FROM generate_series(1, 30) g;
SELECT * FROM test.wrong('defined');
DROP SCHEMA limits CASCADE;
