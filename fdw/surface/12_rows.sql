-- Functions with which maintenance statements find a row in the stored rows. They read nothing but their
-- arguments.

CREATE FUNCTION pgtrickle.key_hash(VARIADIC "any") RETURNS int8
  LANGUAGE c IMMUTABLE PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_key_hash';
COMMENT ON FUNCTION pgtrickle.key_hash(VARIADIC "any") IS 'internal: hash of values, consistent with the equality operators of their types';

CREATE FUNCTION pgtrickle.image_hash(VARIADIC "any") RETURNS int8
  LANGUAGE c IMMUTABLE PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_image_hash';
COMMENT ON FUNCTION pgtrickle.image_hash(VARIADIC "any") IS 'internal: hash of the binary images of values';

CREATE FUNCTION pgtrickle.row_image(VARIADIC "any") RETURNS bytea
  LANGUAGE c IMMUTABLE PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_row_image';
COMMENT ON FUNCTION pgtrickle.row_image(VARIADIC "any") IS 'internal: binary image of values, equal only if all values are identical';
