-- Functions that statements of a refresh call to distinguish the images of equal values and to choose one of
-- them.

CREATE FUNCTION pgtrickle.image(VARIADIC "any") RETURNS text
  LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_image';
COMMENT ON FUNCTION pgtrickle.image("any") IS 'internal: image of values, which differs unless they are identical byte by byte';

CREATE FUNCTION pgtrickle.first_one(anyelement, anyelement) RETURNS anyelement
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_first_one';
COMMENT ON FUNCTION pgtrickle.first_one(anyelement, anyelement) IS 'internal: transition function of pgtrickle.any_one';

CREATE AGGREGATE pgtrickle.any_one(anyelement)
  (sfunc = pgtrickle.first_one, stype = anyelement, combinefunc = pgtrickle.first_one, parallel = safe);
COMMENT ON AGGREGATE pgtrickle.any_one(anyelement) IS 'internal: one of the non-null values';
