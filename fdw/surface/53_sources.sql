-- Sources, their change logs, the triggers that write the logs, and reasons why a log is not trimmed.

CREATE FUNCTION pgtrickle.list_sources(name text)
  RETURNS TABLE (source_schema text, source_name text, source_relid oid, source_type text, columns_used text[],
                 is_captured bool, log_bytes bigint, pending_rows bigint, pending_bytes bigint,
                 pending_since timestamptz)
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  SELECT n.nspname, c.relname, c.oid, d.source_type, d.columns_used, coalesce(r.is_captured, false), r.log_bytes,
         p.pending_rows, p.pending_bytes, p.pending_since
  /* LATERAL, so that the name is looked up even if there is no row to join. */
  FROM (SELECT pgtrickle.visible_stream_table(list_sources.name) AS relid) st
       CROSS JOIN LATERAL pgtrickle.dependency_rows(st.relid) d
       JOIN pg_class c ON c.oid = d.source_relid
       JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN LATERAL pgtrickle.source_rows(st.relid) r ON r.source_relid = d.source_relid
       LEFT JOIN LATERAL pgtrickle.pending_rows(st.relid) p ON p.source_relid = d.source_relid
  ORDER BY 1, 2;
END;
COMMENT ON FUNCTION pgtrickle.list_sources(text)
  IS 'sources of a stream table, with the pending changes of each';

CREATE FUNCTION pgtrickle.old_transactions()
  RETURNS TABLE (holder text, since timestamptz)
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  /* A snapshot of another database sees no log, but all snapshots see which transactions are running. */
  SELECT 'process ' || a.pid || coalesce(' of ' || a.usename, '') || coalesce(' in database ' || nullif(a.datname, current_database()), ''), a.xact_start
  FROM pg_stat_activity a
  WHERE (a.datname = current_database() AND a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
    AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
  UNION ALL
  SELECT 'prepared transaction ' || quote_literal(x.gid) || coalesce(' in database ' || nullif(x.database, current_database()), ''), x.prepared
  FROM pg_prepared_xacts x
  UNION ALL
  SELECT 'replication slot ' || quote_literal(s.slot_name), NULL FROM pg_replication_slots s WHERE s.xmin IS NOT NULL
  UNION ALL
  SELECT 'standby ' || quote_literal(a.application_name) || ' of process ' || a.pid, NULL
  FROM pg_stat_activity a WHERE a.backend_type = 'walsender' AND a.backend_xmin IS NOT NULL;
END;
COMMENT ON FUNCTION pgtrickle.old_transactions()
  IS 'internal: transactions whose snapshots may prevent the trimming of change logs; of those of standbys the age is not known';

CREATE FUNCTION pgtrickle.change_buffer_sizes()
  RETURNS TABLE (source_schema text, source_name text, source_relid oid, source_type text, log_bytes bigint,
                 pending_rows bigint, pending_bytes bigint, pending_since timestamptz, held_back_by text)
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  WITH behind AS (
    SELECT p.source_relid, max(p.pending_rows) AS pending_rows, max(p.pending_bytes) AS pending_bytes,
           min(p.pending_since) AS pending_since,
           array_agg(s.pgt_schema || '.' || s.pgt_name || ' (' || CASE WHEN s.status = 'ACTIVE' THEN s.schedule ELSE s.status END || ')'
                     ORDER BY p.pending_since, s.pgt_schema, s.pgt_name)
             FILTER (WHERE p.pending_rows > 0) AS readers
    FROM pgtrickle.pending_rows() p JOIN pgtrickle.stream_table_states() s USING (pgt_relid)
    GROUP BY p.source_relid
  )
  SELECT n.nspname, c.relname, c.oid, r.source_type, r.log_bytes, b.pending_rows, b.pending_bytes, b.pending_since,
         CASE WHEN b.readers IS NOT NULL THEN pgtrickle.name_list(b.readers)
              /* A log without needed rows is truncated to a few pages once no older snapshot exists. */
              WHEN r.log_bytes > 4 * 1024 * 1024
              THEN (SELECT t.holder || coalesce(', since ' || t.since, '') FROM pgtrickle.old_transactions() t ORDER BY t.since LIMIT 1)
         END
  FROM pgtrickle.source_rows() r
       JOIN pg_class c ON c.oid = r.source_relid
       JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN behind b ON b.source_relid = r.source_relid
  WHERE r.is_captured
  ORDER BY r.log_bytes DESC, 1, 2;
END;
COMMENT ON FUNCTION pgtrickle.change_buffer_sizes()
  IS 'change log of each source: its size, the pending changes and their age, and what prevents the trimming of the log';

CREATE FUNCTION pgtrickle.trigger_inventory()
  RETURNS TABLE (source_schema text, source_name text, table_schema text, table_name text, trigger_name text,
                 event text, level text, is_present bool, is_enabled bool, stream_tables text[], owners text[])
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  SELECT n.nspname, c.relname, tn.nspname, tc.relname, t.trigger_name, t.event,
         CASE WHEN t.is_for_rows THEN 'ROW' ELSE 'STATEMENT' END, t.is_present, t.is_enabled,
         t.stream_tables, t.owners
  FROM pgtrickle.trigger_rows() t
       JOIN pg_class c ON c.oid = t.source_relid
       JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_class tc ON tc.oid = t.table_relid
       JOIN pg_namespace tn ON tn.oid = tc.relnamespace
  ORDER BY 1, 2, 3, 4, 5;
END;
COMMENT ON FUNCTION pgtrickle.trigger_inventory()
  IS 'capture triggers that each source needs, whether they are present and enabled, and the stream tables that need them; their owners are shown to the owner of the table';

CREATE FUNCTION pgtrickle.max_log_bytes() RETURNS bigint
  LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT nullif(pg_size_bytes(current_setting('pg_trickle.max_log_size', true)), 0);
END;
COMMENT ON FUNCTION pgtrickle.max_log_bytes() IS 'internal: pg_trickle.max_log_size, NULL for no limit';

CREATE FUNCTION pgtrickle.check_cdc_health()
  RETURNS TABLE (source_schema text, source_name text, source_relid oid, cdc_mode text, log_bytes bigint,
                 pending_rows bigint, pending_since timestamptz, alert text)
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  SELECT n.nspname, c.relname, c.oid,
         CASE r.source_type WHEN 'STREAM_TABLE' THEN 'REFRESH' WHEN 'MATVIEW' THEN 'REFRESH'
                            WHEN 'FOREIGN_TABLE' THEN 'COMPARE' ELSE 'TRIGGER' END,
         r.log_bytes, b.pending_rows, b.pending_since,
         CASE WHEN r.damage IS NOT NULL THEN r.damage
              WHEN NOT r.is_captured AND r.source_type <> 'FOREIGN_TABLE' THEN 'its changes are not captured'
              WHEN r.log_bytes > pgtrickle.max_log_bytes() / 2
              THEN 'its log is larger than half of pg_trickle.max_log_size' END
  FROM pgtrickle.source_rows() r
       JOIN pg_class c ON c.oid = r.source_relid
       JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pgtrickle.change_buffer_sizes() b ON b.source_relid = r.source_relid
  ORDER BY 1, 2;
END;
COMMENT ON FUNCTION pgtrickle.check_cdc_health() IS 'capture method of each source, and its fault; NULL if there is none';

CREATE FUNCTION pgtrickle.is_readable_at_once(relation oid) RETURNS bool
  LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_is_readable_at_once';
COMMENT ON FUNCTION pgtrickle.is_readable_at_once(oid) IS 'internal: whether no transaction has locked a relation from its readers';

CREATE VIEW pgtrickle.pgt_heaps AS
  SELECT h.heap_name, h.kind, n.nspname AS of_schema, c.relname AS of_name, c.oid AS of_relid,
         CASE WHEN pgtrickle.is_readable_at_once(h.heap) THEN pg_total_relation_size(h.heap) END AS bytes
  FROM (SELECT heap.oid AS heap, space.nspname || '.' || heap.relname AS heap_name, d.refobjid AS of_relid,
               CASE WHEN d.deptype = 'a' THEN 'log'
                    WHEN heap.relname = 'st_' || d.refobjid OR heap.relispartition THEN 'storage'
                    ELSE 'arrangement' END AS kind
        FROM pg_class heap
             JOIN pg_namespace space ON space.oid = heap.relnamespace
             JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = heap.oid AND d.objsubid = 0
                             AND d.refclassid = 'pg_class'::regclass
                             AND d.deptype = CASE space.nspname WHEN 'pg_trickle_log' THEN 'a' ELSE 'i' END
        WHERE space.nspname IN ('pg_trickle_storage', 'pg_trickle_log') AND heap.relkind = 'r') h
       JOIN pg_class c ON c.oid = h.of_relid
       JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE h.of_relid IN (SELECT pgt_relid FROM pgtrickle.stream_table_states()
                       UNION ALL SELECT source_relid FROM pgtrickle.source_rows());
COMMENT ON VIEW pgtrickle.pgt_heaps
  IS 'stream table or source that each table in pg_trickle_storage and pg_trickle_log belongs to; a size is NULL while a transaction excludes readers of the table';

CREATE FUNCTION pgtrickle.st_size(name text) RETURNS bigint
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  SELECT (coalesce((SELECT sum(pg_total_relation_size(c.oid))
                    FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'r'
                         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'pg_trickle_storage'
                    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                      AND d.refobjid = st.relid AND d.deptype = 'i'), 0)
          + coalesce((SELECT sum(r.log_bytes / r.readers)
                      FROM pgtrickle.dependency_rows() d JOIN pgtrickle.source_rows() r USING (source_relid)
                      WHERE d.pgt_id = st.relid::bigint), 0))::bigint
  FROM (SELECT pgtrickle.visible_stream_table(st_size.name) AS relid) st;
END;
COMMENT ON FUNCTION pgtrickle.st_size(text)
  IS 'size of a stream table in bytes: storage, arrangements, and its share of the logs of its sources';

CREATE FUNCTION pgtrickle.stream_table_key(name text) RETURNS text[]
  LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET jit = off
BEGIN ATOMIC
  SELECT CASE WHEN bool_and(shown.attname IS NOT NULL) THEN array_agg(shown.attname::text ORDER BY k.place) END
  FROM (SELECT pgtrickle.visible_stream_table(stream_table_key.name) AS relid) st
       JOIN pg_class heap ON heap.relname = 'st_' || st.relid
       JOIN pg_namespace space ON space.oid = heap.relnamespace AND space.nspname = 'pg_trickle_storage'
       JOIN pg_index i ON i.indrelid = heap.oid
       JOIN pg_class own ON own.oid = i.indexrelid
            AND (i.indisreplident  -- the user's own, which storage/adopted_index.hpp describes
                 OR own.relnamespace = space.oid AND own.relname = heap.relname || '_key')
       CROSS JOIN unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
       LEFT JOIN pg_attribute shown ON shown.attrelid = st.relid AND shown.attnum = k.number;
END;
COMMENT ON FUNCTION pgtrickle.stream_table_key(text)
  IS 'columns in which the rows of a stream table differ, as its sources have a key or its query groups by them, and by which its rows are found; the key of a table with inheritance children counts, although rows of these may be equal in it; NULL if none are known, or if a value can be too long for a btree, as a text can';
