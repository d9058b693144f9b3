#!/usr/bin/python3 -B
"""Shows that user code runs only with its owner's rights in autovacuum, dump and restore, a standby and its
promotion.

    canary_server.py [NAME …]      all cases, or these
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from actions import ACTIONS  # noqa: E402: needs the path above
from database import TOP, Server, run_cases  # noqa: E402
from marks import demand_none  # noqa: E402
from recorder import Log  # noqa: E402
from roles import KINDS, role_of  # noqa: E402
from stage import Stage  # noqa: E402

BUSY = ("autovacuum_naptime=1s", "autovacuum_analyze_threshold=0", "autovacuum_analyze_scale_factor=0", "autovacuum_max_workers=6")
STATES = """SELECT count(*) = (SELECT count(*) FROM pg_foreign_table) AND bool_and(is_populated OR status IN ('ERROR', 'SUSPENDED'))
  FROM pgtrickle.pgt_state"""
WRITTEN = """SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attname = 'g'
  WHERE relname ~ '_t$' AND relnamespace = 'own'::regnamespace AND relkind IN ('r', 'p')"""

# Expressions that ANALYZE evaluates.
ANALYZED = {"source_index", "source_statistics", "subtype_diff", "index_expression", "index_predicate"}

server = Server()
server.call("start", *BUSY)
stage = Stage(host=server.host, log=server.folder / "server.log")
arena = stage.arena


def violations():
    found, stage.wrongs = sorted(stage.wrongs.values()), {}
    assert not found, f"{len(found)}: " + "; ".join(found[:6])


def write_all():
    for (source,) in arena.db.run(WRITTEN):
        arena.db.run(f"UPDATE {source} SET g = g + 1")


def autovacuum_runs_code_as_the_tables_owner():
    stage.wrongs.clear()
    write_all()
    events = []

    def all_analyzed():
        events.extend(arena.log.events())
        return ANALYZED <= {event.place for event in events if event.process == "autovacuum worker"}

    arena.wait_until(all_analyzed, "autovacuum of all that has user code", 60)
    stage.judge(events, "autovacuum", "superuser", 0, "ddl")
    violations()


def restore_by_a_superuser_fills_as_the_owners():
    """The statements of a dump run as the restoring role, as those of views do; fills do not."""
    name = arena.db.name + "_restored"
    arena.db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker'")
    dump = run_program("pg_dump", "postgres", "-d", arena.db.name)
    assert dump.returncode == 0, dump.stderr
    arena.db.admin(f"CREATE DATABASE {name} OWNER canary_dba")
    here, arena.log = arena.log, Log(server.folder / "server.log", name)
    session = arena.db.connect(name)
    try:
        subprocess.run([shutil.which("psql"), "-Xq", "-h", server.host, "-U", "postgres", "-d", name], input=dump.stdout, text=True,
                       capture_output=True, check=True)
        cursor = session.cursor()

        events = []

        def is_filled():
            """Data comes after definitions, so a fill may find no rows, and a refresh the rows."""
            events.extend(arena.log.events())
            cursor.execute(STATES)
            return cursor.fetchone()[0] and len({event.place for event in events if not event.is_of_client}) > 20

        arena.wait_until(is_filled, "filling the restored stream tables", 90)
        filled = [event for event in events if not event.is_of_client]
        stage.judge(filled, "restore", "superuser", 0, "define")
        violations()
    finally:
        session.close()
        arena.log = here
        arena.db.admin(f"DROP DATABASE {name} WITH (FORCE)")


def dumps_of_other_roles_show_no_secret():
    for kind in KINDS:
        if kind not in ("superuser", "owner", "keeper"):
            dumped = run_program("pg_dump", role_of(kind), "--include-foreign-data=pgtrickle", "-t", "own.big_towns", "-d", arena.db.name)
            demand_none(dumped.stdout + dumped.stderr, f"a dump by {kind}")


def run_program(program, user, *arguments):
    return subprocess.run([shutil.which(program), "-h", server.host, "-U", user, *arguments], capture_output=True, text=True)


def perform_reads(kinds, names):
    for name in names:
        for kind in kinds:
            for target in stage.targets:
                if ACTIONS[name].suits(target.place):
                    stage.perform(ACTIONS[name], kind, target)


READS = ("SELECT, expansion on", "SELECT, expansion off", "EXPLAIN ANALYZE, expansion on", "call explain_st", "call explain_refresh_mode",
         "call export_definition", "leaky operator", "statistics views")


def a_standby_runs_nothing_as_others():
    environment = dict(os.environ, SCRATCH=os.environ["SCRATCH"] + ".clone")
    folder = Path(environment["SCRATCH"])

    def call(*arguments):
        subprocess.run([TOP / "tests/scratch", *arguments], env=environment, check=True, cwd=TOP)

    call("share", os.environ["SCRATCH"])
    original = arena.db.host, arena.log.path
    try:
        backup = run_program("pg_basebackup", "postgres", "-D", str(folder / "data"), "-c", "fast", "-R", "-X", "stream")
        assert backup.returncode == 0, backup.stderr
        if os.geteuid() == 0:
            owner = (server.folder / "data").stat()
            for path in (folder / "data", *(folder / "data").rglob("*")):
                os.chown(path, owner.st_uid, owner.st_gid)
        call("start", f"unix_socket_directories={folder}/socket", "hot_standby=on")
        stage.move(str(folder / "socket"), folder / "server.log")
        assert arena.db.value("SELECT pg_is_in_recovery()")
        stage.shown.clear()
        perform_reads(("superuser", "reader", "creator"), READS)
        arena.db.run("SELECT pg_promote()")
        arena.db.wait_for("SELECT pg_is_in_recovery()", False)
        write_all()
        arena.refreshed_by_manager("own.cast", "INSERT INTO own.cast_t (id, v) VALUES (778, 1)", 60)
        perform_reads(("superuser", "reader"), READS)
        violations()
        assert not stage.shown, "; ".join(stage.shown.values())
    finally:
        stage.move(*original)
        call("destroy")


CASES = (autovacuum_runs_code_as_the_tables_owner, restore_by_a_superuser_fills_as_the_owners, dumps_of_other_roles_show_no_secret,
         a_standby_runs_nothing_as_others)
try:
    run_cases([case for case in CASES if not sys.argv[1:] or case.__name__ in sys.argv[1:]])
finally:
    server.destroy()
