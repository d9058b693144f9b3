-- Which stream tables are refreshed together, and which have an effective schedule of their own. The manager alone refreshes: reads accept any age.
SET client_min_messages = warning;
CREATE SCHEMA effective_schedules;
SET search_path = effective_schedules;
SET pg_trickle.max_staleness = '3650d';
CREATE TABLE base (id int PRIMARY KEY);
CREATE TABLE other (id int PRIMARY KEY);
INSERT INTO base VALUES (1);
INSERT INTO other VALUES (1);
CREATE FUNCTION make(name text, query text, schedule text, consistency text = NULL, policy text = NULL) RETURNS void LANGUAGE sql AS $$
  SELECT pgtrickle.create_stream_table(name, query, schedule, 'DIFFERENTIAL', diamond_consistency => consistency, diamond_schedule_policy => policy)
$$;
-- a_schedule_of_its_own_is_kept
SELECT make('seldom', 'SELECT count(*) AS n FROM base', '3650d'),
       make('often', 'SELECT s.n, (SELECT count(*) FROM other) AS m FROM seldom s', '1s') \g /dev/null
INSERT INTO base VALUES (2);
INSERT INTO other VALUES (2);
SELECT test.wait_for('SELECT n || '' '' || m FROM often', '1 2');
SELECT n FROM seldom;
-- and_reads_of_its_dependents_do_not_wait
RESET pg_trickle.max_staleness;
SET pg_trickle.on_stale = error;
SELECT n FROM often;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT n FROM often;
COMMIT;
RESET pg_trickle.on_stale;
SET pg_trickle.max_staleness = '3650d';
-- its_age_is_shown
SELECT pgt_name, data_timestamp <= statement_timestamp() - '1 ms'::interval AS is_old FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'effective_schedules' ORDER BY 1;
-- a_read_that_requires_fresh_rows_gets_them
SET pg_trickle.max_staleness = 0;
SELECT n, m FROM often;
SET pg_trickle.max_staleness = '3650d';
SELECT n FROM seldom;
-- calculated_follows_its_dependents
SELECT make('between', 'SELECT id FROM base', 'calculated'),
       make('above', 'SELECT count(*) AS n FROM between', '1s') \g /dev/null
INSERT INTO base VALUES (3);
SELECT test.wait_for('SELECT n::text FROM above', '3');
SELECT count(*) FROM between;
DROP FOREIGN TABLE above, between, often, seldom;
-- a_due_stream_table_with_its_own_schedule_is_refreshed_with_its_dependents
SELECT make('first', 'SELECT id FROM base', '1s'), make('second', 'SELECT id FROM first', '0s'), make('third', 'SELECT count(*) AS n FROM second', 'calculated') \g /dev/null
INSERT INTO base VALUES (4);
SELECT test.wait_for('SELECT n::text FROM third', '4');
SELECT test.wait_for($$SELECT count(DISTINCT h.data_timestamp) || ' state, ' || count(*) || ' refreshes' FROM pgtrickle.pgt_refresh_history h
  JOIN pgtrickle.pgt_stream_tables t USING (pgt_id) WHERE pgt_name IN ('first', 'second', 'third') AND initiated_by = 'SCHEDULER'$$, '1 state, 3 refreshes');
DROP FOREIGN TABLE third, second, first;
-- fastest
SELECT make('l', 'SELECT id FROM base', '1s'), make('r', 'SELECT id FROM base', '3650d'),
       make('d', 'SELECT count(*) AS n FROM l JOIN r USING (id)', '3650d') \g /dev/null
INSERT INTO base VALUES (5);
SELECT test.wait_for('SELECT count(*)::text FROM l', '5');
SELECT (SELECT count(*) FROM r) AS r, (SELECT n FROM d) AS d;
DROP FOREIGN TABLE d;
-- slowest: refreshes of another one show that the manager has the definition, and then that the fastest member would be due
SELECT make('d', 'SELECT count(*) AS n FROM l JOIN r USING (id)', 'calculated', 'atomic', 'slowest'),
       make('beside', 'SELECT count(*) AS n FROM base', '1s') \g /dev/null
INSERT INTO base VALUES (6);
SELECT test.wait_for('SELECT n::text FROM beside', '6');
SELECT count(*) AS before FROM l \gset
INSERT INTO base VALUES (7);
SELECT test.wait_for('SELECT n::text FROM beside', '7');
SELECT count(*) = :before AS waits FROM l;
-- and a read of a member accepts that schedule
RESET pg_trickle.max_staleness;
SELECT count(*) = :before AS waits FROM l;
SET pg_trickle.max_staleness = 0;
SELECT count(*) FROM l;
SET pg_trickle.max_staleness = '3650d';
SELECT (SELECT count(*) FROM l) AS l, (SELECT count(*) FROM r) AS r, (SELECT n FROM d) AS d;
-- altered
SELECT pgtrickle.alter_stream_table('d', diamond_schedule_policy => 'fastest');
INSERT INTO base VALUES (8);
SELECT test.wait_for('SELECT n::text FROM d', '8');
-- none: once the manager has the definition, one member is refreshed without the other
SELECT pgtrickle.alter_stream_table('d', diamond_consistency => 'none', schedule => '1s');
DO $$
DECLARE
  give_up_at timestamptz := clock_timestamp() + '30 s';
BEGIN
  WHILE (SELECT count(*) FROM l) = (SELECT count(*) FROM r) AND clock_timestamp() < give_up_at LOOP
    INSERT INTO base SELECT max(id) + 1 FROM base;
    COMMIT;
    PERFORM test.wait_for('SELECT count(*)::text FROM l', (SELECT count(*)::text FROM base));
  END LOOP;
END $$;
SELECT (SELECT count(*) FROM r) < (SELECT count(*) FROM l) AS lags;
DROP SCHEMA effective_schedules CASCADE;
