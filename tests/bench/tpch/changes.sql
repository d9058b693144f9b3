-- About 100 rows of all tables are inserted, updated and deleted; {turn} makes each time other ones of them.

CREATE OR REPLACE FUNCTION some_orders(turn int, salt int, count int) RETURNS bigint[] LANGUAGE sql STABLE AS $$
  SELECT array_agg((n - 1) / 8 * 32 + (n - 1) % 8 + 1) FROM (SELECT one_of(turn * 100 + i, salt, 1, tpch_rows(1500000))::bigint AS n FROM generate_series(1, count) i) x $$;
CREATE OR REPLACE FUNCTION some_keys(turn int, salt int, count int, base int) RETURNS int[] LANGUAGE sql STABLE AS $$
  SELECT array_agg(one_of(turn * 100 + i, salt, 1, tpch_rows(base))) FROM generate_series(1, count) i $$;

BEGIN;
SELECT make_orders(tpch_rows(1500000) + 4 * {turn} + 1, tpch_rows(1500000) + 4 * {turn} + 4);
DELETE FROM lineitem WHERE l_orderkey = ANY (some_orders({turn}, 101, 4));
DELETE FROM orders WHERE o_orderkey = ANY (some_orders({turn}, 101, 4));
COMMIT;
BEGIN;
UPDATE lineitem SET l_quantity = 1 + (l_quantity + 17) % 50, l_extendedprice = l_extendedprice + 100 WHERE l_orderkey = ANY (some_orders({turn}, 102, 3));
UPDATE lineitem SET l_receiptdate = l_receiptdate + 20, l_shipmode = 'MAIL', l_returnflag = 'R' WHERE l_orderkey = ANY (some_orders({turn}, 103, 2));
UPDATE lineitem SET l_discount = 0.06 WHERE l_orderkey = ANY (some_orders({turn}, 104, 2));
UPDATE orders SET o_orderdate = o_orderdate + 30, o_orderpriority = '2-HIGH' WHERE o_orderkey = ANY (some_orders({turn}, 105, 4));
UPDATE orders SET o_custkey = one_of({turn}, 106, 1, tpch_rows(150000)), o_comment = 'special packages requests' WHERE o_orderkey = ANY (some_orders({turn}, 107, 2));
COMMIT;
BEGIN;
UPDATE customer SET c_acctbal = c_acctbal + 1000, c_mktsegment = 'BUILDING' WHERE c_custkey = ANY (some_keys({turn}, 110, 5, 150000));
INSERT INTO customer VALUES (1000000000 + {turn}, 'Customer#new', 'new', {turn} % 25, '13-000', 9000, 'BUILDING', 'new');
DELETE FROM customer WHERE c_custkey = ANY (some_keys({turn}, 111, 1, 150000));
UPDATE supplier SET s_acctbal = s_acctbal + 100, s_nationkey = (s_nationkey + 1) % 25 WHERE s_suppkey = ANY (some_keys({turn}, 112, 2, 10000));
INSERT INTO supplier VALUES (1000000000 + {turn}, 'Supplier#new' || {turn}, 'new', 3, '13-001', 5000, 'the Customer had Complaints');
DELETE FROM supplier WHERE s_suppkey = ANY (some_keys({turn}, 113, 1, 10000));
COMMIT;
BEGIN;
UPDATE part SET p_size = 15, p_type = 'PROMO PLATED BRASS' WHERE p_partkey = ANY (some_keys({turn}, 114, 3, 200000));
INSERT INTO part VALUES (1000000000 + {turn}, 'forest green', 'Manufacturer#1', 'Brand#23', 'STANDARD BRASS', 15, 'MED BOX', 1000, 'new');
DELETE FROM part WHERE p_partkey = ANY (some_keys({turn}, 115, 1, 200000));
UPDATE partsupp SET ps_supplycost = ps_supplycost / 2, ps_availqty = ps_availqty + 100 WHERE ps_partkey = ANY (some_keys({turn}, 116, 2, 200000));
INSERT INTO partsupp VALUES (1000000000 + {turn}, one_of({turn}, 117, 1, tpch_rows(10000)), 500, 3, 'new');
DELETE FROM partsupp WHERE ps_partkey = ANY (some_keys({turn}, 118, 1, 200000));
INSERT INTO nation VALUES (1000 + {turn}, 'NEW', 2, 'new');
UPDATE nation SET n_comment = 'changed ' || {turn} WHERE n_nationkey = {turn} % 25;
DELETE FROM nation WHERE n_nationkey = 998 + {turn};
INSERT INTO region VALUES (1000 + {turn}, 'NEW', 'new');
DELETE FROM region WHERE r_regionkey = 998 + {turn};
COMMIT;
