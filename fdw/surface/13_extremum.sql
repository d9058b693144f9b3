-- Aggregates that maintenance statements call for the states of min and max. They read nothing but their arguments.

CREATE FUNCTION pgtrickle.extremum_step(internal, anyelement, bool) RETURNS internal
  LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_extremum_step';
COMMENT ON FUNCTION pgtrickle.extremum_step(internal, anyelement, bool) IS 'internal: transition function of pgtrickle.extremum and pgtrickle.ties_of_extremum';

CREATE FUNCTION pgtrickle.extremum_combine(internal, internal) RETURNS internal
  LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_extremum_combine';
COMMENT ON FUNCTION pgtrickle.extremum_combine(internal, internal) IS 'internal: combine function of pgtrickle.extremum and pgtrickle.ties_of_extremum';

CREATE FUNCTION pgtrickle.extremum_serialize(internal) RETURNS bytea
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_extremum_serialize';
COMMENT ON FUNCTION pgtrickle.extremum_serialize(internal) IS 'internal: serialization function of pgtrickle.extremum and pgtrickle.ties_of_extremum';

CREATE FUNCTION pgtrickle.extremum_deserialize(bytea, internal) RETURNS internal
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_extremum_deserialize';
COMMENT ON FUNCTION pgtrickle.extremum_deserialize(bytea, internal) IS 'internal: deserialization function of pgtrickle.extremum and pgtrickle.ties_of_extremum';

CREATE FUNCTION pgtrickle.extremum_final(internal, anyelement, bool) RETURNS anyelement
  LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_extremum_final';
COMMENT ON FUNCTION pgtrickle.extremum_final(internal, anyelement, bool) IS 'internal: final function of pgtrickle.extremum';

CREATE FUNCTION pgtrickle.ties_of_extremum_final(internal) RETURNS int8
  LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_ties_of_extremum_final';
COMMENT ON FUNCTION pgtrickle.ties_of_extremum_final(internal) IS 'internal: final function of pgtrickle.ties_of_extremum';

CREATE AGGREGATE pgtrickle.extremum(anyelement, bool)
  (sfunc = pgtrickle.extremum_step, stype = internal, sspace = 64, finalfunc = pgtrickle.extremum_final, finalfunc_extra,
   combinefunc = pgtrickle.extremum_combine, serialfunc = pgtrickle.extremum_serialize,
   deserialfunc = pgtrickle.extremum_deserialize, parallel = safe);
COMMENT ON AGGREGATE pgtrickle.extremum(anyelement, bool) IS 'internal: the greatest value, or the least one';

CREATE AGGREGATE pgtrickle.ties_of_extremum(anyelement, bool)
  (sfunc = pgtrickle.extremum_step, stype = internal, sspace = 64, finalfunc = pgtrickle.ties_of_extremum_final,
   combinefunc = pgtrickle.extremum_combine, serialfunc = pgtrickle.extremum_serialize,
   deserialfunc = pgtrickle.extremum_deserialize, parallel = safe);
COMMENT ON AGGREGATE pgtrickle.ties_of_extremum(anyelement, bool) IS 'internal: how many values equal pgtrickle.extremum()';

CREATE FUNCTION pgtrickle.collect_changes(internal, anyelement, int8, bool) RETURNS internal
  LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_collect_changes';
COMMENT ON FUNCTION pgtrickle.collect_changes(internal, anyelement, int8, bool) IS 'internal: transition function of the aggregates of changed extrema';

CREATE FUNCTION pgtrickle.inserted_extremum_final(internal, anyelement, int8, bool) RETURNS anyelement
  LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_inserted_extremum';
COMMENT ON FUNCTION pgtrickle.inserted_extremum_final(internal, anyelement, int8, bool) IS 'internal: final function of pgtrickle.inserted_extremum';

CREATE FUNCTION pgtrickle.inserted_ties_final(internal, anyelement, int8, bool) RETURNS int8
  LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_inserted_ties';
COMMENT ON FUNCTION pgtrickle.inserted_ties_final(internal, anyelement, int8, bool) IS 'internal: final function of pgtrickle.inserted_ties';

CREATE FUNCTION pgtrickle.retracted_extremum_final(internal, anyelement, int8, bool) RETURNS anyelement
  LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_retracted_extremum';
COMMENT ON FUNCTION pgtrickle.retracted_extremum_final(internal, anyelement, int8, bool) IS 'internal: final function of pgtrickle.retracted_extremum';

CREATE FUNCTION pgtrickle.retracted_ties_final(internal, anyelement, int8, bool) RETURNS int8
  LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'pgtrickle_retracted_ties';
COMMENT ON FUNCTION pgtrickle.retracted_ties_final(internal, anyelement, int8, bool) IS 'internal: final function of pgtrickle.retracted_ties';

CREATE AGGREGATE pgtrickle.inserted_extremum(anyelement, int8, bool)
  (sfunc = pgtrickle.collect_changes, stype = internal, sspace = 80, finalfunc = pgtrickle.inserted_extremum_final,
   finalfunc_extra, finalfunc_modify = shareable, parallel = safe);
COMMENT ON AGGREGATE pgtrickle.inserted_extremum(anyelement, int8, bool) IS 'internal: extremum of the values with positive weight';

CREATE AGGREGATE pgtrickle.inserted_ties(anyelement, int8, bool)
  (sfunc = pgtrickle.collect_changes, stype = internal, sspace = 80, finalfunc = pgtrickle.inserted_ties_final,
   finalfunc_extra, finalfunc_modify = shareable, parallel = safe);
COMMENT ON AGGREGATE pgtrickle.inserted_ties(anyelement, int8, bool) IS 'internal: net weight of the values that equal inserted_extremum(), if none with negative weight beats it';

CREATE AGGREGATE pgtrickle.retracted_extremum(anyelement, int8, bool)
  (sfunc = pgtrickle.collect_changes, stype = internal, sspace = 80, finalfunc = pgtrickle.retracted_extremum_final,
   finalfunc_extra, finalfunc_modify = shareable, parallel = safe);
COMMENT ON AGGREGATE pgtrickle.retracted_extremum(anyelement, int8, bool) IS 'internal: extremum of the values with negative weight, if inserted_extremum() does not beat it';

CREATE AGGREGATE pgtrickle.retracted_ties(anyelement, int8, bool)
  (sfunc = pgtrickle.collect_changes, stype = internal, sspace = 80, finalfunc = pgtrickle.retracted_ties_final,
   finalfunc_extra, finalfunc_modify = shareable, parallel = safe);
COMMENT ON AGGREGATE pgtrickle.retracted_ties(anyelement, int8, bool) IS 'internal: net weight of the values that equal retracted_extremum()';
