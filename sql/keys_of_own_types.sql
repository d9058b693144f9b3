-- Keys of user-defined types with operators in a schema outside of search_path: sortable and hashable, only sortable, only hashable.
SET client_min_messages = warning;
CREATE SCHEMA keys_of_own_types;
CREATE SCHEMA "Own Types";
SET search_path = "Own Types", public;
CREATE PROCEDURE make_type(name text, is_sorted bool, is_hashed bool) LANGUAGE plpgsql AS $$
DECLARE statement text;
BEGIN
  FOREACH statement IN ARRAY ARRAY[
    'CREATE TYPE %1$s', 'CREATE FUNCTION %1$s_in(cstring) RETURNS %1$s IMMUTABLE STRICT LANGUAGE internal AS ''textin''',
    'CREATE FUNCTION %1$s_out(%1$s) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS ''textout''',
    'CREATE TYPE %1$s (input = %1$s_in, output = %1$s_out, like = text)', 'CREATE CAST (%1$s AS text) WITHOUT FUNCTION' || CASE WHEN is_sorted THEN ' AS IMPLICIT' ELSE '' END,
    'CREATE FUNCTION %1$s_eq(%1$s, %1$s) RETURNS bool IMMUTABLE STRICT LANGUAGE sql AS ''SELECT lower($1::text COLLATE "C") = lower($2::text COLLATE "C")''',
    'CREATE FUNCTION %1$s_lt(%1$s, %1$s) RETURNS bool IMMUTABLE STRICT LANGUAGE sql AS ''SELECT lower($1::text COLLATE "C") < lower($2::text COLLATE "C")''',
    'CREATE FUNCTION %1$s_cmp(%1$s, %1$s) RETURNS int IMMUTABLE STRICT LANGUAGE sql AS ''SELECT bttextcmp(lower($1::text COLLATE "C"), lower($2::text COLLATE "C"))''',
    'CREATE FUNCTION %1$s_hash(%1$s) RETURNS int IMMUTABLE STRICT LANGUAGE sql AS ''SELECT hashtext(lower($1::text COLLATE "C"))''',
    'CREATE OPERATOR = (leftarg = %1$s, rightarg = %1$s, function = %1$s_eq, commutator = =, hashes, merges)',
    'CREATE OPERATOR < (leftarg = %1$s, rightarg = %1$s, function = %1$s_lt)'] LOOP
    EXECUTE format(statement, name);
  END LOOP;
  IF is_sorted THEN EXECUTE format('CREATE OPERATOR CLASS %1$s_btree DEFAULT FOR TYPE %1$s USING btree AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 %1$s_cmp(%1$s, %1$s)', name); END IF;
  IF is_hashed THEN EXECUTE format('CREATE OPERATOR CLASS %1$s_hash DEFAULT FOR TYPE %1$s USING hash AS OPERATOR 1 =, FUNCTION 1 %1$s_hash(%1$s)', name); END IF;
END $$;
CALL make_type('word', true, true); CALL make_type('sorted', true, false); CALL make_type('hashed', false, true);
CREATE DOMAIN small AS word CHECK (length(VALUE::text) < 9);
RESET search_path;
SET search_path = keys_of_own_types;

CREATE TABLE t (id int PRIMARY KEY, b "Own Types".word, s "Own Types".sorted, h "Own Types".hashed, d "Own Types".small, ab "Own Types".word[], n numeric);
CREATE TABLE kept (name text PRIMARY KEY, query text);
INSERT INTO kept SELECT 'by_' || col, format('SELECT %1$s, count(*) AS rows, sum(n) AS total, max(n) AS high, %2$s AS ids FROM t GROUP BY %1$s', col, CASE WHEN col = 'h' THEN 'min(id)' ELSE 'array_agg(id ORDER BY id)' END) FROM unnest('{b,s,h,d,ab}'::text[]) col;
INSERT INTO kept VALUES ('pairs', 'SELECT DISTINCT b, s FROM t'), ('domain_having', 'SELECT d, d AS again FROM t GROUP BY d HAVING count(*) > 1'),
  ('hashed_pairs', 'SELECT b, h, min(n) FROM t GROUP BY b, h'),
  ('joined', 'SELECT x.id, y.rows FROM t x JOIN (SELECT b, count(*) AS rows FROM t GROUP BY b) y ON x.b OPERATOR("Own Types".=) y.b');
-- Returns the rows that only a stream table or only its query has; equal words count as equal.
CREATE FUNCTION differences(OUT name text, OUT missing bigint, OUT surplus bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE query text;
BEGIN
  FOR name, query IN SELECT * FROM kept ORDER BY 1 LOOP
    PERFORM pgtrickle.refresh_stream_table('keys_of_own_types.' || name);
    EXECUTE format('SELECT count(*) FILTER (WHERE w > 0), count(*) FILTER (WHERE w < 0) FROM (SELECT lower(r), sum(w) AS w FROM
      (SELECT q::text, 1 FROM (%s) q UNION ALL SELECT q::text, -1 FROM %I q) AS x(r, w) GROUP BY 1) y', query, name) INTO missing, surplus;
    IF missing + surplus > 0 THEN RETURN NEXT; END IF;
  END LOOP;
END $$;
CREATE FUNCTION strange_images() RETURNS TABLE (name text, image text) LANGUAGE plpgsql AS $$
DECLARE col text;
BEGIN
  FOREACH col IN ARRAY '{b,s,h,d,ab}'::text[] LOOP
    RETURN QUERY EXECUTE format('SELECT %1$L, q.%1$s::text FROM by_%1$s q EXCEPT SELECT %1$L, q.%1$s::text FROM t q', col);
  END LOOP;
END $$;
CREATE PROCEDURE put(id int, word text) LANGUAGE sql AS $$ INSERT INTO t SELECT id, word::"Own Types".word, word::"Own Types".sorted, word::"Own Types".hashed, word::"Own Types".small, ARRAY[word]::"Own Types".word[], id / 4.0 $$;
CALL put(1, 'ab'); CALL put(2, 'AB'); CALL put(3, 'c'); CALL put(4, 'C'); CALL put(5, NULL); CALL put(6, 'ab'); CALL put(7, 'Ab');
SELECT pgtrickle.create_stream_table('keys_of_own_types.' || name, query, '520w', 'DIFFERENTIAL') FROM kept \g /dev/null
SELECT * FROM differences();
SELECT * FROM strange_images();
CALL put(11, 'aB'); CALL put(12, 'd'); CALL put(13, NULL); CALL put(14, 'x');
SELECT * FROM differences();
DELETE FROM t WHERE id IN (2, 4, 14);
SELECT * FROM differences();
SELECT * FROM strange_images();
UPDATE t SET n = n + 1, b = CASE WHEN id = 7 THEN 'D' ELSE b END WHERE id > 6;
DELETE FROM t WHERE id IN (1, 3, 5);
SELECT * FROM differences();
SELECT * FROM strange_images();
SELECT b, rows, total, ids FROM by_b ORDER BY ids;
DELETE FROM t WHERE id <> 12;
SELECT * FROM differences();
SELECT * FROM strange_images();
DROP SCHEMA keys_of_own_types, "Own Types" CASCADE;
