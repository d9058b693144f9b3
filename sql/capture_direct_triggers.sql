-- Statements whose table does not show its statement triggers while PostgreSQL prepares them.
CREATE TABLE dit_parent (id int PRIMARY KEY, val int);
CREATE TABLE dit_row (id int PRIMARY KEY, val int, parent int REFERENCES dit_parent ON DELETE CASCADE ON UPDATE SET NULL,
  code int, UNIQUE (code) DEFERRABLE INITIALLY DEFERRED);
SELECT pgtrickle.create_stream_table('dit_rows', 'SELECT r.id, r.val, r.code, p.val AS parent FROM dit_row r LEFT JOIN dit_parent p ON p.id = r.parent', '520w', 'DIFFERENTIAL');
-- Runs a statement, and says how often it fired which triggers.
CREATE FUNCTION dit_way(statement text, OUT capture bigint, OUT of_constraints bigint) LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  capture := 0; of_constraints := 0;
  FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || statement LOOP
    capture := capture + coalesce(substring(line FROM 'Trigger pg_trickle_.*calls=(\d+)')::int, 0);
    of_constraints := of_constraints + coalesce(substring(line FROM 'Trigger for constraint .*calls=(\d+)')::int, 0);
  END LOOP;
END $$;
CREATE FUNCTION dit_check(OUT action text, OUT missing bigint, OUT surplus bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pgtrickle.refresh_stream_table('dit_rows');
  SELECT h.action, d.missing, d.surplus INTO action, missing, surplus
    FROM pgtrickle.get_refresh_history('dit_rows', 1) h, test.differences('dit_rows') d;
END $$;

-- constraints are checked, and foreign keys act
SELECT dit_way('INSERT INTO dit_parent VALUES (1, 10), (2, 20), (3, 30)');
SELECT dit_way('INSERT INTO dit_row VALUES (1, 1, 1, 1)');
SELECT dit_way('INSERT INTO dit_row VALUES (2, 2, 2, 2), (3, 3, 3, 3)');
INSERT INTO dit_row VALUES (4, 4, 4, 4);
INSERT INTO dit_row VALUES (4, 4, 1, 1);
BEGIN;
SELECT dit_way('UPDATE dit_row SET code = 2 WHERE id = 1');
SELECT dit_way('UPDATE dit_row SET code = 1 WHERE id = 2');
COMMIT;
SELECT * FROM dit_check();
SELECT dit_way('UPDATE dit_parent SET val = val + 1 WHERE id = 1');
SELECT dit_way('UPDATE dit_parent SET id = 4 WHERE id = 1');
SELECT dit_way('DELETE FROM dit_parent WHERE id = 2');
SELECT * FROM dit_check();
SELECT * FROM dit_rows ORDER BY id;

-- prepared, also beside changes of the table, and in subtransactions
PREPARE dit_change(int, int) AS UPDATE dit_row SET val = $2 WHERE id = $1;
EXECUTE dit_change(1, 7);
ALTER TABLE dit_row ADD CHECK (val < 100);
EXECUTE dit_change(1, 8);
CREATE FUNCTION dit_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %', tg_op, tg_level; RETURN NULL; END $$;
CREATE TRIGGER dit_after AFTER UPDATE ON dit_row FOR EACH STATEMENT EXECUTE FUNCTION dit_note();
EXECUTE dit_change(1, 9);
SELECT dit_way('INSERT INTO dit_row VALUES (5, 5)');
DROP TRIGGER dit_after ON dit_row;
BEGIN;
EXECUTE dit_change(1, 10);
SAVEPOINT s;
EXECUTE dit_change(1, 100);
ROLLBACK TO s;
EXECUTE dit_change(3, 11);
SAVEPOINT t;
EXECUTE dit_change(3, 12);
RELEASE t;
COMMIT;
EXECUTE dit_change(1, 100);
SELECT * FROM dit_check();

-- code_of_expressions that are loaded writes the same table in a way that needs the triggers
CREATE FUNCTION dit_merge() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  MERGE INTO dit_row r USING (SELECT 77 AS id) s ON r.id = s.id WHEN MATCHED THEN UPDATE SET val = r.val + 1 WHEN NOT MATCHED THEN INSERT (id, val) VALUES (s.id, 0);
  RAISE NOTICE 'merged'; RETURN 0;
END $$;
CREATE FUNCTION dit_code(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF current_setting('dit.merges', true) = 'on' THEN
    PERFORM set_config('dit.merges', 'off', false); RETURN dit_merge() + $1;
  END IF;
  RETURN $1;
END $$;
CREATE INDEX dit_partial ON dit_row (val) WHERE id > dit_code(-1);
SET dit.merges = 'on';
INSERT INTO dit_row VALUES (6, 6);
SELECT * FROM dit_check();
DROP INDEX dit_partial;
CREATE DOMAIN dit_domain AS int CHECK (value > dit_code(-1));
\c
PREPARE dit_cast(int) AS INSERT INTO dit_row SELECT $1, ($1 + 1)::dit_domain;
SET plan_cache_mode = force_generic_plan;
SET dit.merges = 'on';
EXECUTE dit_cast(8);
EXECUTE dit_cast(9);
SELECT * FROM dit_check();
SELECT id, val FROM dit_rows ORDER BY id;

DROP FOREIGN TABLE dit_rows;
DROP TABLE dit_row, dit_parent;
DROP DOMAIN dit_domain;
DROP FUNCTION dit_way, dit_check, dit_note, dit_merge, dit_code;
