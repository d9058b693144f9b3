-- Storage is placed where the owner of the stream table may create tables, and stays there when it is rebuilt.
SET client_min_messages = warning;
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE tb_space LOCATION '';
CREATE TABLESPACE tb_other LOCATION '';
CREATE ROLE tb_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO tb_owner;
GRANT CREATE, USAGE ON SCHEMA public TO tb_owner;
SET ROLE tb_owner;
CREATE TABLE tb_source (id int PRIMARY KEY, g int, t text);
INSERT INTO tb_source VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
CREATE FUNCTION tb_spaces(name regclass) RETURNS TABLE (kind "char", space name) STABLE LANGUAGE sql AS $$
  SELECT DISTINCT relkind, coalesce(spcname, 'default') FROM pg_class c LEFT JOIN pg_tablespace s ON s.oid = reltablespace
    WHERE relname ~ ('^st_' || name::oid || '(_|$)')
      OR c.oid IN (SELECT reltoastrelid FROM pg_class WHERE relname ~ ('^st_' || name::oid || '(_\d+)?$')) ORDER BY 1, 2 $$;
-- a_tablespace_without_the_privilege
SET default_tablespace = tb_space;
CREATE FOREIGN TABLE tb_st () SERVER pgtrickle OPTIONS (query 'SELECT g, max(t) AS t FROM tb_source GROUP BY g', schedule '520w');
SELECT pgtrickle.create_stream_table('tb_st', 'SELECT g, max(t) AS t FROM tb_source GROUP BY g', '520w');
SET default_tablespace = pg_global;
CREATE FOREIGN TABLE tb_st () SERVER pgtrickle OPTIONS (query 'SELECT g, max(t) AS t FROM tb_source GROUP BY g', schedule '520w');
-- one_with_it
RESET ROLE;
GRANT CREATE ON TABLESPACE tb_space TO tb_owner;
SET ROLE tb_owner;
SET default_tablespace = tb_space;
CREATE FOREIGN TABLE tb_st () SERVER pgtrickle OPTIONS (query 'SELECT g, max(t) AS t FROM tb_source GROUP BY g', schedule '520w');
CREATE FOREIGN TABLE tb_steps () SERVER pgtrickle OPTIONS (query 'SELECT count(*) FROM (SELECT g, max(t) AS t FROM tb_source GROUP BY g) x', schedule '520w');
RESET default_tablespace;
SELECT * FROM tb_spaces('tb_st');
SELECT * FROM tb_spaces('tb_steps');
-- rebuilt_it_stays, whatever the session has set
RESET ROLE;
SET default_tablespace = tb_other;
CREATE ACCESS METHOD tb_method TYPE TABLE HANDLER heap_tableam_handler;
SET default_table_access_method = tb_method;
SELECT pgtrickle.alter_stream_table('tb_st', query => 'SELECT g, min(t) AS t FROM tb_source GROUP BY g') \g /dev/null
SELECT * FROM tb_spaces('tb_st');
DELETE FROM pgtrickle.pgt_state WHERE relid = 'tb_steps'::regclass;
SELECT pgtrickle.repair_stream_table('tb_steps');
SELECT * FROM tb_spaces('tb_steps');
-- a_superuser_s_setting_for_the_stream_table_of_another_role
SET ROLE tb_owner;
RESET default_tablespace;
CREATE FOREIGN TABLE tb_default () SERVER pgtrickle OPTIONS (query 'SELECT g, max(t) AS t FROM tb_source GROUP BY g', schedule '520w');
RESET ROLE;
SET default_tablespace = tb_other;
SELECT pgtrickle.alter_stream_table('tb_default', query => 'SELECT g, min(t) AS t FROM tb_source GROUP BY g') \g /dev/null
SELECT * FROM tb_spaces('tb_default');
SELECT * FROM tb_default ORDER BY g;
SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname = 'st_' || 'tb_default'::regclass::oid;
-- SET_TABLESPACE moves the heaps and their own indexes; later ones follow
RESET default_tablespace;
SET ROLE tb_owner;
CREATE INDEX tb_by_g ON tb_steps (count);
ALTER FOREIGN TABLE tb_steps SET TABLESPACE tb_other;
ALTER FOREIGN TABLE tb_steps SET TABLESPACE pg_default;
SELECT * FROM tb_spaces('tb_steps');
ALTER TABLE tb_steps SET TABLESPACE tb_space;
SELECT * FROM tb_spaces('tb_steps');
SELECT reltablespace = 0 AS stays FROM pg_class WHERE relname = 'tb_by_g';
INSERT INTO tb_source VALUES (9, 9, 'i');
SELECT pgtrickle.refresh_stream_table('tb_steps');
SELECT * FROM tb_steps;
SELECT pgtrickle.alter_stream_table('tb_default', partition_by => 'HASH (g, 2)');
ALTER FOREIGN TABLE tb_default SET TABLESPACE tb_space;
SELECT * FROM tb_spaces('tb_default');
SELECT pgtrickle.alter_stream_table('tb_default', query => 'SELECT g, max(t) AS t FROM tb_source GROUP BY g') \g /dev/null
SELECT * FROM tb_spaces('tb_default');
SELECT * FROM tb_default ORDER BY g;
ALTER FOREIGN TABLE tb_default SET TABLESPACE tb_space, ALTER g SET STATISTICS 5;
-- restored_after_a_table_in_another_tablespace: a dump leaves default_tablespace as the table had it
SET default_tablespace = tb_space;
CREATE FOREIGN TABLE tb_restored () SERVER pgtrickle OPTIONS (query 'SELECT g, max(t) AS t FROM public.tb_source GROUP BY g',
  original_query 'SELECT g, max(t) AS t FROM tb_source GROUP BY g', schedule '520w');
RESET default_tablespace;
SELECT * FROM tb_spaces('tb_restored');
RESET ROLE;
DROP OWNED BY tb_owner;
DROP ACCESS METHOD tb_method;
DROP TABLESPACE tb_space;
DROP TABLESPACE tb_other;
DROP ROLE tb_owner;
