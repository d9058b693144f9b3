-- Analytical queries in the manner of TPC-DS: windows, ROLLUP, shared CTEs, set operations, ranks, shares, channels compared.

-- Q1 buyers who return more than others in their store
WITH returned AS (
  SELECT ss_buyer, ss_store, sum(sr_amount) AS total FROM store_return JOIN store_sale ON ss_ticket = sr_ticket AND ss_item = sr_item
  GROUP BY ss_buyer, ss_store)
SELECT b_key, b_state, r.total FROM returned r JOIN buyer ON b_key = r.ss_buyer
WHERE r.total > (SELECT avg(total) * 1.2 FROM returned o WHERE o.ss_store = r.ss_store)
ORDER BY r.total DESC, b_key, r.ss_store LIMIT 100;

-- Q2 sales by category, class and brand, at each level with totals
SELECT i_category, i_class, i_brand, grouping(i_category, i_class, i_brand) AS level, sum(ss_profit) AS profit, sum(ss_price) AS price, count(*) AS sales
FROM store_sale JOIN item ON i_key = ss_item JOIN day ON d_key = ss_day WHERE d_year = 2000
GROUP BY ROLLUP (i_category, i_class, i_brand);

-- Q3 categories ranked by margin within their level
SELECT i_category, s_state, grouping(i_category, s_state) AS level, sum(ss_profit) / nullif(sum(ss_price), 0) AS margin,
  rank() OVER (PARTITION BY grouping(i_category, s_state) ORDER BY sum(ss_profit) / nullif(sum(ss_price), 0)) AS place
FROM store_sale, item, store WHERE i_key = ss_item AND s_key = ss_store GROUP BY GROUPING SETS ((i_category, s_state), (i_category), ());

-- Q4 a class's share of its category
SELECT i_category, i_class, sum(ws_price) AS revenue,
  sum(ws_price) * 100 / nullif(sum(sum(ws_price)) OVER (PARTITION BY i_category), 0) AS share
FROM web_sale, item, day WHERE ws_item = i_key AND ws_day = d_key AND d_date BETWEEN date '2000-02-01' AND date '2000-02-01' + interval '60' day
GROUP BY i_category, i_class;

-- Q5 months that differ by more than a tenth from the average of their year, with the months before and after
WITH monthly AS (
  SELECT i_category, s_name, d_year, d_month, sum(ss_price) AS total,
    avg(sum(ss_price)) OVER (PARTITION BY i_category, s_name, d_year) AS average,
    row_number() OVER (PARTITION BY i_category, s_name ORDER BY d_year, d_month) AS number
  FROM item, store_sale, day, store WHERE ss_item = i_key AND ss_day = d_key AND ss_store = s_key
  GROUP BY i_category, s_name, d_year, d_month)
SELECT m.i_category, m.s_name, m.d_year, m.d_month, m.average, m.total, before.total AS total_before, after.total AS total_after
FROM monthly m JOIN monthly before ON before.i_category = m.i_category AND before.s_name = m.s_name AND before.number = m.number - 1
  JOIN monthly after ON after.i_category = m.i_category AND after.s_name = m.s_name AND after.number = m.number + 1
WHERE m.d_year = 2000 AND m.average > 0 AND abs(m.total - m.average) / m.average > 0.1;

-- Q6 running revenue of both channels, an item's days where the web is ahead
WITH web AS (
    SELECT ws_item AS item, d_date, sum(sum(ws_price)) OVER (PARTITION BY ws_item ORDER BY d_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running
    FROM web_sale, day WHERE ws_day = d_key GROUP BY ws_item, d_date),
  shop AS (
    SELECT ss_item AS item, d_date, sum(sum(ss_price)) OVER (PARTITION BY ss_item ORDER BY d_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running
    FROM store_sale, day WHERE ss_day = d_key GROUP BY ss_item, d_date)
SELECT * FROM (
  SELECT item, d_date, web.running AS web, shop.running AS shop,
    max(web.running) OVER (PARTITION BY item ORDER BY d_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS web_most,
    max(shop.running) OVER (PARTITION BY item ORDER BY d_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS shop_most
  FROM web FULL JOIN shop USING (item, d_date)) x WHERE web_most > shop_most;

-- Q7 buyers of all channels in one month
SELECT count(*) AS buyers FROM (
  SELECT DISTINCT b_state, b_born, d_date FROM store_sale, day, buyer WHERE ss_day = d_key AND ss_buyer = b_key AND d_year = 2000
  INTERSECT
  SELECT DISTINCT b_state, b_born, d_date FROM web_sale, day, buyer WHERE ws_day = d_key AND ws_buyer = b_key AND d_year = 2000) x;

-- Q8 the days on which an item was sold in stores and neither on the web nor returned
SELECT ss_item, ss_day FROM store_sale EXCEPT (SELECT ws_item, ws_day FROM web_sale UNION SELECT sr_item, sr_day FROM store_return);

-- Q9 buyers by state and age who bought in a store and in another channel
SELECT b_state, b_gender, count(*) AS count, avg(b_born) AS born, max(b_born) AS youngest, count(DISTINCT b_born) AS years
FROM buyer b
WHERE EXISTS (SELECT 1 FROM store_sale, day WHERE b.b_key = ss_buyer AND ss_day = d_key AND d_year = 2000 AND d_quarter < 4)
  AND (EXISTS (SELECT 1 FROM web_sale, day WHERE b.b_key = ws_buyer AND ws_day = d_key AND d_year = 2000)
    OR b.b_key IN (SELECT ss_buyer FROM store_return JOIN store_sale ON ss_ticket = sr_ticket AND ss_item = sr_item))
GROUP BY b_state, b_gender;

-- Q10 profit and loss of the channels
WITH channel AS (
  SELECT 'store' AS channel, s_name AS id, sum(ss_price) AS sales, sum(ss_profit) AS profit, 0 AS returns FROM store_sale, store WHERE ss_store = s_key GROUP BY s_name
  UNION ALL
  SELECT 'web', i_category, sum(ws_price), sum(ws_profit), 0 FROM web_sale LEFT JOIN item ON i_key = ws_item GROUP BY i_category
  UNION ALL
  SELECT 'return', sr_reason, 0, 0, sum(sr_amount) FROM store_return GROUP BY sr_reason)
SELECT channel, id, sum(sales) AS sales, sum(returns) AS returns, sum(profit) AS profit FROM channel GROUP BY ROLLUP (channel, id);

-- Q11 stock with an uneven course, one quarter after the other
WITH course AS (
  SELECT k_store, k_item, d_quarter, stddev_samp(k_quantity) AS deviation, avg(k_quantity) AS mean FROM stock, day WHERE k_day = d_key
  GROUP BY k_store, k_item, d_quarter)
SELECT a.k_store, a.k_item, a.d_quarter, a.mean, b.mean AS next_mean FROM course a, course b
WHERE a.k_item = b.k_item AND a.k_store = b.k_store AND b.d_quarter = a.d_quarter + 1
  AND CASE a.mean WHEN 0 THEN 0 ELSE a.deviation / a.mean END > 0.5;

-- Q12 the best and the worst items, side by side
SELECT best.place, i1.i_brand AS best_brand, i2.i_brand AS worst_brand
FROM (SELECT * FROM (SELECT ss_item, rank() OVER (ORDER BY average DESC) AS place FROM (
        SELECT ss_item, avg(ss_profit) AS average FROM store_sale WHERE ss_store = 4 GROUP BY ss_item) v1) v11 WHERE place < 11) best
  JOIN (SELECT * FROM (SELECT ss_item, rank() OVER (ORDER BY average) AS place FROM (
        SELECT ss_item, avg(ss_profit) AS average FROM store_sale WHERE ss_store = 4 GROUP BY ss_item) v2) v21 WHERE place < 11) worst USING (place),
  item i1, item i2 WHERE i1.i_key = best.ss_item AND i2.i_key = worst.ss_item;

-- Q13 the weekdays of a week next to each other, and those a year later
WITH weekly AS (
  SELECT d_year, extract(week FROM d_date) AS week, sum(CASE WHEN d_weekday = 0 THEN price END) AS sunday, sum(price) FILTER (WHERE d_weekday = 6) AS saturday
  FROM (SELECT ws_day AS day, ws_price AS price FROM web_sale UNION ALL SELECT ss_day, ss_price FROM store_sale) x JOIN day ON d_key = x.day
  GROUP BY 1, 2)
SELECT y1.week, round(y1.sunday / nullif(y2.sunday, 0), 2) AS sunday, round(y1.saturday / nullif(y2.saturday, 0), 2) AS saturday
FROM weekly y1 LEFT JOIN weekly y2 ON y2.week = y1.week AND y2.d_year = y1.d_year + 1 WHERE y1.d_year = 1999;

-- Q14 the three best sales of each store and category, and the median
SELECT s_name, i_category, top.ss_ticket, top.ss_item, top.ss_profit, m.median
FROM store CROSS JOIN (SELECT DISTINCT i_category FROM item) c
  CROSS JOIN LATERAL (SELECT ss_ticket, ss_item, ss_profit FROM store_sale JOIN item ON i_key = ss_item
    WHERE ss_store = s_key AND item.i_category = c.i_category ORDER BY ss_profit DESC, ss_ticket, ss_item LIMIT 3) top
  JOIN (SELECT ss_store, percentile_disc(0.5) WITHIN GROUP (ORDER BY ss_profit) AS median FROM store_sale GROUP BY ss_store) m ON m.ss_store = s_key;
