-- A query cannot be maintained from its sources alone if it converts certain values to text, however deep in a container:
-- the text of a regnamespace is the name of a schema.
SET client_min_messages = warning;
CREATE SCHEMA values_as_text;
SET search_path = values_as_text;
CREATE TYPE named AS (k int, c regnamespace);
CREATE DOMAIN schema_name AS regnamespace;
CREATE DOMAIN schema_names AS schema_name[];
CREATE TABLE s (k int PRIMARY KEY, c regnamespace, t timestamptz);
CREATE SCHEMA old_name;
INSERT INTO s VALUES (1, 'old_name', '2024-01-01 00:00+00'), (2, 'old_name', NULL);
CREATE FUNCTION any_text(anyelement) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION any_row(int) RETURNS record IMMUTABLE LANGUAGE sql AS 'SELECT ($1, ''pg_catalog''::regnamespace)';
CREATE FUNCTION two_columns(int, OUT a int, OUT b regnamespace) IMMUTABLE LANGUAGE sql AS 'SELECT $1, ''pg_catalog''::regnamespace';
CREATE FUNCTION same(anyelement) RETURNS anyelement IMMUTABLE LANGUAGE sql AS 'SELECT $1';

CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('aggregate', 'SELECT json_agg(c ORDER BY k)::text AS x FROM s'),
  ('any_type', 'SELECT k, any_text(c) AS x FROM s'),
  ('array', 'SELECT k, ARRAY[c]::text AS x FROM s'),
  ('array_of_rows', 'SELECT k, ARRAY[ROW(c)]::text AS x FROM s'),
  ('array_to_array', 'SELECT k, ARRAY[c]::text[] AS x FROM s'),
  ('by_window', 'SELECT k, json_agg(c) OVER (PARTITION BY k)::text AS x FROM s'),
  ('columns_of_function', 'SELECT k, two_columns(k)::text AS x FROM s'),
  ('concatenated', 'SELECT k, c || ''!'' AS x FROM s'),
  ('domain_over_array', 'SELECT k, ARRAY[c]::schema_names::text AS x FROM s'),
  ('format', 'SELECT k, format(''%s'', c) AS x FROM s'),
  ('format_variadic', 'SELECT k, format(''%s'', VARIADIC ARRAY[c]) AS x FROM s'),
  ('json_object', 'SELECT k, json_build_object(''c'', c)::text AS x FROM s'),
  ('named_row', 'SELECT k, ROW(k, c)::named::text AS x FROM s'),
  ('row', 'SELECT k, ROW(c)::text AS x FROM s'),
  ('row_from_below', 'SELECT r::text AS x FROM (SELECT same(ROW(c)) AS r FROM s) q'),
  ('row_in_row', 'SELECT k, ROW(k, ROW(k, c))::text AS x FROM s'),
  ('row_of_function', 'SELECT k, any_row(k)::text AS x FROM s'),
  ('row_outside', 'SELECT k, (SELECT row_to_json(q) FROM (SELECT 1) o)::text AS x FROM (SELECT k, c FROM s) q'),
  ('row_to_json', 'SELECT row_to_json(q)::text AS x FROM (SELECT k, c FROM s) q'),
  ('table_row', 'SELECT k, s::text AS x FROM s'),
  ('values_row', 'SELECT k, v::text AS x FROM s, LATERAL (VALUES (s.c, 1), (NULL, 2)) v'),
  ('xml_attribute', 'SELECT k, xmlelement(NAME e, xmlattributes(c AS a))::text AS x FROM s'),
  ('xml_forest', 'SELECT k, xmlforest(c AS d)::text AS x FROM s'),
  ('xml_read', $$SELECT k, x.c::oid::int AS x FROM s, XMLTABLE('/r' PASSING XMLPARSE(CONTENT '<r>pg_catalog</r>') COLUMNS c regnamespace PATH '.') x$$);
CREATE FUNCTION objection_to(name text, query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pgtrickle.create_stream_table('values_as_text.' || name, query, '520w', 'DIFFERENTIAL');
  RETURN 'none';
EXCEPTION WHEN feature_not_supported THEN
  RETURN regexp_replace(SQLERRM, '^.*mode: ', '');
END $$;
SELECT name, objection_to('refused_' || name, query) FROM kept ORDER BY 1;

-- renames_are_followed
SELECT count(pgtrickle.create_stream_table('values_as_text.' || name, query, '520w', 'AUTO')) FROM kept;
ALTER SCHEMA old_name RENAME TO new_name;
CREATE FUNCTION wrong() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE one kept; is_wrong bool;
BEGIN
  FOR one IN TABLE kept LOOP
    PERFORM pgtrickle.refresh_stream_table('values_as_text.' || one.name);
    EXECUTE format('SELECT (SELECT string_agg(d::text, '' '' ORDER BY d::text) FROM %I d) IS DISTINCT FROM (SELECT string_agg(d::text, '' '' ORDER BY d::text) FROM (%s) d)', one.name, one.query) INTO is_wrong;
    IF is_wrong THEN RETURN NEXT one.name; END IF;
  END LOOP;
END $$;
SELECT wrong();

-- rows_without_names_are_maintained_by_deltas
TRUNCATE kept;
INSERT INTO kept VALUES
  ('array_2', 'SELECT k, ARRAY[ROW(k, ''a'')]::text AS x FROM s'),
  ('row_2', 'SELECT k, ROW(k, t)::text AS x FROM s'),
  ('row_not_printed', 'SELECT ROW(c) = ROW(''pg_catalog''::regnamespace) AS x FROM s'),
  ('row_to_json_2', 'SELECT row_to_json(q)::text AS x FROM (SELECT k, k + 1 AS l FROM s) q'),
  ('window_2', 'SELECT k, json_agg(k) OVER (PARTITION BY k)::text AS x FROM s'),
  ('xml_2', 'SELECT k, xmlforest(k AS d)::text AS x FROM s');
SELECT name, objection_to(name, query) FROM kept ORDER BY 1;
INSERT INTO s VALUES (3, 'new_name', '2024-03-01 00:00+00');
SELECT wrong();

DROP SCHEMA values_as_text, new_name CASCADE;
RESET client_min_messages;
