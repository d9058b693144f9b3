#!/usr/bin/python3 -B
"""Shows that a role without rights waits for no lock of others: each function of the extension and each kind of statement on a
stream table ends as it does otherwise while another session has the stream table, its source and its index locked exclusively.
A role that waited would let others queue behind it, whose locks conflict with its own.

The functions are those of the surface, with the arguments that the canary test gives them. Left out is what waits for a table, too,
in PostgreSQL: statements that lock a relation to analyze what they read, and those that check the owner later."""

import sys
import uuid
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from actions import AGGREGATES, CALLS, WHOLE  # noqa: E402: needs the path above
from database import Database, run_cases  # noqa: E402

db = Database()
OWNER, STRANGER = (f"{name}_{uuid.uuid4().hex[:8]}" for name in ("owner", "stranger"))
QUERY = "SELECT n, count(*) AS c FROM own.item GROUP BY n"
ANALYZED = {"validate_query", "create_stream_table", "create_stream_table_if_not_exists", "create_or_replace_stream_table", "bulk_create"}
OTHERS = ["create_refresh_group('two', ARRAY['own.cast', 'own.sums'])", "create_watermark_group('one', ARRAY['own.sums'])",
          "alter_stream_table('own.sums', schedule => '9s')", "gate_source('own.sums')", "stop_capture('own.sums')"]
STATEMENTS = [
    "ALTER FOREIGN TABLE own.sums OPTIONS (SET schedule '3s')", "ALTER TABLE own.sums ADD COLUMN more int", "ALTER TABLE own.sums OWNER TO {stranger}",
    "ALTER TABLE own.sums RENAME TO others", "ALTER TABLE own.sums RENAME COLUMN c TO d", "ALTER TABLE own.sums SET SCHEMA public",
    "ALTER TABLE own.sums SET (fillfactor = 50)", "ALTER TABLE own.item NO INHERIT own.sums", "DROP FOREIGN TABLE own.sums", "DROP INDEX own.sums_n",
    "ALTER INDEX own.sums_n RENAME TO others", "ALTER INDEX own.sums_n SET (fillfactor = 50)", "ALTER INDEX own.sums_n SET TABLESPACE pg_default",
    "CREATE INDEX ON own.sums (c)", "CREATE INDEX CONCURRENTLY ON own.sums (c)", "REINDEX TABLE own.sums", "REINDEX INDEX own.sums_n",
    "CLUSTER own.sums USING sums_n", "LOCK TABLE own.sums", "LOCK TABLE own.sums IN ACCESS SHARE MODE",
    "TRUNCATE own.sums", "GRANT SELECT ON own.sums TO {stranger}", "REVOKE ALL ON own.sums FROM {stranger}", "DROP SCHEMA own CASCADE",
    "DROP OWNED BY {owner}", "DROP EXTENSION pg_trickle", "DROP SERVER pgtrickle CASCADE",
    "REFRESH MATERIALIZED VIEW own.kept", "TRUNCATE own.item", "LOCK TABLE own.item", "ALTER TABLE own.item ADD COLUMN more int", "DROP TABLE own.item"]


def set_up():
    db.run(f"""CREATE ROLE {OWNER}; CREATE ROLE {STRANGER}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OWNER}, {STRANGER};
        CREATE SCHEMA own AUTHORIZATION {OWNER}; GRANT USAGE ON SCHEMA own TO {STRANGER}""")
    db.as_role(OWNER, "CREATE TABLE own.item (id int PRIMARY KEY, n int)", "INSERT INTO own.item VALUES (1, 1), (2, 1)",
               f"CREATE FOREIGN TABLE own.sums (n int, c bigint) SERVER pgtrickle OPTIONS (query '{QUERY}', schedule '520w')",
               "CREATE FOREIGN TABLE own.cast (n int) SERVER pgtrickle OPTIONS (query 'SELECT n FROM own.item', schedule '520w')",
               "CREATE INDEX sums_n ON own.sums (n)", "CREATE MATERIALIZED VIEW own.kept AS SELECT 1")


def calls():
    for function, arguments in CALLS.items():
        if function not in WHOLE | ANALYZED:
            given = arguments.replace("NAME", "own.sums").replace("SOURCE", "own.item").replace("PLACE", "sums").replace("QUERY", QUERY)
            yield f"SELECT {'' if function in AGGREGATES else '* FROM '}pgtrickle.{function}{given}"
    yield from (f"SELECT * FROM pgtrickle.{call}" for call in OTHERS)


def ends_of(statements):
    ends = {}
    with closing(db.connect()) as session:
        cursor = session.cursor()
        cursor.execute(f"SET SESSION AUTHORIZATION {STRANGER}; SET lock_timeout = '200ms'")
        for statement in statements:
            try:
                cursor.execute(statement)
                ends[statement] = "00000"
            except psycopg2.Error as error:
                ends[statement] = error.pgcode
    return ends


def strangers_wait_for_no_lock():
    set_up()
    statements = [*calls(), *(statement.format(owner=OWNER, stranger=STRANGER) for statement in STATEMENTS)]
    wanted = ends_of(statements)
    found = {}
    for locked in ("LOCK TABLE own.item IN ACCESS EXCLUSIVE MODE", "ALTER TABLE own.sums RENAME COLUMN c TO c2"):
        holder = db.connect()
        holder.autocommit = False
        holder.cursor().execute(locked)
        found[locked] = ends_of(statements)
        holder.rollback()
        holder.close()
    wrong = [(locked, statement, wanted[statement], end)
             for locked, ends in found.items() for statement, end in ends.items() if end != wanted[statement]]
    assert not wrong, "\n".join(map(str, wrong))
    assert sum(end == "42501" for end in wanted.values()) > 50, wanted


try:
    run_cases([strangers_wait_for_no_lock])
finally:
    db.run(f"DROP OWNED BY {STRANGER}, {OWNER} CASCADE; DROP ROLE {STRANGER}, {OWNER}")
    db.drop()
