-- WITH RECURSIVE … UNION: closures of graphs with cycles, under every mixture of changes.
SET client_min_messages = warning;
CREATE SCHEMA recursive_union;
SET search_path = recursive_union;
CREATE TABLE edge (src int, dst int, kind text);
CREATE TABLE start (node int);
CREATE TABLE closed (node int);
CREATE INDEX ON edge (src);
INSERT INTO edge SELECT 1 + g % 7, 1 + g * 3 % 8, 'k' || g % 2 FROM generate_series(1, 9) g;
INSERT INTO edge VALUES (NULL, 1, 'k0'), (1, NULL, 'k1'), (5, 5, NULL);
INSERT INTO start VALUES (1), (1), (NULL);

CREATE FUNCTION make(name text, query text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL');
  EXECUTE format('CREATE VIEW v_%s AS %s', name, query);
END $$;
-- Refreshes the stream tables and returns those that differ from their queries.
CREATE FUNCTION check_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE st text; wrong bigint;
BEGIN
  FOR st IN SELECT pgt_name FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'recursive_union' ORDER BY 1 LOOP
    PERFORM pgtrickle.refresh_stream_table(st);
    EXECUTE format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL TABLE v_%1$s) UNION ALL (TABLE v_%1$s EXCEPT ALL TABLE %1$s)) d', st) INTO wrong;
    IF wrong > 0 THEN RETURN NEXT format('%s: %s rows differ', st, wrong); END IF;
  END LOOP;
END $$;

SELECT make('closure', 'WITH RECURSIVE t(a, b) AS (SELECT src, dst FROM edge UNION SELECT t.a, e.dst FROM t JOIN edge e ON e.src = t.b) SELECT * FROM t');
SELECT make('backwards', 'WITH RECURSIVE t(a, b) AS (SELECT src, dst FROM edge UNION SELECT e.src, t.b FROM edge e, t WHERE e.dst = t.a) SELECT b, a FROM t');
SELECT make('reached', 'WITH RECURSIVE t AS (SELECT node FROM start UNION SELECT e.dst FROM edge e, t WHERE e.src = t.node) SELECT * FROM t');
SELECT make('reached_not_null', 'WITH RECURSIVE t AS (SELECT node FROM start UNION SELECT e.dst FROM edge e, t WHERE e.src = t.node) SELECT node * 10 AS ten FROM t WHERE node IS NOT NULL');
SELECT make('two_steps', 'WITH RECURSIVE t AS (SELECT node FROM start UNION SELECT f.dst FROM edge e, edge f, t WHERE e.src = t.node AND f.src = e.dst AND e.kind IS DISTINCT FROM f.kind) SELECT * FROM t');
SELECT make('around_closed', 'WITH RECURSIVE t AS (SELECT node, 0 AS via FROM start UNION SELECT e.dst, c.node FROM t JOIN edge e ON e.src = t.node LEFT JOIN closed c ON c.node = e.dst WHERE t.via IS NULL OR t.via = 0) SELECT * FROM t');
SELECT make('distances', 'WITH RECURSIVE t AS (SELECT node, 0 AS distance FROM start UNION SELECT e.dst, distance + 1 FROM edge e, t WHERE e.src = t.node AND distance < 5) SELECT node, min(distance) FROM t GROUP BY node');
SELECT make('with_kinds', 'WITH RECURSIVE t(node, kinds) AS (SELECT node, ''''::text FROM start UNION SELECT e.dst, left(t.kinds || coalesce(e.kind, ''-''), 4) FROM edge e JOIN t ON e.src = t.node) SELECT * FROM t');
SELECT make('pairs', 'WITH RECURSIVE t AS (SELECT node FROM start UNION SELECT e.dst FROM edge e, t WHERE e.src = t.node) SELECT a.node AS a, b.node AS b, count(*) FROM t a JOIN t b ON a.node < b.node GROUP BY 1, 2');
SELECT * FROM check_all();

-- the_only_way_around_a_cycle_is_cut
INSERT INTO start VALUES (20);
INSERT INTO edge VALUES (20, 21, 'a'), (21, 22, 'a'), (22, 21, 'a');
SELECT * FROM check_all();
DELETE FROM edge WHERE src = 20;
SELECT * FROM check_all();
SELECT * FROM reached WHERE node >= 20 ORDER BY 1;

-- lost_and_gained_at_once_from_a_row_that_only_it_derives
INSERT INTO edge VALUES (20, 31, 'a'), (31, 32, 'a');
SELECT * FROM check_all();
UPDATE edge SET src = 32 WHERE src = 20;
SELECT * FROM check_all();
SELECT * FROM reached WHERE node >= 30;

-- another_way_remains
INSERT INTO edge VALUES (20, 31, 'a'), (20, 32, 'b');
SELECT * FROM check_all();
DELETE FROM edge WHERE dst = 31 AND src = 20;
SELECT * FROM check_all();
SELECT * FROM reached WHERE node >= 30 ORDER BY 1;

-- random_changes_of_everything: a fixed sequence
CREATE FUNCTION dice(step int, salt int, sides int) RETURNS int LANGUAGE sql AS
  $$ SELECT 1 + abs(('x' || substr(md5(step || ':' || salt), 1, 6))::bit(24)::int) % sides $$;
CREATE FUNCTION change(step int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. dice(step, 0, 3) LOOP
    CASE dice(step, i * 10, 7)
      WHEN 1, 2 THEN INSERT INTO edge VALUES (dice(step, i * 10 + 1, 7), dice(step, i * 10 + 2, 8), 'k' || dice(step, i * 10 + 3, 2));
      WHEN 3, 4 THEN DELETE FROM edge WHERE ctid IN (SELECT ctid FROM edge ORDER BY md5(step || ' ' || edge::text) LIMIT dice(step, i * 10 + 4, 3));
      WHEN 5 THEN UPDATE edge SET dst = dice(step, i * 10 + 5, 8) WHERE src = dice(step, i * 10 + 6, 7);
      WHEN 6 THEN UPDATE start SET node = dice(step, i * 10 + 7, 8) WHERE ctid = (SELECT min(ctid) FROM start);
      ELSE
        DELETE FROM closed;
        INSERT INTO closed VALUES (dice(step, i * 10 + 8, 8));
    END CASE;
  END LOOP;
END $$;
DO $$
DECLARE found text;
BEGIN
  FOR step IN 1 .. 60 LOOP
    PERFORM change(step);
    FOR found IN SELECT * FROM check_all() LOOP
      RAISE WARNING 'after step %: %', step, found;
    END LOOP;
  END LOOP;
END $$;

-- every_refresh_was_a_delta: filled once each
SELECT action, count(DISTINCT pgt_name) AS stream_tables, max(count) FROM (
  SELECT t.pgt_name, action, CASE action WHEN 'FULL' THEN count(*) END AS count
  FROM pgtrickle.pgt_stream_tables t, pgtrickle.get_refresh_history(t.pgt_schema || '.' || t.pgt_name, 1000) h
  WHERE t.pgt_schema = 'recursive_union' AND action <> 'NO_DATA' GROUP BY 1, 2) a GROUP BY 1 ORDER BY 1;
TRUNCATE edge;
SELECT * FROM check_all();
DROP SCHEMA recursive_union CASCADE;
