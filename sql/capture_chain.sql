-- The refresh of a stream table with dependents logs its changes, and the dependents apply them in the same refresh.
CREATE TABLE cap_base (id int PRIMARY KEY, grp int, val int);
SELECT pgtrickle.create_stream_table('cap_first', 'SELECT grp, sum(val) AS total FROM cap_base GROUP BY grp', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('cap_second', 'SELECT grp, total FROM cap_first WHERE total > 10', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('cap_third', 'SELECT count(*) AS n, sum(total) AS total FROM cap_second', '520w', 'DIFFERENTIAL');

-- one_refresh_applies_a_change_to_the_whole_chain
INSERT INTO cap_base VALUES (1, 1, 11), (2, 2, 5), (3, 3, 30);
SELECT pgtrickle.refresh_stream_table('cap_third');
SELECT * FROM cap_second ORDER BY grp;
SELECT * FROM cap_third;

-- an_upstream_that_was_refreshed_alone_is_read_from_its_log
UPDATE cap_base SET val = val + 6 WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('cap_first');
DELETE FROM cap_base WHERE id = 3;
SELECT pgtrickle.refresh_stream_table('cap_first');
SELECT pgtrickle.refresh_stream_table('cap_third');
SELECT * FROM cap_second ORDER BY grp;
SELECT * FROM cap_third;

-- more_than_a_chunk_in_one_refresh, then less
INSERT INTO cap_base SELECT g, g, g FROM generate_series(1000, 3000) g;
SELECT pgtrickle.refresh_stream_table('cap_third');
SELECT * FROM cap_third;
DELETE FROM cap_base WHERE id > 1500;
UPDATE cap_base SET val = val + 1;
SELECT pgtrickle.refresh_stream_table('cap_third');
SELECT (SELECT count(*) FROM cap_base) AS groups, * FROM cap_third;

-- a_reinitialization_logs_many_chunks
TRUNCATE cap_base;
INSERT INTO cap_base SELECT g, g, g FROM generate_series(1000, 3000) g;
SELECT pgtrickle.refresh_stream_table('cap_third');
SELECT * FROM cap_third;

-- twice_in_a_transaction_that_writes
BEGIN;
INSERT INTO cap_base VALUES (5000, 5000, 5000);
SELECT pgtrickle.refresh_stream_table('cap_third');
INSERT INTO cap_base VALUES (5001, 5001, 1000);
SELECT pgtrickle.refresh_stream_table('cap_first');
UPDATE cap_base SET val = 0 WHERE id = 5000;
SELECT pgtrickle.refresh_stream_table('cap_third');
COMMIT;
DELETE FROM cap_base WHERE id = 5001;
SELECT pgtrickle.refresh_stream_table('cap_third');
SELECT t.*, (SELECT count(*) FROM (SELECT FROM cap_base GROUP BY grp HAVING sum(val) > 10) x) AS n_by_query FROM cap_third t;
SELECT action FROM pgtrickle.get_refresh_history('cap_third', 1);

SELECT pgtrickle.drop_stream_table('cap_first', true);
DROP TABLE cap_base;
