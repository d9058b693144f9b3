-- Reads of stream tables that must be current, by triggers and functions of a statement that changes a source.
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA read_in_triggers;
SET search_path = read_in_triggers;
CREATE TABLE seen (id serial, by text, is_exact bool);
CREATE TABLE item (id int PRIMARY KEY, v int);
INSERT INTO item SELECT i, i FROM generate_series(1, 3) i;
CREATE FOREIGN TABLE total (n bigint, s bigint) SERVER pgtrickle
  OPTIONS (query 'SELECT count(*), sum(v) FROM item', schedule '0s');
CREATE FOREIGN TABLE doubled (s bigint) SERVER pgtrickle OPTIONS (query 'SELECT 2 * s FROM total', schedule '0s');
-- Records whether both stream tables show the rows that the trigger itself sees.
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO seen (by, is_exact)
    SELECT tg_name, (n, s) IS NOT DISTINCT FROM (SELECT (count(*), sum(v)) FROM item) AND
                    (SELECT d.s FROM doubled d) IS NOT DISTINCT FROM (SELECT 2 * sum(v) FROM item) FROM total;
  RETURN coalesce(new, old);
END $$;
CREATE FUNCTION what_they_saw() RETURNS TABLE (by text, is_exact bool) BEGIN ATOMIC
  SELECT by, is_exact FROM seen ORDER BY id;
END;

-- before_a_row_is_changed_the_answer_is_exact
CREATE TRIGGER before_statement BEFORE INSERT OR UPDATE OR DELETE ON item EXECUTE FUNCTION look();
CREATE TRIGGER sorted_last BEFORE INSERT OR UPDATE OR DELETE ON item EXECUTE FUNCTION look();
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION look();
INSERT INTO item VALUES (4, 4);
UPDATE item SET v = 5 WHERE id = 4;
DELETE FROM item WHERE id = 4;
INSERT INTO item SELECT 4, 4 WHERE false;
-- also_after_own_statements_that_have_ended
BEGIN;
INSERT INTO item VALUES (5, 5);
INSERT INTO item VALUES (6, 6);
COMMIT;
SELECT by, is_exact, count(*) FROM what_they_saw() GROUP BY 1, 2 ORDER BY 1, 2;
-- also_after_the_first_row
TRUNCATE seen;
INSERT INTO item VALUES (7, 7), (8, 8);
SELECT by, is_exact, count(*) FROM what_they_saw() GROUP BY 1, 2 ORDER BY 1, 2;
DROP TRIGGER before_statement ON item;
DROP TRIGGER sorted_last ON item;
DROP TRIGGER before_row ON item;

-- a_row_trigger_and_an_early_statement_trigger_are_exact
SET pg_trickle.on_stale = error;
TRUNCATE seen;
CREATE TRIGGER after_row AFTER INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION look();
UPDATE item SET v = v + 1;
DROP TRIGGER after_row ON item;
CREATE TRIGGER after_statement AFTER INSERT OR UPDATE OR DELETE ON item EXECUTE FUNCTION look();
DELETE FROM item WHERE id >= 7;
DROP TRIGGER after_statement ON item;
SELECT by, is_exact, count(*) FROM what_they_saw() GROUP BY 1, 2 ORDER BY 1, 2;
-- a_late_statement_trigger_and_a_deferred_one_are_exact
TRUNCATE seen;
CREATE TRIGGER sorted_last AFTER INSERT OR UPDATE OR DELETE ON item EXECUTE FUNCTION look();
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE OR DELETE ON item DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION look();
DELETE FROM item WHERE id = 6;
BEGIN;
INSERT INTO item VALUES (6, 6);
UPDATE item SET v = 66 WHERE id = 6;
COMMIT;
SELECT by, is_exact, count(*) FROM what_they_saw() GROUP BY 1, 2 ORDER BY 1, 2;
DROP TRIGGER sorted_last ON item;
DROP TRIGGER at_commit ON item;
-- so_is_a_read_that_may_be_stale
ALTER FOREIGN TABLE total OPTIONS (SET schedule '1h');
ALTER FOREIGN TABLE doubled OPTIONS (SET schedule '1h');
CREATE TRIGGER after_row AFTER INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION look();
UPDATE item SET v = v + 1;
DROP TRIGGER after_row ON item;
ALTER FOREIGN TABLE total OPTIONS (SET schedule '0s');
ALTER FOREIGN TABLE doubled OPTIONS (SET schedule '0s');

-- a_truncate_is_not_read_past
SET pg_trickle.on_stale = serve;
CREATE TABLE other (n int);
CREATE TRIGGER after_truncate AFTER TRUNCATE ON item EXECUTE FUNCTION look();
TRUNCATE seen;
TRUNCATE other, item;
SELECT * FROM what_they_saw();
DROP TRIGGER after_truncate ON item;
CREATE TRIGGER sorted_last AFTER TRUNCATE ON item EXECUTE FUNCTION look();
INSERT INTO item VALUES (1, 1), (2, 2), (3, 3);
TRUNCATE seen;
TRUNCATE item;
SELECT * FROM what_they_saw();
DROP TRIGGER sorted_last ON item;

-- a_volatile_function_sees_the_statement_and_a_stable_one_the_state_before_it
INSERT INTO item VALUES (1, 1), (2, 2), (3, 3);
CREATE FUNCTION volatile() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT n FROM read_in_triggers.total); END';
CREATE FUNCTION stable() RETURNS bool LANGUAGE plpgsql STABLE AS
  'BEGIN RETURN (SELECT n = (SELECT count(*) FROM read_in_triggers.item) FROM read_in_triggers.total); END';
SELECT volatile();
INSERT INTO item VALUES (4, 4), (5, 5) RETURNING stable();
SELECT volatile();
INSERT INTO item VALUES (6, 6) RETURNING stable(), volatile();
SELECT volatile();
WITH inserted AS (INSERT INTO item VALUES (7, 7) RETURNING id) SELECT volatile() FROM inserted;
SELECT n FROM total;
WITH inserted AS (INSERT INTO item VALUES (8, 8) RETURNING id) SELECT n FROM inserted, total;

-- cascades_and_partitions_count
CREATE TABLE part_of (item int REFERENCES item ON DELETE CASCADE, k int) PARTITION BY LIST (k);
CREATE TABLE part_of_1 PARTITION OF part_of FOR VALUES IN (1);
INSERT INTO part_of SELECT i, 1 FROM generate_series(1, 3) i;
CREATE FOREIGN TABLE parts (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT count(*) FROM part_of', schedule '0s');
CREATE FOREIGN TABLE parts_1 (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT count(*) FROM part_of_1', schedule '0s');
CREATE FUNCTION look_at_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO seen (by, is_exact)
    SELECT tg_name, p.n = count(*) AND q.n = count(*) FROM part_of, parts p, parts_1 q GROUP BY p.n, q.n;
  RETURN NULL;
END $$;
CREATE TRIGGER after_row AFTER DELETE ON part_of FOR EACH ROW EXECUTE FUNCTION look_at_parts();
CREATE TRIGGER sorted_last AFTER DELETE ON part_of EXECUTE FUNCTION look_at_parts();
TRUNCATE seen;
DELETE FROM item WHERE id < 3;
SELECT DISTINCT by, is_exact FROM what_they_saw();

-- also_in_repeatable_read
CREATE TRIGGER after_row AFTER INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION look();
SELECT * FROM total, doubled;
BEGIN ISOLATION LEVEL REPEATABLE READ;
TRUNCATE seen;
INSERT INTO item VALUES (10, 10);
SELECT * FROM what_they_saw();
ROLLBACK;
\set VERBOSITY default
DROP SCHEMA read_in_triggers CASCADE;
