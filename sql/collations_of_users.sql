-- A collation keeps its meaning under every search_path.
SET client_min_messages = warning;
CREATE SCHEMA own_collations;
SET search_path = own_collations, public;
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION "C" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SET search_path = own_collations, pg_catalog, public;
CREATE TABLE word (id int PRIMARY KEY, a text COLLATE folded, b text COLLATE "C");
INSERT INTO word VALUES (1, 'a', 'a'), (2, 'A', 'B'), (3, 'b', 'b');
SELECT pgtrickle.create_stream_table('own_collations.' || mode, 'SELECT id, a, b FROM word', '520w', mode) FROM unnest('{FULL,DIFFERENTIAL,AUTO}'::text[]) mode;
SELECT pgtrickle.alter_stream_table('own_collations.auto', refresh_mode => 'FULL');
INSERT INTO word VALUES (4, 'B', 'b');
SELECT pgtrickle.refresh_stream_table(relid::text) FROM unnest('{own_collations.full,own_collations.differential,own_collations.auto}'::regclass[]) relid;
SELECT f.n AS in_full, d.n AS by_deltas, a.n AS auto FROM (SELECT count(*) AS n FROM "full" WHERE a = 'B' AND b = 'B') f, (SELECT count(*) AS n FROM differential WHERE a = 'B' AND b = 'B') d,
  (SELECT count(*) AS n FROM auto WHERE a = 'B' AND b = 'B') a;
SELECT substring(pgtrickle.export_definition('own_collations.full') FROM 'CREATE[^)]*\)') AS exported;
RESET search_path;
DROP SCHEMA own_collations CASCADE;
