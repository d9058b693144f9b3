-- One per cent of the rows is inserted, updated or deleted; {turn} makes each time other ones of them.

CREATE OR REPLACE FUNCTION each_400th_order(first int) RETURNS SETOF bigint LANGUAGE sql STABLE ROWS 4000 AS $$
  SELECT (n - 1) / 8 * 32 + (n - 1) % 8 + 1 FROM generate_series(first, tpch_rows(1500000), 400) n $$;

SELECT make_orders(tpch_rows(1500000)::bigint * ({turn} + 2) + 1, tpch_rows(1500000)::bigint * ({turn} + 2) + tpch_rows(1500000) / 400);
BEGIN;
DELETE FROM lineitem WHERE l_orderkey IN (SELECT each_400th_order(10 + {turn}));
DELETE FROM orders WHERE o_orderkey IN (SELECT each_400th_order(10 + {turn}));
COMMIT;
BEGIN;
UPDATE lineitem SET l_quantity = 1 + (l_quantity + 17) % 50, l_extendedprice = l_extendedprice + 100 WHERE l_orderkey IN (SELECT each_400th_order(110 + {turn}));
UPDATE lineitem SET l_receiptdate = l_receiptdate + 20, l_shipmode = 'MAIL', l_returnflag = 'R' WHERE l_orderkey IN (SELECT each_400th_order(210 + {turn}));
UPDATE orders SET o_orderdate = o_orderdate + 30, o_orderpriority = '2-HIGH' WHERE o_orderkey IN (SELECT each_400th_order(310 + {turn}));
COMMIT;
BEGIN;
UPDATE customer SET c_acctbal = c_acctbal + 1000, c_mktsegment = 'BUILDING' WHERE c_custkey % 200 = {turn};
UPDATE supplier SET s_acctbal = s_acctbal + 100, s_nationkey = (s_nationkey + 1) % 25 WHERE s_suppkey % 200 = {turn};
UPDATE part SET p_size = 15, p_type = 'PROMO PLATED BRASS' WHERE p_partkey % 200 = {turn};
UPDATE partsupp SET ps_supplycost = ps_supplycost / 2, ps_availqty = ps_availqty + 100 WHERE ps_partkey % 200 = {turn} + 50;
COMMIT;
