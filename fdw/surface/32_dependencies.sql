-- The relations that each stream table reads.

CREATE FUNCTION pgtrickle.dependency_rows(
    of_relid oid DEFAULT NULL, OUT pgt_id bigint, OUT source_relid oid, OUT source_type text, OUT columns_used text[]
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_dependency_rows';
COMMENT ON FUNCTION pgtrickle.dependency_rows(oid) IS 'internal: rows of pgtrickle.pgt_dependencies, for one stream table or all';

CREATE VIEW pgtrickle.pgt_dependencies AS SELECT * FROM pgtrickle.dependency_rows();
COMMENT ON VIEW pgtrickle.pgt_dependencies IS 'sources of the stream tables that the caller may read';
