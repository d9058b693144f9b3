-- AUTO: a step that recomputes changed keys computes all rows if the delta touches most of its keys, and uses look-ups otherwise.
SET client_min_messages = warning;
CREATE SCHEMA auto_touches_most;
SET search_path = auto_touches_most;
SET pg_trickle.differential_max_change_ratio = 1; -- the step chooses, not the refresh
CREATE TABLE fact (id int PRIMARY KEY, part int, amount int);
INSERT INTO fact SELECT g, nullif(g % 600, 7), g % 97 FROM generate_series(1, 30000) g;
CREATE INDEX ON fact (part);
ANALYZE fact;
CREATE TEMP TABLE definition (name text, query text);
INSERT INTO definition VALUES
  ('quarters', 'SELECT id, ntile(4) OVER (PARTITION BY part ORDER BY amount, id) AS quarter FROM fact'),
  ('best', 'SELECT * FROM (SELECT id, part, row_number() OVER (PARTITION BY part ORDER BY amount DESC, id) AS n FROM fact) w WHERE n <= 5'),
  ('medians', 'SELECT part, percentile_disc(0.5) WITHIN GROUP (ORDER BY amount) AS median, count(*) FROM fact GROUP BY part'),
  ('sizes', 'SELECT n, count(*), max(a) FROM (SELECT part, count(DISTINCT amount) AS n, sum(amount) AS a FROM fact GROUP BY part) g GROUP BY n'),
  ('sums', 'SELECT part, sum(amount) FROM fact GROUP BY part');
SELECT pgtrickle.create_stream_table(name, query, '520w', 'AUTO') FROM definition \g /dev/null
SELECT pgtrickle.create_stream_table('by_look_ups', query, '520w', 'DIFFERENTIAL') FROM definition WHERE name = 'quarters' \g /dev/null

CREATE FUNCTION differs(name text, query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$I)) d', name, query) INTO n;
  RETURN n;
END $$;
-- Returns for each stream table, refreshed after the change, whether fact was looked up part by part, and the number of wrong rows.
CREATE FUNCTION refreshed(change text) RETURNS TABLE (st text, part_by_part boolean, differences bigint) LANGUAGE plpgsql AS $$
DECLARE query_of text; before bigint;
BEGIN
  EXECUTE change;
  FOR st, query_of IN SELECT name, query FROM definition UNION ALL SELECT 'by_look_ups', query FROM definition WHERE name = 'quarters' ORDER BY 1 LOOP
    SELECT idx_scan INTO before FROM pg_stat_xact_user_tables WHERE relid = 'fact'::regclass;
    PERFORM pgtrickle.refresh_stream_table(st);
    SELECT idx_scan > before + 5 INTO part_by_part FROM pg_stat_xact_user_tables WHERE relid = 'fact'::regclass;
    differences := differs(st, query_of);
    RETURN NEXT;
  END LOOP;
END $$;

-- a_delta_of_all_parts
SELECT * FROM refreshed('UPDATE fact SET amount = amount + 1 WHERE id % 19 = 3');
SELECT * FROM refreshed('UPDATE fact SET amount = amount + id % 5 WHERE id BETWEEN 4001 AND 6000');
-- a_delta_of_a_few_parts, with as many rows
SELECT * FROM refreshed('UPDATE fact SET amount = amount - 2 WHERE part < 30');
-- parts_come_and_go
SELECT * FROM refreshed('DELETE FROM fact WHERE part < 400 AND id % 17 = 1');
SELECT * FROM refreshed('UPDATE fact SET part = part + 1 WHERE id % 19 = 4');
SELECT * FROM refreshed('INSERT INTO fact SELECT g, nullif(g % 1000, 7), 5 FROM generate_series(40000, 42000) g');
DROP SCHEMA auto_touches_most CASCADE;
