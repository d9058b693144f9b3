-- Stream tables on stream tables: one refresh refreshes a whole chain or diamond.
SET client_min_messages = warning;
CREATE SCHEMA refresh_chain;
SET search_path = refresh_chain;
CREATE TABLE account (id int PRIMARY KEY, branch int, balance int);
INSERT INTO account SELECT g, g % 3, g * 10 FROM generate_series(1, 9) g;
SELECT pgtrickle.create_stream_table('by_branch', 'SELECT branch, sum(balance) AS total, count(*) AS n FROM account GROUP BY branch', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('rich', 'SELECT branch, total FROM by_branch WHERE total > 120', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('summary', 'SELECT count(*) AS branches, sum(total) AS total FROM rich', '520w', 'DIFFERENTIAL');
SELECT * FROM summary;

-- refreshing_the_end_refreshes_the_beginning
UPDATE account SET balance = balance + 100 WHERE id = 2;
INSERT INTO account VALUES (10, 7, 500);
SELECT pgtrickle.refresh_stream_table('summary');
SELECT * FROM by_branch ORDER BY branch;
SELECT * FROM rich ORDER BY branch;
SELECT * FROM summary;

-- a_retraction_passes_through_the_chain
DELETE FROM account WHERE branch = 7;
SELECT pgtrickle.refresh_stream_table('summary');
SELECT * FROM summary;

-- refreshing_the_beginning_first_loses_nothing
UPDATE account SET balance = 0 WHERE branch = 0;
SELECT pgtrickle.refresh_stream_table('by_branch');
SELECT pgtrickle.refresh_stream_table('summary');
SELECT * FROM rich ORDER BY branch;
SELECT * FROM summary;

-- own_changes_of_the_transaction_are_applied
BEGIN;
INSERT INTO account VALUES (11, 1, 1000);
SELECT pgtrickle.refresh_stream_table('summary');
SELECT * FROM summary;
UPDATE account SET balance = 2000 WHERE id = 11;
SELECT pgtrickle.refresh_stream_table('summary');
SELECT * FROM summary;
ROLLBACK;
SELECT * FROM summary;
SELECT pgtrickle.refresh_stream_table('summary');
SELECT * FROM summary;

-- both_sides_of_a_diamond_meet
SELECT pgtrickle.create_stream_table('low', 'SELECT id, balance FROM account WHERE balance < 50', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('high', 'SELECT id, balance FROM account WHERE balance >= 50', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('both_sides', 'SELECT id, balance FROM low UNION ALL SELECT id, balance FROM high', '520w', 'DIFFERENTIAL');
UPDATE account SET balance = 100 - balance;
SELECT pgtrickle.refresh_stream_table('low');
SELECT (SELECT count(*) FROM low) + (SELECT count(*) FROM high) AS siblings_moved_together;
SELECT pgtrickle.refresh_stream_table('both_sides');
SELECT count(*) FROM ((TABLE both_sides EXCEPT ALL SELECT id, balance FROM account) UNION ALL (SELECT id, balance FROM account EXCEPT ALL TABLE both_sides)) d;
DROP SCHEMA refresh_chain CASCADE;
