-- What statements of a refresh call of a subquery that may return one row at most, beside any_one().
-- It is harmless to anybody who finds it.

CREATE FUNCTION pgtrickle.pgt_only_row(value anyelement, number_of_rows bigint) RETURNS anyelement
  LANGUAGE c IMMUTABLE PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_only_row';
COMMENT ON FUNCTION pgtrickle.pgt_only_row(anyelement, bigint) IS 'internal: value of a single-row subquery; raises an error for more than one row';
