-- Many stream tables in one call: all or none; errors name the element.
SET client_min_messages = notice;
CREATE TABLE bk_items (id int PRIMARY KEY, v int);
INSERT INTO bk_items VALUES (1, 10), (2, 20);
SELECT jsonb_agg(e - 'pgt_id') AS created, bool_and((e->>'pgt_id')::oid = (e->>'name')::regclass) AS has_ids
FROM jsonb_array_elements(pgtrickle.bulk_create($$[
  {"name": "bk_rows", "query": "SELECT id, v FROM bk_items", "schedule": "520w", "refresh_mode": "DIFFERENTIAL"},
  {"name": "\"Bk Odd\"", "query": "SELECT sum(v) AS v FROM bk_rows", "schedule": null, "append_only": false},
  {"name": "public.bk_empty", "query": "SELECT count(*) AS n FROM bk_items", "schedule": "520w", "initialize": true}
]$$)) e;
SELECT (SELECT count(*) FROM bk_rows) AS rows, (SELECT v FROM "Bk Odd") AS odd, (SELECT n FROM bk_empty) AS n;
SELECT pgtrickle.bulk_create('[]');

-- all_or_none: the second one fails, and the first one does not exist
SELECT pgtrickle.bulk_create('[{"name": "bk_good", "query": "SELECT id FROM bk_items"}, {"name": "bk_bad", "query": "SELECT x FROM bk_items"}]');
SELECT to_regclass('bk_good');
SELECT pgtrickle.bulk_create('[{"name": "bk_good", "query": "SELECT id FROM bk_items"}, {"name": "bk_rows", "query": "SELECT id FROM bk_items"}]');
SELECT to_regclass('bk_good');
-- bad_input
SELECT pgtrickle.bulk_create('[{"name": "bk_good", "query": "SELECT 1 AS one"}, 7]');
SELECT pgtrickle.bulk_create('[{"query": "SELECT id FROM bk_items"}]');
SELECT pgtrickle.bulk_create('[{"name": "bk_good", "query": "SELECT id FROM bk_items", "shedule": "1h"}]');
SELECT pgtrickle.bulk_create('[{"name": "bk_good", "query": "SELECT id FROM bk_items", "schedule": ["1h"]}]');
SELECT pgtrickle.bulk_create('[{"name": "bk_good", "query": "SELECT id FROM bk_items", "initialize": "maybe"}]');
SELECT pgtrickle.bulk_create('{"name": "bk_good"}');
SELECT pgtrickle.bulk_create('7');
SELECT pgtrickle.bulk_create(NULL);

-- altered
SELECT pgtrickle.bulk_alter_stream_tables(ARRAY['bk_rows', 'bk_empty'], '{"schedule": "2h", "tier": "cold", "query": null}');
SELECT pgt_name, schedule, refresh_tier FROM pgtrickle.pgt_stream_tables WHERE pgt_name ~* '^bk' ORDER BY 1;
SELECT pgtrickle.bulk_alter_stream_tables(ARRAY['bk_rows', 'bk_missing'], '{"schedule": "3h"}');
SELECT pgtrickle.bulk_alter_stream_tables(ARRAY['bk_rows'], '{"schedule": "often"}');
SELECT pgtrickle.bulk_alter_stream_tables(ARRAY['bk_rows'], '{"color": "red"}');
SELECT pgtrickle.bulk_alter_stream_tables(ARRAY['bk_rows', NULL], '{}');
SELECT pgtrickle.bulk_alter_stream_tables(ARRAY['bk_rows'], '[]');
SELECT pgt_name, schedule FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'bk_rows';

-- privileges: as for the single statements
CREATE ROLE bk_stranger;
SET ROLE bk_stranger;
SELECT pgtrickle.bulk_alter_stream_tables(ARRAY['bk_rows'], '{"schedule": "3h"}');
SELECT pgtrickle.bulk_drop_stream_tables(ARRAY['bk_rows']);
RESET ROLE;
DROP ROLE bk_stranger;

-- dropped: in any order of dependents
SELECT pgtrickle.bulk_drop_stream_tables(ARRAY['bk_empty', 'bk_rows']);
SELECT pgtrickle.bulk_drop_stream_tables(ARRAY['bk_empty', 'bk_missing']);
SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE pgt_name ~* '^bk';
SELECT pgtrickle.bulk_drop_stream_tables(ARRAY['bk_rows', 'bk_empty', '"Bk Odd"', 'public.bk_rows']);
SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE pgt_name ~* '^bk';
DROP TABLE bk_items;
