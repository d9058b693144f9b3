-- The settings of a session, and objects in its search_path, change neither the statements of a refresh nor
-- their meaning.
CREATE SCHEMA settings_mine;
CREATE SCHEMA settings_hostile;
CREATE ROLE settings_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO settings_owner;
GRANT ALL ON SCHEMA settings_mine TO settings_owner;
SET search_path = settings_mine;
CREATE TABLE item (id int PRIMARY KEY, grp text, qty bigint, at date);
INSERT INTO item VALUES (1, 'a\b', 1, '2024-02-01'), (2, 'a\b', 2, NULL), (3, NULL, 4, '2024-01-02');
ALTER TABLE item OWNER TO settings_owner;

-- operators_of_the_session_are_not_found
CREATE FUNCTION settings_hostile.wrong(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1000::bigint';
CREATE OPERATOR settings_hostile.+ (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = settings_hostile.wrong);
CREATE OPERATOR settings_hostile.* (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = settings_hostile.wrong);
CREATE OPERATOR settings_hostile.- (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = settings_hostile.wrong);
CREATE FOREIGN TABLE total () SERVER pgtrickle
  OPTIONS (query 'SELECT grp, count(*) AS n, sum(qty) AS qty FROM item GROUP BY grp', refresh_mode 'DIFFERENTIAL');
\c -
SET search_path = settings_hostile, settings_mine, pg_catalog;
INSERT INTO item VALUES (4, 'a\b', 8, '2024-03-04');
SELECT pgtrickle.refresh_stream_table('total');
SET search_path = settings_mine;
SELECT grp, n, qty FROM total ORDER BY grp;

-- nor_for_an_index_of_an_arrangement
CREATE FUNCTION settings_hostile.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'wrong'$$;
SET search_path = settings_hostile, settings_mine, pg_catalog;
CREATE FOREIGN TABLE settings_mine.looked_up () SERVER pgtrickle
  OPTIONS (query 'SELECT i.id, g.n FROM item i JOIN (SELECT grp, count(*) AS n FROM item GROUP BY grp) g ON pg_catalog.lower(g.grp) = pg_catalog.lower(i.grp)',
           refresh_mode 'DIFFERENTIAL');
SET search_path = settings_mine;
SELECT regexp_replace(pg_get_indexdef(indexrelid), '.* USING', '') AS of_what_is_kept FROM pg_index
  WHERE indrelid::regclass::text ~ ('st_' || 'looked_up'::regclass::oid || '_\d') AND indexprs IS NOT NULL;

-- literals_are_read_as_they_were_printed
\c -
SET search_path = settings_mine;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET DateStyle = 'SQL, DMY';
SET transform_null_equals = on;
CREATE FOREIGN TABLE kept () SERVER pgtrickle
  OPTIONS (query $$SELECT id, grp FROM item WHERE grp = E'a\\b' AND at > '01/02/2024'$$, refresh_mode 'DIFFERENTIAL');
CREATE FOREIGN TABLE kept_in_full () SERVER pgtrickle
  OPTIONS (query $$SELECT id, grp FROM item WHERE grp = E'a\\b' AND at > '01/02/2024'$$, refresh_mode 'FULL');
RESET standard_conforming_strings;
RESET DateStyle;
INSERT INTO item VALUES (5, 'a\b', 1, '2024-02-02'), (6, 'a\b', 1, '2024-01-15');
SELECT pgtrickle.refresh_stream_table('kept'), pgtrickle.refresh_stream_table('kept_in_full');
SELECT id, grp FROM kept ORDER BY id;
SELECT id, grp FROM kept_in_full ORDER BY id;
SET standard_conforming_strings = off;
INSERT INTO item VALUES (7, E'a\\b', 1, '2024-02-03');
\c -
SET search_path = settings_mine;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT pgtrickle.refresh_stream_table('kept'), pgtrickle.refresh_stream_table('kept_in_full');
SELECT id FROM kept ORDER BY id;
SELECT id FROM kept_in_full ORDER BY id;

-- policies_are_in_force_with_row_security_off
\c -
SET search_path = settings_mine;
SET client_min_messages = warning;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
ALTER TABLE item FORCE ROW LEVEL SECURITY;
CREATE POLICY small ON item USING (qty < 4);
SET ROLE settings_owner;
CREATE FOREIGN TABLE mine () SERVER pgtrickle OPTIONS (query 'SELECT id FROM item', refresh_mode 'FULL');
INSERT INTO item VALUES (8, 'x', 1, NULL);
SET row_security = off;
SELECT pgtrickle.refresh_stream_table('mine');
SELECT id FROM mine ORDER BY id;
RESET ROLE;
RESET row_security;

DROP SCHEMA settings_mine, settings_hostile CASCADE;
REVOKE USAGE ON FOREIGN SERVER pgtrickle FROM settings_owner;
DROP ROLE settings_owner;
