-- Which roles may use which objects of the extension. All privileges are given here, and the default privileges of the
-- role that runs CREATE EXTENSION (ALTER DEFAULT PRIVILEGES) change nothing: they are meant for objects of its own.
-- With them, another role could write into the extension's tables or name the heaps of stream tables, and owners of
-- stream tables could be without the functions that refreshes call.

-- No role but the owner has a privilege other than those that PostgreSQL gives to PUBLIC.
DO $$
DECLARE
  command text;
BEGIN
  FOR command IN
    SELECT format('REVOKE ALL ON %s FROM %s', o.object, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
    FROM (SELECT format('SCHEMA %I', nspname) AS object, nspowner AS owner, nspacl AS acl FROM pg_namespace
          WHERE nspname IN ('pgtrickle', 'pg_trickle_storage', 'pg_trickle_log')
          UNION ALL
          SELECT format('%s pgtrickle.%I', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relname), relowner, relacl
          FROM pg_class WHERE relnamespace = 'pgtrickle'::regnamespace AND relkind IN ('r', 'v', 'S')
          UNION ALL
          SELECT format('ROUTINE pgtrickle.%I(%s)', proname, pg_get_function_identity_arguments(oid)), proowner, proacl
          FROM pg_proc WHERE pronamespace = 'pgtrickle'::regnamespace
          UNION ALL
          SELECT format('TYPE pgtrickle.%I', typname), typowner, typacl
          FROM pg_type WHERE typnamespace = 'pgtrickle'::regnamespace AND typrelid = 0 AND typelem = 0) o,
         aclexplode(o.acl) a
    WHERE a.grantee <> o.owner
  LOOP
    EXECUTE command;
  END LOOP;
END $$;

GRANT USAGE ON SCHEMA pgtrickle TO PUBLIC;
GRANT USAGE ON TYPE pgtrickle.touched_values TO PUBLIC;

-- Views, which show what the caller may see.
GRANT SELECT ON pgtrickle.pgt_stream_tables, pgtrickle.pgt_refresh_history, pgtrickle.pgt_dependencies, pgtrickle.stream_tables_info,
  pgtrickle.pg_stat_stream_tables, pgtrickle.pgt_heaps, pgtrickle.pg_stat_progress_stream_table, pgtrickle.quick_health TO PUBLIC;

-- Tables, for pg_dump and pg_restore by the owner of the database.
GRANT SELECT, INSERT ON pgtrickle.pgt_hold, pgtrickle.pgt_stopped_capture, pgtrickle.pgt_watermark_group, pgtrickle.pgt_watermark,
  pgtrickle.pgt_refresh_group, pgtrickle.pgt_refresh_group_member, pgtrickle.pgt_restored, pgtrickle.pgt_dumped_row TO pg_database_owner;

-- Functions check what the caller may do; those of refreshes and exact reads are called as the owner and as the reader of a
-- stream table.
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA pgtrickle TO PUBLIC;
-- Functions of triggers.
REVOKE ALL ON FUNCTION pgtrickle.pgt_capture(), pgtrickle.pgt_check_group_member(), pgtrickle.pgt_note_stopped_capture(),
  pgtrickle.pgt_restore(), pgtrickle.pgt_restore_row(), pgtrickle.pgt_refuse_replication() FROM PUBLIC;
-- Functions about all stream tables of the database.
REVOKE ALL ON FUNCTION pgtrickle.pause_scheduler(text[]), pgtrickle.resume_scheduler(text[]), pgtrickle.drain(int),
  pgtrickle.prepare_upgrade(), pgtrickle.finish_upgrade() FROM PUBLIC;
-- Functions of dumps.
REVOKE ALL ON FUNCTION pgtrickle.pgt_dumped_indexes(oid), pgtrickle.pgt_dumped(oid), pgtrickle.pgt_dumped_rows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgtrickle.pgt_dumped_indexes(oid), pgtrickle.pgt_dumped(oid), pgtrickle.pgt_dumped_rows()
  TO pg_database_owner, pg_read_all_data;
