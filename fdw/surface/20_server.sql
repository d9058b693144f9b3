-- The foreign-data wrapper and server that make a foreign table a stream table. The administrator decides
-- which roles may create stream tables: GRANT USAGE ON FOREIGN SERVER pgtrickle TO ...

CREATE FUNCTION pgtrickle.pgtrickle_fdw_handler() RETURNS fdw_handler
  LANGUAGE c STRICT
  AS 'MODULE_PATHNAME', 'pgtrickle_fdw_handler';
COMMENT ON FUNCTION pgtrickle.pgtrickle_fdw_handler() IS 'internal: handler of the foreign-data wrapper for stream tables';
CREATE FUNCTION pgtrickle.pgtrickle_fdw_validator(text[], oid) RETURNS void
  LANGUAGE c STRICT
  AS 'MODULE_PATHNAME', 'pgtrickle_fdw_validator';
COMMENT ON FUNCTION pgtrickle.pgtrickle_fdw_validator(text[], oid) IS 'internal: validates the options of stream tables';

CREATE FOREIGN DATA WRAPPER pgtrickle_fdw
  HANDLER pgtrickle.pgtrickle_fdw_handler VALIDATOR pgtrickle.pgtrickle_fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER pgtrickle_fdw IS 'stream tables';
CREATE SERVER pgtrickle FOREIGN DATA WRAPPER pgtrickle_fdw;
COMMENT ON SERVER pgtrickle IS 'stream tables: CREATE FOREIGN TABLE ... SERVER pgtrickle OPTIONS (query ''SELECT ...'')';
