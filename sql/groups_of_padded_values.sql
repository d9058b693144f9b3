-- Values of char(n) that differ in trailing blanks are equal, and in one group, under every collation.
SET client_min_messages = warning;
CREATE SCHEMA groups_of_padded_values;
SET search_path = groups_of_padded_values;
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE pair AS (c char(5) COLLATE folded, n int);
CREATE TYPE span AS RANGE (subtype = bpchar, collation = folded);
CREATE TABLE t (id int PRIMARY KEY, c char(5) COLLATE folded, d char(3) COLLATE folded, a char(5)[] COLLATE folded, p pair, r span);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('filled', 'SELECT coalesce(c, ''none'') AS k, count(*) AS n FROM t GROUP BY 1'),
  ('chosen', 'SELECT CASE WHEN id > 2 THEN c ELSE d END AS k, max(id) AS m, sum(id) AS s FROM t GROUP BY 1'),
  ('different', 'SELECT DISTINCT coalesce(c, ''none'') AS k FROM t'),
  ('united', 'SELECT c AS k FROM t UNION SELECT d FROM t'),
  ('excepted', 'SELECT c AS k FROM t EXCEPT SELECT d FROM t'),
  ('in_arrays', 'SELECT CASE WHEN id > 2 THEN a ELSE ARRAY[''none''::bpchar COLLATE folded] END AS k, count(*) AS n FROM t GROUP BY 1'),
  ('in_rows', 'SELECT coalesce(p, ROW(d, 1)::pair) AS k, count(*) AS n FROM t GROUP BY 1'),
  ('in_ranges', 'SELECT coalesce(r, span(d, d, ''[]'')) AS k, count(*) AS n FROM t GROUP BY 1'),
  ('by_list', 'SELECT coalesce(c, ''none'') AS k, count(*) AS n FROM t GROUP BY 1');
INSERT INTO t VALUES (1, 'none', 'no', '{none}'), (2, 'x', 'X', '{x}');
SELECT count(pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL')) FROM kept WHERE name <> 'by_list';
SELECT pgtrickle.create_stream_table('by_list', query, '520w', 'DIFFERENTIAL', partition_by => 'LIST (k, ''none'')') FROM kept WHERE name = 'by_list';
-- PostgreSQL would put equal values into several partitions
SELECT pgtrickle.create_stream_table('by_hash', query, '520w', 'DIFFERENTIAL', partition_by => 'HASH (k, 4)') FROM kept WHERE name = 'filled';
-- Returns the stream tables that have other groups than their queries. Which of its images a group shows is not compared.
CREATE FUNCTION wrong() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r kept; is_wrong bool;
BEGIN
  FOR r IN SELECT * FROM kept ORDER BY name LOOP
    PERFORM pgtrickle.refresh_stream_table(r.name);
    EXECUTE format('SELECT EXISTS (SELECT FROM (SELECT lower(translate(q::text, ''" '', '''')) COLLATE "C" FROM %1$I q EXCEPT ALL SELECT lower(translate(q::text, ''" '', '''')) COLLATE "C" FROM (%2$s) q) x)
      OR (SELECT count(*) FROM %1$I) <> (SELECT count(*) FROM (%2$s) q)', r.name, r.query) INTO is_wrong;
    IF is_wrong THEN RETURN NEXT r.name; END IF;
  END LOOP;
END $$;
SELECT wrong();
INSERT INTO t VALUES (3, NULL, NULL, '{none}'), (4, 'NO', 'NoN', '{NONE}');
SELECT wrong();
DELETE FROM t WHERE id = 1;
SELECT wrong();
UPDATE t SET c = 'NONE', d = 'x' WHERE id = 3;
SELECT wrong();
INSERT INTO t SELECT i, (ARRAY['none', 'X', 'No', NULL])[1 + i % 4], (ARRAY['x', 'NO', 'nO', NULL])[1 + i % 3], ARRAY[(ARRAY['x', 'NO', 'none'])[1 + i % 3]] FROM generate_series(5, 30) i;
SELECT wrong();
DELETE FROM t WHERE id % 3 = 0;
SELECT wrong();
UPDATE t SET p = ROW(d, 1), r = span(d::char(5), d::char(4), '[]') WHERE id % 2 = 0;
SELECT wrong();
UPDATE t SET p = NULL, r = NULL WHERE id % 4 = 0;
SELECT wrong();
DROP SCHEMA groups_of_padded_values CASCADE;
