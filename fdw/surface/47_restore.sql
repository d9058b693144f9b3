-- A dump contains neither the rows nor the indexes of stream tables, which lie in reserved schemas. It contains a
-- row of pgt_restored for each stream table, taken from the catalogs: the table itself is always empty. When the
-- row is restored, its trigger creates the indexes, and the stream table is filled after the restore.

-- `tablespace` is NULL for an index in that of the storage, and empty for one in that of the database instead; `statistics`
-- are the targets of the columns, and `extensions` those that the index depends on, as texts of arrays.
CREATE FUNCTION pgtrickle.pgt_dumped_indexes(
    relid oid, OUT definition text, OUT tablespace text, OUT comment text, OUT statistics text, OUT extensions text
  ) RETURNS SETOF record
  LANGUAGE c STRICT
  AS 'MODULE_PATHNAME', 'pgtrickle_dumped_indexes';
COMMENT ON FUNCTION pgtrickle.pgt_dumped_indexes(oid) IS 'internal: the indexes that users have created on a stream table, as they are now';

-- A function, because pg_dump refuses to read views that are not the system's. Each index is an object with the columns of
-- pgt_dumped_indexes() that are not NULL. pg_dump does not lock stream tables: names are read from the catalogs with the
-- snapshot of the dump, which has created the stream table by that name, and not as a regclass prints them, as they are now.
CREATE FUNCTION pgtrickle.pgt_dumped(
    of_relid oid DEFAULT NULL, OUT name text, OUT indexes jsonb, OUT tablespace text
  ) RETURNS SETOF record
  LANGUAGE sql STABLE
  SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on
  AS $$
SELECT format('%I.%I', n.nspname, t.relname) AS name, coalesce(i.indexes, '[]') AS indexes, s.spcname::text AS tablespace
FROM pg_foreign_table f
JOIN pg_foreign_server v ON v.oid = f.ftserver
JOIN pg_foreign_data_wrapper w ON w.oid = v.srvfdw AND w.fdwname = 'pgtrickle_fdw'
JOIN pg_class t ON t.oid = f.ftrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_class h ON h.relnamespace = to_regnamespace('pg_trickle_storage') AND h.relname = ('st_' || f.ftrelid)::name
LEFT JOIN pg_tablespace s ON s.oid = h.reltablespace
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(d) || jsonb_build_object('definition',
           -- The name of an index may contain the name of a storage, too. With quote_all_identifiers, every name is quoted.
           regexp_replace(d.definition,
             '^(CREATE (?:UNIQUE )?INDEX (?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*)) ON (?:ONLY )?"?pg_trickle_storage"?\."?st_[0-9]+"? ',
             '\1 ON ' || replace(format('%I.%I', n.nspname, t.relname), '\', '\\') || ' '))) ORDER BY d.definition) AS indexes
  FROM pgtrickle.pgt_dumped_indexes(f.ftrelid) d
) i ON true
WHERE of_relid IS NULL OR f.ftrelid = of_relid;
$$;
COMMENT ON FUNCTION pgtrickle.pgt_dumped(oid) IS 'internal: one stream table, or all, as a dump contains them, with the tablespace of the storage, or NULL for that of the database, and the indexes that users have created';

-- The name is a text, because one that a restore has not created would keep the rows of all others from being copied.
CREATE TABLE pgtrickle.pgt_restored (
  name       text NOT NULL,
  indexes    jsonb NOT NULL,
  tablespace text
);
COMMENT ON TABLE pgtrickle.pgt_restored IS 'internal: receives the stream tables of a dump when it is restored; always empty';
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_restored',
  'WHERE false UNION ALL SELECT d.name, d.indexes, d.tablespace FROM pgtrickle.pgt_dumped() d');

CREATE FUNCTION pgtrickle.pgt_restore() RETURNS trigger
  LANGUAGE c
  AS 'MODULE_PATHNAME', 'pgtrickle_restore';
COMMENT ON FUNCTION pgtrickle.pgt_restore() IS 'internal: trigger function that restores the tablespace and the indexes of a stream table and has it filled after the restore';
CREATE TRIGGER pgt_restore BEFORE INSERT ON pgtrickle.pgt_restored
  FOR EACH ROW EXECUTE FUNCTION pgtrickle.pgt_restore();

-- The rows of the extension's tables that name a relation. They are dumped with its name as a text: a regclass of a
-- relation that a restore does not create would keep all rows of the table from being copied. `content` contains the name,
-- too. It is that of the snapshot, as in pgt_dumped(). The rows are restored before those of pgt_restored, by the order of the
-- names, so that no stream table is filled in spite of a hold.
CREATE FUNCTION pgtrickle.pgt_dumped_rows(OUT target text, OUT relation text, OUT content jsonb) RETURNS SETOF record
  LANGUAGE sql STABLE
  SET search_path = pg_catalog, pg_temp
  AS $$
SELECT d.target, r.name, d.content || jsonb_build_object(d.key, r.name)
FROM (SELECT 'pgt_hold', 'relation', h.relation, to_jsonb(h) FROM pgtrickle.pgt_hold h WHERE h.kind <> 'drain'
      UNION ALL SELECT 'pgt_stopped_capture', 'relation', s.relation, to_jsonb(s) FROM pgtrickle.pgt_stopped_capture s
      UNION ALL SELECT 'pgt_watermark', 'source', w.source, to_jsonb(w) FROM pgtrickle.pgt_watermark w
      UNION ALL SELECT 'pgt_refresh_group_member', 'relid', m.relid, to_jsonb(m) FROM pgtrickle.pgt_refresh_group_member m
     ) d (target, key, relation, content)
JOIN (SELECT c.oid, format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      UNION ALL SELECT 0::oid, '-') r (relation, name) ON r.relation = d.relation;
$$;
COMMENT ON FUNCTION pgtrickle.pgt_dumped_rows() IS 'internal: the rows of the extension about relations, as a dump contains them';

CREATE TABLE pgtrickle.pgt_dumped_row (
  target   text NOT NULL,
  relation text NOT NULL,
  content  jsonb NOT NULL
);
COMMENT ON TABLE pgtrickle.pgt_dumped_row IS 'internal: receives the rows of a dump about relations when it is restored; always empty';
SELECT pg_catalog.pg_extension_config_dump('pgtrickle.pgt_dumped_row',
  'WHERE false UNION ALL SELECT d.target, d.relation, d.content FROM pgtrickle.pgt_dumped_rows() d');

CREATE FUNCTION pgtrickle.pgt_restore_row() RETURNS trigger
  LANGUAGE c
  AS 'MODULE_PATHNAME', 'pgtrickle_restore_row';
COMMENT ON FUNCTION pgtrickle.pgt_restore_row() IS 'internal: trigger function that restores a row about a relation';
CREATE TRIGGER pgt_restore_row BEFORE INSERT ON pgtrickle.pgt_dumped_row
  FOR EACH ROW EXECUTE FUNCTION pgtrickle.pgt_restore_row();
