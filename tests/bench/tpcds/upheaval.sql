-- Changes that touch most groups and make others empty.
BEGIN;
UPDATE item SET i_category = CASE i_category WHEN 'Books' THEN 'Music' WHEN 'Music' THEN NULL ELSE 'Books' END WHERE i_key % 3 = {turn} % 3;
UPDATE store SET s_name = 'moved ' || s_key % 3, s_state = 'OH' WHERE s_key % 2 = {turn} % 2;
COMMIT;
BEGIN;
DELETE FROM store_sale WHERE ss_store = 1 + {turn};
DELETE FROM web_sale WHERE ws_item % 5 = {turn} % 5;
SAVEPOINT a;
DELETE FROM store_sale;
ROLLBACK TO a;
UPDATE day SET d_year = 2000 WHERE d_year = 2001 AND d_month < 7;
COMMIT;
BEGIN;
DELETE FROM store_return;
ROLLBACK;
