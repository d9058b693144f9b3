-- What statements of a refresh call of a subquery that may return one row at most. They are
-- harmless to anybody who finds them.

CREATE FUNCTION pgtrickle.pgt_first_row(anyelement, anyelement) RETURNS anyelement
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_first_row';
COMMENT ON FUNCTION pgtrickle.pgt_first_row(anyelement, anyelement) IS 'internal: the first of its arguments';

CREATE AGGREGATE pgtrickle.pgt_any_row(anyelement) (
  SFUNC = pgtrickle.pgt_first_row,
  STYPE = anyelement
);
COMMENT ON AGGREGATE pgtrickle.pgt_any_row(anyelement) IS 'internal: a value that is not null, if there is one';

CREATE FUNCTION pgtrickle.pgt_only_row(value anyelement, number_of_rows bigint) RETURNS anyelement
  LANGUAGE c IMMUTABLE PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_only_row';
COMMENT ON FUNCTION pgtrickle.pgt_only_row(anyelement, bigint) IS 'internal: the value of a subquery of one row; an error for more';
