-- The condition by which an exact read takes stored rows or computes them. The values exist only in the plan of one
-- statement: no user can make one, and its text shows no value.

CREATE TYPE pgtrickle.touched_values;

CREATE FUNCTION pgtrickle.touched_values_in(cstring) RETURNS pgtrickle.touched_values
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_touched_values_in';
COMMENT ON FUNCTION pgtrickle.touched_values_in(cstring) IS 'internal: raises an error';

CREATE FUNCTION pgtrickle.touched_values_out(pgtrickle.touched_values) RETURNS cstring
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_touched_values_out';
COMMENT ON FUNCTION pgtrickle.touched_values_out(pgtrickle.touched_values) IS 'internal: shows no value';

CREATE TYPE pgtrickle.touched_values
  (input = pgtrickle.touched_values_in, output = pgtrickle.touched_values_out, internallength = variable, alignment = double);
COMMENT ON TYPE pgtrickle.touched_values IS 'internal: the values of columns that pending changes concern';

CREATE FUNCTION pgtrickle.is_touched_support(internal) RETURNS internal
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_is_touched_support';
COMMENT ON FUNCTION pgtrickle.is_touched_support(internal) IS 'internal: planner support function of pgtrickle.is_touched';

CREATE FUNCTION pgtrickle.is_touched(pgtrickle.touched_values, VARIADIC "any") RETURNS bool
  LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE SUPPORT pgtrickle.is_touched_support
  AS 'MODULE_PATHNAME', 'pgtrickle_is_touched';
COMMENT ON FUNCTION pgtrickle.is_touched(pgtrickle.touched_values, VARIADIC "any") IS 'internal: whether pending changes concern rows with these values';
