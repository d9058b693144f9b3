-- A statement logs the rows that it changes in one of two ways, directly or by triggers, and each row once.
CREATE TABLE dir_row (id int PRIMARY KEY, val int CHECK (val < 1000000), pad text, twice int GENERATED ALWAYS AS (val * 2) STORED,
  above int REFERENCES dir_row ON DELETE CASCADE ON UPDATE CASCADE);
ALTER TABLE dir_row ALTER pad SET STORAGE EXTERNAL;
SELECT pgtrickle.create_stream_table('dir_rows', 'SELECT id, val, twice, pad, above FROM dir_row', '520w', 'DIFFERENTIAL');

-- Runs a statement, and says how often it fired capture triggers.
CREATE FUNCTION dir_way(statement text, OUT fired bigint) LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  fired := 0;
  FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || statement LOOP
    fired := fired + coalesce(substring(line FROM 'Trigger pg_trickle_.*calls=(\d+)')::int, 0);
  END LOOP;
END $$;
-- How the stream table was refreshed last, and its differences from the query.
CREATE FUNCTION dir_check(OUT action text, OUT missing bigint, OUT surplus bigint) LANGUAGE sql AS
$$SELECT h.action, d.missing, d.surplus FROM pgtrickle.get_refresh_history('dir_rows', 1) h, test.differences('dir_rows') d$$;

-- direct
SELECT dir_way('INSERT INTO dir_row VALUES (1, 1, ''a''), (2, 2, ''b''), (3, 3, NULL)');
SELECT dir_way('INSERT INTO dir_row SELECT g, g, repeat(''x'', 40) FROM generate_series(4, 3000) g');
SELECT dir_way('UPDATE dir_row SET val = val + 1 WHERE id = 1');
SELECT dir_way('UPDATE dir_row r SET val = o.val FROM dir_row o WHERE o.id = r.id + 1 AND r.id < 2000');
SELECT dir_way('DELETE FROM dir_row WHERE id = 2');
SELECT dir_way('DELETE FROM dir_row r USING dir_row o WHERE o.id = r.id + 1 AND r.id > 1000');
SELECT dir_way('INSERT INTO dir_row VALUES (1, 7), (2, 7), (2, 8) ON CONFLICT DO NOTHING');
SELECT dir_way('UPDATE dir_row SET val = val');
SELECT dir_way('DELETE FROM dir_row WHERE false');
SELECT dir_way('INSERT INTO dir_row SELECT 3000 + g, g, repeat(''z'', 40) FROM generate_series(1, 500) g RETURNING id, val + 1, pad');
SELECT dir_way('UPDATE dir_row SET val = val + 1 WHERE id < 600 RETURNING id, (SELECT count(*) FROM dir_row)');
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();

-- stopped_at_a_limit of rows that are returned
DO $$ DECLARE found int; BEGIN
  UPDATE dir_row SET val = val + 3 WHERE id < 700 RETURNING id INTO STRICT found;
EXCEPTION WHEN too_many_rows THEN RAISE NOTICE 'too many'; END $$;
DO $$ DECLARE found int; BEGIN
  INSERT INTO dir_row VALUES (8001, 1, 'p'), (8002, 2, 'q') RETURNING id INTO found;
EXCEPTION WHEN too_many_rows THEN RAISE NOTICE 'too many'; END $$;
DO $$ DECLARE found int; BEGIN
  INSERT INTO dir_row VALUES (8003, 1, 'p') RETURNING id INTO STRICT found; RAISE NOTICE '% inserted', found;
END $$;
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();

-- by_triggers
SELECT dir_way('INSERT INTO dir_row VALUES (1, 7), (9001, 7) ON CONFLICT (id) DO UPDATE SET val = excluded.val');
SELECT dir_way('DELETE FROM dir_row WHERE id = 8 RETURNING id');
SELECT dir_way('WITH gone AS (DELETE FROM dir_row WHERE id = 3 RETURNING id) SELECT count(*) FROM gone');
SELECT dir_way('WITH gone AS (DELETE FROM dir_row WHERE id = 4) UPDATE dir_row SET val = 5 WHERE id = 5');
SELECT dir_way('MERGE INTO dir_row r USING (VALUES (6), (9002)) AS s (id) ON r.id = s.id
  WHEN MATCHED THEN UPDATE SET val = 66 WHEN NOT MATCHED THEN INSERT (id, val) VALUES (s.id, 1)');
COPY dir_row (id, val) FROM stdin;
9003	1
9004	\N
\.
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();

-- values_that_are_stored_out_of_line
INSERT INTO dir_row VALUES (9100, 1, repeat('long', 2000)), (9101, 1, repeat('huge', 20000));
UPDATE dir_row SET val = 2 WHERE id >= 9100;
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();
UPDATE dir_row SET pad = pad || 'er' WHERE id >= 9100;
DELETE FROM dir_row WHERE id = 9101;
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();

-- actions_of_foreign_keys are statements of their own
INSERT INTO dir_row (id, val, above) VALUES (9200, 1, NULL), (9201, 1, 9200), (9202, 1, 9201), (9203, 1, 9202);
SELECT dir_way('UPDATE dir_row SET id = 9300 WHERE id = 9200');
SELECT dir_way('DELETE FROM dir_row WHERE id = 9201');
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();
INSERT INTO dir_row (id, val, above) VALUES (9201, 1, 9300), (9202, 1, 9201);
SELECT dir_way('DELETE FROM dir_row WHERE id = 9300 RETURNING id') > 0 AS fired;
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();

-- statements_within_a_statement
CREATE FUNCTION dir_more(of int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  UPDATE dir_row SET val = val + 1 WHERE id = of + 1;
  DELETE FROM dir_row WHERE id = of + 2;
  INSERT INTO dir_row (id, val) VALUES (of + 10000, of);
  RETURN of;
END $$;
UPDATE dir_row SET val = dir_more(id) WHERE id IN (100, 110, 120);
INSERT INTO dir_row (id, val) SELECT 9400 + g, dir_more(200 + 10 * g) FROM generate_series(1, 3) g;
DELETE FROM dir_row WHERE id IN (300, 310) AND dir_more(id) > 0;
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();

-- a_statement_that_fails leaves nothing, and the next one of the transaction is logged
BEGIN;
DO $$ BEGIN
  INSERT INTO dir_row (id, val, pad) SELECT 20000 + g, CASE WHEN g > 900 THEN 1000000 ELSE g END, repeat('y', 50) FROM generate_series(1, 1000) g;
EXCEPTION WHEN check_violation THEN RAISE NOTICE 'failed'; END $$;
DO $$ DECLARE n int; BEGIN
  UPDATE dir_row SET val = val + 1 WHERE id BETWEEN 400 AND 409; GET DIAGNOSTICS n = ROW_COUNT; RAISE NOTICE '% rows', n;
END $$;
SAVEPOINT s;
DELETE FROM dir_row WHERE id < 500;
ROLLBACK TO s;
COMMIT;
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();

-- a_statement_in_progress is not refreshed
CREATE FUNCTION dir_refresh(of int) RETURNS int LANGUAGE plpgsql AS
$$BEGIN PERFORM pgtrickle.refresh_stream_table('dir_rows'); RETURN of; END$$;
UPDATE dir_row SET val = dir_refresh(id) WHERE id IN (500, 501);
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();

-- explained_and_not_run
EXPLAIN (COSTS OFF) UPDATE dir_row SET val = 1 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();

-- triggers_of_users for the same event
CREATE FUNCTION dir_twist() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN new.val := new.val + 1; RETURN new; END$$;
CREATE TRIGGER dir_twist BEFORE UPDATE ON dir_row FOR EACH ROW EXECUTE FUNCTION dir_twist();
SELECT dir_way('UPDATE dir_row SET val = 1 WHERE id = 1');
SELECT dir_way('INSERT INTO dir_row (id, val) VALUES (9501, 1)');
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();
DROP TRIGGER dir_twist ON dir_row;
SELECT dir_way('UPDATE dir_row SET val = 1 WHERE id = 1');
CREATE TRIGGER dir_after AFTER INSERT ON dir_row REFERENCING NEW TABLE AS added EXECUTE FUNCTION dir_twist();
SELECT dir_way('INSERT INTO dir_row (id, val) VALUES (9502, 1)');
SELECT dir_way('DELETE FROM dir_row WHERE id = 9502');
DROP TRIGGER dir_after ON dir_row;
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();

-- subtransactions_leave_no_memory
BEGIN;
DO $$ BEGIN
  FOR i IN 1..300 LOOP
    BEGIN
      INSERT INTO dir_row (id, val) VALUES (20000 + i, 1);
      UPDATE dir_row SET val = i WHERE id = 20000 + i;
      DELETE FROM dir_row WHERE id = 20000 + i - 1;
      IF i % 3 = 0 THEN INSERT INTO dir_row (id, val) VALUES (20000 + i, 1); END IF;
    EXCEPTION WHEN unique_violation THEN NULL; END;
  END LOOP;
END $$;
SELECT count(*) < 10 AS is_little FROM pg_backend_memory_contexts WHERE name = 'CurTransactionContext';
COMMIT;
SELECT pgtrickle.refresh_stream_table('dir_rows');
SELECT * FROM dir_check();

-- a_table_that_the_statement_attaches_or_detaches
CREATE TABLE dir_root (id int, val int) PARTITION BY RANGE (id);
CREATE TABLE dir_leaf (id int NOT NULL, val int, CHECK (id >= 0 AND id < 100));
INSERT INTO dir_leaf SELECT g, g FROM generate_series(1, 5) g;
SELECT pgtrickle.create_stream_table('dir_roots', 'SELECT id, val FROM dir_root', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('dir_leaves', 'SELECT id, val FROM dir_leaf', '520w', 'DIFFERENTIAL');
CREATE FUNCTION dir_once(statement text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  IF current_setting('dir.statement', true) IS DISTINCT FROM statement THEN
    PERFORM set_config('dir.statement', statement, false);
    EXECUTE statement;
    PERFORM pgtrickle.refresh_stream_table('dir_roots');
  END IF;
  RETURN 1; END $$;
UPDATE dir_leaf SET val = val + dir_once('ALTER TABLE dir_root ATTACH PARTITION dir_leaf FOR VALUES FROM (0) TO (100)');
SELECT pgtrickle.refresh_stream_table('dir_roots');
SELECT pgtrickle.refresh_stream_table('dir_leaves');
SELECT s, d.* FROM unnest('{dir_roots, dir_leaves}'::regclass[]) s, test.differences(s) d;
UPDATE dir_leaf SET val = val + dir_once('ALTER TABLE dir_root DETACH PARTITION dir_leaf');
SELECT pgtrickle.refresh_stream_table('dir_roots');
SELECT pgtrickle.refresh_stream_table('dir_leaves');
SELECT s, d.* FROM unnest('{dir_roots, dir_leaves}'::regclass[]) s, test.differences(s) d;

-- a_partition_and_its_root, written to through either
CREATE TABLE dir_part (id int, val int) PARTITION BY RANGE (id);
CREATE TABLE dir_part_1 (val int, gone int, id int);
ALTER TABLE dir_part_1 DROP gone;
ALTER TABLE dir_part ATTACH PARTITION dir_part_1 FOR VALUES FROM (0) TO (100);
SELECT pgtrickle.create_stream_table('dir_parts', 'SELECT id, val FROM dir_part', '520w', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('dir_parts_1', 'SELECT id, val FROM dir_part_1', '520w', 'DIFFERENTIAL');
SELECT dir_way('INSERT INTO dir_part_1 (id, val) VALUES (1, 1), (2, 2), (3, 3)');
SELECT dir_way('UPDATE dir_part_1 SET val = 22 WHERE id = 2');
SELECT dir_way('UPDATE dir_part SET val = 33 WHERE id = 3');
SELECT dir_way('DELETE FROM dir_part WHERE id = 1');
SELECT pgtrickle.refresh_stream_table('dir_parts');
SELECT pgtrickle.refresh_stream_table('dir_parts_1');
SELECT d.* FROM unnest('{dir_parts, dir_parts_1}'::regclass[]) s, test.differences(s) d;

SELECT pgtrickle.drop_stream_table(s) FROM unnest('{dir_rows, dir_parts, dir_parts_1, dir_roots, dir_leaves}'::text[]) s;
DROP TABLE dir_row, dir_part, dir_root, dir_leaf;
DROP FUNCTION dir_way, dir_check, dir_more, dir_refresh, dir_twist, dir_once;
