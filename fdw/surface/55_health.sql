-- Health checks, as a single row and in detail.

CREATE FUNCTION pgtrickle.is_manager_awaited() RETURNS bool
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  SELECT greatest(pg_postmaster_start_time(), (SELECT min(t.created_at) FROM pgtrickle.pgt_stream_tables t))
         > clock_timestamp() - interval '10 s';
END;
COMMENT ON FUNCTION pgtrickle.is_manager_awaited()
  IS 'internal: whether the server, or the first stream table of this database, is so new that its manager may still be starting';

CREATE FUNCTION pgtrickle.is_upgrade_prepared() RETURNS bool
  LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT to_regnamespace('pg_trickle_storage') IS NULL;
END;
COMMENT ON FUNCTION pgtrickle.is_upgrade_prepared()
  IS 'internal: whether the database is between prepare_upgrade() and finish_upgrade()';

CREATE VIEW pgtrickle.quick_health AS
  SELECT c.total_stream_tables, c.active_tables, c.initializing_tables, c.error_tables, c.suspended_tables,
         c.held_tables, c.stale_tables, v.manager_pid IS NOT NULL AS manager_running,
         CASE WHEN NOT v.is_preloaded OR pgtrickle.is_upgrade_prepared() OR c.suspended_tables > 0
                   OR (c.total_stream_tables > 0 AND v.manager_pid IS NULL AND NOT v.is_standby AND NOT v.do_managers_take_turns
                       AND NOT (v.launcher_pid IS NOT NULL AND pgtrickle.is_manager_awaited()))
                THEN 'ERROR'
              WHEN NOT v.is_enabled OR v.do_managers_take_turns OR c.error_tables + c.stale_tables + c.held_tables > 0 THEN 'WARN'
              ELSE 'OK' END AS status,
         CASE WHEN NOT v.is_preloaded THEN 'pg_trickle is not in shared_preload_libraries'
              WHEN pgtrickle.is_upgrade_prepared() THEN 'stream tables cannot be read until pgtrickle.finish_upgrade()'
              WHEN c.total_stream_tables = 0 THEN 'there are no stream tables'
              WHEN v.do_managers_take_turns AND c.suspended_tables = 0 THEN 'databases wait for a manager: increase max_worker_processes'
              WHEN v.manager_pid IS NULL AND NOT v.is_standby AND NOT (v.launcher_pid IS NOT NULL AND pgtrickle.is_manager_awaited())
                THEN 'no manager is running in this database'
              WHEN NOT v.is_enabled THEN 'pg_trickle.enabled is off'
              WHEN c.suspended_tables + c.error_tables + c.stale_tables + c.held_tables = 0 THEN 'all stream tables are well'
              ELSE concat_ws('; ', c.suspended_tables || ' suspended: ' || pgtrickle.name_list(c.suspended),
                             c.error_tables || ' failing: ' || pgtrickle.name_list(c.failing),
                             c.stale_tables || ' much older than scheduled: ' || pgtrickle.name_list(c.stale),
                             c.held_tables || ' held: ' || pgtrickle.name_list(c.held)) END AS health
  FROM (SELECT count(*) AS total_stream_tables,
               count(*) FILTER (WHERE s.status = 'ACTIVE') AS active_tables,
               count(*) FILTER (WHERE s.status = 'INITIALIZING') AS initializing_tables,
               count(*) FILTER (WHERE s.status = 'ERROR') AS error_tables,
               count(*) FILTER (WHERE s.status = 'SUSPENDED') AS suspended_tables,
               count(*) FILTER (WHERE s.is_held) AS held_tables,
               count(*) FILTER (WHERE s.is_stale) AS stale_tables,
               /* NULL if there are none, so that the text omits them. */
               array_agg(x.name ORDER BY x.name) FILTER (WHERE s.status = 'SUSPENDED') AS suspended,
               array_agg(x.name ORDER BY x.name) FILTER (WHERE s.status = 'ERROR') AS failing,
               array_agg(x.name || ' (' || date_trunc('second', s.staleness) || ')' ORDER BY s.staleness DESC, x.name)
                 FILTER (WHERE s.is_stale) AS stale,
               array_agg(x.name ORDER BY x.name) FILTER (WHERE s.is_held) AS held
        FROM (SELECT t.*, t.hold IS NOT NULL AND t.status <> 'SUSPENDED' AS is_held FROM pgtrickle.stream_table_states() t) s,
             LATERAL (SELECT s.pgt_schema || '.' || s.pgt_name) x (name)) c,
       pgtrickle.server_state() v;
COMMENT ON VIEW pgtrickle.quick_health IS 'one row: number of stream tables in each state, and overall health';

-- Each check is one row. A list of names is NULL if it is empty.
CREATE FUNCTION pgtrickle.server_checks()
  RETURNS TABLE (rank int, check_name text, severity text, detail text)
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  SELECT k.rank, k.check_name, k.severity, k.detail
  FROM pgtrickle.server_state() v,
       (SELECT count(*) AS stream_tables FROM pgtrickle.stream_table_states()) s,
       (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_trickle') x,
       LATERAL (VALUES
    (1, 'preload', CASE WHEN v.is_preloaded THEN 'OK' ELSE 'ERROR' END,
     CASE WHEN v.is_preloaded THEN 'pg_trickle is preloaded'
          ELSE 'add pg_trickle to shared_preload_libraries and restart the server' END),
    (2, 'enabled', CASE WHEN v.is_enabled THEN 'OK' ELSE 'WARN' END,
     CASE WHEN v.is_enabled THEN 'pg_trickle.enabled is on'
          ELSE 'pg_trickle.enabled is off: nothing is refreshed by schedule or on read' END),
    (3, 'launcher', CASE WHEN v.launcher_pid IS NOT NULL OR v.is_standby THEN 'OK' ELSE 'ERROR' END,
     CASE WHEN v.launcher_pid IS NOT NULL THEN 'process ' || v.launcher_pid WHEN v.is_standby THEN 'a standby has none'
          ELSE 'it is not running: see the server log' END),
    (4, 'manager',
     CASE WHEN v.manager_pid IS NOT NULL OR v.is_standby OR s.stream_tables = 0 THEN 'OK'
          WHEN v.launcher_pid IS NOT NULL AND pgtrickle.is_manager_awaited() AND NOT v.do_managers_take_turns THEN 'OK'
          ELSE 'ERROR' END,
     CASE WHEN v.manager_pid IS NOT NULL THEN 'process ' || v.manager_pid
            || CASE WHEN v.do_managers_take_turns THEN ', until that of another database takes its turn' ELSE '' END
          WHEN v.is_standby THEN 'a standby has none'
          WHEN s.stream_tables = 0 THEN 'there are no stream tables'
          WHEN v.launcher_pid IS NULL THEN 'none is running in this database: see launcher'
          WHEN v.do_managers_take_turns THEN 'none is running in this database: managers take turns, see worker_processes'
          WHEN pgtrickle.is_manager_awaited() THEN 'it is being started'
          ELSE 'none is running in this database: see the server log' END),
    (5, 'worker_processes',
     CASE WHEN v.running_workers < v.max_worker_processes AND NOT v.do_managers_take_turns THEN 'OK' ELSE 'WARN' END,
     v.running_workers || ' of max_worker_processes = ' || v.max_worker_processes || ' are running'
     || CASE WHEN v.do_managers_take_turns
               THEN ', and databases with stream tables wait for a manager: increase max_worker_processes, which requires a restart'
             WHEN v.running_workers < v.max_worker_processes THEN ''
             ELSE ': unless that is rare, increase max_worker_processes, which requires a restart' END),
    (6, 'shared_memory',
     CASE WHEN v.known_stream_tables < v.max_stream_tables AND v.free_readings > 0 OR NOT v.is_preloaded THEN 'OK' ELSE 'WARN' END,
     CASE WHEN NOT v.is_preloaded THEN 'there is none'
          ELSE v.known_stream_tables || ' of pg_trickle.max_stream_tables = ' || v.max_stream_tables || ' are in use, '
               || (v.max_readings - v.free_readings) || ' of ' || v.max_readings || ' entries for what they read are used'
     END),
    (7, 'catalog', CASE WHEN v.catalog_fault IS NULL THEN 'OK' ELSE 'WARN' END,
     coalesce('pg_trickle/catalog.db, which holds the history, cannot be used: ' || v.catalog_fault,
              'pg_trickle/catalog.db has ' || pg_size_pretty(v.catalog_bytes))),
    (8, 'upgrade', CASE WHEN pgtrickle.is_upgrade_prepared() THEN 'ERROR' ELSE 'OK' END,
     CASE WHEN pgtrickle.is_upgrade_prepared() THEN 'prepared: stream tables cannot be read until pgtrickle.finish_upgrade()'
          ELSE 'none is in progress' END),
    /* The process may also have loaded the library before another one was installed. */
    (9, 'version', CASE WHEN x.extversion = pgtrickle.version() THEN 'OK' ELSE 'ERROR' END,
     CASE WHEN x.extversion = pgtrickle.version() THEN 'library and extension have version ' || x.extversion
          ELSE 'the server has loaded the library of version ' || pgtrickle.version() || ', the extension of this database has '
               || x.extversion || ': restart the server if the library is older, then ALTER EXTENSION pg_trickle UPDATE' END)
  ) k (rank, check_name, severity, detail);
END;
COMMENT ON FUNCTION pgtrickle.server_checks() IS 'internal: checks of health_check() for the server';

CREATE FUNCTION pgtrickle.stream_table_checks()
  RETURNS TABLE (rank int, check_name text, severity text, detail text)
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  WITH s AS MATERIALIZED (
    SELECT t.*, t.pgt_schema || '.' || t.pgt_name AS name FROM pgtrickle.stream_table_states() t
  ), slow AS (
    SELECT array_agg(r.pgt_relid) AS relids
    FROM (SELECT x.pgt_relid FROM pgtrickle.statistics_rows() x
          WHERE x.action = 'DIFFERENTIAL' AND x.refreshes > 0 AND x.total_ms / x.refreshes > 100
          ORDER BY x.total_ms DESC LIMIT 20) r
  ), served AS (
    /* The state of a stream table may be newer than the snapshot, which then sees neither it nor its storage. */
    SELECT s.name, s.pgt_relid, h.oid AS heap
    FROM s JOIN pg_foreign_table f ON f.ftrelid = s.pgt_relid
         LEFT JOIN (pg_class h JOIN pg_namespace n ON n.oid = h.relnamespace AND n.nspname = 'pg_trickle_storage')
           ON h.relname = 'st_' || s.pgt_relid
  ), found (rank, check_name, bad, names, what, ok) AS (
    /* As a read compares them. Columns whose names start with pgt_ are hidden. */
    SELECT 10, 'storage', 'ERROR', array_agg(v.name ORDER BY v.name),
           'missing or with other columns, so they cannot be read, see pgtrickle.repair_stream_table(): ', 'all have their columns'
    FROM served v
    WHERE v.heap IS NULL
          OR EXISTS (SELECT FROM (SELECT a.* FROM pg_attribute a
                                  WHERE a.attrelid = v.pgt_relid AND a.attnum > 0 AND NOT a.attisdropped) d
                          FULL JOIN (SELECT a.* FROM pg_attribute a
                                     WHERE a.attrelid = v.heap AND a.attnum > 0 AND NOT a.attisdropped
                                           AND NOT starts_with(a.attname::text, 'pgt_')) k ON k.attname = d.attname
                     WHERE d.atttypid IS DISTINCT FROM k.atttypid OR d.attcollation <> k.attcollation
                           OR d.atttypmod <> -1 AND d.atttypmod <> k.atttypmod)
    UNION ALL
    SELECT 11, 'suspended', 'ERROR', array_agg(s.name ORDER BY s.name) FILTER (WHERE s.status = 'SUSPENDED'),
           'not refreshed until pgtrickle.resume_stream_table(), see pgtrickle.get_refresh_history(): ', 'none is suspended'
    FROM s
    UNION ALL
    SELECT 12, 'failing', 'WARN', array_agg(s.name ORDER BY s.name) FILTER (WHERE s.status = 'ERROR'),
           'the last refresh failed, see pgtrickle.get_refresh_history(): ', 'none is failing' FROM s
    UNION ALL
    SELECT 13, 'stale', 'WARN',
           array_agg(s.name || ' (' || date_trunc('second', s.staleness) || ', schedule ' || s.schedule || ')' ORDER BY s.name)
             FILTER (WHERE s.is_stale),
           'much older than the schedule allows: ', 'none is much older than its schedule allows' FROM s
    UNION ALL
    /* Each reason is listed once, because that of a drain is the same for all. */
    SELECT 14, 'held', 'WARN', array_agg(h.names || ' (' || h.hold || ')' ORDER BY h.names),
           'not refreshed while they are held, see pgtrickle.holds(): ', 'none is paused, gated or frozen'
    FROM (SELECT s.hold, pgtrickle.name_list(array_agg(s.name ORDER BY s.name)) AS names FROM s
          WHERE s.hold IS NOT NULL GROUP BY s.hold) h
    UNION ALL
    SELECT 15, 'unpopulated', 'WARN', array_agg(s.name ORDER BY s.name) FILTER (WHERE NOT s.is_populated),
           'not filled, so they cannot be read: ', 'all are filled' FROM s
    UNION ALL
    SELECT 16, 'to_reinitialize', 'WARN', array_agg(s.name ORDER BY s.name) FILTER (WHERE s.needs_reinit),
           'the next refresh reinitializes: ', 'none is to be reinitialized' FROM s
    UNION ALL
    SELECT 17, 'overloaded', 'WARN',
           array_agg(s.name || ' (' || round(r.mean_refresh_time) || ' ms, schedule ' || s.schedule || ')' ORDER BY s.name)
             FILTER (WHERE s.seconds_in_force IS NOT NULL AND r.mean_refresh_time > 1000 * greatest(s.seconds_in_force, 1)),
           'a refresh takes longer than the schedule: ', 'refreshes take less time than the schedules allow'
    FROM s JOIN pgtrickle.pg_stat_stream_tables r USING (pgt_relid)
    UNION ALL
    SELECT 18, 'missing_indexes', 'WARN', array_agg(DISTINCT m.statement),
           'slow refreshes scan whole sources because indexes are missing: ', 'no slow refresh lacks an index'
    FROM slow, pgtrickle.missing_index_rows(slow.relids) m
    UNION ALL
    /* A momentary wait is not reported. */
    SELECT 19, 'locked', 'WARN',
           array_agg(DISTINCT b.pgt_schema || '.' || b.pgt_name || ' (' || b.lock_mode || ' on ' || b.locked_relation || ', ' || b.holder || ')')
             FILTER (WHERE b.staleness > interval '5 seconds'),
           'blocked by locks of other transactions, see pgtrickle.blocked_refreshes(): ', 'no refresh waits for a lock'
    FROM pgtrickle.blocked_refreshes() b
  )
  SELECT f.rank, f.check_name, CASE WHEN f.names IS NULL THEN 'OK' ELSE f.bad END,
         CASE WHEN f.names IS NULL THEN f.ok ELSE f.what || pgtrickle.name_list(f.names) END
  FROM found f;
END;
COMMENT ON FUNCTION pgtrickle.stream_table_checks() IS 'internal: checks of health_check() for stream tables';

-- The arguments exist for tests, which cannot wait until a job takes long. The duration of a first fill is
-- not known in advance, and may be long.
CREATE FUNCTION pgtrickle.worker_checks(long_time interval DEFAULT '1 minute', long_fill interval DEFAULT '1 hour')
  RETURNS TABLE (rank int, check_name text, severity text, detail text)
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  WITH running AS MATERIALIZED (
    SELECT * FROM pgtrickle.running_refreshes()
  ), judged AS (
    SELECT r.*, r.is_share_exhausted AND r.is_share_awaited AS keeps_others,
           coalesce(s.pgt_schema || '.' || s.pgt_name, 'a stream table of database ' || r.datname) AS name,
           clock_timestamp() - r.since AS age,
           CASE WHEN s.is_populated THEN greatest(worker_checks.long_time, 10 * t.mean_refresh_time * interval '1 ms')
                ELSE worker_checks.long_fill END AS usual
    FROM running r LEFT JOIN pgtrickle.stream_table_states() s USING (pgt_relid)
         LEFT JOIN pgtrickle.pg_stat_stream_tables t USING (pgt_relid)
  ), stuck AS (
    SELECT array_agg(j.name || CASE WHEN j.members > 1 THEN ' and ' || j.members - 1 || ' more' ELSE '' END
                     || ' (owner ' || coalesce(j.owner, 'unknown') || ', process ' || j.pid
                     || ', since ' || date_trunc('second', j.since) || ')' ORDER BY j.since) AS names,
           string_agg(DISTINCT j.owner, ', ') FILTER (WHERE j.keeps_others) AS owners
    FROM judged j
    WHERE j.age > j.usual OR j.age > worker_checks.long_time AND j.keeps_others
  )
  SELECT 20, 'stuck_workers', CASE WHEN s.names IS NULL THEN 'OK' WHEN s.owners IS NULL THEN 'WARN' ELSE 'ERROR' END,
         CASE WHEN s.names IS NULL THEN 'no refresh takes much longer than usual'
              ELSE 'refreshes take much longer than usual'
                   || coalesce(', and other stream tables wait for a worker, of ' || s.owners, '')
                   || '; pg_cancel_backend() cancels one, which is retried unless its stream table is suspended; refresh_timeout and pg_trickle.max_refresh_time limit them: '
                   || pgtrickle.name_list(s.names) END
  FROM stuck s;
END;
COMMENT ON FUNCTION pgtrickle.worker_checks(interval, interval)
  IS 'internal: check of health_check() for refresh workers';

-- The arguments exist for tests, which cannot wait until something is old or large.
CREATE FUNCTION pgtrickle.source_checks(large_log bigint DEFAULT pgtrickle.max_log_bytes() / 2,
                                        old_age interval DEFAULT '10 minutes', much_wal bigint DEFAULT 1073741824)
  RETURNS TABLE (rank int, check_name text, severity text, detail text)
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  WITH sources AS MATERIALIZED (
    SELECT r.*, n.nspname || '.' || c.relname AS name
    FROM pgtrickle.source_rows() r JOIN pg_class c ON c.oid = r.source_relid JOIN pg_namespace n ON n.oid = c.relnamespace
  ), found (rank, check_name, bad, names, what, ok) AS (
    SELECT 21, 'capture', 'ERROR', array_agg(s.name || ' (' || s.damage || ')' ORDER BY s.name) FILTER (WHERE s.damage IS NOT NULL),
           'changes may have been lost, the next refresh reinitializes the stream tables: ', 'no captured source may have lost changes'
    FROM sources s
    UNION ALL
    SELECT 22, 'change_logs', 'WARN',
           array_agg(s.name || ' (' || pg_size_pretty(s.log_bytes) || ')' ORDER BY s.log_bytes DESC)
             FILTER (WHERE s.log_bytes > source_checks.large_log),
           'near or over pg_trickle.max_log_size, see pgtrickle.change_buffer_sizes(): ',
           pg_size_pretty(coalesce(sum(s.log_bytes), 0)::bigint) || ' in all, none near pg_trickle.max_log_size'
    FROM sources s
    UNION ALL
    SELECT 23, 'old_transactions', 'WARN',
           array_agg(t.holder || ' (since ' || date_trunc('second', t.since) || ')' ORDER BY t.since)
             FILTER (WHERE t.since < now() - source_checks.old_age),
           'they prevent the trimming of change logs and the pruning of storage: ',
           'no transaction is older than 10 minutes'
    FROM pgtrickle.old_transactions() t
    UNION ALL
    SELECT 24, 'wal', 'WARN',
           array_agg(w.slot_name || ' (' || pg_size_pretty(w.bytes) || ')' ORDER BY w.bytes DESC)
             FILTER (WHERE w.bytes > source_checks.much_wal),
           'replication slots retain WAL, to which change logs add: ', 'no replication slot retains more than 1 GB of WAL'
    FROM (SELECT l.slot_name, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                                                   ELSE pg_current_wal_lsn() END, l.restart_lsn) AS bytes
          FROM pg_replication_slots l) w
    UNION ALL
    SELECT 25, 'publications', 'WARN', array_agg(p.pubname::text ORDER BY p.pubname),
           'FOR ALL TABLES includes internal tables, which subscribers lack: ', 'no publication is FOR ALL TABLES'
    FROM pg_publication p WHERE p.puballtables
  )
  SELECT f.rank, f.check_name, CASE WHEN f.names IS NULL THEN 'OK' ELSE f.bad END,
         CASE WHEN f.names IS NULL THEN f.ok ELSE f.what || pgtrickle.name_list(f.names) END
  FROM found f;
END;
COMMENT ON FUNCTION pgtrickle.source_checks(bigint, interval, bigint)
  IS 'internal: checks of health_check() for sources and the retention of their change logs';

CREATE FUNCTION pgtrickle.health_check()
  RETURNS TABLE (check_name text, severity text, detail text)
  LANGUAGE sql VOLATILE PARALLEL UNSAFE SET jit = off
BEGIN ATOMIC
  SELECT k.check_name, k.severity, k.detail
  FROM (SELECT * FROM pgtrickle.server_checks() UNION ALL SELECT * FROM pgtrickle.stream_table_checks()
        UNION ALL SELECT * FROM pgtrickle.worker_checks() UNION ALL SELECT * FROM pgtrickle.source_checks()) k
  ORDER BY k.rank;
END;
COMMENT ON FUNCTION pgtrickle.health_check()
  IS 'one row for each check: its severity and, unless that is OK, the fault and where to look';
