-- The number of rows of its answer that a stream table takes, and their order.
CREATE TABLE fr_source (id int PRIMARY KEY, "LIMIT" int, t text);
SET client_min_messages = warning;
CREATE FOREIGN TABLE fr_all () SERVER pgtrickle OPTIONS (query 'SELECT id, ''LIMIT 3'' AS l FROM fr_source', schedule '520w');
CREATE FOREIGN TABLE fr_top () SERVER pgtrickle OPTIONS (query 'SELECT id, t FROM fr_source ORDER BY t COLLATE "C" DESC NULLS LAST, id LIMIT 10', schedule '520w');
CREATE FOREIGN TABLE fr_page () SERVER pgtrickle OPTIONS (query 'SELECT id FROM fr_source ORDER BY ("LIMIT" + 1), id OFFSET 20 LIMIT 5', schedule '520w');
CREATE FOREIGN TABLE fr_rest () SERVER pgtrickle OPTIONS (query 'SELECT id FROM fr_source ORDER BY "LIMIT", id OFFSET 2', schedule '520w');
CREATE FOREIGN TABLE fr_ties () SERVER pgtrickle OPTIONS (query 'SELECT id, t || '' OFFSET 7'' AS t FROM fr_source ORDER BY t || '' LIMIT 8'' FETCH FIRST 4 ROWS WITH TIES', schedule '520w');
CREATE FOREIGN TABLE fr_within () SERVER pgtrickle OPTIONS (query 'SELECT count(*) AS c FROM (SELECT id FROM fr_source ORDER BY id LIMIT 3) x', schedule '520w');
CREATE FOREIGN TABLE fr_both () SERVER pgtrickle OPTIONS (query '(SELECT id FROM fr_source ORDER BY t, id LIMIT 3) UNION ALL SELECT id FROM fr_source ORDER BY 1 LIMIT 6', schedule '520w');
CREATE FOREIGN TABLE fr_computed () SERVER pgtrickle OPTIONS (query 'SELECT id FROM fr_source ORDER BY id LIMIT (SELECT count(*) / 2 FROM fr_source)', schedule '520w');
SELECT pgt_name, topk_limit, topk_offset, topk_order_by FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE 'fr\_%';

-- an expression quotes data
CREATE ROLE fr_reader;
GRANT SELECT ON fr_page TO fr_reader;
SET ROLE fr_reader;
SELECT topk_limit, topk_offset, topk_order_by FROM pgtrickle.pgt_stream_tables;
RESET ROLE;
DROP TABLE fr_source CASCADE;
DROP ROLE fr_reader;
