-- EXPLAIN of nested plans whose partitions are pruned by parameters: their values are known, or they are not.
CREATE TABLE en_part (id int, k int, v int) PARTITION BY HASH (k);
CREATE TABLE en_part_0 PARTITION OF en_part FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE en_part_1 PARTITION OF en_part FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE en_plain (id int PRIMARY KEY, k int, v int);
CREATE TABLE en_outer (id int, k int);
INSERT INTO en_part SELECT i, i % 5, i FROM generate_series(1, 20) i;
INSERT INTO en_plain SELECT i, i % 5, i FROM generate_series(1, 20) i;
INSERT INTO en_outer VALUES (1, 1), (2, 2);
SELECT pgtrickle.create_stream_table('en_union', 'SELECT k, v FROM en_part UNION ALL SELECT k, v FROM en_plain', '520w');
CREATE FUNCTION en_lines(statement text, pattern text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE statement LOOP
    IF line ~ pattern THEN RETURN NEXT regexp_replace(trim(line), ' \(actual.*', ''); END IF;
  END LOOP;
END $$;

-- an exact read
UPDATE en_part SET v = v + 1 WHERE id < 3;
SET pg_trickle.read_mode = exact;
SELECT o.id, (SELECT sum(v) FROM en_union r WHERE r.k = o.k) FROM en_outer o ORDER BY 1;
CREATE FUNCTION en_exact(statement text) RETURNS SETOF text LANGUAGE sql
  AS $$ SELECT en_lines('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || statement, 'Exact Read|Subplans|Scan on en_p') $$;
SELECT en_exact('SELECT o.id, (SELECT sum(v) FROM en_union r WHERE r.k = o.k) FROM en_outer o');
-- not_fetched_from
SELECT en_exact('SELECT o.id, (SELECT sum(v) FROM en_union r WHERE r.k = o.k) FROM en_outer o WHERE o.id > 5');
SELECT en_exact('UPDATE en_outer o SET id = id RETURNING (SELECT sum(v) FROM en_union r WHERE r.k = o.k)');
-- auto_explain_of_the_statement
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_analyze = on;
SET auto_explain.log_verbose = on;
SET auto_explain.log_nested_statements = on;
SELECT o.id, (SELECT sum(v) FROM en_union r WHERE r.k = o.k) FROM en_outer o ORDER BY 1;
UPDATE en_outer o SET id = id RETURNING (SELECT sum(v) FROM en_union r WHERE r.k = o.k);
SELECT id FROM en_outer o WHERE id > 5 AND 0 < (SELECT sum(v) FROM en_union r WHERE r.k = o.k);
SET auto_explain.log_min_duration = -1;
RESET pg_trickle.read_mode;

-- a storage with partitions: the values of another relation are not known, those of the statement are
SELECT pgtrickle.create_stream_table('en_stored', 'SELECT k, count(*) AS n FROM en_plain GROUP BY k', '520w', partition_by => 'HASH (k, 4)');
SET pg_trickle.enable_expansion = off;
CREATE FUNCTION en_partitions(statement text) RETURNS TABLE (scans bigint, removed text) LANGUAGE sql
  AS $$ SELECT count(*) FILTER (WHERE line ~ 'Scan'), min(line) FILTER (WHERE line ~ 'Removed')
    FROM en_lines('EXPLAIN (COSTS OFF) ' || statement, 'Subplans|(Seq|Index|Heap) Scan (on|using) (?!en)') line $$;
SELECT * FROM en_partitions('SELECT o.id, (SELECT n FROM en_stored r WHERE r.k = o.k) FROM en_outer o');
SELECT o.id, (SELECT n FROM en_stored r WHERE r.k = o.k) FROM en_outer o ORDER BY 1;
SET plan_cache_mode = force_generic_plan;
PREPARE en_of(int) AS SELECT n FROM en_stored WHERE k = $1;
SELECT * FROM en_partitions('EXECUTE en_of(1)');
EXECUTE en_of(1);
RESET pg_trickle.enable_expansion;
SET client_min_messages = warning;
DROP TABLE en_part, en_plain, en_outer CASCADE;
