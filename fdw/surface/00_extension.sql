-- What a user finds first: the extension's version.

CREATE FUNCTION pgtrickle.version() RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_version';
COMMENT ON FUNCTION pgtrickle.version() IS 'version of the pg_trickle extension';
