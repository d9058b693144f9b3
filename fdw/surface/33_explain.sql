-- How a stream table is maintained, or a query would be.

CREATE FUNCTION pgtrickle.explain_st(name text, with_analyze bool DEFAULT false, OUT property text, OUT value text)
  RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_explain_st';
COMMENT ON FUNCTION pgtrickle.explain_st(text, bool)
  IS 'operators, delta statements, arrangements, missing indexes and frontier of a stream table';

CREATE FUNCTION pgtrickle.validate_query(query text, OUT check_name text, OUT result text, OUT severity text)
  RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_validate_query';
COMMENT ON FUNCTION pgtrickle.validate_query(text) IS 'reports whether and how a query can be maintained as a stream table';

CREATE FUNCTION pgtrickle.export_definition(name text) RETURNS text
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_export_definition';
COMMENT ON FUNCTION pgtrickle.export_definition(text) IS 'statements that create a stream table and its indexes';

CREATE FUNCTION pgtrickle.wait_until_fresh(name text, timeout interval DEFAULT '1min') RETURNS bool
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_wait_until_fresh';
COMMENT ON FUNCTION pgtrickle.wait_until_fresh(text, interval)
  IS 'waits until a stream table reflects all changes committed before the call; returns false if the timeout expires';
