-- A function that statements of a refresh call for a text that is converted to a date or time. Calls by users
-- are harmless.

CREATE FUNCTION pgtrickle.pgt_time_text(text) RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_time_text';
COMMENT ON FUNCTION pgtrickle.pgt_time_text(text) IS 'internal: returns the text; raises an error for date/time input that depends on the current time, such as today';
