-- min and max after refreshes in which each group has many changes, of few values: among them ties, values that come and go within a
-- refresh, and equal values that look different.
CREATE SCHEMA extremes;
SET search_path = extremes;
SET client_min_messages = warning;
CREATE TABLE fact (id int PRIMARY KEY, grp int, i int, n numeric, f float8, t text, d timestamp);
CREATE INDEX ON fact (grp);
CREATE FUNCTION number(seed int, limit_of int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT abs(hashint4(seed * 31 + limit_of)) % limit_of';
CREATE FUNCTION add(first int, last int, turn int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO fact SELECT g, number(g + turn, 6), nullif(number(g + 7 * turn, 12), 3), number(g + 3 * turn, 9) + CASE number(g, 3) WHEN 0 THEN 0 WHEN 1 THEN 0.0 ELSE 0.00 END,
    CASE number(g + turn, 11) WHEN 0 THEN '-0' WHEN 1 THEN '0' WHEN 2 THEN 'NaN' WHEN 3 THEN 'Infinity' WHEN 4 THEN NULL ELSE number(g, 5)::text END::float8,
    repeat(chr(97 + number(g + turn, 5)), 1 + number(g, 3)), '2020-01-01'::timestamp + number(g + turn, 20) * interval '1 day' FROM generate_series(first, last) g $$;
SELECT add(1, 2000, 0) \g /dev/null
SELECT pgtrickle.create_stream_table('grouped', 'SELECT grp, min(i) AS a, max(i) AS b, min(n) AS c, max(n) AS d, min(f) AS e, max(f) AS f, min(t) AS g, max(t) AS h,
  min(d) AS i, max(d) AS j, sum(n) AS k, max(i) FILTER (WHERE f > 1) AS l FROM fact GROUP BY grp', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('global', 'SELECT min(i) AS a, max(i) AS b, min(n) AS c, max(n) AS d, min(f) AS e, max(f) AS f, min(t) AS g, max(t) AS h,
  min(d) AS i, max(d) AS j, sum(n) AS k FROM fact', '520w', 'DIFFERENTIAL');
-- Returns how many rows differ, and how many sums look different. Which of equal values an extremum shows is left open, but one that exists.
CREATE FUNCTION check_after(what text, change text) RETURNS TABLE (changed text, rows_that_differ bigint, sums_that_differ bigint, extremes_that_are_none bigint) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE change;
  PERFORM pgtrickle.refresh_stream_table('grouped'), pgtrickle.refresh_stream_table('global');
  RETURN QUERY WITH answer AS (SELECT grp, min(i) AS a, max(i) AS b, min(n) AS c, max(n) AS d, min(f) AS e, max(f) AS f, min(t) AS g, max(t) AS h, min(d) AS i, max(d) AS j,
    sum(n) AS k, max(i) FILTER (WHERE f > 1) AS l FROM fact GROUP BY grp),
  whole AS (SELECT min(i) AS a, max(i) AS b, min(n) AS c, max(n) AS d, min(f) AS e, max(f) AS f, min(t) AS g, max(t) AS h, min(d) AS i, max(d) AS j, sum(n) AS k FROM fact)
  SELECT what, (SELECT count(*) FROM ((TABLE answer EXCEPT ALL TABLE grouped) UNION ALL (TABLE grouped EXCEPT ALL TABLE answer)) x)
      + (SELECT count(*) FROM ((TABLE whole EXCEPT ALL TABLE global) UNION ALL (TABLE global EXCEPT ALL TABLE whole)) x),
    (SELECT count(*) FROM (SELECT grp, k::text FROM answer EXCEPT SELECT grp, k::text FROM grouped) x),
    (SELECT count(*) FROM grouped s WHERE c IS NOT NULL AND NOT EXISTS (SELECT FROM fact WHERE fact.grp IS NOT DISTINCT FROM s.grp AND fact.n::text = s.c::text)
       OR d IS NOT NULL AND NOT EXISTS (SELECT FROM fact WHERE fact.grp IS NOT DISTINCT FROM s.grp AND fact.n::text = s.d::text));
END $$;
SELECT * FROM check_after('inserted', 'SELECT add(2001, 2400, 1)');
SELECT * FROM check_after('deleted', 'DELETE FROM fact WHERE id % 3 = 0');
SELECT * FROM check_after('greatest deleted', 'DELETE FROM fact WHERE i > 8 OR d > ''2020-01-15''');
SELECT * FROM check_after('updated', 'UPDATE fact SET i = i + number(id, 5) - 2, n = n * 1.0, f = -f, t = t || ''z'', d = d + interval ''2 days'' WHERE id % 2 = 0');
SELECT * FROM check_after('came and went', 'SELECT add(3000, 3900, 5); UPDATE fact SET i = 100, n = 50 WHERE id > 3000; DELETE FROM fact WHERE id > 3100; UPDATE fact SET i = 4, n = 2.000 WHERE id > 3000');
SELECT * FROM check_after('moved', 'UPDATE fact SET grp = number(id, 7), i = 12 - i');
SELECT * FROM check_after('nearly all deleted', 'DELETE FROM fact WHERE number(id, 10) > 0');
SELECT * FROM check_after('one value', 'UPDATE fact SET i = 1, n = CASE WHEN id % 2 = 0 THEN 1.0 ELSE 1 END, f = CASE WHEN id % 2 = 0 THEN ''-0'' ELSE ''0'' END::float8, t = ''t''');
SELECT * FROM check_after('other looks', 'UPDATE fact SET n = 1.00, f = 0 WHERE id % 4 <> 1');
SELECT * FROM check_after('the last of a look', 'DELETE FROM fact WHERE n::text = ''1''');
SELECT * FROM check_after('all', 'DELETE FROM fact');
SELECT * FROM check_after('again', 'SELECT add(1, 500, 9)');
DROP SCHEMA extremes CASCADE;
