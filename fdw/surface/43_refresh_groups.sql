-- Refresh groups: stream tables that need not have a source in common, and are refreshed together.

CREATE TABLE pgtrickle.pgt_refresh_group (
  name       text PRIMARY KEY,
  isolation  text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE pgtrickle.pgt_refresh_group IS 'internal: stream tables that are refreshed together';
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_refresh_group', '');

CREATE TABLE pgtrickle.pgt_refresh_group_member (
  relid      regclass PRIMARY KEY,
  group_name text NOT NULL
);
COMMENT ON TABLE pgtrickle.pgt_refresh_group_member IS 'internal: members of refresh groups';
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_refresh_group_member', 'WHERE false'); -- its rows are those of pgt_dumped_row

CREATE FUNCTION pgtrickle.pgt_check_group_member() RETURNS trigger
  LANGUAGE c
  AS 'MODULE_PATHNAME', 'pgtrickle_check_group_member';
COMMENT ON FUNCTION pgtrickle.pgt_check_group_member() IS 'internal: trigger function that requires the owner of a member of a refresh group';
CREATE TRIGGER pgt_check_group_member BEFORE INSERT OR UPDATE ON pgtrickle.pgt_refresh_group_member
  FOR EACH ROW EXECUTE FUNCTION pgtrickle.pgt_check_group_member();

CREATE FUNCTION pgtrickle.create_refresh_group(name text, members text[], isolation text DEFAULT 'repeatable_read') RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_create_refresh_group';
COMMENT ON FUNCTION pgtrickle.create_refresh_group(text, text[], text)
  IS 'creates a refresh group, whose members are refreshed together, in one transaction under one snapshot';

CREATE FUNCTION pgtrickle.drop_refresh_group(name text) RETURNS void
  LANGUAGE c VOLATILE PARALLEL UNSAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_drop_refresh_group';
COMMENT ON FUNCTION pgtrickle.drop_refresh_group(text) IS 'drops a refresh group; its members are refreshed separately again';

CREATE FUNCTION pgtrickle.refresh_groups(
    OUT group_name text, OUT members text[], OUT isolation text, OUT created_at timestamptz
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_refresh_groups';
COMMENT ON FUNCTION pgtrickle.refresh_groups() IS 'refresh groups of stream tables that the caller may read';
