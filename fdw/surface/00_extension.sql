-- The extension's schema and version.

-- The creator of an existing schema could rename it, and it could contain functions that would be taken for
-- the extension's.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_namespace n
             WHERE n.nspname OPERATOR(pg_catalog.=) 'pgtrickle'
               AND (EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) a
                            WHERE a.privilege_type OPERATOR(pg_catalog.=) 'CREATE' AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner)
                    OR n.nspowner OPERATOR(pg_catalog.<>) (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user)
                    OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                               WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
                                 AND d.refobjid OPERATOR(pg_catalog.=) n.oid
                                 AND d.classid OPERATOR(pg_catalog.<>) 'pg_catalog.pg_extension'::pg_catalog.regclass))) THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
      MESSAGE = 'schema "pgtrickle" exists and does not belong to the extension',
      HINT = 'Drop the schema; CREATE EXTENSION creates it.';
  END IF;
END $$;

COMMENT ON SCHEMA pgtrickle IS 'functions and views of stream tables';

CREATE FUNCTION pgtrickle.version() RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_version';
COMMENT ON FUNCTION pgtrickle.version() IS 'version of the pg_trickle extension';
