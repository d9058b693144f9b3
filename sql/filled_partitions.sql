-- A fill of a partitioned storage takes the pages that its rows need, also where its rows come in no order of the partitions: from 16
-- on, PostgreSQL extends a heap by many pages at once and forgets these with the next heap.
CREATE SCHEMA filled_partitions;
SET search_path = filled_partitions;
CREATE TABLE source (id int PRIMARY KEY, day date);
INSERT INTO source SELECT i, date '2026-01-01' + i * 7919 % 30 FROM generate_series(1, 9000) i;
CREATE FUNCTION pages_of(stream_table regclass) RETURNS SETOF bigint LANGUAGE sql AS
  $$ SELECT pg_relation_size(inhrelid) / current_setting('block_size')::int FROM pg_inherits WHERE inhparent = to_regclass('pg_trickle_storage.st_' || stream_table::oid) $$;
SELECT pgtrickle.create_stream_table('filled_partitions.by_day', 'SELECT id, day FROM source', '520w', 'DIFFERENTIAL', partition_by => 'day(day)');
-- 300 rows a day
SELECT count(*), max(pages) < 5 AS are_few FROM pages_of('by_day') pages;
SELECT count(*) FROM by_day;
SET client_min_messages = warning;
DROP SCHEMA filled_partitions CASCADE;
