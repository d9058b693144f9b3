-- A fill writes frozen rows into all-visible pages, by a parallel plan if there is one, and what it writes is what a serial plan writes.
CREATE SCHEMA fills;
SET search_path = fills;
SET client_min_messages = warning;
CREATE TABLE fact (id int PRIMARY KEY, grp int, amount int, price numeric, label varchar(5), at timestamptz, note text);
INSERT INTO fact SELECT g, nullif(g % 50, 3), nullif(g % 97, 5), CASE WHEN g % 11 > 0 THEN round(g / 7.0, g % 4) END, 'l' || g % 9,
  '2020-01-01Z'::timestamptz + (g % 31) * interval '1 day', repeat('n', g % 40) FROM generate_series(1, 20000) g;
INSERT INTO fact VALUES (30001, 1, 1, 'NaN', 'x', NULL, NULL), (30002, 2, 2, 'Infinity', 'x', 'infinity', '');
ALTER TABLE fact SET (parallel_workers = 3);
ANALYZE fact;
CREATE FUNCTION heap_of(name text) RETURNS regclass LANGUAGE sql AS $$ SELECT ('pg_trickle_storage.st_' || name::regclass::oid)::regclass $$;
CREATE FUNCTION rows_of(heap regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE format('SELECT x::text FROM %s x', heap); END $$;
CREATE TABLE definition (name text, query text);
INSERT INTO definition VALUES
  ('keyed', 'SELECT id, amount, price, note FROM fact WHERE amount > 3'),
  ('keyless', 'SELECT amount, note FROM fact'),
  ('counted', 'SELECT grp, count(*) AS n, count(amount) AS m, sum(amount), avg(amount) FROM fact GROUP BY grp'),
  ('extremes', 'SELECT grp, min(amount) AS a, max(price) AS p, min(label) AS l, max(at) AS t, max(note) AS n FROM fact GROUP BY grp'),
  ('of_all', 'SELECT min(at) AS a, max(at) AS b, min(label) AS l, max(price) AS p, sum(price * amount) AS s, variance(amount) AS v FROM fact'),
  ('of_some', 'SELECT grp, max(price) FILTER (WHERE amount > 50), sum(price) FILTER (WHERE amount < 5) FROM fact GROUP BY grp'),
  ('scales', 'SELECT amount, sum(price * 1.50) AS total FROM fact GROUP BY amount'),
  ('looks', 'SELECT price % 1 AS rest, count(*) FROM fact GROUP BY 1'),
  ('joined', 'SELECT a.id, a.amount, b.label FROM fact a JOIN fact b ON b.id = a.amount');

-- as without parallel workers
SET max_parallel_workers_per_gather = 0;
SELECT pgtrickle.create_stream_table('serial_' || name, query, '520w', 'DIFFERENTIAL') FROM definition \g /dev/null
SET max_parallel_workers_per_gather = 3; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 1; SET min_parallel_table_scan_size = 0;
SELECT pgtrickle.create_stream_table('parallel_' || name, query, '520w', 'DIFFERENTIAL') FROM definition \g /dev/null
DO $$
DECLARE line text; is_parallel bool = false;
BEGIN
  FOR line IN EXPLAIN SELECT grp, pgtrickle.extremum(price, true), pgtrickle.ties_of_extremum(price, true), pgtrickle.ties_of_extremum(label, false), pgtrickle.any_one(amount) FROM fact GROUP BY grp LOOP
    is_parallel := is_parallel OR line ~ 'Partial';
  END LOOP;
  ASSERT is_parallel, 'the aggregates of a fill have no partial form';
END $$;
-- the planner takes a state of unknown size for 8 kB, and would expect few groups to fit into memory
SELECT aggfnoid, aggtransspace FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
WHERE pronamespace = 'pgtrickle'::regnamespace AND aggtranstype = 'internal'::regtype AND aggtransspace = 0;
SELECT name, (SELECT count(*) FROM (SELECT rows_of(heap_of('serial_' || name)) EXCEPT ALL SELECT rows_of(heap_of('parallel_' || name))) d) AS missing,
  (SELECT count(*) FROM (SELECT rows_of(heap_of('parallel_' || name)) EXCEPT ALL SELECT rows_of(heap_of('serial_' || name))) d) AS added
FROM definition ORDER BY name;
-- all_pages_are_visible (from 16 on, PostgreSQL extends a heap by up to 64 pages at once; the last of them may stay empty)
SELECT name, relallvisible > 0 AND relpages - relallvisible < CASE WHEN current_setting('server_version_num')::int < 160000 THEN 1 ELSE 64 END AS is_visible FROM definition JOIN pg_class c ON c.oid = heap_of('parallel_' || name) ORDER BY name;
-- and what is deleted later is deleted from the right states
DELETE FROM fact WHERE amount > 90 OR price > 2000 OR label = 'l8' OR at > '2020-01-25Z';
SELECT pgtrickle.refresh_stream_table(kind || name) FROM definition, unnest('{serial_,parallel_}'::text[]) kind \g /dev/null
CREATE FUNCTION differences(name text, query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM ((SELECT x::text FROM %1$I x EXCEPT ALL SELECT x::text FROM (%2$s) x) UNION ALL '
                 '(SELECT x::text FROM (%2$s) x EXCEPT ALL SELECT x::text FROM %1$I x)) d', name, query) INTO n;
  RETURN n;
END $$;
SELECT kind || name AS differs FROM definition, unnest('{serial_,parallel_}'::text[]) kind WHERE differences(kind || name, query) > 0 ORDER BY 1;

-- a rollback to a savepoint leaves no frozen rows in a heap that was made before it
BEGIN;
SELECT pgtrickle.create_stream_table('later', 'SELECT id, amount FROM fact', '520w', 'DIFFERENTIAL', false);
SAVEPOINT before_the_fill;
SELECT pgtrickle.refresh_stream_table('later');
SELECT count(*) > 0 AS is_filled FROM later;
ROLLBACK TO before_the_fill;
SELECT count(*) FROM rows_of(heap_of('later'));
SELECT pgtrickle.refresh_stream_table('later');
COMMIT;
SELECT differences('later', 'SELECT id, amount FROM fact');
DROP SCHEMA fills CASCADE;
