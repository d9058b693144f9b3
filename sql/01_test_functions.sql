-- The functions that the later files compare results with detect errors.
SET client_min_messages = warning;
CREATE SCHEMA test_functions;
SET search_path = test_functions, public;
SET pg_trickle.max_staleness = '1d';
CREATE TABLE t (id int PRIMARY KEY, v numeric);
INSERT INTO t SELECT g, g FROM generate_series(1, 5) g;
SELECT pgtrickle.create_stream_table('test_functions.st', 'SELECT id, v FROM t', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('test_functions."Other One"', 'SELECT id FROM t', '520w', 'FULL');
-- differences_are_found
SELECT * FROM test.differences('st');
INSERT INTO t VALUES (6, 6), (7, 7);
UPDATE t SET v = 10 WHERE id = 1;
SELECT * FROM test.differences('st');
SELECT pgtrickle.refresh_stream_table('test_functions.st');
SELECT * FROM test.differences('st');
-- multisets_are_compared
SELECT * FROM test.differences('st', 'SELECT id, v FROM t UNION ALL SELECT id, v FROM t WHERE id > 5');
-- by_text_equal_values_may_differ
SELECT * FROM test.differences('st', 'SELECT id, v * 1.0 FROM t');
SELECT * FROM test.differences('st', 'SELECT id, v * 1.0 FROM t', true);
-- other_relations_are_refused
SELECT * FROM test.differences('t');
-- wrong_lists_those_that_differ
CREATE TABLE listed (name text, query text);
SELECT * FROM test.wrong('listed');
INSERT INTO listed VALUES ('st', 'SELECT id, v FROM t'), ('Other One', 'SELECT id FROM t');
SELECT * FROM test.wrong('listed');
SELECT * FROM test.wrong('listed', true);
UPDATE listed SET query = query || ' WHERE id <> 3' WHERE name = 'Other One';
SELECT * FROM test.wrong('listed');
UPDATE listed SET query = 'SELECT id, v * 1.0 FROM t' WHERE name = 'st';
SELECT * FROM test.wrong('listed', true);
-- wrong_refreshes_first
DELETE FROM t WHERE id = 7;
SELECT * FROM test.differences('st');
SELECT * FROM test.wrong('listed');
SELECT * FROM test.differences('st');
-- waiting_ends_at_the_limit
SELECT test.wait_for('SELECT count(*)::text FROM t', '6', 0);
SELECT test.wait_for('SELECT count(*)::text FROM t', '7', 0);
SELECT test.wait_for('SELECT NULL', '7', 0);
SELECT test.wait_until_equal('st', 'SELECT id, v FROM t', 0);
SELECT test.wait_until_equal('st', 'SELECT id, v FROM t WHERE id > 1', 0);
-- whole_reads_are_found
SELECT * FROM test.whole_reads('test_functions."Other One"', 'DELETE FROM t WHERE id = 6');
SELECT * FROM test.whole_reads('test_functions.st', 'SELECT');
DROP SCHEMA test_functions CASCADE;
