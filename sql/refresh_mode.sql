-- The effective mode of a refresh and its reason: the mode, an objection or the setting; deterministic, so not the cost.
SET client_min_messages = warning;
CREATE SCHEMA refresh_mode;
SET search_path = refresh_mode;
CREATE TABLE fact (id int PRIMARY KEY, part int, amount int);
INSERT INTO fact SELECT g, g % 50, g % 97 FROM generate_series(1, 5000) g;
ANALYZE fact;
CREATE TEMP TABLE definition (name text, mode text, query text);
INSERT INTO definition VALUES
  ('by_auto', 'AUTO', 'SELECT part, sum(amount) AS total FROM fact GROUP BY part'),
  ('by_delta', 'DIFFERENTIAL', 'SELECT part, sum(amount) AS total FROM fact GROUP BY part'),
  ('in_full', 'FULL', 'SELECT part, sum(amount) AS total FROM fact GROUP BY part'),
  ('objected', 'AUTO', 'SELECT part, sum(amount) AS total, random() < 2 AS yes FROM fact GROUP BY part');
SELECT pgtrickle.create_stream_table(name, query, '520w', mode) FROM definition \g /dev/null

-- Refreshes each stream table after the change; returns its modes, the reason without numbers, and the number of wrong rows.
CREATE FUNCTION refreshed(change text) RETURNS TABLE (st text, configured text, effective text, why text, differences bigint) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE change;
  FOR st IN SELECT name FROM definition ORDER BY 1 LOOP
    PERFORM pgtrickle.refresh_stream_table(st);
  END LOOP;
  FOR st IN SELECT name FROM definition ORDER BY 1 LOOP
    SELECT configured_mode, effective_mode, regexp_replace(downgrade_reason, '\d+(\.\d+)?', 'N', 'g')
      INTO configured, effective, why FROM pgtrickle.explain_refresh_mode(st);
    EXECUTE format('SELECT count(*) FROM ((SELECT part, total FROM %1$I EXCEPT ALL SELECT part, sum(amount) FROM fact GROUP BY part) UNION ALL (SELECT part, sum(amount) FROM fact GROUP BY part EXCEPT ALL SELECT part, total FROM %1$I)) d', st) INTO differences;
    RETURN NEXT;
  END LOOP;
END $$;
CREATE VIEW latest AS
  SELECT DISTINCT ON (h.pgt_id) s.pgt_name, h.action, h.was_full_fallback, split_part(h.reason, ':', 1) AS why
  FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables s USING (pgt_id)
  WHERE s.pgt_schema = 'refresh_mode' ORDER BY h.pgt_id, h.refresh_id DESC;

-- before_the_first_refresh
SELECT d.name, e.* FROM definition d, pgtrickle.explain_refresh_mode(d.name) e ORDER BY 1;
SELECT pgt_name, reason FROM pgtrickle.recommend_refresh_mode() WHERE pgt_schema = 'refresh_mode' AND pgt_name <> 'objected' ORDER BY 1;
-- at_0_auto_replaces_a_large_delta_by_a_full_refresh
SET pg_trickle.differential_max_change_ratio = 0;
SELECT * FROM refreshed('UPDATE fact SET amount = amount + 1 WHERE id <= 400');
SELECT * FROM latest ORDER BY 1;
-- at_1_never
SET pg_trickle.differential_max_change_ratio = 1;
SELECT * FROM refreshed('UPDATE fact SET amount = amount - 1 WHERE id <= 4000');
SELECT * FROM latest ORDER BY 1;
RESET pg_trickle.differential_max_change_ratio;
-- a_mode_that_is_altered
SELECT pgtrickle.alter_stream_table('by_delta', refresh_mode => 'AUTO') \g /dev/null
SELECT * FROM pgtrickle.explain_refresh_mode('by_delta');
SELECT pgtrickle.alter_stream_table('by_delta', refresh_mode => 'DIFFERENTIAL') \g /dev/null

-- efficiency
SELECT pgt_name, refresh_mode, total_refreshes, diff_count, full_count, avg_diff_ms > 0 AS diff, avg_full_ms > 0 AS "full",
       round(avg_change_ratio::numeric, 2) AS ratio, diff_speedup > 0 AS speedup, last_refresh_at <= now() + '1 min' AS at,
       length(replace(ltrim(avg_diff_ms::text, '0.'), '.', '')) <= 6 AS six_digits
FROM pgtrickle.refresh_efficiency() WHERE pgt_schema = 'refresh_mode' ORDER BY 1;
-- recommendation
SELECT pgt_name, current_mode, effective_mode, recommended_mode IN ('AUTO', 'FULL', 'DIFFERENTIAL') AS mode,
       confidence IN ('high', 'medium', 'low') AS confidence, reason <> '' AS reason, (SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(signals) k) AS signals
FROM pgtrickle.recommend_refresh_mode() WHERE pgt_schema = 'refresh_mode' ORDER BY 1;
SELECT recommended_mode, confidence, reason FROM pgtrickle.recommend_refresh_mode('objected');
SELECT signals -> 'differential' -> 'refreshes' AS deltas, signals -> 'full' -> 'refreshes' AS fulls, signals -> 'fill' -> 'refreshes' AS fills,
       signals -> 'source_rows' AS source_rows FROM pgtrickle.recommend_refresh_mode('by_auto');
SELECT * FROM pgtrickle.recommend_refresh_mode('nobody');
SELECT * FROM pgtrickle.explain_refresh_mode('nobody');
SELECT * FROM pgtrickle.explain_refresh_mode(NULL);

-- privileges
CREATE ROLE refresh_mode_reader;
GRANT USAGE ON SCHEMA refresh_mode, pgtrickle TO refresh_mode_reader;
GRANT SELECT ON objected TO refresh_mode_reader;
SET ROLE refresh_mode_reader;
SELECT * FROM pgtrickle.explain_refresh_mode('objected');
SELECT * FROM pgtrickle.explain_refresh_mode('by_auto');
SELECT pgt_name, reason FROM pgtrickle.recommend_refresh_mode() WHERE pgt_schema = 'refresh_mode';
SELECT pgt_name FROM pgtrickle.refresh_efficiency() WHERE pgt_schema = 'refresh_mode';
RESET ROLE;
DROP SCHEMA refresh_mode CASCADE;
DROP OWNED BY refresh_mode_reader;
DROP ROLE refresh_mode_reader;
