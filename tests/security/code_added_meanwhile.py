#!/usr/bin/python3 -B
"""Shows that code which the owner of a source adds to it, while a stream table's query is looked at and planned, runs neither at the
commits of writers nor in sessions of roles that did not ask for it. The planner evaluates the expressions of a table's indexes and
statistics when it opens the table, and reads the text of a function in SQL, whose constants may be of a domain. To estimate a
predicate, it calls an operator with values of the statistics, of which some functions are announced to a hook, and some, with settings or
a role of their own, to another one. How to call the function of a range type is kept in the session, and announced to none."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, OTHER = "meanwhile_owner", "meanwhile_other"
db.let_own_stream_tables(OWNER, OTHER)
DURATION_S = 5
QUERY = "SELECT d.t, count(*) AS n FROM fact f JOIN dim d ON d.v = f.v GROUP BY d.t"
PREDICATES = ("v > heard(-1)", *("v IS NOT NULL OR " + other for other in ("spans && '[1,3)'", "w === 3", "w ==== 3", "w ===== 3")))
# Without the lock, PostgreSQL's planner may fail for statistics that it has just read of.
ADDED = (("CREATE INDEX added ON dim ((v + heard(1)))", "DROP INDEX added"), ("CREATE INDEX added ON dim ((heard_too(v)))", "DROP INDEX added"),
         *((f"CREATE INDEX added ON dim (t) WHERE {predicate}", "DROP INDEX added") for predicate in PREDICATES),
         ("CREATE STATISTICS added ON (v + heard(1)), t FROM dim", "ANALYZE dim", "LOCK TABLE dim; DROP STATISTICS added"))
MAY_BE_MET = (psycopg2.errors.SerializationFailure, psycopg2.errors.ObjectNotInPrerequisiteState)


def set_up():
    """The functions report where another role's session runs them. One of PostgreSQL's own reports that the domain is checked."""
    db.run(f"""CREATE TABLE fact (id int PRIMARY KEY, v int); CREATE FUNCTION heard_between(a int, b int) RETURNS float8 IMMUTABLE LANGUAGE plpgsql
            AS $$BEGIN IF session_user <> '{OWNER}' THEN RAISE WARNING 'heard'; END IF; RETURN a - b; END$$;
        CREATE TYPE heard_span AS RANGE (subtype = int, subtype_diff = heard_between);
        CREATE TABLE dim (v int PRIMARY KEY, t text, w int, spans heard_span); INSERT INTO fact SELECT i, i % 5 FROM generate_series(1, 500) i;
        INSERT INTO dim SELECT i, 't' || i, i % 2, heard_span(i, i + 3) FROM generate_series(0, 9) i; ANALYZE dim; CREATE INDEX ON fact (v); ALTER TABLE fact OWNER TO {OWNER}; ALTER TABLE dim OWNER TO {OWNER}; GRANT ALL ON fact TO {OTHER}; GRANT SELECT ON dim TO {OTHER};
        CREATE FUNCTION heard(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN IF session_user <> '{OWNER}' THEN RAISE WARNING 'heard'; END IF; RETURN i; END$$;
        CREATE DOMAIN heard_of AS int CHECK (session_user = '{OWNER}' OR NOT pg_cancel_backend(2147483647));
        CREATE FUNCTION heard_too(i int) RETURNS bool IMMUTABLE LANGUAGE sql AS $$SELECT '{{1}}'::public.heard_of[] IS NOT NULL$$;
        CREATE FUNCTION is_heard(a int, b int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN public.heard(a) = b; END$$;
        CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = is_heard, RESTRICT = eqsel);
        CREATE FUNCTION is_heard_with(a int, b int) RETURNS bool IMMUTABLE LANGUAGE plpgsql SET work_mem = '4MB'
            AS $$BEGIN IF session_user <> '{OWNER}' THEN RAISE WARNING 'heard'; END IF; RETURN a = b; END$$;
        CREATE OPERATOR ==== (LEFTARG = int, RIGHTARG = int, FUNCTION = is_heard_with, RESTRICT = eqsel);
        CREATE FUNCTION is_heard_as(a int, b int) RETURNS bool IMMUTABLE SECURITY DEFINER LANGUAGE plpgsql
            AS $$BEGIN IF session_user <> '{OWNER}' THEN RAISE WARNING 'heard'; END IF; RETURN a = b; END$$;
        CREATE OPERATOR ===== (LEFTARG = int, RIGHTARG = int, FUNCTION = is_heard_as, RESTRICT = eqsel)""")


def create(mode, schedule):
    db.run(f"""DROP FOREIGN TABLE IF EXISTS of_both; SET ROLE {OWNER}; SELECT pgtrickle.create_stream_table('of_both', '{QUERY}', {schedule}, '{mode}');
               GRANT SELECT ON of_both TO {OTHER}; RESET ROLE""")


def repeat(until, may_be_met, session, *statements):
    while time.monotonic() < until:
        for statement in statements:
            try:
                session.cursor().execute(statement)
            except may_be_met:
                pass


def updates(number):
    return tuple(f"UPDATE fact SET v = {v} WHERE id = {number}" for v in range(5))


def messages_beside(added, may_be_met, *of_others):
    """Returns what others, each given by its role and statements, have heard while the owner adds the code and changes rows."""
    until = time.monotonic() + DURATION_S
    sessions = [(db.connect(user=role), statements) for role, *statements in ((OWNER, *added), (OWNER, *updates(1)), *of_others)]
    for session, _ in sessions:
        session.cursor().execute("SELECT FROM dim WHERE spans && '[2,4)'")  # PostgreSQL keeps how to call the function of the type
        session.notices.clear()
    with ThreadPoolExecutor(len(sessions)) as threads:
        for end in [threads.submit(repeat, until, may_be_met, session, *statements) for session, statements in sessions]:
            end.result()
    messages = [notice for session, _ in sessions[2:] for notice in session.notices if "heard" in notice or "2147483647" in notice]
    for session, _ in sessions:
        session.close()
    return messages


def none_hears(*of_others, all_added=ADDED, may_be_met=MAY_BE_MET):
    for added in all_added:
        messages = messages_beside(added, may_be_met, *of_others)
        assert not messages, f"{added[0]}: {len(messages)} messages"


def fresh(limit_s=30):
    """Returns the rows as soon as a read has no reason to fail."""
    until = time.monotonic() + limit_s
    while True:
        try:
            return db.run("SELECT * FROM of_both ORDER BY t")
        except psycopg2.errors.ObjectNotInPrerequisiteState:
            if time.monotonic() > until:
                raise


def commits_of_writers_do_not_run_it():
    create("IMMEDIATE", "NULL")
    none_hears((OTHER, *updates(2)), (OTHER, *updates(3)))
    # A refresh may have failed by an index that was dropped meanwhile; a read says so until the manager has tried again.
    db.run("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error")
    assert fresh() == db.run(f"{QUERY} ORDER BY t")
    db.run("RESET pg_trickle.max_staleness; RESET pg_trickle.on_stale")


def exact_reads_do_not_run_it():
    create("DIFFERENTIAL", "'520w'")
    read = ("SET pg_trickle.read_mode = exact", "SELECT * FROM of_both")
    none_hears((OTHER, *read), ("postgres", *read))


def refreshes_for_readers_do_not_run_it():
    create("DIFFERENTIAL", "'0s'")
    none_hears((OTHER, "SELECT * FROM of_both"), ("postgres", "SELECT * FROM of_both"))


def functions_that_show_states_do_not_run_it():
    """They look for an index by which a refresh would find rows."""
    db.run(f"""CREATE TABLE item (id int PRIMARY KEY, v int, w int); INSERT INTO item SELECT i, i % 5, i % 3 FROM generate_series(1, 500) i; CREATE INDEX ON item (v);
        CREATE TABLE kind (v int, t text, p int); INSERT INTO kind SELECT i, 't' || i, 1 FROM generate_series(0, 9) i; ALTER TABLE kind OWNER TO {OWNER}; GRANT SELECT, TRIGGER ON item TO {OWNER};
        SET ROLE {OWNER}; SELECT pgtrickle.create_stream_table('of_kind', 'SELECT k.t, i.w, count(*) AS n FROM item i JOIN kind k ON k.v = i.v GROUP BY k.t, i.w', '520w', 'DIFFERENTIAL'); RESET ROLE""")
    none_hears(("postgres", "SELECT * FROM pgtrickle.explain_st('of_kind', true)"), ("postgres", "SELECT * FROM pgtrickle.missing_index_rows(ARRAY['of_kind'::regclass::oid])"),
               all_added=[("CREATE INDEX added ON kind (p) WHERE p > heard(-1)", "DROP INDEX added")], may_be_met=(*MAY_BE_MET, psycopg2.errors.InsufficientPrivilege))


set_up()
run_cases([commits_of_writers_do_not_run_it, exact_reads_do_not_run_it, refreshes_for_readers_do_not_run_it, functions_that_show_states_do_not_run_it])
db.drop()
