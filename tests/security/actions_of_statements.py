"""Statements that write and define; see actions.py."""

from actions import action

CREATOR = ("canary_creator",)


def undone(name, kind, *statements, owners=(), only=""):
    action(name, kind, *statements, is_rolled_back=True, owners=owners, only=only)


# DML on sources and on stream tables.
action("INSERT", "write", "INSERT INTO SOURCE (id, g, v) SELECT max(id) + 1, 1, 5 FROM SOURCE")
action("UPDATE", "write", "UPDATE SOURCE SET v = v + 1")
action("two-phase commit", "write", "BEGIN", "INSERT INTO SOURCE (id, g, v) SELECT max(id) + 1, 1, 5 FROM SOURCE",
       "PREPARE TRANSACTION 'canary_PLACE'", "COMMIT PREPARED 'canary_PLACE'")
undone("DELETE", "write", "DELETE FROM SOURCE WHERE id > 1")
undone("MERGE", "write", "MERGE INTO SOURCE t USING (SELECT 1 AS id) s ON s.id = t.id WHEN MATCHED THEN UPDATE SET v = 3")
undone("COPY into a source", "write", "COPY SOURCE (id) FROM STDIN")
undone("TRUNCATE", "write", "TRUNCATE SOURCE")
for number, statement in enumerate(("INSERT INTO NAME SELECT * FROM NAME", "UPDATE NAME SET id = 1", "DELETE FROM NAME", "TRUNCATE NAME",
                                    "SELECT * FROM NAME FOR UPDATE", "COPY NAME FROM STDIN")):
    undone(f"refused: {statement.split()[0]} {number}", "read", statement)

# Stream tables.
undone("CREATE FOREIGN TABLE", "define", "CREATE FOREIGN TABLE own.PLACE_made () SERVER pgtrickle OPTIONS (query $q$QUERY$q$, schedule '520w')")
undone("CREATE in the role's own schema", "define", "CREATE FOREIGN TABLE cre.PLACE_made () SERVER pgtrickle OPTIONS (query $q$QUERY$q$, schedule '520w')",
       "SELECT pgtrickle.refresh_stream_table('cre.PLACE_made')", owners=CREATOR)
undone("CREATE on top", "call", "CREATE FOREIGN TABLE cre.PLACE_top () SERVER pgtrickle OPTIONS (query 'SELECT * FROM NAME', schedule '520w')",
       "SELECT pgtrickle.refresh_stream_table('cre.PLACE_top')", "SELECT * FROM cre.PLACE_top", owners=CREATOR)
undone("ALTER its query", "define", "ALTER FOREIGN TABLE NAME OPTIONS (SET query $q$QUERY$q$)", "SELECT * FROM NAME")
undone("ALTER its schedule", "call", "ALTER FOREIGN TABLE NAME OPTIONS (SET schedule '5s')", "SELECT * FROM NAME")
undone("ALTER its mode", "call", "ALTER FOREIGN TABLE NAME OPTIONS (SET refresh_mode 'FULL')", "SELECT pgtrickle.refresh_stream_table('NAME')")
undone("rename it", "call", "ALTER FOREIGN TABLE NAME RENAME TO renamed", "SELECT pgtrickle.refresh_stream_table('own.renamed')")
undone("rename its column", "call", "ALTER FOREIGN TABLE NAME RENAME id TO renamed", "SELECT * FROM NAME")
undone("move it", "call", "ALTER FOREIGN TABLE NAME SET SCHEMA cre", "SELECT * FROM cre.PLACE")
undone("change its owner", "call", "ALTER FOREIGN TABLE NAME OWNER TO canary_creator", "SELECT pgtrickle.refresh_stream_table('NAME')", owners=CREATOR)
undone("REASSIGN OWNED", "call", "REASSIGN OWNED BY canary_owner TO canary_creator", "SELECT pgtrickle.refresh_stream_table('NAME')", owners=CREATOR)
undone("DROP OWNED", "call", "DROP OWNED BY canary_owner CASCADE")
undone("DROP FOREIGN TABLE", "call", "DROP FOREIGN TABLE NAME CASCADE")
undone("add a CHECK to it", "define", "ALTER FOREIGN TABLE NAME ADD CHECK (own.PLACE_f(1))")
undone("add a column to it", "define", "ALTER FOREIGN TABLE NAME ADD x int DEFAULT 1")
undone("GRANT and REVOKE", "call", "GRANT SELECT ON NAME TO PUBLIC; REVOKE SELECT ON NAME FROM PUBLIC", "SELECT * FROM NAME")
undone("CREATE INDEX", "call", "CREATE INDEX made ON NAME (id)", "REINDEX INDEX own.made", "DROP INDEX own.made")
undone("CREATE INDEX on an expression", "define", "CREATE INDEX made ON NAME ((own.PLACE_f(id::int)))", "SELECT pgtrickle.refresh_stream_table('NAME')")
undone("CREATE STATISTICS", "define", "CREATE STATISTICS own.made ON (own.PLACE_f(id::int)), id FROM NAME", "ANALYZE NAME")
action("ANALYZE the stream table", "ddl", "ANALYZE NAME")
action("VACUUM ANALYZE the stream table", "ddl", "VACUUM (ANALYZE) NAME")
undone("REINDEX the stream table", "ddl", "REINDEX TABLE NAME")
action("VACUUM ANALYZE", "ddl", "VACUUM (ANALYZE) SOURCE")
undone("view above", "define", "CREATE VIEW own.above AS SELECT * FROM NAME", "SELECT * FROM own.above")
undone("materialized view above", "read", "CREATE MATERIALIZED VIEW own.above AS SELECT * FROM NAME", "REFRESH MATERIALIZED VIEW own.above")
undone("IMPORT FOREIGN SCHEMA", "define", "CREATE VIEW own.PLACE_source AS QUERY",
       "IMPORT FOREIGN SCHEMA own LIMIT TO (PLACE_source) FROM SERVER pgtrickle INTO cre OPTIONS (schedule '520w')", owners=CREATOR)
undone("inheritance", "ddl", "CREATE TABLE own.parent (LIKE NAME)", "ALTER FOREIGN TABLE NAME INHERIT own.parent", "SELECT * FROM own.parent")

action("read the view above", "read", "SELECT * FROM NAME_v", only="^view_above$")

# Sources and objects that a defining query uses.
undone("ANALYZE the source", "ddl", "ANALYZE SOURCE", "SELECT pgtrickle.refresh_stream_table('NAME')")
undone("add a column to the source", "ddl", "ALTER TABLE SOURCE ADD x int DEFAULT 1", "SELECT pgtrickle.refresh_stream_table('NAME')")
undone("retype a column of the source", "ddl", "ALTER TABLE SOURCE ALTER w TYPE varchar", "SELECT pgtrickle.refresh_stream_table('NAME')")
undone("retype a column that it reads", "call", "ALTER TABLE SOURCE ALTER v TYPE bigint", "SELECT pgtrickle.refresh_stream_table('NAME')",
       only="^(child_.*|literal_in_statistics|index_.*|literal_in_index.*)$")
undone("rename the source", "ddl", "ALTER TABLE SOURCE RENAME TO renamed", "SELECT pgtrickle.refresh_stream_table('NAME')")
undone("rename a column of the source", "ddl", "ALTER TABLE SOURCE RENAME v TO w2", "SELECT pgtrickle.refresh_stream_table('NAME')")
undone("policies of the source", "ddl", "ALTER TABLE SOURCE ENABLE ROW LEVEL SECURITY", "SELECT pgtrickle.refresh_stream_table('NAME')")
undone("change the source's owner", "ddl", "ALTER TABLE SOURCE OWNER TO canary_creator", owners=CREATOR)
undone("DROP the source", "ddl", "DROP TABLE SOURCE CASCADE")
undone("CREATE OR REPLACE FUNCTION", "define", "CREATE OR REPLACE FUNCTION own.PLACE_f(v int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS "
       "$$ BEGIN PERFORM canary.note('PLACE'); RETURN v > 0; END $$", "SELECT pgtrickle.refresh_stream_table('NAME')")
undone("ALTER FUNCTION", "call", "ALTER FUNCTION own.PLACE_f(int) RENAME TO renamed", "SELECT pgtrickle.refresh_stream_table('NAME')",
       only="^(?!of_|big_|numbers|payroll)")
undone("rename the schema", "call", "ALTER SCHEMA own RENAME TO renamed", "SELECT pgtrickle.refresh_stream_table('renamed.PLACE')")
undone("DROP DOMAIN", "call", "DROP DOMAIN own.PLACE_d CASCADE", only="domain|literal")
undone("ALTER DOMAIN", "ddl", "ALTER DOMAIN own.PLACE_d ADD CHECK (VALUE IS NOT NULL)", "SELECT pgtrickle.refresh_stream_table('NAME')",
       only="domain|literal")
undone("partitions", "ddl", "CREATE TABLE own.part (LIKE SOURCE)", "ALTER TABLE SOURCE ATTACH PARTITION own.part FOR VALUES FROM (100000) TO (200000)",
       "ALTER TABLE SOURCE DETACH PARTITION own.part", only="^partition_key$")
undone("DROP EXTENSION", "call", "DROP EXTENSION pg_trickle CASCADE")
action("REFRESH a materialized view that is a source", "ddl", "REFRESH MATERIALIZED VIEW NAME_w", only="^materialized_view$")
undone("REINDEX", "ddl", "REINDEX TABLE SOURCE")
undone("publication", "call", "CREATE PUBLICATION made FOR TABLE SOURCE")
