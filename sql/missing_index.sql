-- The NOTICE at creation names the exact CREATE INDEX for every look-up, and no other.
CREATE TABLE mi_order (id int PRIMARY KEY, email text, day timestamptz, qty int);
CREATE TABLE mi_customer (email text, name text, zone text);
CREATE TABLE mi_day (day timestamp);

-- expression_of_a_join_is_named
CREATE FOREIGN TABLE mi_by_email () SERVER pgtrickle
  OPTIONS (query 'SELECT c.name, sum(o.qty) AS qty FROM mi_order o JOIN mi_customer c ON lower(c.email) = lower(o.email) GROUP BY c.name');
CREATE INDEX ON public.mi_order ((lower(email)));
CREATE INDEX ON public.mi_customer ((lower(email)));
SELECT value FROM pgtrickle.explain_st('mi_by_email') WHERE property = 'missing index';

-- other_expression_does_not_serve, and neither does a partial index
DROP INDEX mi_order_lower_idx, mi_customer_lower_idx;
CREATE INDEX mi_other ON mi_order ((upper(email)));
CREATE INDEX mi_partial ON mi_customer ((lower(email))) WHERE name <> '';
SELECT value FROM pgtrickle.explain_st('mi_by_email') WHERE property = 'missing index' ORDER BY value;

-- expression_through_a_subquery_is_followed_to_its_table
CREATE FOREIGN TABLE mi_through () SERVER pgtrickle
  OPTIONS (query 'SELECT o.id, c.zone FROM mi_order o JOIN (SELECT email || name AS code, zone FROM mi_customer) c ON c.code = o.id::text');

-- stable_expression_cannot_be_indexed
CREATE FOREIGN TABLE mi_stable () SERVER pgtrickle
  OPTIONS (query 'SELECT o.id FROM mi_order o JOIN mi_day d ON d.day = date_trunc(''day'', o.day)::timestamp');

-- expressions that may fail or call a user's function are not advised: the index would make an INSERT fail, or run the function
CREATE FUNCTION mi_code(email text) RETURNS text LANGUAGE sql IMMUTABLE LEAKPROOF RETURN md5(email);
CREATE FOREIGN TABLE mi_failing () SERVER pgtrickle
  OPTIONS (query 'SELECT o.id, c.zone FROM mi_order o JOIN mi_customer c ON c.name = mi_code(o.email) AND c.zone::int = 100 / o.qty');
CREATE FOREIGN TABLE mi_dividing () SERVER pgtrickle
  OPTIONS (query 'SELECT o.qty % 10 AS digit, o.qty % -1 AS nothing, max(o.id) AS last FROM mi_order o GROUP BY o.qty % 10, o.qty % -1');

DROP FOREIGN TABLE mi_failing, mi_dividing, mi_by_email, mi_through, mi_stable;
DROP TABLE mi_order, mi_customer, mi_day;
DROP FUNCTION mi_code;
