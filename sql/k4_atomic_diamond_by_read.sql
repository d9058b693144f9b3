-- Two aggregates of one source, refreshed atomically, never contradict each other: a plain read causes the refresh.
SET client_min_messages = warning;
SET pg_trickle.max_staleness = 0;
CREATE TABLE ks_ledger (id int PRIMARY KEY, account text, amount int);
INSERT INTO ks_ledger VALUES (1, 'A', 100), (2, 'A', -30), (3, 'B', 200), (4, 'B', -50);
\set ks_balance_query 'SELECT account, SUM(amount) AS balance FROM ks_ledger GROUP BY account'
SELECT pgtrickle.create_stream_table('ks_balance', :'ks_balance_query', '520w', 'DIFFERENTIAL', true, 'atomic');
\set ks_grand_total_query 'SELECT SUM(amount) AS grand_total FROM ks_ledger'
SELECT pgtrickle.create_stream_table('ks_grand_total', :'ks_grand_total_query', '520w', 'DIFFERENTIAL', true, 'atomic');
-- as filled
SELECT * FROM ks_balance ORDER BY account;
SELECT * FROM ks_grand_total ORDER BY 1;
-- the sum of the balances is the grand total
SELECT (SELECT COALESCE(SUM(balance), 0)::bigint FROM ks_balance) = (SELECT COALESCE(grand_total, 0)::bigint FROM ks_grand_total) AS agree;
-- a transfer, and a new account
INSERT INTO ks_ledger VALUES (5, 'A', -20), (6, 'B', 20);
INSERT INTO ks_ledger VALUES (7, 'C', 500);
SELECT count(*) AS too_much FROM (SELECT * FROM ks_balance EXCEPT ALL (:ks_balance_query)) x;
SELECT count(*) AS missing FROM ((:ks_balance_query) EXCEPT ALL SELECT * FROM ks_balance) x;
SELECT * FROM ks_balance ORDER BY account;
SELECT count(*) AS too_much FROM (SELECT * FROM ks_grand_total EXCEPT ALL (:ks_grand_total_query)) x;
SELECT count(*) AS missing FROM ((:ks_grand_total_query) EXCEPT ALL SELECT * FROM ks_grand_total) x;
SELECT * FROM ks_grand_total ORDER BY 1;
-- the sum of the balances is the grand total
SELECT (SELECT COALESCE(SUM(balance), 0)::bigint FROM ks_balance) = (SELECT COALESCE(grand_total, 0)::bigint FROM ks_grand_total) AS agree;
SELECT pgtrickle.drop_stream_table('ks_balance');
SELECT pgtrickle.drop_stream_table('ks_grand_total');
DROP TABLE ks_ledger;
