-- Mode IMMEDIATE: a transaction that changes a source applies its changes when it commits, as another role than the stream table's owner, too.
SET client_min_messages = warning;
CREATE SCHEMA immediate; SET search_path = immediate;
CREATE ROLE immediate_owner; CREATE ROLE immediate_writer;
GRANT ALL ON SCHEMA immediate TO immediate_owner, immediate_writer;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO immediate_owner;
CREATE TABLE t (id int PRIMARY KEY, g int, v int);
GRANT ALL ON t TO immediate_owner, immediate_writer;
INSERT INTO t SELECT i, i % 3, i FROM generate_series(1, 9) i;
SET ROLE immediate_owner;
SELECT pgtrickle.create_stream_table('immediate.s', 'SELECT g, count(*) AS n, sum(60 / v) AS s FROM immediate.t GROUP BY g', refresh_mode => 'immediate') \g /dev/null
SELECT pgtrickle.create_stream_table('immediate.over_s', 'SELECT max(n) AS n FROM immediate.s', refresh_mode => 'IMMEDIATE') \g /dev/null
SELECT name, refresh_mode, schedule FROM pgtrickle.pgt_status() WHERE name LIKE 'immediate.%' ORDER BY 1;
SELECT effective_mode, downgrade_reason FROM pgtrickle.explain_refresh_mode('immediate.s');
RESET ROLE;
-- The stored rows, whatever is pending.
CREATE FUNCTION stored() RETURNS SETOF text LANGUAGE plpgsql SET pg_trickle.enabled = off AS $$
BEGIN
  RETURN QUERY SELECT concat_ws(' ', g, n, s) FROM immediate.s ORDER BY g;
  RETURN QUERY SELECT 'most: ' || n FROM immediate.over_s;
END $$;
-- a_writer_needs_no_right_on_the_stream_table
SET ROLE immediate_writer;
UPDATE t SET v = 1 WHERE id = 9;
SELECT * FROM s;
RESET ROLE;
SELECT stored();
-- until_the_commit, its own reads are exact, and it holds no lock against other writers
BEGIN;
INSERT INTO t VALUES (10, 0, 20);
SELECT * FROM s ORDER BY g;
SAVEPOINT one;
DELETE FROM t WHERE g = 0;
SELECT * FROM s ORDER BY g;
SELECT * FROM over_s;
ROLLBACK TO one;
SELECT * FROM s ORDER BY g;
SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND pid = pg_backend_pid();
COMMIT;
SELECT stored();
BEGIN; DELETE FROM t; ROLLBACK;
SELECT stored();
-- every_isolation
BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE t SET v = 2 WHERE id = 1; COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE t SET v = 3 WHERE id = 1; SELECT * FROM s WHERE g = 1; COMMIT;
SELECT stored();
-- a_procedure, a function that catches an error, a deferred trigger
CREATE FUNCTION also() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO immediate.t VALUES (new.id + 1, new.g, new.v); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER also AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.id = 20) EXECUTE FUNCTION also();
CREATE PROCEDURE writes() LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO immediate.t VALUES (11, 1, 10);
  COMMIT;
  INSERT INTO immediate.t VALUES (12, 1, 10);
  ROLLBACK;
  INSERT INTO immediate.t VALUES (20, 2, 20);
  BEGIN
    INSERT INTO immediate.t VALUES (30, 0, 1), (20, 0, 1);
  EXCEPTION WHEN unique_violation THEN NULL;
  END;
END $$;
CALL writes();
SELECT stored();
DROP TRIGGER also ON t;
-- values_on_which_the_query_fails end the transaction; who may not see the stream table's texts, does not see the error's
SET ROLE immediate_writer;
INSERT INTO t VALUES (40, 0, 0);
RESET ROLE;
INSERT INTO t VALUES (40, 0, 0);
BEGIN; INSERT INTO t VALUES (41, 0, 0);
COMMIT;
SELECT count(*) FROM t WHERE id IN (40, 41);
SELECT stored();
SELECT count(*) FROM pgtrickle.get_refresh_history('immediate.s') WHERE status = 'FAILED'; -- writers cannot fill it
SELECT status, consecutive_errors FROM pgtrickle.pgt_status() WHERE name = 'immediate.s';
-- truncated
BEGIN; TRUNCATE t; INSERT INTO t SELECT i, i % 2, i FROM generate_series(1, 4) i; SELECT * FROM s ORDER BY g; COMMIT;
SELECT * FROM s ORDER BY g;
-- created_and_dropped by the transaction that writes
BEGIN;
CREATE TABLE u (id int PRIMARY KEY, v int);
SELECT pgtrickle.create_stream_table('immediate.sum_u', 'SELECT sum(v) AS v FROM immediate.u', refresh_mode => 'IMMEDIATE') \g /dev/null
INSERT INTO u VALUES (1, 1);
TABLE sum_u;
COMMIT;
TABLE sum_u;
BEGIN; INSERT INTO u VALUES (2, 2); SELECT pgtrickle.drop_stream_table('immediate.sum_u') \g /dev/null
COMMIT;
CREATE FOREIGN TABLE sum_u (v bigint) SERVER pgtrickle OPTIONS (query 'SELECT sum(v) FROM immediate.u', refresh_mode 'IMMEDIATE', schedule '1h');
-- altered
BEGIN; ALTER TABLE u ADD w int DEFAULT 5; UPDATE u SET v = v + w; TABLE sum_u; ALTER TABLE u RENAME v TO vv; UPDATE u SET vv = vv + 1; COMMIT;
TABLE sum_u;
SELECT pgtrickle.pause_scheduler(ARRAY['immediate.sum_u']) \g /dev/null
ALTER FOREIGN TABLE sum_u OPTIONS (SET refresh_mode 'DIFFERENTIAL');
UPDATE u SET vv = vv + 1;
TABLE sum_u; -- no warning: its schedule counts now
ALTER FOREIGN TABLE sum_u OPTIONS (SET refresh_mode 'IMMEDIATE');
SELECT pgtrickle.resume_scheduler(ARRAY['immediate.sum_u']) \g /dev/null
UPDATE u SET vv = vv + 1;
TABLE sum_u;
-- stopped
SELECT pgtrickle.pause_scheduler(ARRAY['immediate.sum_u']) \g /dev/null
UPDATE u SET vv = vv + 1;
TABLE sum_u;
SELECT pgtrickle.resume_scheduler(ARRAY['immediate.sum_u']) \g /dev/null
TABLE sum_u;
-- without_deltas: refused, as in mode DIFFERENTIAL
SELECT pgtrickle.create_stream_table('immediate.refused', 'SELECT random() AS r FROM immediate.u', refresh_mode => 'IMMEDIATE');
-- a_unique_index holds for the writers of the sources
CREATE UNIQUE INDEX ON over_s (n);
CREATE UNIQUE INDEX one_v ON sum_u (v);
SELECT pgtrickle.create_stream_table('immediate.once', 'SELECT g, v FROM immediate.t', refresh_mode => 'IMMEDIATE') \g /dev/null
CREATE UNIQUE INDEX once_v ON once (v);
\set SHOW_CONTEXT never
INSERT INTO t VALUES (50, 1, 1);
SELECT count(*) FROM t WHERE id = 50;
INSERT INTO t VALUES (50, 1, 60);
SELECT count(*) FROM once;
DROP SCHEMA immediate CASCADE;
REVOKE ALL ON FOREIGN SERVER pgtrickle FROM immediate_owner;
DROP ROLE immediate_owner, immediate_writer;
