-- A CTE that is referred to several times is one node of the plan and stored once.
SET client_min_messages = warning;
CREATE SCHEMA shared_ctes;
SET search_path = shared_ctes;
CREATE TABLE sale (id int PRIMARY KEY, shop int, item int, amount numeric);
CREATE INDEX ON sale (shop);
INSERT INTO sale SELECT g, g % 5, g % 3, g FROM generate_series(1, 30) g;
CREATE TABLE kept (name text, query text);
INSERT INTO kept VALUES
  ('joined_with_itself', 'WITH s AS (SELECT shop, count(*) AS n, sum(amount) AS total FROM sale GROUP BY shop)
    SELECT a.shop AS shop_a, b.shop AS shop_b, a.total FROM s a JOIN s b ON a.n = b.n'),
  ('different_columns', 'WITH s AS (SELECT shop, count(*) AS n, sum(amount) AS total, max(item) AS top FROM sale GROUP BY shop)
    SELECT a.shop, b.total FROM s a JOIN s b ON a.shop = b.top WHERE a.n > 1'),
  ('materialized', 'WITH s AS MATERIALIZED (SELECT DISTINCT shop, item FROM sale)
    SELECT shop AS v FROM s UNION ALL SELECT item FROM s WHERE shop > 1'),
  ('not_materialized', 'WITH s AS NOT MATERIALIZED (SELECT shop, count(*) AS n FROM sale GROUP BY shop)
    SELECT a.shop, a.n, b.n AS m FROM s a LEFT JOIN s b ON a.shop = b.shop + 1'),
  ('nested', 'WITH s AS (SELECT shop, item, count(*) AS n FROM sale GROUP BY shop, item),
      t AS (SELECT shop, sum(n) AS n FROM s GROUP BY shop)
    SELECT s.shop, s.item, s.n, t.n AS of_shop FROM s JOIN t ON s.shop = t.shop'),
  ('of_a_deeper_level', 'WITH s AS (SELECT shop, count(*) AS n FROM sale GROUP BY shop)
    SELECT x.shop, x.m FROM (SELECT y.shop, y.m FROM (SELECT s.shop, s.n + b.n AS m FROM s, s b) y WHERE y.m > 3) x JOIN s ON s.shop = x.shop'),
  ('hidden_by_a_closer_one', 'WITH s AS (SELECT shop AS v FROM sale)
    SELECT v FROM s UNION ALL SELECT v FROM (WITH s AS (SELECT DISTINCT item AS v FROM sale) SELECT a.v FROM s a JOIN s b ON a.v = b.v) z'),
  ('linear', 'WITH s AS (SELECT id, shop + item AS v FROM sale WHERE amount > 3) SELECT a.id, b.v FROM s a JOIN s b ON a.v = b.id'),
  ('filtered_by_having', 'WITH s AS (SELECT shop, count(*) AS n FROM sale GROUP BY shop HAVING count(*) > 5)
    SELECT shop FROM s UNION ALL SELECT n FROM s UNION ALL SELECT count(*) FROM s'),
  ('copied', 'WITH a AS (SELECT x.id, x.shop, y.item, y.amount / 2 AS half FROM sale x JOIN sale y ON y.id = x.item + 1),
      b AS (SELECT x.id, y.item, y.half FROM a x LEFT JOIN a y ON y.id = x.shop), c AS (SELECT x.id, y.half FROM b x FULL JOIN b y ON y.id = x.item),
      d AS (SELECT x.id, y.half, 10 / (x.id + 1) AS part FROM c x JOIN c y ON y.id = x.id + 1),
      e AS (SELECT x.id, x.part, coalesce(y.half, 0) AS half FROM d x LEFT JOIN d y ON y.id = x.part WHERE x.id IS NOT NULL)
    SELECT id, half, (SELECT count(*) FROM d WHERE d.id < e.id) AS n, row_number() OVER (PARTITION BY part ORDER BY id, half) AS r FROM e
    WHERE half NOT IN (SELECT half FROM e x WHERE x.id = e.part AND half IS NOT NULL)'),
  ('copied_below_a_recursion', 'WITH RECURSIVE s AS (SELECT a.id, a.shop AS next FROM sale a WHERE EXISTS (SELECT FROM sale b, sale c, sale d, sale e, sale f,
      sale g, sale h, sale i WHERE b.id = a.id AND c.id = b.id AND d.id = c.id AND e.id = d.id AND f.id = e.id AND g.id = f.id AND h.id = g.id AND i.id = h.id)),
      r AS (SELECT id, next, 1 AS depth FROM s WHERE id < 9 UNION SELECT s.id, s.next, depth + 1 FROM r JOIN s ON s.id = r.next WHERE depth < 5)
    SELECT r.id, r.depth, s.next FROM r LEFT JOIN s ON s.id = r.next'),
  ('used_once', 'WITH s AS (SELECT shop, count(*) AS n FROM sale GROUP BY shop) SELECT n FROM s WHERE shop = 2');
SELECT pgtrickle.create_stream_table('shared_ctes.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
SELECT * FROM test.wrong('kept');
-- refreshed
INSERT INTO sale SELECT g, g % 7, g % 4, -g FROM generate_series(31, 45) g;
SELECT * FROM test.wrong('kept');
UPDATE sale SET shop = 6, amount = amount + 0.25 WHERE id % 4 = 0;
DELETE FROM sale WHERE shop = 1;
SELECT * FROM test.wrong('kept');
DELETE FROM sale WHERE id % 3 > 0;
INSERT INTO sale VALUES (1, NULL, NULL, NULL), (2, NULL, 3, 4);
SELECT * FROM test.wrong('kept');
DELETE FROM sale;
SELECT * FROM test.wrong('kept');

-- each_grouping_is_stored_once
SELECT k.name, count(*) FILTER (WHERE property ~ '^arrangement \d+$') AS arrangements
FROM kept k, pgtrickle.explain_st('shared_ctes.' || k.name) GROUP BY 1 ORDER BY 1;
-- and_shown_once
SELECT value FROM pgtrickle.explain_st('shared_ctes.different_columns') WHERE property = 'operators';

-- references_that_multiply_are_copied_where_postgresql_computes_them_once
CREATE FUNCTION doubled(is_materialized text) RETURNS text LANGUAGE sql AS $$
  SELECT 'WITH ' || string_agg(format('c%s AS %s (%s)', g, is_materialized, CASE g WHEN 0 THEN 'SELECT shop FROM sale'
    ELSE format('SELECT shop FROM c%1$s EXCEPT ALL SELECT shop FROM sale WHERE id = %1$s UNION ALL SELECT shop FROM c%1$s WHERE shop < 3', g - 1) END), ', ' ORDER BY g)
    || ' SELECT shop FROM c12' FROM generate_series(0, 12) g
$$;
CREATE FUNCTION doubled_by_joins(is_materialized text) RETURNS text LANGUAGE sql AS $$
  SELECT 'WITH ' || string_agg(format('c%s AS %s (%s)', g, is_materialized, CASE g WHEN 0 THEN 'SELECT id, shop FROM sale'
    ELSE format('SELECT a.id, b.shop FROM c%1$s a JOIN c%1$s b ON b.id = a.id', g - 1) END), ', ' ORDER BY g)
    || ' SELECT id, shop FROM c40' FROM generate_series(0, 40) g
$$;
TRUNCATE kept;
INSERT INTO kept VALUES ('doubled', doubled('')), ('doubled_by_joins', doubled_by_joins('MATERIALIZED'));
SELECT pgtrickle.create_stream_table('shared_ctes.' || name, query, '520w', 'DIFFERENTIAL') FROM kept;
INSERT INTO sale SELECT g, g % 7, g % 4, -g FROM generate_series(1, 10) g;
SELECT * FROM test.wrong('kept');
UPDATE sale SET shop = shop - 1 WHERE id > 4;
SELECT * FROM test.wrong('kept');
SELECT value FROM pgtrickle.explain_st('shared_ctes.copied') WHERE property = 'operators';
-- others_are_refused_where_they_are_too_many
SELECT pgtrickle.create_stream_table('shared_ctes.many', doubled_by_joins('NOT MATERIALIZED'), '520w', 'DIFFERENTIAL');
DROP SCHEMA shared_ctes CASCADE;
