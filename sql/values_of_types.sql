-- Values of types that need care on their way through change log, delta and storage.
SET pg_trickle.max_staleness = 0;

-- tsquery: its functions do not expect a short header
CREATE TABLE vt_search (id int PRIMARY KEY, q tsquery, v tsvector);
INSERT INTO vt_search VALUES (1, 'a & b', 'a:1'), (2, NULL, 'b');
CREATE FOREIGN TABLE vt_queries () SERVER pgtrickle
    OPTIONS (query 'SELECT q, v FROM vt_search', schedule '520w', refresh_mode 'DIFFERENTIAL');
INSERT INTO vt_search VALUES (3, 'a & b', 'a:1'), (4, 'c | d', NULL);
UPDATE vt_search SET q = 'e <-> f' WHERE id = 1;
SELECT q, numnode(q), v FROM vt_queries ORDER BY q::text;
DELETE FROM vt_search WHERE q IS NOT NULL;
SELECT * FROM vt_queries;

-- a domain that forbids NULL, on the padded side of an outer join
CREATE DOMAIN vt_present AS int NOT NULL CHECK (VALUE > 0);
CREATE TABLE vt_left (id int PRIMARY KEY, k vt_present, x int);
CREATE TABLE vt_right (id int PRIMARY KEY, k vt_present, y int);
CREATE INDEX ON vt_left (x);
CREATE INDEX ON vt_right (y);
INSERT INTO vt_left VALUES (1, 1, 1), (2, 2, 2);
INSERT INTO vt_right VALUES (1, 1, 1);
CREATE FOREIGN TABLE vt_padded () SERVER pgtrickle
    OPTIONS (query 'SELECT l.id, l.k, r.id AS rid, r.k AS rk FROM vt_left l FULL JOIN vt_right r ON l.x = r.y',
             schedule '520w', refresh_mode 'DIFFERENTIAL');
SELECT * FROM vt_padded ORDER BY id, rid;
INSERT INTO vt_right VALUES (2, 5, 2), (3, 7, 3);
SELECT * FROM vt_padded ORDER BY id, rid;
DELETE FROM vt_right WHERE id < 3;
DELETE FROM vt_left WHERE id = 1;
SELECT * FROM vt_padded ORDER BY id, rid;

RESET pg_trickle.max_staleness;
SET client_min_messages = warning;
DROP TABLE vt_search, vt_left, vt_right CASCADE;
DROP DOMAIN vt_present;
RESET client_min_messages;
