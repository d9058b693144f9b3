-- Relations whose changes are not captured.
SET client_min_messages = warning;
CREATE SCHEMA objections;
SET search_path = objections, public;
CREATE FUNCTION differential(query text) RETURNS void LANGUAGE sql
  AS $$ SELECT pgtrickle.create_stream_table('objections.st', query, '1m', 'DIFFERENTIAL') $$;
CREATE TABLE plain (id int);
CREATE TABLE parent (id int);
CREATE TEMP TABLE child () INHERITS (parent);
CREATE TABLE parted (id int, n int) PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE SEQUENCE numbers;
CREATE TABLE empty ();
CREATE TABLE weighed (id int, pgt_weight int, pgt_count int);

SELECT differential('SELECT id FROM parent');
SELECT differential('SELECT id FROM ONLY parted');
SELECT differential('SELECT ctid, id FROM plain');
SELECT differential('SELECT id FROM plain WHERE xmin::text = cmin::text');
SELECT differential('SELECT last_value FROM numbers');
SELECT differential('SELECT count(*) AS n FROM empty');
SELECT differential('SELECT id FROM weighed WHERE pgt_weight > 1');
-- columns of sources may have other names of internal columns
SELECT pgtrickle.create_stream_table('objections.counted', 'SELECT id, pgt_count AS n, (SELECT count(*) FROM weighed y WHERE y.pgt_count = x.id) AS c FROM weighed x', '1m', 'DIFFERENTIAL') \g /dev/null
INSERT INTO weighed VALUES (1, 1, 1);
SELECT pgtrickle.refresh_stream_table('objections.counted') \g /dev/null
TABLE counted;
SELECT pgtrickle.create_stream_table('objections.weights', 'SELECT pgt_weight AS w FROM weighed', '1m') \g /dev/null
INSERT INTO weighed VALUES (2, 2, 2);
SELECT pgtrickle.refresh_stream_table('objections.weights') \g /dev/null
SELECT * FROM weights ORDER BY w;
-- a source that cannot be captured is an error in AUTO and FULL, too, without a NOTICE before it
SET client_min_messages = notice;
SELECT pgtrickle.create_stream_table('objections.st', 'SELECT last_value FROM numbers', '520w');
SELECT pgtrickle.create_stream_table('objections.st', 'SELECT id FROM parent', '520w', 'FULL');
SET client_min_messages = warning;

-- policies in force for the owner
CREATE ROLE objections_owner;
GRANT USAGE, CREATE ON SCHEMA objections TO objections_owner;
GRANT USAGE ON SCHEMA pgtrickle TO objections_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO objections_owner;
CREATE TABLE guarded (id int);
GRANT SELECT ON guarded TO objections_owner;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON guarded USING (id % 2 = 0);
SET ROLE objections_owner;
SELECT differential('SELECT id FROM guarded');
SET row_security = off;
SELECT differential('SELECT id FROM guarded');
RESET row_security;
RESET ROLE;

DROP SCHEMA objections CASCADE;
REVOKE USAGE ON SCHEMA pgtrickle FROM objections_owner;
REVOKE USAGE ON FOREIGN SERVER pgtrickle FROM objections_owner;
DROP ROLE objections_owner;
