-- What a user finds first: the extension's schema and version.

COMMENT ON SCHEMA pgtrickle IS 'functions and views of stream tables';

CREATE FUNCTION pgtrickle.version() RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_version';
COMMENT ON FUNCTION pgtrickle.version() IS 'version of the pg_trickle extension';
