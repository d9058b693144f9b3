-- A refresh inside a transaction applies the changes that the transaction has made so far, once.
CREATE TABLE cap_own (id int PRIMARY KEY, v int);
SELECT pgtrickle.create_stream_table('cap_mine', 'SELECT id, v FROM cap_own', '520w', 'DIFFERENTIAL');

-- own_changes_before_and_after_a_refresh
BEGIN;
INSERT INTO cap_own VALUES (1, 1);
SELECT pgtrickle.refresh_stream_table('cap_mine');
SELECT * FROM cap_mine ORDER BY id;
INSERT INTO cap_own VALUES (2, 2);
SAVEPOINT s;
INSERT INTO cap_own VALUES (3, 3);
UPDATE cap_own SET v = 100;
ROLLBACK TO s;
UPDATE cap_own SET v = v + 1;
COMMIT;
SELECT pgtrickle.refresh_stream_table('cap_mine');
SELECT * FROM cap_mine ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_mine', 1);

-- a_refresh_that_is_rolled_back_is_as_if_it_had_not_been
BEGIN;
INSERT INTO cap_own VALUES (4, 4);
SAVEPOINT s;
INSERT INTO cap_own VALUES (5, 5);
SELECT pgtrickle.refresh_stream_table('cap_mine');
ROLLBACK TO s;
SELECT pgtrickle.refresh_stream_table('cap_mine');
SELECT * FROM cap_mine ORDER BY id;
ROLLBACK;
SELECT pgtrickle.refresh_stream_table('cap_mine');
SELECT * FROM cap_mine ORDER BY id;

-- changes_of_a_prepared_transaction_arrive_when_it_commits
BEGIN;
INSERT INTO cap_own VALUES (6, 6);
PREPARE TRANSACTION 'cap_later';
BEGIN;
INSERT INTO cap_own VALUES (7, 7);
PREPARE TRANSACTION 'cap_never';
INSERT INTO cap_own VALUES (8, 8);
SELECT pgtrickle.refresh_stream_table('cap_mine');
SELECT * FROM cap_mine ORDER BY id;
COMMIT PREPARED 'cap_later';
ROLLBACK PREPARED 'cap_never';
SELECT pgtrickle.refresh_stream_table('cap_mine');
SELECT * FROM cap_mine ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_mine', 1);

-- no_refresh_in_the_middle_of_a_statement
CREATE FUNCTION cap_refresh() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN PERFORM pgtrickle.refresh_stream_table('cap_mine'); RETURN NULL; END$$;
CREATE TRIGGER cap_each AFTER INSERT ON cap_own FOR EACH ROW EXECUTE FUNCTION cap_refresh();
INSERT INTO cap_own VALUES (9, 9);
DROP TRIGGER cap_each ON cap_own;
-- nor_in_a_cte_beside_it
WITH i AS (INSERT INTO cap_own VALUES (10, 10) RETURNING id)
SELECT id, pgtrickle.refresh_stream_table('cap_mine') FROM i;
-- but_after_a_statement_that_failed
DO $$
BEGIN
  BEGIN
    INSERT INTO cap_own SELECT g, 1 / (3 - g) FROM generate_series(1, 5) g;
  EXCEPTION WHEN division_by_zero OR unique_violation THEN NULL;
  END;
  PERFORM pgtrickle.refresh_stream_table('cap_mine');
END$$;
-- and_in_a_statement_trigger_that_comes_after_capture
CREATE TRIGGER zz_all AFTER INSERT ON cap_own FOR EACH STATEMENT EXECUTE FUNCTION cap_refresh();
INSERT INTO cap_own VALUES (11, 11);
SELECT * FROM cap_mine ORDER BY id;

SELECT pgtrickle.drop_stream_table('cap_mine');
DROP TABLE cap_own;
DROP FUNCTION cap_refresh;
