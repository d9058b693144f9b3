-- A function that statements of a refresh call for a subquery that may return at most one row, in addition to
-- any_one(). Calls by users are harmless.

CREATE FUNCTION pgtrickle.pgt_only_row(value anyelement, number_of_rows bigint) RETURNS anyelement
  LANGUAGE c IMMUTABLE PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_only_row';
COMMENT ON FUNCTION pgtrickle.pgt_only_row(anyelement, bigint) IS 'internal: value of a single-row subquery; raises an error for more than one row';
