-- Changes that touch most groups and make others empty: nations move and are renamed, suppliers lose all lines, customers all orders.
BEGIN;
UPDATE nation SET n_regionkey = (n_regionkey + 1) % 5 WHERE n_nationkey % 5 = {turn} % 5;
UPDATE nation SET n_name = CASE n_name WHEN 'GERMANY' THEN 'FRANCE' WHEN 'FRANCE' THEN 'GERMANY' WHEN 'CANADA' THEN 'SAUDI ARABIA' ELSE 'CANADA' END
  WHERE n_name IN ('GERMANY', 'FRANCE', 'CANADA', 'SAUDI ARABIA');
COMMIT;
BEGIN;
DELETE FROM lineitem WHERE l_suppkey % 11 = {turn};
DELETE FROM orders WHERE o_custkey % 13 = {turn};
SAVEPOINT a;
DELETE FROM customer;
ROLLBACK TO a;
UPDATE lineitem SET l_suppkey = l_suppkey + 1 WHERE l_orderkey % 7 = {turn};
COMMIT;
BEGIN;
DELETE FROM lineitem;
ROLLBACK;
