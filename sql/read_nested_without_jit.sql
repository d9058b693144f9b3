-- The plan of an exact read that is started for each row of an outer relation is not compiled at each start, which takes 0.1 s.
SET client_min_messages = warning;
CREATE SCHEMA read_nested_without_jit;
SET search_path = read_nested_without_jit, public;
CREATE TABLE a (id int PRIMARY KEY, k int, v int);
INSERT INTO a SELECT g, g % 10, g % 100 FROM generate_series(1, 400) g;
SELECT pgtrickle.create_stream_table('read_nested_without_jit.first', 'SELECT id, v, k FROM a ORDER BY v DESC, id LIMIT 15', '520w') \g /dev/null
SELECT pgtrickle.pause_scheduler(ARRAY['read_nested_without_jit.first']) \g /dev/null
INSERT INTO a VALUES (1001, 1, 100);
SET pg_trickle.read_mode = exact;
SET jit = on;
SET jit_above_cost = 0;
SET jit_optimize_above_cost = 0;
SET jit_inline_above_cost = 0;
SET statement_timeout = '15s';
-- exact_read_is_started_for_each_row
SELECT sum((SELECT count(*) FROM first q WHERE q.id = r.id)) AS found FROM a r;
RESET ALL;
SET client_min_messages = warning;
DROP SCHEMA read_nested_without_jit CASCADE;
