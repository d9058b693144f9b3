-- Locks of other transactions that block refreshes.

CREATE FUNCTION pgtrickle.blocked_refreshes()
  RETURNS TABLE (pgt_schema text, pgt_name text, staleness interval, locked_relation text, lock_mode text, is_granted bool,
                 pid int, holder text, since timestamptz)
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  WITH RECURSIVE all_locks AS MATERIALIZED (
    SELECT * FROM pg_locks
  ), others_locks AS MATERIALIZED (
    /* Refreshes by the manager do not count. None of their locks shows that a process is one of these: a transaction that
       ends releases its locks one after the other. */
    SELECT l.* FROM all_locks l WHERE l.pid IS NULL OR pgtrickle.is_other_process(l.pid)
  ), locks AS MATERIALIZED (
    /* A refresh locks the heaps that it writes, and the stream table as an object, against other refreshes, and the
       relations that it reads against DDL. */
    SELECT coalesce(l.relation, l.objid) AS relid, l.locktype = 'object' OR l.mode <> 'AccessExclusiveLock' AS is_for_writers,
           false AS is_weak, l.mode, l.granted, l.pid, l.virtualtransaction
    FROM others_locks l
    WHERE l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
      AND (l.locktype = 'relation' OR l.locktype = 'object' AND l.classid = 'pgtrickle.pgt_state'::regclass AND l.objsubid = 0)
    UNION ALL
    /* A refresh that replaces the heaps locks the stream table itself, and waits for its readers. */
    SELECT l.relation, true, true, l.mode, l.granted, l.pid, l.virtualtransaction
    FROM others_locks l JOIN pg_foreign_table f ON f.ftrelid = l.relation
    WHERE l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.mode IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock')
      AND l.pid IS DISTINCT FROM pg_backend_pid()
  ), writers AS MATERIALIZED (
    SELECT l.transactionid, l.mode, l.granted, l.pid, l.virtualtransaction
    FROM others_locks l WHERE l.locktype = 'transactionid' AND l.granted
  ), awaited AS MATERIALIZED (
    /* A running refresh may wait for any other lock, as for one that code of the query takes. */
    SELECT r.objid AS relid, coalesce(w.relation, r.objid) AS named, l.mode, l.granted, l.pid, l.virtualtransaction
    FROM all_locks r
         JOIN all_locks w ON w.pid = r.pid AND NOT w.granted
         JOIN others_locks l ON (l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid, l.objid, l.objsubid)
              IS NOT DISTINCT FROM (w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
    WHERE r.locktype = 'object' AND r.classid = 'pgtrickle.pgt_state'::regclass AND r.objsubid = 0 AND r.granted
      AND r.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND coalesce(l.pid, 0) = ANY (pg_blocking_pids(w.pid))
  ), states AS MATERIALIZED (
    SELECT s.* FROM pgtrickle.stream_table_states() s
    WHERE EXISTS (SELECT FROM locks) OR EXISTS (SELECT FROM writers) OR EXISTS (SELECT FROM awaited)
  ), sources AS MATERIALIZED (
    SELECT d.pgt_id::oid AS reader, d.source_relid, d.source_type FROM pgtrickle.dependency_rows() d
    WHERE d.source_type <> 'VIEW' AND EXISTS (SELECT FROM states)
  ), trees (reader, relid) AS (
    SELECT s.reader, s.source_relid FROM sources s
    UNION
    SELECT t.reader, i.inhrelid FROM trees t JOIN pg_inherits i ON i.inhparent = t.relid
  ), needed (member, relid, named, is_written) AS (
    SELECT s.pgt_relid, s.pgt_relid, s.pgt_relid, true FROM states s
    UNION ALL
    SELECT s.pgt_relid, d.objid, s.pgt_relid, true
    FROM states s JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                                  AND d.refobjid = s.pgt_relid AND d.deptype = 'i'
    UNION ALL
    SELECT t.reader, t.relid, t.relid, false FROM trees t
  ), blocked (pgt_relid, named, mode, granted, pid, virtualtransaction) AS (
    SELECT n.member, n.named, l.mode, l.granted, l.pid, l.virtualtransaction
    FROM locks l JOIN needed n USING (relid)
    WHERE NOT l.is_weak AND (n.is_written OR NOT l.is_for_writers)
    UNION
    SELECT s.pgt_relid, s.pgt_relid, l.mode, l.granted, l.pid, l.virtualtransaction
    FROM locks l JOIN states s ON s.pgt_relid = l.relid
    WHERE l.is_weak AND s.needs_setup
    UNION
    /* A refresh updates the row of its state, so it waits for other writers of that row, such as a resume. */
    SELECT s.pgt_relid, s.pgt_relid, w.mode, w.granted, w.pid, w.virtualtransaction
    FROM states s JOIN writers w ON w.transactionid = s.written_by
    UNION
    SELECT s.pgt_relid, a.named, a.mode, a.granted, a.pid, a.virtualtransaction
    FROM awaited a JOIN states s ON s.pgt_relid = a.relid
    UNION
    /* Dependents are blocked, too. */
    SELECT s.reader, b.named, b.mode, b.granted, b.pid, b.virtualtransaction
    FROM blocked b JOIN sources s ON s.source_relid = b.pgt_relid
  )
  SELECT s.pgt_schema, s.pgt_name, s.staleness, n.nspname || '.' || c.relname, b.mode, b.granted, b.pid,
         coalesce('process ' || b.pid || coalesce(' of ' || a.usename, ''), 'prepared transaction ' || quote_literal(x.gid)),
         coalesce(a.xact_start, x.prepared)
  FROM blocked b JOIN states s USING (pgt_relid)
       JOIN pg_class c ON c.oid = b.named
       JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_stat_activity a ON a.pid = b.pid
       LEFT JOIN all_locks t ON b.pid IS NULL AND t.virtualtransaction = b.virtualtransaction AND t.locktype = 'transactionid'
       LEFT JOIN pg_prepared_xacts x ON x.transaction = t.transactionid
  ORDER BY 1, 2, 9, 7, 4, 5;
END;
COMMENT ON FUNCTION pgtrickle.blocked_refreshes()
  IS 'stream tables that the caller may read and that locks of other transactions prevent from being refreshed, with these locks, held or awaited, and their holders';
