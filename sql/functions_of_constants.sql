-- A user's function of constants is called when the query is compiled or planned, or an index is created for it: as the owner of
-- the stream table, whichever role causes it, and also by the manager, which has no snapshot at that point.
SET client_min_messages = warning;
CREATE SCHEMA functions_of_constants;
SET search_path = functions_of_constants;
CREATE ROLE fc_owner;
GRANT ALL ON SCHEMA functions_of_constants TO fc_owner;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO fc_owner;
SET ROLE fc_owner;
CREATE FUNCTION three() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  IF current_user <> 'fc_owner' THEN RAISE EXCEPTION 'called as %', current_user; END IF;
  RETURN 3;
END $$;
CREATE TABLE t (id int, g text);
INSERT INTO t VALUES (1, 'a');
CREATE FUNCTION create_it(name text, query text) RETURNS void LANGUAGE sql
  AS $$ SELECT pgtrickle.create_stream_table('functions_of_constants.' || name, query, '1s', 'DIFFERENTIAL') $$;
SELECT create_it('limited', 'SELECT id FROM functions_of_constants.t ORDER BY id LIMIT functions_of_constants.three()'),
       create_it('groups', 'SELECT g, count(*) AS n FROM functions_of_constants.t GROUP BY g HAVING count(*) < functions_of_constants.three()'),
       create_it('ends', 'SELECT max(id) + functions_of_constants.three() AS last FROM functions_of_constants.t'),
       create_it('joined', 'SELECT t.id, x.n FROM functions_of_constants.t JOIN (SELECT g, count(*) AS n FROM functions_of_constants.t GROUP BY g) x
                            ON length(t.g) + 3 = length(x.g) + functions_of_constants.three()') \g /dev/null
RESET ROLE;

-- by_the_manager
INSERT INTO t VALUES (2, 'a'), (3, 'a'), (4, 'b');
CREATE FUNCTION contents() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY '{limited,groups,ends,joined}'::text[] LOOP
    RETURN QUERY EXECUTE format('SELECT %L || string_agg(s::text, '' '' ORDER BY s::text) FROM %I s', name || ': ', name);
  END LOOP;
END $$;
SET pg_trickle.max_staleness = 0;
SELECT * FROM contents();
SELECT pgt_name, status, last_error_message FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'functions_of_constants' ORDER BY 1;
SELECT DISTINCT initiated_by FROM pgtrickle.pgt_stream_tables s, pgtrickle.pgt_refresh_history h
  WHERE pgt_schema = 'functions_of_constants' AND h.pgt_id = s.pgt_id AND initiated_by IN ('INITIAL', 'MANUAL') ORDER BY 1;

-- by_a_superuser
\c -
SET search_path = functions_of_constants;
SET client_min_messages = warning;
SELECT count(*) > 0 AS is_explained FROM unnest('{limited,groups,ends,joined}'::text[]) name, pgtrickle.explain_st(name);
SELECT count(*) = 0 AS is_none_advised FROM pgtrickle.missing_index_rows(ARRAY['joined'::regclass::oid]);
ALTER FOREIGN TABLE joined OPTIONS (SET refresh_mode 'FULL');
ALTER FOREIGN TABLE joined OPTIONS (SET refresh_mode 'DIFFERENTIAL');
SELECT pgtrickle.repair_stream_table('groups') ~ 'No damage found' AS is_repaired;
SELECT * FROM contents();

-- when_rows_are_counted
SET ROLE fc_owner;
CREATE INDEX ON limited ((id + functions_of_constants.three()));
\c -
SET client_min_messages = warning;
SET ROLE fc_owner;
SELECT value AS rows_kept FROM pgtrickle.explain_st('functions_of_constants.limited', true) WHERE property ~ '^rows of .*st_\d+$';
RESET ROLE;
DROP SCHEMA functions_of_constants CASCADE;
REVOKE USAGE ON FOREIGN SERVER pgtrickle FROM fc_owner;
DROP ROLE fc_owner;
