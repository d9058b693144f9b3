CREATE FUNCTION pgtrickle.weighted(value interval, weight bigint) RETURNS interval
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_weighted';
COMMENT ON FUNCTION pgtrickle.weighted(interval, bigint) IS 'internal: the sum of so many copies of an interval';
