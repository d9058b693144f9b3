-- The rows of a function have the types that it is declared with: otherwise an error is raised before PostgreSQL reads a value
-- as another type. Each set-returning function of the extension is declared once more, with all columns of another type.
SET client_min_messages = warning;
CREATE SCHEMA result_columns;
SET search_path = result_columns, public;
CREATE TABLE item (id int PRIMARY KEY, shop int, qty int);
CREATE TABLE shop (id int, name text);
CREATE TABLE stopped (id int);
INSERT INTO shop SELECT g, 'shop ' || g FROM generate_series(1, 3) g;
INSERT INTO item SELECT g, g % 3, g FROM generate_series(1, 30) g;
SELECT pgtrickle.create_stream_table('result_columns.total', 'SELECT shop, sum(qty) AS qty FROM item GROUP BY shop', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('result_columns.named', 'SELECT i.id, s.name FROM item i JOIN shop s ON s.id = i.shop', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('result_columns.both', 'SELECT t.qty, n.name FROM total t JOIN named n ON n.id = t.shop', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('result_columns.other', 'SELECT id FROM stopped', '520w', 'DIFFERENTIAL');
INSERT INTO item VALUES (31, 1, 31);
SELECT pgtrickle.refresh_stream_table('result_columns.total');
INSERT INTO item VALUES (32, 1, 32);
SELECT pgtrickle.create_watermark_group('result_columns', ARRAY['item', 'shop']);
SELECT pgtrickle.advance_watermark('item', '2026-01-31');
SELECT pgtrickle.create_refresh_group('result_columns', ARRAY['result_columns.total', 'result_columns.other']);
SELECT pgtrickle.gate_source('shop');
SELECT pgtrickle.stop_capture('stopped');
-- Returns the outcome of calling a function, with columns declared of another type if one is given. A caught error is not logged.
CREATE FUNCTION outcome(of_oid oid, other_type text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  called pg_proc := (SELECT p FROM pg_proc p WHERE p.oid = of_oid);
  inputs text := (SELECT string_agg(format_type(type, NULL), ', ') FROM unnest(called.proargtypes) type);
  outputs text := (SELECT string_agg('OUT c' || number || ' ' || other_type, ', ')
                   FROM unnest(called.proargmodes) WITH ORDINALITY AS mode(mode, number) WHERE mode.mode = 'o');
  given text := (SELECT string_agg(CASE WHEN called.proname = 'validate_query' THEN '''SELECT 1 AS a'''
                                        WHEN type = 'text'::regtype THEN '''result_columns.total'''
                                        WHEN type = 'int'::regtype THEN '10'
                                        WHEN type = 'oid[]'::regtype THEN quote_literal(ARRAY['named'::regclass::oid]) ELSE 'NULL' END || '::' || format_type(type, NULL), ', ')
                 FROM unnest(called.proargtypes) type);
  name text := 'pgtrickle.' || called.proname;
  rows bigint;
BEGIN
  IF other_type IS NOT NULL THEN
    name := 'pg_temp.' || called.proname;
    EXECUTE format('CREATE FUNCTION %s(%s) RETURNS SETOF record LANGUAGE c AS %L, %L',
                   name, concat_ws(', ', inputs, outputs), called.probin, called.prosrc);
  END IF;
  EXECUTE format('SELECT count(*) FROM %s(%s)', name, given) INTO rows;
  RETURN CASE WHEN rows > 0 THEN 'rows' ELSE 'no row' END;
EXCEPTION WHEN internal_error THEN
  RETURN regexp_replace(sqlerrm, 'column "c\d+" (.*), not .*', 'column C \1, not as it is made');
END $$;
-- functions_without_a_row_return_one_during_a_refresh_only
SELECT p.proname, outcome(p.oid), outcome(p.oid, 'point') AS with_other_columns
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
  WHERE p.pronamespace = 'pgtrickle'::regnamespace AND l.lanname = 'c' AND p.proretset ORDER BY p.proname COLLATE "C";
SELECT pgtrickle.drop_watermark_group('result_columns');
SELECT pgtrickle.drop_refresh_group('result_columns');
DROP SCHEMA result_columns CASCADE;
