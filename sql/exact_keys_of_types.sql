-- An exact read takes stored groups without pending changes, and merges the others, whatever the type of the key.
SET client_min_messages = warning;
CREATE SCHEMA ekt;
SET search_path = ekt, public;
CREATE TYPE ekt.mood AS ENUM ('low', 'middle', 'high');
CREATE TABLE types (name text, type text, keys text[]);
INSERT INTO types VALUES
  ('int2', 'int2', '{-32768,-1,0,1,32767}'), ('int4', 'int4', '{-2147483648,-1,0,1,2147483647}'),
  ('int8', 'int8', '{-9223372036854775808,-1,0,1,4294967295,4294967296,9223372036854775807}'),
  ('oid', 'oid', '{0,1,2147483647,2147483648,4294967295}'), ('char', '"char"', '{a,b,"",~}'), ('bool', 'bool', '{t,f}'),
  ('date', 'date', '{-infinity,infinity,2000-01-01,1999-12-31,4713-01-01 BC}'), ('time', 'time', '{00:00,12:00,24:00}'),
  ('timestamp', 'timestamp', '{-infinity,infinity,2000-01-01,1999-12-31 23:59:59.999999}'), ('money', 'money', '{-1,0,1,92233720368547758.07}'),
  ('float4', 'float4', '{-0,1,NaN,Infinity}'), ('float8', 'float8', '{-0,1,NaN,-Infinity}'), ('numeric', 'numeric', '{0,1,-1,NaN}'),
  ('text', 'text', '{a,"",b}'), ('uuid', 'uuid', '{00000000-0000-0000-0000-000000000000,ffffffff-ffff-ffff-ffff-ffffffffffff}'),
  ('mood', 'ekt.mood', '{low,middle,high}'), ('xid8', 'xid8', '{1,4294967296}'), ('pair', 'int4', '{-1,0,1}');
-- Two rows with each key and with NULL; every other key is changed, one is removed, NULL is changed or not.
DO $$
DECLARE
  each types;
  columns text;
BEGIN
  FOR each IN SELECT * FROM types LOOP
    columns := CASE each.name WHEN 'pair' THEN 'k, -k AS other' ELSE 'k' END;
    EXECUTE format('CREATE TABLE %I (n int, k %s, v int)', 't_' || each.name, each.type);
    EXECUTE format('INSERT INTO %I SELECT o, k::%s, o FROM unnest($1 || NULL::text) WITH ORDINALITY u (k, o), generate_series(1, 2)',
                   't_' || each.name, each.type) USING each.keys;
    EXECUTE format('CREATE FOREIGN TABLE %I () SERVER pgtrickle OPTIONS (query %L, schedule ''520w'')', 'g_' || each.name,
                   format('SELECT %s, count(*) AS n, sum(v) AS v FROM %I GROUP BY 1%s', columns, 't_' || each.name,
                          CASE each.name WHEN 'pair' THEN ', 2' ELSE '' END));
  END LOOP;
END $$;
CREATE FUNCTION differences() RETURNS TABLE (type text, different bigint, grouped bigint) LANGUAGE plpgsql AS $$
DECLARE
  each types;
  query text;
BEGIN
  FOR each IN SELECT * FROM types ORDER BY name LOOP
    type := each.name;
    query := format('SELECT k%s, count(*) AS n, sum(v) AS v FROM %I GROUP BY 1%s', CASE each.name WHEN 'pair' THEN ', -k' ELSE '' END,
                    't_' || each.name, CASE each.name WHEN 'pair' THEN ', 2' ELSE '' END);
    EXECUTE format('SELECT count(*), (SELECT count(*) FROM %1$I) FROM ((TABLE %1$I EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL TABLE %1$I)) d',
                   'g_' || each.name, query) INTO different, grouped;
    RETURN NEXT;
  END LOOP;
END $$;
-- Gives the statement for each table.
CREATE FUNCTION change(statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  each types;
BEGIN
  FOR each IN SELECT * FROM types LOOP
    EXECUTE replace(statement, '%I', quote_ident('t_' || each.name));
  END LOOP;
END $$;
SET pg_trickle.read_mode = exact;
SELECT * FROM differences();
SELECT change('UPDATE %I SET v = v + 1 WHERE n % 2 = 0');
SELECT change('DELETE FROM %I WHERE n = 1');
SELECT * FROM differences();
-- Changes of NULL, and keys as expressions.
SELECT change('UPDATE %I SET v = v + 1 WHERE k IS NULL');
SELECT * FROM differences() WHERE different > 0;
SELECT count(*) FROM g_oid WHERE k::int8 > 2147483647;
SELECT count(*) FROM (SELECT k::int8::oid AS k, n, v FROM g_oid OFFSET 0) g WHERE k = 4294967295 OR k = 1;
SET client_min_messages = error;
DROP SCHEMA ekt CASCADE;
