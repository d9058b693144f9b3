-- The worker of a subscription writes to tables without the checks of statements: pg_write_all_data would let it write
-- here, where the extension trusts what it reads. And a subscription to all tables of another server would mix the
-- state of both.

CREATE FUNCTION pgtrickle.pgt_refuse_replication() RETURNS trigger
  LANGUAGE c
  AS 'MODULE_PATHNAME', 'pgtrickle_refuse_replication';
COMMENT ON FUNCTION pgtrickle.pgt_refuse_replication() IS 'internal: trigger function that refuses rows of a subscription';

-- All triggers of the tables fire with session_replication_role = replica, too: some of them check rights, and others
-- restore a dump, where this setting is a usual way around foreign keys.
--
-- Tables that no role but the extension's owner reads also have row-level security without a policy: it hides their
-- statistics, which a member of pg_read_all_data would see in pg_stats.
DO $$
DECLARE
  dumped oid[] := (SELECT extconfig FROM pg_catalog.pg_extension WHERE extname = 'pg_trickle');
  own oid;
  own_trigger name;
BEGIN
  FOR own IN SELECT oid FROM pg_catalog.pg_class
             WHERE relnamespace = 'pgtrickle'::pg_catalog.regnamespace AND relkind = 'r' LOOP
    EXECUTE pg_catalog.format(
      'CREATE TRIGGER pgt_refuse_replication BEFORE INSERT OR UPDATE OR DELETE ON %1$s '
      'FOR EACH ROW EXECUTE FUNCTION pgtrickle.pgt_refuse_replication(); '
      'CREATE TRIGGER pgt_refuse_replicated_truncate BEFORE TRUNCATE ON %1$s '
      'FOR EACH STATEMENT EXECUTE FUNCTION pgtrickle.pgt_refuse_replication()', own::pg_catalog.regclass);
    FOR own_trigger IN SELECT tgname FROM pg_catalog.pg_trigger WHERE tgrelid = own AND NOT tgisinternal LOOP
      EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', own::pg_catalog.regclass, own_trigger);
    END LOOP;
    IF own <> ALL (dumped) THEN
      EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', own::pg_catalog.regclass);
    END IF;
  END LOOP;
END $$;
