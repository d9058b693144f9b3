-- The scale of a numeric expression follows from its operands; where it does not, a sum and a group keep the scales of their values.
CREATE SCHEMA scales;
SET search_path = scales;
SET client_min_messages = warning;
CREATE TABLE one (id int PRIMARY KEY, p numeric(10,2), q numeric(10,2), n numeric, i int);
CREATE TABLE two (id int PRIMARY KEY, p numeric(10,4), q numeric(10,2), n numeric, i int);
CREATE TABLE operand (of_one text, of_two text);
INSERT INTO operand VALUES ('p * q', 'n'), ('p + q', 'p'), ('p * 1.50', 'q * 2'), ('i::numeric', 'n'), ('-p', 'q'), ('abs(p - q)', 'p * q'),
  ('CASE WHEN i > 1 THEN p ELSE q END', 'CASE WHEN i > 1 THEN p ELSE q END'), ('coalesce(p, 0)', 'coalesce(p, 0.00)'),
  ('greatest(p, q * q)', 'least(p, q)'), ('p * (1 - q)', 'p * (1 - q) * (1 + q)'), ('p / 3', 'round(n, 2)'), ('p % q', 'trunc(p, 1)'),
  ('n::numeric(8,3)', 'n::numeric(8,-2)'), ('p * ''NaN''', 'p * 1e3'), ('p * 1.0e-3', 'i * p'), ('sqrt(abs(p))', 'p ^ 2'), ('p', 'q');
CREATE TABLE form (kind text, query text, all_values text);
INSERT INTO form VALUES
  ('union_', 'SELECT %s AS v FROM one UNION SELECT %s FROM two', 'SELECT %s AS v FROM one UNION ALL SELECT %s FROM two'),
  ('grouped_', 'SELECT v, count(*) AS c, sum(v) AS s FROM (SELECT %s AS v FROM one UNION ALL SELECT %s FROM two) x GROUP BY v', 'SELECT %s AS v FROM one UNION ALL SELECT %s FROM two'),
  ('except_', 'SELECT %s AS v FROM one EXCEPT SELECT %s FROM two', 'SELECT %s AS v FROM one'),
  ('intersect_', 'SELECT %s AS v FROM one INTERSECT ALL SELECT %s FROM two', 'SELECT %s AS v FROM one UNION ALL SELECT %s FROM two'),
  ('joined_', 'SELECT v, count(w) AS c FROM (SELECT %s AS v FROM one) x LEFT JOIN (SELECT %s AS w FROM two) y ON v = w GROUP BY v', 'SELECT %s AS v FROM one'),
  ('summed_', 'SELECT i, sum(%s) AS s, avg(%1$s) AS m FROM one GROUP BY i', NULL);
CREATE TABLE definition (name text, query text, all_values text);
INSERT INTO definition SELECT kind || row_number() OVER (PARTITION BY kind ORDER BY of_one COLLATE "C"), format(query, of_one, of_two), format(all_values, of_one, of_two)
FROM operand, form;
SELECT pgtrickle.create_stream_table(name, query, '520w', 'DIFFERENTIAL') FROM definition \g /dev/null
-- Values that differ, and values that look like none of those that the sources have. Of sums, the looks are compared.
CREATE FUNCTION differences() RETURNS TABLE (name text, query text, n bigint) LANGUAGE plpgsql AS $$
DECLARE all_values text;
BEGIN
  FOR name, query, all_values IN SELECT d.* FROM definition d ORDER BY 1 LOOP
    PERFORM pgtrickle.refresh_stream_table(name);
    EXECUTE format('SELECT count(*) FROM ((SELECT * FROM %1$I EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL SELECT * FROM %1$I)) d', name, query) INTO n;
    IF n > 0 THEN RETURN NEXT; END IF;
    IF all_values IS NULL THEN
      EXECUTE format('SELECT count(*) FROM (SELECT x::text FROM %1$I x EXCEPT ALL SELECT x::text FROM (%2$s) x) x', name, query) INTO n;
    ELSE
      EXECUTE format('SELECT count(*) FROM %1$I WHERE NOT v::text IN (SELECT v::text FROM (%2$s) x)', name, all_values) INTO n;
    END IF;
    IF n > 0 THEN RETURN NEXT; END IF;
  END LOOP;
END $$;
INSERT INTO one VALUES (1, 1.00, 2.00, 2, 1), (2, 2.50, 1.00, 2.500, 2);
SELECT * FROM differences();
INSERT INTO two VALUES (1, 2.0000, 2.00, 2, 1), (2, 2.5000, 2.50, 2.5, 2), (3, 4, 4, 4.0, 3);
INSERT INTO one VALUES (3, 4.00, 1.00, 4.00000, 1), (4, NULL, 3, NULL, 1);
SELECT * FROM differences();
DELETE FROM one WHERE id IN (1, 3);
SELECT * FROM differences();
UPDATE one SET n = n + 0.00, p = p * 2, i = 3 - i;
DELETE FROM two WHERE id = 2;
SELECT * FROM differences();
DELETE FROM one;
SELECT * FROM differences();
DROP SCHEMA scales CASCADE;
