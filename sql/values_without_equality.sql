-- Subqueries that read json and xml of outer rows, which have no equality; functions with a column definition list.
SET client_min_messages = warning;
CREATE SCHEMA values_without_equality;
SET search_path = values_without_equality;
CREATE TYPE pair AS (x int, y text);
CREATE TABLE a (id int PRIMARY KEY, k int, j json, b jsonb, x xml, js json[], t text);
CREATE TABLE b (id int PRIMARY KEY, k int, w int, j json);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept VALUES
  ('counted', 'SELECT a.id, (SELECT count(*) FROM json_array_elements(a.j)) AS n FROM a'),
  ('joined', 'SELECT a.id, (SELECT string_agg(e.value, chr(44) ORDER BY e.ordinality) FROM json_array_elements_text(a.j) WITH ORDINALITY e) AS l FROM a'),
  ('of_rows', 'SELECT a.id, (SELECT sum(b.w) FROM b WHERE b.k = a.k AND b.w::text IN (SELECT value FROM json_array_elements_text(a.j))) AS s FROM a'),
  ('compared', 'SELECT a.id, (SELECT count(*) FROM b WHERE b.j::text = a.j::text) AS n, EXISTS (SELECT FROM b WHERE b.j::text = a.j::text) AS e FROM a'),
  ('shown', 'SELECT a.id, q.* FROM a, LATERAL (SELECT a.j, count(*) AS n FROM b WHERE b.k = a.k) q'),
  ('first', 'SELECT a.id, q.* FROM a LEFT JOIN LATERAL (SELECT a.j, b.j AS other FROM b WHERE b.k = a.k ORDER BY b.id LIMIT 1) q ON true'),
  ('beside_grouped', 'SELECT a.id, q.* FROM a LEFT JOIN LATERAL (SELECT value, count(*) AS n FROM json_array_elements_text(a.j) JOIN b ON b.w::text = value GROUP BY value) q ON q.n > 1'),
  ('arrays', 'SELECT a.id, ARRAY(SELECT value::text FROM json_array_elements(a.j) ORDER BY 1) AS r, ARRAY(SELECT j::text FROM unnest(a.js) j) AS s FROM a'),
  ('nested', 'SELECT a.id, (SELECT count(*) FROM b WHERE b.k = a.k AND (SELECT count(*) FROM json_array_elements(a.j)) > b.w) AS n FROM a'),
  ('in_groups', 'SELECT k, max((SELECT count(*) FROM json_array_elements(j))) AS n FROM a GROUP BY k'),
  ('of_xml', 'SELECT a.id, (SELECT array_agg(v::text) FROM unnest(xpath(''/r/v/text()'', a.x)) v) AS v, (SELECT sum(v) FROM xmltable(''/r/v'' PASSING a.x COLUMNS v int PATH ''.'') t) AS s FROM a'),
  ('records', 'SELECT a.id, q.* FROM a, json_to_recordset(a.j) AS q(f int, g text)'),
  ('records_left', 'SELECT a.id, q.f, q.g FROM a LEFT JOIN jsonb_to_recordset(a.b) AS q(f numeric(5, 1), g text COLLATE "C") ON q.f > a.k'),
  ('record', 'SELECT a.id, q.h, q.p, q.g FROM a, jsonb_to_record(a.b -> 0) AS q(h int[], p pair, g varchar(2))'),
  ('records_summed', 'SELECT a.id, (SELECT sum(f) FROM json_to_recordset(a.j) AS q(f int)) AS s FROM a'),
  ('populated', 'SELECT a.id, q.x, q.y FROM a, json_populate_recordset(NULL::pair, a.j) q'),
  ('populated_value', 'SELECT a.id, jsonb_populate_record(row(7, a.t)::pair, a.b -> 0) AS p FROM a'),
  ('side_by_side', 'SELECT a.id, z.* FROM a, ROWS FROM (json_to_recordset(a.j) AS (f int, g text), generate_series(1, a.k)) WITH ORDINALITY AS z(f, g, n, o)'),
  ('exists_limited', 'SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k LIMIT 1) OR NOT EXISTS (SELECT 1 FROM json_array_elements(a.j) OFFSET 1)');
SELECT pgtrickle.create_stream_table('values_without_equality.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null


-- filled
INSERT INTO a SELECT g, g % 3, ('[{"f": ' || g % 4 || ', "g": "a", "x": 1, "y": "z"}, {"f" :null, "y": "' || g % 2 || '"}]')::json, jsonb_build_array(jsonb_build_object('f', g % 4, 'g', 'b', 'y', g), '{"p": null, "f": 7.25}'::jsonb),
  ('<r><v>' || g % 3 || '</v><v>2</v></r>')::xml, ARRAY['1'::json, '{"a":  1}', NULL], 't' || g FROM generate_series(1, 12) g;
INSERT INTO b SELECT g, g % 4, g % 3, ('[{"f": ' || g % 5 || ', "g": "a", "x": 1, "y": "z"}, {"f" :null, "y": "' || g % 2 || '"}]')::json FROM generate_series(1, 10) g;
SELECT * FROM test.wrong('kept', true);
SELECT * FROM records_summed ORDER BY id LIMIT 4;
-- images_of_one_value
UPDATE a SET j = '[{"f": 1},  {"f": 2}]' WHERE id = 1;
UPDATE a SET j = '[{"f":1},{"f":2}]' WHERE id = 2;
UPDATE a SET j = NULL, b = NULL, x = NULL, js = NULL WHERE id = 3;
UPDATE a SET j = '[]', b = '[{"f": 4, "p": {"x": 1, "y": "u"}, "g": "w", "h": [1, 2]}]', x = '<?xml version="1.0"?><r><v>9</v></r>' WHERE id = 4;
SELECT * FROM test.wrong('kept', true);
-- rows_of_the_subquery_change
UPDATE b SET j = '[{"f": 1},  {"f": 2}]', w = w + 1 WHERE id % 2 = 0;
DELETE FROM b WHERE k = 1;
INSERT INTO b VALUES (100, 1, 2, NULL), (101, NULL, 1, '[]');
SELECT * FROM test.wrong('kept', true);
-- it_is_empty
DELETE FROM b;
SELECT * FROM test.wrong('kept', true);
DELETE FROM a WHERE id % 2 = 0;
SELECT * FROM test.wrong('kept', true);
DELETE FROM a;
SELECT * FROM test.wrong('kept', true);
SELECT name, action, count(*) FROM kept, LATERAL pgtrickle.get_refresh_history('values_without_equality.' || name) WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1, 2 HAVING action <> 'FULL' OR count(*) > 1;
-- texts_that_depend_on_the_current_time
SELECT pgtrickle.create_stream_table('values_without_equality.moving', 'SELECT a.id, q.d FROM a, json_to_recordset(a.j) AS q(d date)', '520w', 'DIFFERENTIAL');
DROP SCHEMA values_without_equality CASCADE;
