"""Stream tables that are refreshed together: a refresh group, a diamond, and where these overlap, and what keeps one of
them from being refreshed. For the scripts that read them."""

import itertools
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database  # noqa: E402: needs the path above

db = Database()
# The members of each set: each shows `n` of the table `common`, and reads a table of its own.
SETS = {"group": ("g1", "g2"), "diamond": ("d1", "d2"), "overlap": ("o1", "o2", "o3")}
# Its members are never read by the same statement without a common state being known: a control.
APART = ("a1", "a2")
# max_staleness, and the schedule of every second member
STALENESS = (("0", "520w"), ("-1", "0s"), ("-1", "1s"))


def set_up():
    db.run("CREATE TABLE common (n int); INSERT INTO common VALUES (1)")
    for member in itertools.chain(*SETS.values(), APART):
        db.run(f"CREATE TABLE own_{member} (n int)")
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", member,
               f"SELECT n FROM common UNION ALL SELECT n FROM own_{member}")
    for name, (one, other) in {"joined": ("d1", "d2"), "over": ("o1", "o2")}.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, 'calculated')", name, f"SELECT l.n, r.n AS other FROM {one} l JOIN {other} r USING (n)")
    db.run("SELECT pgtrickle.create_refresh_group('alone', ARRAY['g1', 'g2'])")
    db.run("SELECT pgtrickle.create_refresh_group('beside', ARRAY['o2', 'o3'])")
    for one, other in list(pairs()) + [APART]:
        db.run(f"CREATE FUNCTION {one}_{other}() RETURNS TABLE (one int, other int) LANGUAGE plpgsql STABLE AS "
               f"$$ BEGIN RETURN QUERY {states(one, other)}; END $$")
    db.run("CREATE TABLE numbers AS SELECT generate_series(1, 2000) AS n; ANALYZE numbers; CREATE TABLE noted (n int)")
    for member in itertools.chain(*SETS.values(), APART):
        body = f"BEGIN RETURN (SELECT max(n) / (NOT fails)::int FROM {member}); EXCEPTION WHEN division_by_zero THEN RETURN NULL; END"
        for name, options in (("top", "STABLE"), ("old", "STABLE SET pg_trickle.max_staleness = '3h'"), ("parallel", "STABLE PARALLEL SAFE")):
            body_of = body if name == "top" else body[:body.index("EXCEPTION")] + "END"
            db.run(f"CREATE FUNCTION {name}_{member}(fails bool DEFAULT false) RETURNS int LANGUAGE plpgsql {options} AS $$ {body_of} $$")


def pairs():
    for members in SETS.values():
        yield from itertools.permutations(members, 2)


def states(one, other):
    return f"SELECT (SELECT max(n) FROM {one}), (SELECT max(n) FROM {other})"


def schedule(members, of_second):
    for number, member in enumerate(members):
        db.run("SELECT pgtrickle.alter_stream_table(%s, schedule => %s)", member, of_second if number % 2 else "520w")


class Obstacle:
    """Another session, whose lock excludes a refresh of the member."""

    def __init__(self, statement):
        self.session = db.connect()
        self.session.cursor().execute(f"BEGIN; {statement}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.session.close()


REFRESH = "SELECT pgtrickle.refresh_stream_table('{0}')"


class Transaction:
    """A session in a transaction with a fixed snapshot, and fresh data wanted; changes of `common` are pending for it."""

    def __init__(self, *settings):
        self.session = db.connect()
        self.cursor = self.session.cursor()
        for setting in ("pg_trickle.max_staleness = 0", *settings):
            self.cursor.execute("SET " + setting)
        self.cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT n FROM common")
        self.now = self.cursor.fetchone()[0]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.session.close()

    def run(self, statement):
        self.session.notices.clear()
        self.cursor.execute(statement)
        return self.cursor.fetchone() if self.cursor.description else None

    def top(self, member):
        return self.run(f"SELECT max(n) FROM {member}")[0]

    def was_warned(self):
        return any("exceeds its maximum staleness" in notice for notice in self.session.notices)


def change_while_paused(*paused):
    """The paused ones lack the last change."""
    db.run("SELECT pgtrickle.pause_scheduler(%s)", list(paused))
    db.run("UPDATE common SET n = n + 1")


IN_PARALLEL = ("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; "
               "SET parallel_leader_participation = off; SET client_min_messages = error; ")


def refresh_in_another(member):
    db.run("SELECT pgtrickle.refresh_stream_table(%s)", member)


