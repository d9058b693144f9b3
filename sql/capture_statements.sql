-- Changes by any statement reach the stream table, each row once.
CREATE TABLE cap_parent (id int PRIMARY KEY, val int, twice int GENERATED ALWAYS AS (val * 2) STORED);
CREATE TABLE cap_child (id int PRIMARY KEY,
  parent_id int REFERENCES cap_parent ON DELETE CASCADE ON UPDATE CASCADE);
SELECT pgtrickle.create_stream_table('cap_parents', 'SELECT id, val, twice FROM cap_parent', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('cap_children', 'SELECT id, parent_id FROM cap_child', '520w', 'DIFFERENTIAL');

-- insert_update_delete
INSERT INTO cap_parent VALUES (1, 10), (2, 20), (3, 30);
UPDATE cap_parent SET val = val + 1 WHERE id < 3;
DELETE FROM cap_parent WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('cap_parents');
SELECT * FROM cap_parents ORDER BY id;
SELECT action, rows_inserted, rows_deleted FROM pgtrickle.get_refresh_history('cap_parents', 1);

-- no_row_changed
UPDATE cap_parent SET val = 0 WHERE id > 100;
DELETE FROM cap_parent WHERE false;
INSERT INTO cap_parent SELECT 1, 1 WHERE false;
SELECT pgtrickle.refresh_stream_table('cap_parents');
SELECT * FROM cap_parents ORDER BY id;

-- copy
COPY cap_parent (id, val) FROM stdin;
4	40
5	\N
\.
-- on_conflict_inserts_updates_or_does_nothing
INSERT INTO cap_parent VALUES (1, 100), (6, 60) ON CONFLICT (id) DO UPDATE SET val = excluded.val;
INSERT INTO cap_parent VALUES (1, 999), (7, 70) ON CONFLICT DO NOTHING;
SELECT pgtrickle.refresh_stream_table('cap_parents');
SELECT * FROM cap_parents ORDER BY id;

-- merge_inserts_updates_and_deletes
MERGE INTO cap_parent p USING (VALUES (1, 0), (3, 33), (8, 80)) AS s (id, val) ON p.id = s.id
  WHEN MATCHED AND s.val = 0 THEN DELETE
  WHEN MATCHED THEN UPDATE SET val = s.val
  WHEN NOT MATCHED THEN INSERT (id, val) VALUES (s.id, s.val);
SELECT pgtrickle.refresh_stream_table('cap_parents');
SELECT * FROM cap_parents ORDER BY id;

-- merge_beside_an_insert_and_another_merge of the same table
WITH more AS (INSERT INTO cap_parent VALUES (11, 11) RETURNING id)
MERGE INTO cap_parent p USING (VALUES (12, 12)) AS s (id, val) ON p.id = s.id
  WHEN NOT MATCHED THEN INSERT (id, val) VALUES (s.id, s.val);
SELECT pgtrickle.refresh_stream_table('cap_parents');
SELECT * FROM cap_parents ORDER BY id;
WITH gone AS (DELETE FROM cap_parent WHERE id = 11 RETURNING id)
MERGE INTO cap_parent p USING (VALUES (12)) AS s (id) ON p.id = s.id WHEN MATCHED THEN DELETE;
SELECT pgtrickle.refresh_stream_table('cap_parents');
SELECT * FROM cap_parents ORDER BY id;

-- writable_ctes_over_two_sources, one of them written twice
WITH gone AS (DELETE FROM cap_parent WHERE id IN (6, 7) RETURNING id),
     more AS (INSERT INTO cap_parent VALUES (9, 90) RETURNING id)
INSERT INTO cap_child VALUES (1, 3), (2, 3), (3, 4);
-- foreign_key_cascades
UPDATE cap_parent SET id = 44 WHERE id = 4;
DELETE FROM cap_parent WHERE id = 3;
SELECT pgtrickle.refresh_stream_table('cap_parents');
SELECT * FROM cap_parents ORDER BY id;
SELECT pgtrickle.refresh_stream_table('cap_children');
SELECT * FROM cap_children ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_children', 1);

-- merge_into_a_table_with_cascades_to_itself
CREATE TABLE cap_tree (id int PRIMARY KEY, above int REFERENCES cap_tree ON DELETE CASCADE);
INSERT INTO cap_tree VALUES (1, NULL), (2, 1), (3, 2), (4, NULL);
SELECT pgtrickle.create_stream_table('cap_nodes', 'SELECT id, above FROM cap_tree', '520w', 'DIFFERENTIAL');
MERGE INTO cap_tree t USING (VALUES (1)) AS s (id) ON t.id = s.id WHEN MATCHED THEN DELETE;
SELECT pgtrickle.refresh_stream_table('cap_nodes');
SELECT * FROM cap_nodes ORDER BY id;
DROP TABLE cap_tree CASCADE;

-- triggers_of_the_user_change_and_suppress_rows
CREATE FUNCTION cap_twist() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN IF new.val < 0 THEN RETURN NULL; END IF; new.val := new.val + 1; RETURN new; END$$;
CREATE TRIGGER cap_twist BEFORE INSERT OR UPDATE ON cap_parent FOR EACH ROW EXECUTE FUNCTION cap_twist();
INSERT INTO cap_parent VALUES (20, -1), (21, 1);
UPDATE cap_parent SET val = -5 WHERE id = 8;
SELECT pgtrickle.refresh_stream_table('cap_parents');
SELECT * FROM cap_parents ORDER BY id;

-- replica_role_does_not_silence_capture
SET session_replication_role = replica;
DELETE FROM cap_parent WHERE id > 8;
RESET session_replication_role;
SELECT pgtrickle.refresh_stream_table('cap_parents');
SELECT * FROM cap_parents ORDER BY id;

-- truncate_reinitialises
TRUNCATE cap_parent CASCADE;
INSERT INTO cap_parent VALUES (50, 50);
SELECT pgtrickle.refresh_stream_table('cap_parents');
SELECT * FROM cap_parents ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_parents', 1);
SELECT pgtrickle.refresh_stream_table('cap_children');
SELECT * FROM cap_children ORDER BY id;

SELECT pgtrickle.drop_stream_table('cap_parents');
SELECT pgtrickle.drop_stream_table('cap_children');
DROP TABLE cap_child, cap_parent;
DROP FUNCTION cap_twist;
