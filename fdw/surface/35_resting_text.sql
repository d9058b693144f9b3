-- What statements of a refresh call of a text that is to be read as a time. It is harmless to anybody who finds it.

CREATE FUNCTION pgtrickle.pgt_resting_text(text) RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_resting_text';
COMMENT ON FUNCTION pgtrickle.pgt_resting_text(text) IS 'internal: returns the text; raises an error for date/time input that depends on the current time, such as today';
