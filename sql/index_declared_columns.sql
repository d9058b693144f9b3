-- An index on a stream table sees its declared columns only, and is created with the privileges of the statement's user.
CREATE ROLE xd_owner;
CREATE ROLE xd_super SUPERUSER;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO xd_owner;
GRANT CREATE, USAGE ON SCHEMA public TO xd_owner;
CREATE TABLE xd_pay (id int PRIMARY KEY, dept int, salary int);
CREATE INDEX ON xd_pay (dept);
INSERT INTO xd_pay SELECT i, i % 7, 10000 + i FROM generate_series(1, 200) i;
CREATE VIEW xd_depts AS SELECT dept, sum(salary) / 1000000 AS millions, count(*) AS n FROM xd_pay GROUP BY dept;
GRANT SELECT ON xd_depts TO xd_owner;
GRANT TRIGGER ON xd_pay TO xd_owner;
SET ROLE xd_owner;
CREATE FOREIGN TABLE xd_st () SERVER pgtrickle OPTIONS (query 'SELECT dept, millions, n FROM xd_depts', schedule '520w');
CREATE FUNCTION xd_tell(int, anyelement) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RAISE NOTICE 'seen: %', $2; RETURN 0; END $$;
SELECT min(attname) AS hidden FROM pg_attribute WHERE attname ~ '^pgt_(sum|state|count)'
  AND attrelid = (SELECT oid FROM pg_class WHERE relname = 'st_' || 'xd_st'::regclass::oid) \gset
SELECT :'hidden' ~ '^pgt_' AS is_there;
-- hidden_columns_do_not_exist
\set VERBOSITY sqlstate
CREATE INDEX ON xd_st (:hidden);
CREATE INDEX ON xd_st (dept) INCLUDE (:hidden);
CREATE INDEX ON xd_st ((xd_tell(dept, :hidden)));
CREATE INDEX ON xd_st (dept) WHERE xd_tell(dept, :hidden) = 0;
CREATE INDEX ON xd_st ((xd_st.:hidden + 1));
\set VERBOSITY default
CREATE INDEX ON xd_st (pgt_hash);
CREATE INDEX ON xd_st ((xd_tell(dept, pgt_hash)));
-- nor_do_system_columns_and_whole_rows
CREATE INDEX ON xd_st (ctid);
CREATE INDEX ON xd_st ((ctid::text));
CREATE INDEX ON xd_st (dept) WHERE xmin <> 1;
CREATE INDEX ON xd_st ((xd_tell(dept, xd_st)));
CREATE INDEX ON xd_st ((xd_st.*::text));
CREATE INDEX ON xd_st (dept) WHERE xd_st IS NOT NULL;
-- names_of_storage_do_no_harm_in_another_schema
SELECT format('CREATE INDEX %s ON xd_st (dept)', name) AS statement
  FROM unnest('{st_1, st_1_2, def_7}'::text[]) name \gexec
DROP INDEX st_1, st_1_2, def_7;
-- declared_columns_are_indexed_by_every_name_they_have
CREATE INDEX xd_plain ON xd_st USING btree (n DESC NULLS LAST, dept int4_ops) INCLUDE (millions) WITH (fillfactor = 70);
CREATE INDEX xd_expression ON xd_st ((xd_st.dept + 1), (public.xd_st.n - 1), abs(dept)) WHERE xd_st.n > 3;
CREATE INDEX ON xd_st ((dept * 2));
SELECT regexp_replace(pg_get_indexdef(indexrelid), 'st_\d+', 'st_<oid>', 'g') AS definition FROM pg_index
  WHERE indrelid = (SELECT oid FROM pg_class WHERE relname = 'st_' || 'xd_st'::regclass::oid) ORDER BY indexrelid::regclass::text COLLATE "C" DESC;
CREATE INDEX ON xd_st ((xd_tell(dept, 'by ' || current_user)));
CREATE INDEX ON xd_st ((random()));
CREATE INDEX ON xd_st ((SELECT 1));
-- a_literal_is_read_with_the_privileges_of_the_statement_s_user
CREATE FUNCTION xd_check(v int) RETURNS bool LANGUAGE plpgsql AS $$
  BEGIN RAISE NOTICE 'checked as %', current_user; RETURN true; END $$;
CREATE DOMAIN xd_domain AS int CHECK (xd_check(VALUE));
CREATE INDEX xd_literal ON xd_st ((dept = ANY ('{1}'::xd_domain[]::int[])));
DROP INDEX xd_literal;
CREATE INDEX xd_literal ON xd_st (n) WHERE dept = ANY ('{1}'::xd_domain[]::int[]);
-- several_are_dropped_at_once
DROP INDEX xd_literal, xd_plain, xd_none;
DROP INDEX IF EXISTS xd_literal, xd_none;
DROP INDEX xd_plain, xd_pay_pkey;
DROP INDEX xd_plain, xd_expression CASCADE;
CREATE INDEX xd_plain ON xd_st (n);
BEGIN;
DROP INDEX CONCURRENTLY xd_plain;
ROLLBACK;
DROP INDEX CONCURRENTLY xd_plain;
DROP INDEX xd_plain;
BEGIN READ ONLY;
CREATE INDEX xd_plain ON xd_st (n);
ROLLBACK;
-- the_index_is_used_and_maintained_by_refreshes
CREATE INDEX xd_plain ON xd_st (dept);
RESET ROLE;
SELECT format('CREATE INDEX xd_of_super ON xd_st (millions); DROP INDEX pg_trickle_storage.st_%s_key', 'xd_st'::regclass::oid) AS as_super \gset
SET ROLE xd_super;
\set VERBOSITY sqlstate
:as_super;
\set VERBOSITY default
RESET ROLE;
INSERT INTO xd_pay VALUES (1000, 77, 5);
SELECT pgtrickle.refresh_stream_table('xd_st');
SELECT idx_tup_read IS NOT NULL AS is_counted, n FROM xd_st, pg_stat_all_indexes WHERE dept = 77 AND indexrelname = 'xd_plain';
SELECT relowner::regrole FROM pg_class WHERE relname = 'xd_of_super';
DROP OWNED BY xd_owner;
DROP TABLE xd_pay CASCADE;
DROP ROLE xd_owner;
DROP ROLE xd_super;
