-- Two paths from one source, by disjoint filters, add up to the source: nobody asks, the manager does it.
SET client_min_messages = warning;
-- Reads take what is there: only the manager's schedule brings the changes in.
SET pg_trickle.max_staleness = '1h';
CREATE FUNCTION pg_temp.wait_until_equal(stream_table text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  give_up_at timestamptz := clock_timestamp() + '30 s';
  is_equal bool;
BEGIN
  LOOP
    EXECUTE format('SELECT NOT EXISTS (TABLE %1$I EXCEPT ALL (%2$s)) AND NOT EXISTS ((%2$s) EXCEPT ALL TABLE %1$I)',
                   stream_table, query) INTO is_equal;
    IF is_equal THEN RETURN 'equal'; END IF;
    IF clock_timestamp() > give_up_at THEN RETURN 'not equal after 30 s'; END IF;
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$;
CREATE TABLE ks_products (id int PRIMARY KEY, name text, price numeric);
INSERT INTO ks_products VALUES
  (1, 'Pen', 10), (2, 'Notebook', 30), (3, 'Laptop', 999), (4, 'Mouse', 25), (5, 'Monitor', 300);
\set ks_expensive_query 'SELECT id, name, price FROM ks_products WHERE price > 50'
SELECT pgtrickle.create_stream_table('ks_expensive', :'ks_expensive_query', '1s', 'DIFFERENTIAL');
\set ks_cheap_query 'SELECT id, name, price FROM ks_products WHERE price <= 50'
SELECT pgtrickle.create_stream_table('ks_cheap', :'ks_cheap_query', '1s', 'DIFFERENTIAL');
-- as filled
SELECT * FROM ks_expensive ORDER BY id;
SELECT * FROM ks_cheap ORDER BY id;
-- one product changes sides, one comes, one goes
UPDATE ks_products SET price = 75 WHERE id = 2;
INSERT INTO ks_products VALUES (6, 'Cable', 5);
DELETE FROM ks_products WHERE id = 4;
SELECT pg_temp.wait_until_equal('ks_expensive', :'ks_expensive_query');
SELECT pg_temp.wait_until_equal('ks_cheap', :'ks_cheap_query');
SELECT * FROM ks_expensive ORDER BY id;
SELECT * FROM ks_cheap ORDER BY id;
-- the union of both is the source
WITH parts AS (SELECT * FROM ks_expensive UNION ALL SELECT * FROM ks_cheap)
SELECT (SELECT count(*) FROM (SELECT * FROM parts EXCEPT ALL SELECT * FROM ks_products) x) AS only_in_parts,
       (SELECT count(*) FROM (SELECT * FROM ks_products EXCEPT ALL SELECT * FROM parts) x) AS only_in_source;
SELECT pgtrickle.drop_stream_table('ks_expensive');
SELECT pgtrickle.drop_stream_table('ks_cheap');
DROP TABLE ks_products;
