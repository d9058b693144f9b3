#!/usr/bin/python3 -B
"""Shows that every function and statement, used by every kind of role with user code in every place, runs
that code with its owner's rights only.

    canary_surface.py              the cases
    canary_surface.py --matrix     a table of the places of user code, and of the roles that were seen to run it
"""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from actions import ACTIONS, CALLS, REFUSED, WHOLE  # noqa: E402: needs the path above
from database import TOP, run_cases  # noqa: E402
from places import PLACES  # noqa: E402
from roles import KINDS  # noqa: E402
from stage import Stage  # noqa: E402

ROUNDS = 2 if float(os.environ.get("DURATION_S", 15)) < 60 else 15  # targets of each action and role
FEW = 10
USUAL = ("INSERT", "read after own write, expansion on", "call refresh_stream_table", "SELECT, expansion on", "read the view above",
         "ANALYZE the stream table", "VACUUM ANALYZE", "REFRESH a materialized view that is a source")
WAYS = {"define": "its definition", "read": "reads", "write": "writes to a source", "ddl": "utility statements", "call": "functions and other statements",
        "background": "workers"}
# Only parallel workers run it.
SILENT = {"aggregate_combine"}
# A statement cannot call a function that takes an internal state of an aggregate.
FUNCTIONS = """SELECT DISTINCT proname FROM pg_proc
  WHERE pronamespace = 'pgtrickle'::regnamespace AND NOT 'internal'::regtype = ANY (proargtypes)"""
VIEWS = "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'pgtrickle'::regnamespace AND relkind = 'v'"
INTERNAL = """SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE (n.nspname ~ '^pg_trickle_' OR n.nspname = 'pgtrickle' AND relkind = 'r') AND relkind IN ('r', 'v', 'm', 'S', 'p')"""
CONFIGURATION = "SELECT unnest(extconfig)::regclass::text FROM pg_extension WHERE extname = 'pg_trickle'"

stage = Stage()
arena = stage.arena


def perform_all():
    """Performs the usual actions on every target, and each action by each kind of role on some targets, which
    differ from role to role; on all, if it suits few."""
    for target in stage.targets:
        for name in USUAL:
            for kind in ("owner", "superuser", "reader"):
                if ACTIONS[name].suits(target.place):
                    stage.perform(ACTIONS[name], kind, target)
    number = 0
    for action in ACTIONS.values():
        targets = [target for target in stage.targets if action.suits(target.place)]
        for kind in KINDS:
            for few in targets if len(targets) <= FEW else range(ROUNDS):
                number += 7
                stage.perform(action, kind, few if len(targets) <= FEW else targets[number % len(targets)])
            if kind in ("owner", "creator") or kind == "superuser" and action.kind == "call":
                for guise in ("search_path", "temporary")[:1 if kind == "superuser" else 2]:
                    number += 7
                    stage.perform(action, kind, targets[number % len(targets)], guise)


def every_function_has_a_call():
    missing = {name for (name,) in arena.db.run(FUNCTIONS)} - set(CALLS)
    assert not missing, f"actions.py lacks {sorted(missing)}"


def every_action_succeeds_for_some_role():
    perform_all()
    never = {name for name in set(ACTIONS) - stage.done - REFUSED if not name.startswith("refused")}
    assert not never, "; ".join(f"{name}: {stage.failed[name]}" for name in sorted(never))


def every_canary_was_run():
    silent = {place for place in PLACES if not any(where == place for where, _ in stage.ran)} - SILENT
    assert not silent, f"nothing has run the canaries of {sorted(silent)}"


def views_show_no_secret():
    for kind in KINDS:
        session = stage.session(kind, "plain")
        for (view,) in arena.db.run(VIEWS):
            session.run(f"SELECT * FROM {view}")
            stage.look(view, kind, session.pid, "call")
            stage.listen(kind, session, view)


def no_role_reads_internal_relations():
    read = []
    dumped = {relation for (relation,) in arena.db.run(CONFIGURATION)}  # by the owner of the database, as pg_dump needs it
    for (relation,) in arena.db.run(INTERNAL):
        for kind in KINDS:
            if kind == "superuser" or kind == "dba" and relation in dumped:
                continue
            if not isinstance(arena.attempt(kind, f"SELECT * FROM {relation} LIMIT 1"), Exception):
                read.append(f"{relation} by {kind}")
    assert not read, f"{read[:5]} of {len(read)}"


def database_settings_of_its_owner_run_nothing_as_others():
    """Managers, workers and superusers connect with the search_path of the database."""
    arena.run("dba", f"ALTER DATABASE {arena.db.name} SET search_path = dba, pg_catalog, public")
    try:
        session = arena.fresh_session("superuser")
        for function, arguments in CALLS.items():
            if function not in WHOLE and arguments == "()":
                session.attempt(f"SELECT * FROM pgtrickle.{function}()")
                stage.look(function, "superuser", session.pid, "call")
        session.close()
        arena.db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND backend_type ~ 'pg_trickle'")
        arena.refreshed_by_manager("own.cast", "INSERT INTO own.cast_t (id, v) VALUES (777, 1)")
        stage.look("refresh", "superuser", 0, "call")
    finally:
        arena.run("dba", f"ALTER DATABASE {arena.db.name} RESET search_path")
    shadowed = [text for key, text in stage.wrongs.items() if key[0] == "search_path"]
    assert not shadowed, "; ".join(shadowed)


def upgrade_runs_nothing_as_the_superuser():
    arena.run("superuser", "SELECT pgtrickle.prepare_upgrade()", "SELECT pgtrickle.finish_upgrade()")
    arena.wait_until(lambda: arena.db.value("SELECT bool_and(is_populated OR status IN ('ERROR', 'SUSPENDED')) FROM pgtrickle.pgt_state"),
                     "filling again", 60)
    stage.look("an upgrade", "superuser", arena.session("superuser").pid, "call")


def code_runs_with_its_owners_rights_only():
    assert not stage.wrongs, f"{len(stage.wrongs)}:\n" + "\n".join(sorted(stage.wrongs.values()))


def no_role_sees_a_secret():
    assert not stage.shown, "\n".join(sorted(stage.shown.values()))


def the_catalog_file_is_the_servers():
    """Only superusers and the operating system's user of the server may read it."""
    folder = Path(arena.db.value("SHOW data_directory")) / "pg_trickle"
    files = [folder, *folder.iterdir()]
    assert len(files) > 1, "no catalog"
    readable = [str(path) for path in files if path.stat().st_mode & 0o077]
    assert not readable, readable


def matrix():
    """Prints places, and the roles that were seen to run their code, by action; places with equal cells are
    in one row."""
    rows = {}
    for place in PLACES.values():
        cells = tuple(", or ".join(sorted(stage.ran.get((place.name, way), {"–"}))) for way in WAYS)
        rows.setdefault(cells, []).append(place.where)
    lines = ["| user code | " + " | ".join(WAYS.values()) + " |", "|" + "---|" * (len(WAYS) + 1)]
    return lines + [f"| {'; '.join(names)} | " + " | ".join(cells) + " |" for cells, names in rows.items()]


def the_documentation_lists_every_place():
    """It also lists the statements that may run its code as their own role."""
    text = (TOP / "docs/security.md").read_text()
    missing = [place.where for place in PLACES.values() if place.where not in text]
    assert not missing, f"docs/security.md lacks {missing}"


try:
    if sys.argv[1:] == ["--matrix"]:
        perform_all()
        print("\n".join(matrix()))
    else:
        run_cases([every_function_has_a_call, every_action_succeeds_for_some_role, every_canary_was_run, views_show_no_secret,
                   no_role_reads_internal_relations, database_settings_of_its_owner_run_nothing_as_others,
                   upgrade_runs_nothing_as_the_superuser, code_runs_with_its_owners_rights_only, no_role_sees_a_secret,
                   the_catalog_file_is_the_servers, the_documentation_lists_every_place])
finally:
    stage.close()
