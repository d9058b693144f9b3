"""Settings and objects of a session by which names shadow others'. Their canaries belong to the places named
here.

PostgreSQL itself looks temporary tables and types up first, and functions and operators along search_path:
code that a session's own statement runs in this way is the session's responsibility. It must never run as
another role.
"""

# Functions of pg_catalog that internal statements are likely to call, and operators.
SHADOWED = """array_agg array_length array_position array_to_string btrim coalesce concat count current_database current_schemas current_setting
  date_trunc format format_type greatest hashtext left length lower lpad max md5 min now obj_description pg_get_expr pg_get_indexdef
  pg_get_viewdef pg_relation_size pg_table_is_visible position quote_ident quote_literal replace round set_config string_agg strpos substr
  to_char to_regclass txid_current unnest upper"""
SHADOWS = f"""
DO $do$
DECLARE
  p record;
  body text;
  number int := 0;
BEGIN
  FOR p IN SELECT proname, pg_get_function_identity_arguments(oid) AS arguments, format_type(prorettype, NULL) AS result, pronargs
           FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND provariadic = 0 AND NOT proretset
             AND proname = ANY (string_to_array(regexp_replace('{SHADOWED}', '\\s+', ' ', 'g'), ' '))
             AND NOT EXISTS (SELECT FROM unnest(proargtypes || prorettype) a JOIN pg_type t ON t.oid = a WHERE t.typtype = 'p')
  LOOP
    SELECT 'pg_catalog.' || quote_ident(p.proname) || '(' || coalesce(string_agg('$' || i, ', '), '') || ')' INTO body
      FROM generate_series(1, p.pronargs) i;
    EXECUTE format('CREATE OR REPLACE FUNCTION dba.%I(%s) RETURNS %s LANGUAGE plpgsql IMMUTABLE AS %L', p.proname,
                   regexp_replace(p.arguments, '\\mposition\\M', 'q'), p.result,
                   'BEGIN PERFORM canary.note(''search_path''); RETURN ' || body || '; END');
  END LOOP;
  FOR p IN SELECT oprname, format_type(oprleft, NULL) AS l, format_type(oprright, NULL) AS r, format_type(oprresult, NULL) AS result
           FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprname IN ('=', '<>', '<', '>', '>=', '<=', '||', '+', '-', '~')
             AND oprleft IN ('int4'::regtype, 'int8'::regtype, 'oid'::regtype, 'text'::regtype, 'name'::regtype, 'bool'::regtype, 'timestamptz'::regtype)
             AND oprright IN ('int4'::regtype, 'int8'::regtype, 'oid'::regtype, 'text'::regtype, 'name'::regtype, 'bool'::regtype, 'timestamptz'::regtype)
  LOOP
    number := number + 1;
    EXECUTE format('CREATE FUNCTION dba.operator_%s(%s, %s) RETURNS %s LANGUAGE plpgsql IMMUTABLE AS %L', number, p.l, p.r, p.result,
                   'BEGIN PERFORM canary.note(''search_path''); RETURN $1 OPERATOR(pg_catalog.' || p.oprname || ') $2; END');
    EXECUTE format('CREATE OPERATOR dba.%s (leftarg = %s, rightarg = %s, procedure = dba.operator_%s)', p.oprname, p.l, p.r, number);
  END LOOP;
END $do$;
"""

TEMPORARY = """
DO $do$
DECLARE
  name text;
BEGIN
  CREATE FUNCTION pg_temp.shadow(bool) RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM canary.note(''temporary''); RETURN true; END';
  CREATE FUNCTION pg_temp.checked(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM canary.note(''temporary''); RETURN true; END';
  FOREACH name IN ARRAY ARRAY['pg_class', 'pg_attribute', 'pg_type', 'pg_proc', 'pg_depend', 'pg_foreign_table', 'pg_namespace', 'pg_locks',
                              'pg_stat_activity', 'pg_settings', 'pg_statistic', 'pg_index', 'pg_roles'] LOOP
    EXECUTE (SELECT format('CREATE TEMP VIEW %I AS SELECT %s FROM pg_catalog.%I WHERE pg_temp.shadow(true)', name, string_agg(attname, ', '), name)
             FROM pg_catalog.pg_attribute WHERE attrelid = ('pg_catalog.' || name)::regclass AND attnum > 0 AND atttypid <> 'anyarray'::regtype);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['pgt_state', 'pgt_source', 'pgt_dependency', 'pgt_hold', 'pgt_delta_s0', 'array_of_domain', 'array_of_domain_t'] LOOP
    EXECUTE format('CREATE TEMP VIEW %I AS SELECT 1 AS relid WHERE pg_temp.shadow(true)', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['text', 'int8', 'int4', 'oid', 'bool', 'name', 'regclass'] LOOP
    EXECUTE format('CREATE DOMAIN pg_temp.%I AS pg_catalog.%I CHECK (pg_temp.checked(''x''))', name, name);
  END LOOP;
END $do$;
"""
GUISES = {
    "plain": ("SET constraint_exclusion = on",),
    "search_path": ("SET search_path = dba, pg_catalog, public",),
    "temporary": (TEMPORARY,),
}
