-- A trigger below an action of a foreign key refreshes and defines stream tables under FORCE ROW LEVEL SECURITY, which the action lifts.
SET client_min_messages = warning;
CREATE SCHEMA policies_in_cascades;
SET search_path = policies_in_cascades;
CREATE ROLE pic;
GRANT ALL ON SCHEMA policies_in_cascades TO pic;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO pic;
SET ROLE pic;
CREATE TABLE shown (id int, is_hidden bool);
INSERT INTO shown VALUES (1, false), (2, true);
ALTER TABLE shown ENABLE ROW LEVEL SECURITY;
ALTER TABLE shown FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON shown USING (NOT is_hidden) WITH CHECK (true);
SELECT pgtrickle.create_stream_table('policies_in_cascades.st', 'SELECT id FROM policies_in_cascades.shown', '520w') \g /dev/null
CREATE TABLE above (id int PRIMARY KEY);
CREATE TABLE below (id int REFERENCES above ON DELETE CASCADE);
CREATE FUNCTION within() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pgtrickle.refresh_stream_table('policies_in_cascades.st');
  PERFORM pgtrickle.create_stream_table('policies_in_cascades.created', 'SELECT id FROM policies_in_cascades.shown', '520w');
  RETURN old;
END $$;
CREATE TRIGGER within BEFORE DELETE ON below FOR EACH ROW EXECUTE FUNCTION within();
INSERT INTO above VALUES (1);
INSERT INTO below VALUES (1);
INSERT INTO shown VALUES (3, false), (4, true);
DELETE FROM above;
TABLE st ORDER BY 1; TABLE created ORDER BY 1;

-- the_session_refreshes_as_before
INSERT INTO shown VALUES (5, false), (6, true);
SELECT pgtrickle.refresh_stream_table('policies_in_cascades.st') \g /dev/null
SELECT pgtrickle.refresh_stream_table('policies_in_cascades.created') \g /dev/null
TABLE st ORDER BY 1; TABLE created ORDER BY 1;

RESET ROLE;
DROP SCHEMA policies_in_cascades CASCADE;
REVOKE ALL ON FOREIGN SERVER pgtrickle FROM pic;
DROP ROLE pic;
