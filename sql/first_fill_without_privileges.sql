-- A dump grants privileges last. A first fill that lacks one is tried again when any is granted.
SET client_min_messages = warning;
CREATE ROLE regress_ffp_owner;
CREATE SCHEMA first_fill;
SET search_path = first_fill;
CREATE TABLE t AS SELECT generate_series(1, 3) AS id;
GRANT USAGE, CREATE ON SCHEMA first_fill TO regress_ffp_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO regress_ffp_owner;
CREATE FOREIGN TABLE restored (id int) SERVER pgtrickle
  OPTIONS (query 'SELECT id FROM first_fill.t', original_query 'SELECT id FROM first_fill.t', schedule '1s');
ALTER FOREIGN TABLE restored OWNER TO regress_ffp_owner;
CREATE FOREIGN TABLE paused (id int) SERVER pgtrickle
  OPTIONS (query 'SELECT id FROM first_fill.t', original_query 'SELECT id FROM first_fill.t', schedule '1s');
ALTER FOREIGN TABLE paused OWNER TO regress_ffp_owner;
SELECT count(*) FROM restored;
SELECT test.wait_for($$SELECT count(DISTINCT pgt_name) FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables s USING (pgt_id)
  WHERE pgt_schema = 'first_fill' AND h.status = 'FAILED'$$, '2');
-- a restored hold is the reason from then on
SELECT pgtrickle.pause_scheduler(ARRAY['first_fill.paused']);
GRANT SELECT ON t TO regress_ffp_owner;
SELECT count(*) FROM restored;
SELECT count(*) FROM paused;
DROP SCHEMA first_fill CASCADE;
REVOKE USAGE ON FOREIGN SERVER pgtrickle FROM regress_ffp_owner;
DROP ROLE regress_ffp_owner;
