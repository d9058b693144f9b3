-- A role that reads a stream table through a view only does not learn its state, nor why it is stale.
CREATE SCHEMA unseen_state;
SET search_path = unseen_state;
CREATE ROLE us_reader;
GRANT USAGE ON SCHEMA unseen_state TO us_reader;
CREATE TABLE shown (id int PRIMARY KEY);
CREATE TABLE hidden (id int PRIMARY KEY, divisor int);
INSERT INTO hidden SELECT i, 1 FROM generate_series(1, 9) i;
SELECT pgtrickle.create_stream_table('st', 'SELECT shown.id FROM shown JOIN hidden USING (id) WHERE 1 / divisor > 0', '520w');
SELECT pgtrickle.create_stream_table('above', 'SELECT count(*) AS n FROM st', '520w');
CREATE VIEW of_st AS SELECT * FROM st WHERE id > 5;
CREATE VIEW of_above AS SELECT * FROM above;
GRANT SELECT ON of_st, of_above TO us_reader;
CREATE FUNCTION explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
    IF line ~ 'Stream Table:|Status|Held|Populated|Age|Pending Changes|Frontier' THEN
      RETURN NEXT regexp_replace(regexp_replace(line, '(Age|Pending Changes|Frontier): .*', '\1'), '\d+', '', 'g');
    END IF;
  END LOOP;
END $$;
SET pg_trickle.max_staleness = 0;
CREATE PROCEDURE reads() LANGUAGE plpgsql AS $$
DECLARE detail text; hint text; name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['of_st', 'of_above'] LOOP
    BEGIN
      EXECUTE 'SELECT count(*) FROM ' || name;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
      RAISE INFO '% / % / %', sqlerrm, detail, hint;
    END;
  END LOOP;
END $$;
SET pg_trickle.on_stale = error;
-- held
SELECT pgtrickle.gate_source('hidden');
INSERT INTO shown VALUES (6);
SELECT explained('SELECT * FROM of_st');
CALL reads();
SET ROLE us_reader;
SELECT explained('SELECT * FROM of_st');
SELECT explained('SELECT * FROM of_above');
CALL reads();
RESET ROLE;
-- suspended
SELECT pgtrickle.ungate_source('hidden');
SELECT pgtrickle.alter_stream_table('st', status => 'SUSPENDED');
CALL reads();
SET ROLE us_reader;
SELECT explained('SELECT * FROM of_st');
CALL reads();
RESET ROLE;
SELECT pgtrickle.resume_stream_table('st');
-- who may read it sees why
GRANT SELECT (id) ON st TO us_reader;
SELECT pgtrickle.gate_source('hidden');
SET ROLE us_reader;
SELECT explained('SELECT * FROM of_st');
CALL reads();
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA unseen_state CASCADE;
DROP ROLE us_reader;
