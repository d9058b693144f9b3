-- About 1,000 rows of lineitem, orders and customer are updated; {turn} makes each time other ones of them.

UPDATE lineitem SET l_quantity = 1 + (l_quantity + 17) % 50, l_extendedprice = l_extendedprice + 100, l_receiptdate = l_receiptdate + 1
  WHERE l_orderkey BETWEEN 40000 + {turn} * 3000 AND 40490 + {turn} * 3000;
UPDATE orders SET o_orderdate = o_orderdate + 3, o_orderpriority = '2-HIGH' WHERE o_orderkey BETWEEN 40600 + {turn} * 3000 AND 41600 + {turn} * 3000;
UPDATE customer SET c_acctbal = c_acctbal + 10 WHERE c_custkey BETWEEN 1 + {turn} * 500 AND 250 + {turn} * 500;
