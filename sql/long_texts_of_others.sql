-- A rename writes no long text of another role: that would delay it while it keeps others from reading what it renames.
CREATE SCHEMA long_texts; SET search_path = long_texts;
CREATE ROLE long_texts_other; GRANT ALL ON SCHEMA long_texts TO long_texts_other;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO long_texts_other;
CREATE TABLE t (id int PRIMARY KEY, c text); INSERT INTO t VALUES (1, 'a');
GRANT SELECT, TRIGGER ON t TO long_texts_other;
CREATE FUNCTION create_two(prefix text) RETURNS void LANGUAGE sql AS $$
  SELECT pgtrickle.create_stream_table(prefix || '_short', 'SELECT id FROM long_texts.t WHERE c <> ''b''', '520w');
  SELECT pgtrickle.create_stream_table(prefix || '_long', format('SELECT id FROM long_texts.t WHERE c <> %L', repeat('b', 200000)), '520w') $$;
CREATE FUNCTION texts_with(word text) RETURNS text LANGUAGE sql
  RETURN (SELECT string_agg(ftrelid::regclass::text, ' ' ORDER BY ftrelid::regclass::text) FROM pg_foreign_table, pg_options_to_table(ftoptions)
          WHERE option_name = 'query' AND option_value LIKE '%' || word || '%' AND ftrelid::regclass::text IN ('own_short', 'own_long', 'other_short', 'other_long'));
SELECT create_two('own') \g /dev/null
SET ROLE long_texts_other;
SELECT create_two('other') \g /dev/null
RESET ROLE;
-- a_renamed_column
ALTER TABLE t RENAME COLUMN c TO renamed;
SELECT texts_with('renamed');
-- its_next_refresh writes the text
INSERT INTO t VALUES (2, 'a');
SELECT pgtrickle.refresh_stream_table(n) FROM unnest(ARRAY['own_short', 'own_long', 'other_short', 'other_long']) n \g /dev/null
SELECT texts_with('renamed'), (SELECT count(*) FROM other_long) AS n;
-- a_role_follows_its_own long texts
ALTER TABLE t OWNER TO long_texts_other;
SET ROLE long_texts_other;
ALTER TABLE t RENAME COLUMN renamed TO again;
SELECT texts_with('again');
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA long_texts CASCADE;
REVOKE ALL ON FOREIGN SERVER pgtrickle FROM long_texts_other; DROP ROLE long_texts_other;
