#!/usr/bin/python3 -B
"""Shows that no role changes another role's stream table, or what is kept for it, by a statement that finds the stream
table, or its source, by a name that is given to a relation of the role's own while the statement looks into a catalog.

The class of errors is a name that is looked up more than once."""

import os
import random
import sys
import threading
import time
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, goes_on, run_cases  # noqa: E402: needs the path above
from seeds import SEED  # noqa: E402

db = Database()
OWNER, STRANGER = ("named_" + uuid.uuid4().hex[:8] for _ in range(2))
ENOUGH = 4  # statements of each session
STATEMENTS = [text.format(name) for name in ("st", "src") for text in (
    "ALTER TABLE {0} RENAME COLUMN paid TO x",
    "ALTER TABLE {0} RENAME TO other",
    "ALTER TABLE {0} SET SCHEMA strange",
    "ALTER TABLE {0} DROP COLUMN paid",
    "ALTER TABLE {0} ADD COLUMN w int",
    "ALTER TABLE {0} ALTER COLUMN paid TYPE bigint",
    "ALTER TABLE {0} ALTER COLUMN paid SET STATISTICS 7",
    "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {0} ALTER COLUMN paid SET NOT NULL",
    "ALTER TABLE {0} OWNER TO CURRENT_USER",
    "ALTER TABLE {0} DISABLE TRIGGER USER",
)]
INTACT = """
SELECT (SELECT string_agg(a::text, ';' ORDER BY a.attrelid, a.attnum) FROM (SELECT attrelid, attnum, attname, atttypid, attnotnull,
          attstattarget FROM pg_attribute WHERE attrelid = ANY (relations) AND attnum > 0) a),
       (SELECT string_agg(c::text, ';' ORDER BY c.oid) FROM (SELECT oid, relname, relnamespace, relowner, relrowsecurity
          FROM pg_class WHERE oid = ANY (relations)) c),
       (SELECT ftoptions::text FROM pg_foreign_table WHERE ftrelid = 'owned.st'::regclass),
       (SELECT status FROM pgtrickle.stream_table_states() WHERE pgt_name = 'st'),
       (SELECT string_agg(t::text, ';' ORDER BY t.oid) FROM (SELECT oid, tgenabled FROM pg_trigger WHERE tgrelid = ANY (relations)) t)
FROM (SELECT array_agg(oid) AS relations FROM pg_class WHERE oid IN ('owned.st'::regclass, 'owned.src'::regclass)
  OR relname IN ('st_' || 'owned.st'::regclass::oid, 'def_' || 'owned.st'::regclass::oid)) r
"""


def begin():
    db.run(f"CREATE ROLE {OWNER}; CREATE ROLE {STRANGER}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OWNER}")
    db.run("CREATE SCHEMA owned; CREATE SCHEMA strange; "
           f"GRANT ALL ON SCHEMA owned TO {OWNER}; GRANT USAGE ON SCHEMA owned TO {STRANGER}; GRANT ALL ON SCHEMA strange TO {STRANGER}")
    db.run(f"SET ROLE {OWNER}; CREATE TABLE owned.src (id int PRIMARY KEY, paid int, due int); INSERT INTO owned.src VALUES (1, 2, 3); "
           "CREATE FOREIGN TABLE owned.st (id int, paid int, due int) SERVER pgtrickle OPTIONS (query 'SELECT id, paid, due FROM owned.src', "
           "schedule '520w'); RESET ROLE")


class Stranger(threading.Thread):
    """A session of the stranger's that executes what `choose` returns until the time is over."""

    def __init__(self, choose, ends_at):
        super().__init__()
        self.choose, self.ends_at, self.succeeded, self.internal = choose, ends_at, 0, []
        self.session = db.connect()
        self.session.cursor().execute(f"SET SESSION AUTHORIZATION {STRANGER}; SET search_path = strange, owned; "
                                      "SET client_min_messages = error; SET statement_timeout = '60s'")
        self.start()

    def run(self):
        while goes_on(self.ends_at, self.succeeded >= ENOUGH):
            text = self.choose()
            try:
                self.session.cursor().execute(text)
                self.succeeded += 1
            except psycopg2.Error as error:
                if error.pgcode is None or (error.pgcode.startswith("XX") and "tuple concurrently" not in str(error)):
                    self.internal.append(f"{text}: {error.pgcode} {error}")
        self.session.close()


def of_another_relation():
    chooser, ends_at = random.Random(SEED), time.monotonic() + float(os.environ.get("DURATION_S", "15"))
    before = db.run(INTACT)
    strangers = [Stranger(lambda: chooser.choice([STATEMENTS[0], chooser.choice(STATEMENTS)]), ends_at) for _ in range(4)]
    givers = [Stranger(lambda: "DROP TABLE IF EXISTS strange.st, strange.src, strange.other; "
                       "CREATE TABLE strange.st (id int, paid int, due int); CREATE TABLE strange.src (id int, paid int, due int)", ends_at),
              Stranger(lambda: "DROP TABLE IF EXISTS strange.st; DROP TABLE IF EXISTS strange.src", ends_at)]
    for stranger in strangers + givers:
        stranger.join()
        assert not stranger.internal, "\n".join(stranger.internal[:5])
    counts = [stranger.succeeded for stranger in strangers + givers]
    assert min(counts) >= ENOUGH, f"statements that succeeded: {counts}"
    after = db.run(INTACT)
    assert after == before, f"{before}\n{after}"
    assert db.run("SELECT id, paid, due FROM owned.st") == [(1, 2, 3)]


# Each is ended by what looks for locks that the role may not have.
LOCKING = ["LOCK TABLE src IN ACCESS SHARE MODE", "LOCK TABLE ONLY src IN ACCESS SHARE MODE NOWAIT", "LOCK TABLE src IN EXCLUSIVE MODE", "REINDEX TABLE src",
           "CREATE INDEX ON src (id)", "COMMENT ON FOREIGN TABLE src IS 'x'", "SELECT pgtrickle.refresh_stream_table('src')", "SELECT pgtrickle.st_size('src')",
           "SELECT pgtrickle.wait_until_fresh('src', '1ms')", "TABLE src", "EXPLAIN TABLE src", "SELECT pgtrickle.repair_stream_table('src')"]
LOOK = """DO $$BEGIN IF EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN ('owned.st'::regclass, 'owned.src'::regclass))
  THEN RAISE EXCEPTION 'locked' USING ERRCODE = 'XX000'; END IF; END$$"""


def of_another_relation_than_the_strangers_stream_table():
    db.run(f"GRANT USAGE ON FOREIGN SERVER pgtrickle TO {STRANGER}; SET ROLE {STRANGER}; DROP TABLE IF EXISTS strange.st, strange.src, strange.other; "
           "CREATE TABLE strange.kept_src (id int); SELECT pgtrickle.create_stream_table('strange.kept', 'SELECT id FROM strange.kept_src'); RESET ROLE")
    chooser, ends_at = random.Random(SEED), time.monotonic() + float(os.environ.get("DURATION_S", "15"))
    before = db.run(INTACT)
    strangers = [Stranger(lambda: f"ROLLBACK; BEGIN; {chooser.choice([LOCKING[0], chooser.choice(LOCKING)])}; {LOOK}; COMMIT", ends_at) for _ in range(3)]
    giver = Stranger(lambda: f"ALTER FOREIGN TABLE {chooser.choice(['strange.src RENAME TO kept', 'strange.kept RENAME TO src'])}", ends_at)
    for stranger in [*strangers, giver]:
        stranger.join()
        assert not stranger.internal, "\n".join(stranger.internal[:5])
    assert min(stranger.succeeded for stranger in [*strangers, giver]) >= ENOUGH
    assert db.run(INTACT) == before


def finish():
    db.run(f"DROP SCHEMA owned, strange CASCADE; DROP OWNED BY {OWNER}, {STRANGER}; DROP ROLE {OWNER}, {STRANGER}")
    db.drop()


run_cases([begin, of_another_relation, of_another_relation_than_the_strangers_stream_table, finish])
