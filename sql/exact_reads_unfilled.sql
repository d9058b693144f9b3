-- Exact reads of stream tables without rows: they are filled first, and computed where they cannot be.
SET client_min_messages = warning;
CREATE SCHEMA exact_reads_unfilled;
SET search_path = exact_reads_unfilled;
CREATE TABLE t (id int PRIMARY KEY, k int);
INSERT INTO t VALUES (1, 1), (2, 1), (3, 2);
CREATE FUNCTION filled() RETURNS text LANGUAGE sql
  AS $$ SELECT string_agg(pgt_name, ' ' ORDER BY pgt_name) FROM pgtrickle.st_refresh_stats() WHERE pgt_schema = 'exact_reads_unfilled' AND is_populated $$;
SELECT pgtrickle.pause_scheduler() \g /dev/null
SELECT pgtrickle.create_stream_table('groups', 'SELECT k, count(*) AS n FROM t GROUP BY k', '520w', initialize => false) \g /dev/null
SELECT pgtrickle.create_stream_table('rows', 'SELECT id, k FROM t', '520w', initialize => false) \g /dev/null
SELECT pgtrickle.create_stream_table('kept', 'SELECT id, k FROM t WHERE k > 1', '520w', initialize => false) \g /dev/null
SELECT pgtrickle.create_stream_table('above', 'SELECT k, sum(n) AS n FROM groups GROUP BY k', '520w', initialize => false) \g /dev/null
SET pg_trickle.read_mode = exact;

-- a_fixed_snapshot_sees_no_fill
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT count(*) FROM t;
SELECT * FROM groups ORDER BY k;
SELECT * FROM rows WHERE id = 2;
SELECT * FROM above JOIN groups USING (k) ORDER BY k;
COMMIT;
SELECT filled();
-- held
SELECT * FROM rows ORDER BY id;
SELECT k, n, (SELECT min(id) FROM rows r WHERE r.k = g.k) FROM groups g ORDER BY k;
-- suspended
SELECT pgtrickle.alter_stream_table('kept', status => 'SUSPENDED') \g /dev/null
SELECT * FROM kept;
SELECT filled();
-- own_changes_are_seen
BEGIN;
INSERT INTO t VALUES (4, 3);
SELECT * FROM rows ORDER BY id;
ROLLBACK;
-- otherwise_the_first_read_fills
SELECT pgtrickle.resume_scheduler() \g /dev/null
SELECT * FROM groups ORDER BY k;
SELECT * FROM rows ORDER BY id;
SELECT * FROM above ORDER BY k;
SELECT filled();
RESET pg_trickle.read_mode;
DROP SCHEMA exact_reads_unfilled CASCADE;
