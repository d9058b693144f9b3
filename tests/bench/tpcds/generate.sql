-- Fills the tables at the scale that the setting tpcds.scale names; at 1 there are 2.9 million sales in stores. Like in
-- TPC-DS, foreign keys of sales are sometimes NULL, prices differ from sale to sale, and December sells more.
CREATE FUNCTION one_of(number bigint, salt int, lowest int, highest int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT lowest + ((hashint8extended(number, salt) & 2147483647) % (highest - lowest + 1))::int $$;
CREATE FUNCTION seldom_null(value int, number bigint, salt int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN one_of(number, salt, 1, 25) > 1 THEN value END $$;
CREATE FUNCTION tpcds_rows(base bigint) RETURNS int LANGUAGE sql STABLE AS
$$ SELECT greatest(4, (base * current_setting('tpcds.scale')::numeric))::int $$;

INSERT INTO day SELECT n, d, extract(year FROM d), extract(quarter FROM d), extract(month FROM d), extract(dow FROM d)
  FROM (SELECT n, date '1999-01-01' + n AS d FROM generate_series(0, 1095) n) x;
INSERT INTO item SELECT n, ('{Books,Music,Home,Sports,Shoes,NULL}'::text[])[one_of(n, 1, 1, 6)], 'class' || one_of(n, 2, 1, 8),
    'brand' || one_of(n, 3, 1, 30), one_of(n, 4, 99, 9999) / 100.0 FROM generate_series(1, tpcds_rows(18000)) n;
INSERT INTO store SELECT n, 'store' || n, ('{TN,OH,CA,NULL}'::text[])[one_of(n, 5, 1, 4)], 'county' || one_of(n, 6, 1, 5)
  FROM generate_series(1, 12) n;
INSERT INTO buyer SELECT n, ('{TN,OH,CA,NY,TX}'::text[])[one_of(n, 7, 1, 5)], seldom_null(one_of(n, 8, 1930, 1992), n, 9),
    ('{M,F}'::text[])[one_of(n, 10, 1, 2)] FROM generate_series(1, tpcds_rows(100000)) n;

-- A day of a sale: every fourth lies in December.
CREATE FUNCTION day_of(number bigint, salt int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN one_of(number, salt, 1, 4) = 1 THEN 335 + 365 * one_of(number, salt + 1, 0, 1) + one_of(number, salt + 2, 0, 28)
           ELSE one_of(number, salt + 3, 0, 1095) END $$;

CREATE FUNCTION make_sales(first bigint, last bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO store_sale SELECT n / 12, item, min(seldom_null(day_of(n / 12, 20), n, 24)), min(seldom_null(one_of(n / 12, 25, 1, tpcds_rows(100000)), n, 26)),
      min(one_of(n / 12, 27, 1, 12)), min(one_of(n, 28, 1, 100)), min(one_of(n, 29, 100, 20000)) / 100.0, min(one_of(n, 30, -9900, 9900)) / 100.0
    FROM (SELECT n, one_of(n, 31, 1, tpcds_rows(18000)) AS item FROM generate_series(first, last) n) x GROUP BY n / 12, item;
  INSERT INTO web_sale SELECT n / 12, item, min(seldom_null(day_of(n / 12, 40), n, 44)), min(seldom_null(one_of(n / 12, 45, 1, tpcds_rows(100000)), n, 46)),
      min(one_of(n, 48, 1, 100)), min(one_of(n, 49, 100, 20000)) / 100.0, min(one_of(n, 50, -9900, 9900)) / 100.0
    FROM (SELECT n, one_of(n, 51, 1, tpcds_rows(18000)) AS item FROM generate_series(first, first + (last - first) / 4) n) x GROUP BY n / 12, item;
  INSERT INTO store_return SELECT ss_ticket, ss_item, ss_day + one_of(ss_ticket, 60, 1, 60), ss_price * ss_quantity / 10,
      ('{damaged,unwanted,late,NULL}'::text[])[one_of(ss_ticket, 61, 1, 4)]
    FROM store_sale WHERE ss_ticket BETWEEN first / 12 AND last / 12 AND one_of(ss_ticket * 100 + ss_item, 62, 1, 10) = 1;
$$;
SELECT make_sales(1, tpcds_rows(2900000));
INSERT INTO stock SELECT i, s, d, one_of(i * 1000 + s * 100 + d, 70, 0, 1000)
  FROM generate_series(1, tpcds_rows(18000)) i, generate_series(1, 4) s, generate_series(0, 1095, 90) d;
