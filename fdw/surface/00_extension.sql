-- The extension's schema and version.

-- The creator of an existing schema could rename it, and it could contain functions that would be taken for
-- the extension's.
DO $$
DECLARE
  space pg_catalog.pg_namespace;
  creator text;
BEGIN
  SELECT n.* INTO space FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) 'pgtrickle';
  IF space.nspowner OPERATOR(pg_catalog.<>) (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user)
     OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
                  AND d.refobjid OPERATOR(pg_catalog.=) space.oid
                  AND d.classid OPERATOR(pg_catalog.<>) 'pg_catalog.pg_extension'::pg_catalog.regclass) THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
      MESSAGE = 'schema "pgtrickle" exists and does not belong to the extension',
      HINT = 'Drop the schema; CREATE EXTENSION creates it.';
  END IF;
  SELECT CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
    INTO creator FROM pg_catalog.aclexplode(space.nspacl) a
    WHERE a.privilege_type OPERATOR(pg_catalog.=) 'CREATE' AND a.grantee OPERATOR(pg_catalog.<>) space.nspowner LIMIT 1;
  IF creator IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
      MESSAGE = pg_catalog.format('%s has the privilege CREATE on schema "pgtrickle"', creator),
      DETAIL = 'It is granted on the existing schema, or by default privileges on all new schemas.',
      HINT = pg_catalog.format('Drop the schema if it exists, and run ALTER DEFAULT PRIVILEGES REVOKE CREATE ON SCHEMAS FROM %s; '
                               'grant it again after CREATE EXTENSION.', creator);
  END IF;
END $$;

COMMENT ON SCHEMA pgtrickle IS 'functions and views of stream tables';

CREATE FUNCTION pgtrickle.version() RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_version';
COMMENT ON FUNCTION pgtrickle.version() IS 'version of the pg_trickle extension';
