-- A name in a statement means what it means after event triggers at its start, for relations that no stream table reads, too.
SET client_min_messages = warning;
CREATE SCHEMA named_first; CREATE SCHEMA named_second;
CREATE ROLE named_owner;
GRANT ALL ON SCHEMA named_first TO named_owner;
SET search_path = named_first, named_second;
CREATE TABLE moved (a int); CREATE TABLE given (a int); CREATE TABLE shadowed (a int); CREATE TABLE named_second.shadowed (a int);
CREATE FUNCTION once(what text, doing text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF current_setting('named_done.' || what, true) IS DISTINCT FROM 'done' THEN
    PERFORM set_config('named_done.' || what, 'done', false);
    EXECUTE doing;
  END IF;
END $$;
CREATE FUNCTION at_start() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM named_first.once(current_setting('named.what'), current_setting('named.doing'));
END $$;
CREATE EVENT TRIGGER at_start ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION at_start();

-- it_moves_the_relation
SET named.what = 'moved'; SET named.doing = 'ALTER TABLE named_first.moved SET SCHEMA named_second';
ALTER TABLE moved ADD COLUMN b int;
-- it_gives_the_relation_to_the_user
SET named.what = 'given'; SET named.doing = 'ALTER TABLE named_first.given OWNER TO named_owner';
SET ROLE named_owner;
ALTER TABLE given ADD COLUMN b int;
RESET ROLE;
-- it_changes_the_search_path
SET named.what = 'shadowed'; SET named.doing = $$SELECT set_config('search_path', 'named_second, named_first', false)$$;
ALTER TABLE shadowed RENAME COLUMN a TO b;
SELECT attrelid::regclass, attname FROM pg_attribute WHERE attrelid::regclass::text ~ 'moved|given|shadowed' AND attnum > 0 ORDER BY 1, 2;

DROP EVENT TRIGGER at_start;
RESET search_path;
DROP SCHEMA named_first, named_second CASCADE;
DROP ROLE named_owner;
