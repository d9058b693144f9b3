#!/usr/bin/python3 -B
"""Shows that whatever a role reads in messages, plans, functions and views names no relation that the role may not see.

A role sees one stream table of a graph and owns one over it, and another one sees what those read, too. Each stream table
and table of the graph is put into each state that keeps a stream table from being refreshed; then the roles read, explain,
refresh and define, call every function and read every view. Only what shows the definition of a stream table names what
that reads directly (docs/security.md): definitions are visible to all roles.
"""

import re
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from actions import CALLS, WHOLE  # noqa: E402: needs the path above
from database import Database, run_cases  # noqa: E402

db = Database()
OWNER = "names_owner"
LOOKERS = {"names_looker": {"seen"}, "names_upstream": {"seen", "hx_up", "hx_below"}}
MAY_HIDE = re.compile(r"hx_\w+")
# They show definitions, with the relations that the query names.
DEFINITIONS = {"dependency_tree", "explain_dag", "list_sources", "dependency_rows", "pgtrickle.pgt_dependencies"}
# They show what is in the catalogs of PostgreSQL as well: the triggers of the relations that the query names, and sizes.
DEFINITIONS |= {"trigger_inventory", "trigger_rows", "change_buffer_sizes", "check_cdc_health", "source_rows", "pgtrickle.pgt_heaps"}
DIRECT = {"seen": {"hx_up", "hx_u"}, "hx_up": {"hx_below"}, "hx_below": {"hx_t"}}

#  hx_t ─► hx_below ─► hx_up ─► seen ─► mine          seen, hx_sibling and hx_apex are an atomic set
#                         │  hx_u ─┘  └─► hx_apex
#                  hx_v ──┴─► hx_sibling ──┘
GRAPH = """
CREATE TABLE hx_t (id int PRIMARY KEY, n int); INSERT INTO hx_t VALUES (1, 1);
CREATE TABLE hx_u (id int PRIMARY KEY, n int); INSERT INTO hx_u VALUES (1, 1);
CREATE TABLE hx_v (id int PRIMARY KEY, n int); INSERT INTO hx_v VALUES (1, 1);
SELECT pgtrickle.create_stream_table('hx_below', 'SELECT id, 1 / n AS n FROM hx_t', '1s');
SELECT pgtrickle.create_stream_table('hx_up', 'SELECT id, 1 / (n + 1) AS n FROM hx_below', '1s');
SELECT pgtrickle.create_stream_table('seen', 'SELECT up.id, 1 / (u.n + 1) AS n FROM hx_up up JOIN hx_u u USING (id)', '1s');
SELECT pgtrickle.create_stream_table('hx_sibling', 'SELECT up.id, 1 / v.n AS m FROM hx_up up JOIN hx_v v USING (id)', '1s');
SELECT pgtrickle.create_stream_table('hx_apex', 'SELECT id, n, m FROM seen JOIN hx_sibling USING (id)', '1s');
"""
STREAM_TABLES = ("hx_below", "hx_up", "hx_sibling", "hx_apex", "seen")
TABLES = ("hx_t", "hx_u", "hx_v")

# Each state: how it begins, and how it ends.
STATES = {"current": ("", "")}
for name in STREAM_TABLES:
    STATES[f"{name} is suspended"] = (f"SELECT pgtrickle.alter_stream_table('{name}', status => 'SUSPENDED')", f"SELECT pgtrickle.resume_stream_table('{name}')")
    STATES[f"{name} is paused"] = (f"SELECT pgtrickle.pause_scheduler('{{{name}}}')", f"SELECT pgtrickle.resume_scheduler('{{{name}}}')")
    STATES[f"{name} is frozen"] = (f"SELECT pgtrickle.alter_stream_table('{name}', tier => 'frozen')", f"SELECT pgtrickle.alter_stream_table('{name}', tier => 'hot')")
for name in TABLES:
    STATES[f"{name} is gated"] = (f"SELECT pgtrickle.gate_source('{name}')", f"SELECT pgtrickle.ungate_source('{name}')")
    STATES[f"{name} is in a group"] = (f"SELECT pgtrickle.create_watermark_group('hx_group', '{{{name}}}')", "SELECT pgtrickle.drop_watermark_group('hx_group')")
STATES["a group has not advanced"] = ("SELECT pgtrickle.create_watermark_group('hx_group', '{hx_t,hx_u}'); SELECT pgtrickle.advance_watermark('hx_u', '2030-01-01')",
                                      "SELECT pgtrickle.drop_watermark_group('hx_group')")
for name, number in (("hx_t", 0), ("hx_u", -1), ("hx_v", 0)):
    STATES[f"what reads {name} fails"] = (f"UPDATE {name} SET n = {number}", f"UPDATE {name} SET n = 1")
STATES["hx_up is unfilled"] = ("SELECT pgtrickle.alter_stream_table('hx_below', status => 'SUSPENDED'); ALTER TABLE hx_t ALTER n TYPE bigint",
                               "ALTER TABLE hx_t ALTER n TYPE int; SELECT pgtrickle.resume_stream_table('hx_below')")

READS = [f"{setting}; {read}"
         for setting in ("SET LOCAL pg_trickle.max_staleness = 0", "SET LOCAL pg_trickle.max_staleness = 0; SET LOCAL pg_trickle.on_stale = error",
                         "SET LOCAL pg_trickle.max_staleness = 0; SET LOCAL pg_trickle.enable_expansion = off", "SET LOCAL pg_trickle.read_mode = exact",
                         "SET LOCAL pg_trickle.consistent_reads = on", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL pg_trickle.max_staleness = 0",
                         "SET LOCAL pg_trickle.max_staleness = '1h'")
         for read in ("SELECT * FROM {}", "EXPLAIN (ANALYZE, COSTS off) SELECT id FROM {}")]
WRITES = ("SELECT pgtrickle.create_stream_table('of_seen', 'SELECT id FROM seen')",
          "SELECT pgtrickle.create_stream_table('of_mine', 'SELECT a.id FROM seen a JOIN mine b USING (id)')",
          "SELECT pgtrickle.alter_stream_table('mine', query => 'SELECT id, n + 1 AS n FROM seen')", "DELETE FROM seen", "DELETE FROM mine",
          "SELECT pgtrickle.refresh_stream_table('seen')")
VIEWS = "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'pgtrickle'::regnamespace AND relkind = 'v' ORDER BY 1"
FUNCTIONS = {name: arguments for name, arguments in CALLS.items()
             if name not in WHOLE and "SOURCE" not in arguments and "PLACE" not in arguments and "QUERY" not in arguments}


class Looker:
    """A session of a role, and what it has found."""

    def __init__(self, role):
        self.role, self.sees, self.found = role, LOOKERS[role], {}
        self.session = db.connect(user=role)
        self.own = f"of_{role}"
        self.run("SET pg_trickle.scan_refresh_timeout = '50ms'; SET statement_timeout = '20s'; LISTEN pg_trickle_alert")

    def run(self, statement):
        cursor = self.session.cursor()
        del self.session.notices[:]
        texts = []
        try:
            cursor.execute(statement)
            texts.append(str(cursor.fetchall() if cursor.description else ""))
        except psycopg2.Error as error:
            diag = error.diag
            texts += filter(None, (str(error), diag.message_detail, diag.message_hint, diag.context))
        return "\n".join(texts + self.session.notices)

    def judge(self, state, about, text):
        allowed = set(self.sees)
        if about.split("(")[0] in DEFINITIONS:
            allowed.update(*(DIRECT[name] for name in self.sees))
        names = set(MAY_HIDE.findall(text)) - allowed
        if names:
            lines = sorted({part for part in re.split("['\n]", text) if set(MAY_HIDE.findall(part)) & names})
            self.found.setdefault((about, tuple(names)), f"{about} shows {self.role} {names} while {state}: {lines[:4]}")

    def look(self, state, about, statement):
        self.run("BEGIN")
        text = self.run(statement.replace("mine", self.own))
        self.run("ROLLBACK")
        self.judge(state, about, text)

    def look_around(self, state):
        for stream_table in "seen", "mine":
            for statement in READS:
                self.look(state, statement.format(stream_table), statement.format(stream_table))
            for name, arguments in FUNCTIONS.items():
                if "NAME" in arguments or stream_table == "seen":
                    call = f"{name}{arguments.replace('NAME', stream_table).replace('own.cast', 'seen')}"
                    self.look(state, call, "SELECT * FROM pgtrickle." + call)
        for statement in WRITES:
            self.look(state, statement, statement)
        for (view,) in db.run(VIEWS):
            self.look(state, view, f"SELECT * FROM {view}")
        self.session.poll()
        heard, self.session.notifies = self.session.notifies, []
        # The names of stream tables in alerts are for every role; their reasons name no others.
        self.judge(state, "an alert", "\n".join(reason for notify in heard for reason in re.findall('"reason":"[^"]*"', notify.payload)))


def set_up():
    db.let_own_stream_tables(OWNER, *LOOKERS)
    db.run(f"SET ROLE {OWNER}; {GRAPH}")
    for role, sees in LOOKERS.items():
        db.run(f"SET ROLE {OWNER}; GRANT SELECT ON {', '.join(sees)} TO {role}; SET ROLE {role}; "
               f"SELECT pgtrickle.create_stream_table('of_{role}', 'SELECT id, n FROM seen', '1s'); RESET ROLE")


def put_back(end):
    db.run(end or "SELECT")
    for name in STREAM_TABLES:
        status = f"SELECT status FROM pgtrickle.pgt_state WHERE relid = '{name}'::regclass"
        if db.value(status) == "SUSPENDED":  # after some failures
            db.run(f"SELECT pgtrickle.resume_stream_table('{name}')")
        db.wait_for(status, "ACTIVE")


def nothing_names_what_a_role_may_not_see():
    for state, (begin, end) in STATES.items():
        db.run(begin or "SELECT")
        for table in TABLES:
            db.run(f"INSERT INTO {table} SELECT max(id) + 1, 1 FROM {table}")
        time.sleep(1.1)  # the stream tables are due, and the history has what is not refreshed
        for looker in lookers:
            looker.look_around(state)
        put_back(end)
    found = [text for looker in lookers for text in looker.found.values()]
    assert not found, "\n".join(found)


lookers = []
try:
    set_up()
    lookers = [Looker(role) for role in LOOKERS]
    run_cases([nothing_names_what_a_role_may_not_see])
finally:
    for looker in lookers:
        looker.session.close()
    db.drop()
    for role in (OWNER, *LOOKERS):
        db.admin(f"DROP ROLE IF EXISTS {role}")
