-- Statements that would silence capture are refused, or detected in the same transaction.
CREATE TABLE cap_guarded (id int PRIMARY KEY, v text);
SELECT pgtrickle.create_stream_table('cap_safe', 'SELECT id, v FROM cap_guarded', '520w', 'DIFFERENTIAL');
INSERT INTO cap_guarded VALUES (1, 'one');
SELECT pgtrickle.refresh_stream_table('cap_safe');

-- capture_triggers_are_hidden_internal_and_always_fire
\d cap_guarded
SELECT tgisinternal, tgenabled, count(*) FROM pg_trigger WHERE tgrelid = 'cap_guarded'::regclass GROUP BY 1, 2;

-- they_cannot_be_dropped, nor can the log
DO $$
DECLARE what text;
BEGIN
  FOR what IN SELECT format('DROP TRIGGER %I ON cap_guarded', tgname) FROM pg_trigger
              WHERE tgrelid = 'cap_guarded'::regclass
              UNION ALL SELECT format('DROP TABLE %s', s::regclass) FROM pgtrickle.pgt_source, unnest(segments) s
  LOOP
    BEGIN
      EXECUTE what;
      RAISE WARNING 'done: %', what;
    EXCEPTION WHEN dependent_objects_still_exist THEN NULL;
    END;
  END LOOP;
END$$;

-- disable_insert_enable_between_two_refreshes_is_noticed
ALTER TABLE cap_guarded DISABLE TRIGGER ALL;
INSERT INTO cap_guarded VALUES (2, 'unseen');
ALTER TABLE cap_guarded ENABLE TRIGGER ALL;
SELECT pgtrickle.refresh_stream_table('cap_safe');
SELECT * FROM cap_safe ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_safe', 1);

-- also_if_they_are_restored_exactly
CREATE FUNCTION cap_switch(how text) RETURNS void LANGUAGE plpgsql AS
$$DECLARE name name; BEGIN
  FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'cap_guarded'::regclass LOOP
    EXECUTE format('ALTER TABLE cap_guarded %s TRIGGER %I', how, name);
  END LOOP; END$$;
SELECT cap_switch('DISABLE');
UPDATE cap_guarded SET v = 'changed unseen' WHERE id = 2;
SELECT cap_switch('ENABLE ALWAYS');
SELECT pgtrickle.refresh_stream_table('cap_safe');
SELECT * FROM cap_safe ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_safe', 1);
DROP FUNCTION cap_switch;

-- and_capture_is_complete_again
INSERT INTO cap_guarded VALUES (3, 'seen');
SELECT pgtrickle.refresh_stream_table('cap_safe');
SELECT * FROM cap_safe ORDER BY id;
SELECT action FROM pgtrickle.get_refresh_history('cap_safe', 1);
SELECT tgisinternal, tgenabled, count(*) FROM pg_trigger WHERE tgrelid = 'cap_guarded'::regclass GROUP BY 1, 2;

-- disabled_and_never_enabled
ALTER TABLE cap_guarded DISABLE TRIGGER ALL;
SELECT pgtrickle.refresh_stream_table('cap_safe');
INSERT INTO cap_guarded VALUES (4, 'also seen');
SELECT pgtrickle.refresh_stream_table('cap_safe');
SELECT * FROM cap_safe ORDER BY id;

-- its_triggers_keep_their_names_and_depend_on_nothing_else
CREATE FUNCTION cap_alter(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE one record; message text; messages text[] = '{}';
BEGIN
  FOR one IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'cap_guarded'::regclass AND tgfoid = 'pgtrickle.pgt_capture'::regproc LOOP
    BEGIN
      EXECUTE format('ALTER TRIGGER %I ON cap_guarded ' || command, one.tgname);
      messages = messages || 'altered'::text;
    EXCEPTION WHEN object_not_in_prerequisite_state THEN
      messages = messages || 'refused'::text;
    END;
  END LOOP;
  RETURN (SELECT string_agg(DISTINCT m, ', ') FROM unnest(messages) m);
END $$;
SELECT cap_alter('DEPENDS ON EXTENSION plpgsql'), cap_alter('RENAME TO other');
DROP FUNCTION cap_alter;

-- a_temporary_child_is_refused, as_its_changes_cannot_be_captured
CREATE TEMP TABLE cap_heir () INHERITS (cap_guarded);

-- a_dropped_source_leaves_nothing_behind
SELECT pgtrickle.drop_stream_table('cap_safe');
DROP TABLE cap_guarded;
SELECT count(*) FROM pgtrickle.pgt_source s WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = s.relid);
