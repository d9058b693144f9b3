-- Arguments and results of every kind of type, as keys where they can be, and in rows without groups.
SET client_min_messages = warning;
CREATE SCHEMA aggregate_types;
SET search_path = aggregate_types;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN present AS int NOT NULL CHECK (VALUE > 0);
CREATE DOMAIN words AS text[] CHECK (cardinality(VALUE) < 5);
CREATE DOMAIN pairs AS pair CHECK ((VALUE).a > 0);
CREATE TABLE t (id int PRIMARY KEY, g int, d present, e mood, a int[], w words, p pair, dp pairs, r int4range, mr int4multirange, bt bit(4), vb varbit, m money,
  j json, x xml, pt point, tz timetz, iv interval, ip inet, u uuid, by bytea, ts tsvector, wal pg_lsn, nm name, ch "char", o oid, tid tid, fl real, jb jsonb);
CREATE PROCEDURE put(v int, group_of int) LANGUAGE sql AS $$
  INSERT INTO t SELECT v, group_of, v, (ARRAY['sad', 'ok', 'glad'])[1 + v % 3]::mood, ARRAY[v % 4, NULL], ARRAY['w' || v % 3], ROW(v % 3, NULL)::pair, ROW(v, 'x')::pairs,
    int4range(v % 5, 9), int4multirange(int4range(v % 5, 9)), (v % 16)::bit(4), (v % 8)::bit(7), v::money, to_json(v % 3), format('<v>%s</v>', v % 3)::xml, point(v, 0),
    ((v % 24) || ':00+02')::timetz, v % 3 * interval '1 day', '10.0.0.1'::inet + v % 4, md5((v % 3)::text)::uuid, ('x' || v)::bytea, ('t' || v % 3)::tsvector, '0/0'::pg_lsn + v,
    'n' || v, chr(65 + v % 3)::"char", v % 3, format('(0,%s)', v)::tid, v / 4.0, to_jsonb(v % 3) $$;
DO $$ BEGIN FOR i IN 1..40 LOOP CALL aggregate_types.put(i, i % 6); END LOOP; END $$;
INSERT INTO t (id, g, d) VALUES (100, 1, 1), (101, 7, 2);
CREATE INDEX ON t (g);

CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept SELECT 'of_' || c, format('SELECT g, array_agg(%1$s ORDER BY id) AS every, count(%1$s), (array_agg(%1$s ORDER BY id DESC))[1] AS last%2$s FROM t GROUP BY g', c,
    CASE WHEN c NOT IN ('j', 'x', 'pt', 'ts') THEN format(', mode() WITHIN GROUP (ORDER BY %s) AS frequent, count(DISTINCT %1$s) AS kinds', c) ELSE '' END ||
    CASE WHEN c IN ('d', 'e', 'a', 'w', 'm', 'tz', 'iv', 'ip', 'wal', 'o', 'tid', 'fl') THEN format(', min(%s) AS low, max(%1$s) AS high', c) ELSE '' END ||
    CASE WHEN c IN ('d', 'm', 'iv', 'fl') THEN format(', sum(%s ORDER BY id) AS total', c) ELSE '' END)
  FROM unnest('{d,e,a,w,p,dp,r,mr,bt,vb,m,j,x,pt,tz,iv,ip,u,by,ts,wal,nm,ch,o,tid,fl,jb}'::text[]) c WHERE c NOT IN ('a', 'w');
INSERT INTO kept SELECT 'by_' || c, format('SELECT %1$s, count(*) AS n, sum(id) AS s FROM t GROUP BY %1$s', c) FROM unnest('{d,e,a,w,p,dp,r,mr,bt,vb,m,tz,iv,ip,u,by,ts,wal,nm,ch,o,tid,fl,jb}'::text[]) c;
INSERT INTO kept VALUES ('rows', 'SELECT j, x, pt, p, w, dp FROM t WHERE g < 4'), ('rolled_up', 'SELECT d, dp, w, sum(id) AS s FROM t GROUP BY ROLLUP (d, dp, w)'),
  ('arrays', 'SELECT g, array_agg(a ORDER BY id) AS every, count(p) AS pairs, min(a) AS low, max(w) AS high FROM t WHERE a IS NOT NULL GROUP BY g'),
  ('nothing', 'SELECT max(d) AS d, mode() WITHIN GROUP (ORDER BY d) AS m, array_agg(w ORDER BY id) FILTER (WHERE w IS NOT NULL) AS w, sum(m) AS s FROM t WHERE g = 99');
SELECT pgtrickle.create_stream_table('aggregate_types.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
-- filled
SELECT * FROM test.wrong('kept', true);
-- inserted_and_moved
DO $$ BEGIN FOR i IN 41..50 LOOP CALL aggregate_types.put(i, i % 9); END LOOP; END $$;
UPDATE t SET g = 2 WHERE id IN (3, 4, 100);
INSERT INTO t (id, g, d, p) VALUES (102, 99, 5, ROW(NULL, NULL));
SELECT * FROM test.wrong('kept', true);
-- deleted
DELETE FROM t WHERE id % 3 = 0 OR g = 7;
SELECT * FROM test.wrong('kept', true);
DELETE FROM t;
SELECT * FROM test.wrong('kept', true);
SELECT * FROM nothing;
DROP SCHEMA aggregate_types CASCADE;
