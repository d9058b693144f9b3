-- Changes of a partitioned table are captured once, at whichever level they are written.
CREATE TABLE cap_root (id int, k int, v text) PARTITION BY RANGE (k);
CREATE TABLE cap_leaf (v text, dropped int, k int, id int);
ALTER TABLE cap_leaf DROP COLUMN dropped;
ALTER TABLE cap_root ATTACH PARTITION cap_leaf FOR VALUES FROM (0) TO (10);
CREATE TABLE cap_mid PARTITION OF cap_root FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
CREATE TABLE cap_mid_leaf PARTITION OF cap_mid FOR VALUES FROM (0) TO (100);
SELECT pgtrickle.create_stream_table('cap_rows', 'SELECT id, k, v FROM cap_root', '520w', 'DIFFERENTIAL');

-- written_through_root_level_between_and_leaf
INSERT INTO cap_root VALUES (1, 5, 'root'), (2, 15, 'root');
INSERT INTO cap_mid VALUES (3, 16, 'mid');
INSERT INTO cap_leaf VALUES ('leaf', 6, 4);
INSERT INTO cap_mid_leaf VALUES (5, 17, 'mid_leaf');
UPDATE cap_leaf SET v = 'changed' WHERE id = 4;
DELETE FROM cap_mid WHERE id = 5;
SELECT pgtrickle.refresh_stream_table('cap_rows');
SELECT * FROM cap_rows ORDER BY id;

-- a_row_moves_to_another_partition
UPDATE cap_root SET k = k + 10 WHERE id = 1;
MERGE INTO cap_root r USING (VALUES (2), (4)) AS s (i) ON r.id = s.i WHEN MATCHED THEN UPDATE SET k = (r.k + 10) % 20;
SELECT pgtrickle.refresh_stream_table('cap_rows');
SELECT * FROM cap_rows ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_rows', 1);

-- a_partition_made_later_is_captured_and_costs_no_fill
CREATE TABLE cap_new PARTITION OF cap_root FOR VALUES FROM (20) TO (30);
INSERT INTO cap_new VALUES (6, 25, 'new');
CREATE TABLE cap_attached (id int, k int, v text);
ALTER TABLE cap_root ATTACH PARTITION cap_attached FOR VALUES FROM (30) TO (40);
INSERT INTO cap_attached VALUES (7, 35, 'attached');
SELECT pgtrickle.refresh_stream_table('cap_rows');
SELECT * FROM cap_rows WHERE id > 5 ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_rows', 1);

-- changes_that_no_trigger_sees: each of these reinitialises
ALTER TABLE cap_root DETACH PARTITION cap_attached;
SELECT pgtrickle.refresh_stream_table('cap_rows');
SELECT count(*) FROM cap_rows WHERE id = 7;
SELECT action FROM pgtrickle.get_refresh_history('cap_rows', 1);
INSERT INTO cap_attached VALUES (70, 36, 'detached');
ALTER TABLE cap_root ATTACH PARTITION cap_attached FOR VALUES FROM (30) TO (40);
SELECT pgtrickle.refresh_stream_table('cap_rows');
SELECT id FROM cap_rows WHERE k > 30 ORDER BY id;
ALTER TABLE cap_root DETACH PARTITION cap_attached CONCURRENTLY;
SELECT pgtrickle.refresh_stream_table('cap_rows');
SELECT id FROM cap_rows WHERE k > 30 ORDER BY id;
TRUNCATE cap_new;
SELECT pgtrickle.refresh_stream_table('cap_rows');
SELECT id FROM cap_rows WHERE k > 20 ORDER BY id;
DROP TABLE cap_leaf;
SELECT pgtrickle.refresh_stream_table('cap_rows');
SELECT * FROM cap_rows ORDER BY id;
TRUNCATE cap_root;
INSERT INTO cap_root VALUES (90, 25, 'after');
SELECT pgtrickle.refresh_stream_table('cap_rows');
SELECT * FROM cap_rows ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_rows', 1);

-- dropping_a_partition_in_a_rolled_back_transaction_changes_nothing
BEGIN;
DROP TABLE cap_new;
ROLLBACK;
INSERT INTO cap_root VALUES (91, 25, 'still');
SELECT pgtrickle.refresh_stream_table('cap_rows');
SELECT * FROM cap_rows ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_rows', 1);

-- a_partition_that_could_not_be_attached_leaves_nothing_to_the_command_that_ends_its_savepoint
CREATE TABLE cap_misfit (id int, k int, v text);
INSERT INTO cap_misfit VALUES (100, 5, 'misfit');
BEGIN;
SAVEPOINT attached;
ALTER TABLE cap_root ATTACH PARTITION cap_misfit FOR VALUES FROM (40) TO (50);
ROLLBACK TO attached;
INSERT INTO cap_root VALUES (92, 25, 'beside');
COMMIT;
SELECT pgtrickle.refresh_stream_table('cap_rows');
SELECT id FROM cap_rows ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_rows', 1);

-- tableoid_is_maintained_by_full_refreshes_too
SELECT pgtrickle.create_stream_table('cap_places', 'SELECT tableoid::regclass::text AS place, id FROM cap_root', '520w', 'FULL');
UPDATE cap_root SET k = 15 WHERE id = 91;
SELECT pgtrickle.refresh_stream_table('cap_places');
SELECT * FROM cap_places ORDER BY id;

-- a_merge_moves_a_row_after_a_trigger_has_refreshed: it costs a marker, as a trigger for INSERT must not fire
CREATE TABLE cap_lists (id int, k int) PARTITION BY LIST (k);
CREATE TABLE cap_list PARTITION OF cap_lists FOR VALUES IN (0);
CREATE TABLE cap_list_other PARTITION OF cap_lists FOR VALUES IN (1);
INSERT INTO cap_lists VALUES (1, 0), (2, 0);
SELECT pgtrickle.create_stream_table('cap_listed', 'SELECT id, k FROM cap_list', '520w', 'DIFFERENTIAL');
CREATE FUNCTION cap_refresh() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN PERFORM pgtrickle.refresh_stream_table('cap_listed'); RETURN NULL; END$$;
CREATE FUNCTION cap_nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER a_first BEFORE UPDATE ON cap_lists EXECUTE FUNCTION cap_refresh();
CREATE TRIGGER inserted AFTER INSERT ON cap_lists EXECUTE FUNCTION cap_nothing();
MERGE INTO cap_lists l USING (VALUES (1)) AS s (i) ON l.id = s.i WHEN MATCHED THEN UPDATE SET k = 1;
SELECT pgtrickle.refresh_stream_table('cap_listed');
SELECT * FROM cap_listed;
DROP TABLE cap_lists CASCADE;
DROP FUNCTION cap_refresh, cap_nothing;

SELECT pgtrickle.drop_stream_table('cap_places');
SELECT pgtrickle.drop_stream_table('cap_rows');
DROP TABLE cap_root, cap_attached, cap_misfit;
