-- A view with security_barrier is maintained by deltas if the owner of the stream table may read all relations of the view.
SET client_min_messages = warning;
CREATE SCHEMA source_barrier;
SET search_path = source_barrier;
CREATE TABLE secrets (id int, owner text, v int);
INSERT INTO secrets VALUES (1, 'all', 10), (2, 'none', 20);
CREATE VIEW shown WITH (security_barrier) AS SELECT id, v FROM secrets WHERE owner = 'all';
CREATE VIEW shown_above AS SELECT id, v + 1 AS v FROM shown;
SELECT pgtrickle.create_stream_table('kept', 'SELECT id, v FROM shown_above WHERE v > 5', '520w', 'DIFFERENTIAL');
INSERT INTO secrets VALUES (3, 'all', 30), (4, 'all', 1), (5, 'none', 50);
UPDATE secrets SET owner = 'all' WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('kept');
TABLE kept ORDER BY id;

-- a_role_that_may_read_the_view_alone_is_refused, and_uses_full_refreshes
CREATE ROLE source_barrier_reader;
GRANT USAGE, CREATE ON SCHEMA source_barrier TO source_barrier_reader;
GRANT USAGE ON SCHEMA pgtrickle TO source_barrier_reader;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO source_barrier_reader;
GRANT SELECT ON shown, shown_above TO source_barrier_reader;
SET ROLE source_barrier_reader;
SELECT pgtrickle.create_stream_table('theirs', 'SELECT id, v FROM shown', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('theirs', 'SELECT id, v FROM shown', '520w', 'AUTO') \g /dev/null
TABLE theirs ORDER BY id;

-- with_the_privilege_on_the_table_by_deltas, as_long_as_the_role_has_it
RESET ROLE;
GRANT SELECT, TRIGGER ON secrets TO source_barrier_reader;
SET ROLE source_barrier_reader;
SELECT pgtrickle.create_stream_table('by_delta', 'SELECT id, v FROM shown', '520w', 'DIFFERENTIAL') \g /dev/null
RESET ROLE;
DELETE FROM secrets WHERE id = 3;
SELECT pgtrickle.refresh_stream_table('by_delta');
SELECT action FROM pgtrickle.get_refresh_history('by_delta', 1);
REVOKE SELECT ON secrets FROM source_barrier_reader;
SELECT pgtrickle.refresh_stream_table('by_delta');

DROP SCHEMA source_barrier CASCADE;
REVOKE USAGE ON SCHEMA pgtrickle FROM source_barrier_reader;
REVOKE USAGE ON FOREIGN SERVER pgtrickle FROM source_barrier_reader;
DROP ROLE source_barrier_reader;
