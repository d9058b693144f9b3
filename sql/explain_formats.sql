-- EXPLAIN in the formats for programs is well-formed, and has one object for each plan.
SET client_min_messages = warning;
CREATE SCHEMA explain_formats;
SET search_path = explain_formats, public;
SET pg_trickle.enable_expansion = on;
CREATE TABLE src (id int PRIMARY KEY, g int);
INSERT INTO src SELECT g, g % 2 FROM generate_series(1, 4) g;
SELECT pgtrickle.create_stream_table('one', 'SELECT id, g FROM src', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('two', 'SELECT g, count(*) AS n FROM src GROUP BY g', '520w', 'DIFFERENTIAL');
CREATE FUNCTION plan_of(query text, options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; lines text[];
BEGIN
  FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
    lines := lines || regexp_replace(line, '\mst_\d+', 'st_N', 'g');
  END LOOP;
  -- PostgreSQL 18 adds it to each node
  RETURN regexp_replace(array_to_string(lines, E'\n'), ',?\n *("?Disabled"?: false|<Disabled>false</Disabled>)', '', 'g');
END $$;
-- without_costs_nothing_changes_from_call_to_call
SELECT plan_of('SELECT * FROM two', 'FORMAT text, COSTS off');
SELECT plan_of('SELECT * FROM two', 'FORMAT json, COSTS off');
SELECT plan_of('SELECT * FROM two', 'FORMAT yaml, COSTS off');
SELECT plan_of('SELECT * FROM two', 'FORMAT xml, COSTS off');
-- several_stream_tables, beside_one_plan
SELECT json_array_length(p) AS plans, (SELECT array_agg(k) FROM json_object_keys(p -> 0) k) AS keys, (SELECT array_agg(t ->> 'Name' ORDER BY 1) FROM json_array_elements(p -> 0 -> 'Stream Tables') t) AS names
  FROM (SELECT plan_of('SELECT * FROM one JOIN two USING (g)', 'ANALYZE, BUFFERS off, FORMAT json')::json AS p) x;
SELECT (SELECT array_agg(k) FROM json_object_keys(p -> 0 -> 'Stream Tables' -> 0) k) AS keys
  FROM (SELECT plan_of('SELECT * FROM one', 'ANALYZE, BUFFERS off, FORMAT json')::json AS p) x;
SELECT xpath('/e:explain/e:Query/e:Stream-Tables/e:Stream-Table/e:Name/text()', plan_of('SELECT * FROM one JOIN two USING (g)', 'FORMAT xml')::xml, '{{e,http://www.postgresql.org/2009/explain}}');
-- two_plans_of_one_statement
CREATE VIEW shown AS SELECT id FROM one;
CREATE TABLE target (id int);
CREATE RULE also AS ON INSERT TO target DO ALSO INSERT INTO src SELECT n, 9 FROM two;
SELECT (SELECT array_agg(t ->> 'Name' ORDER BY 1) FROM json_array_elements(plan -> 'Stream Tables') t) AS names
  FROM json_array_elements(plan_of('INSERT INTO target SELECT id FROM shown', 'FORMAT json')::json) plan;
SELECT regexp_replace(plan_of('INSERT INTO target SELECT id FROM shown', 'FORMAT yaml, COSTS off'), '\n {4,}([A-Z]| +)[^\n]*', '', 'g');
-- EXECUTE_of_a_prepared_statement
PREPARE by_id (int) AS SELECT * FROM shown JOIN two ON id = g WHERE id = $1;
SELECT plan_of('EXECUTE by_id (1)', 'COSTS off');
SELECT substring(plan_of('EXECUTE by_id (1)', 'COSTS off, ANALYZE, TIMING off, SUMMARY off, FORMAT yaml') FROM '  Triggers.*');
SELECT xpath('/e:explain/e:Query/e:Stream-Tables/e:Stream-Table/e:Name/text()', plan_of('EXECUTE by_id (1)', 'FORMAT xml')::xml, '{{e,http://www.postgresql.org/2009/explain}}');
SELECT json_array_length(p) AS plans, (SELECT array_agg(k) FROM json_object_keys(p -> 0) k) AS keys, (SELECT array_agg(k) FROM json_object_keys(p -> 0 -> 'Stream Tables' -> 1) k) AS of_one
  FROM (SELECT plan_of('EXECUTE by_id (1)', 'ANALYZE, BUFFERS off, FORMAT json')::json AS p) x;
PREPARE other AS SELECT FROM src;
SELECT plan_of('EXECUTE other', 'COSTS off');
EXPLAIN EXECUTE nothing;
CREATE ROLE explain_formats_other;
GRANT USAGE ON SCHEMA explain_formats TO explain_formats_other;
SET ROLE explain_formats_other;
EXPLAIN EXECUTE by_id (1);
RESET ROLE;
DEALLOCATE by_id; DEALLOCATE other;
-- a_plan_without_stream_tables
SELECT plan_of('SELECT FROM src', 'FORMAT yaml, COSTS off');
DROP SCHEMA explain_formats CASCADE;
DROP ROLE explain_formats_other;
RESET client_min_messages; RESET pg_trickle.enable_expansion;
