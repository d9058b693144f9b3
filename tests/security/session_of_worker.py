#!/usr/bin/python3 -B
"""Shows that the session of a worker gives the code of a stream table's owner nothing: session_user is the owner, also in
parallel workers and after errors, no lock of a function stays with the worker, and the owner's limit on temporary files is in force."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
ROLES = ("ws_alice", "ws_mallory")


def filled(role, name, query):
    """Creates a stream table that the manager fills, and returns its rows."""
    db.as_role(role, f"SELECT pgtrickle.create_stream_table('{name}', $q${query}$q$, '1s', initialize => false)")
    db.wait_for(f"SELECT status <> 'INITIALIZING' FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = '{name}'::regclass", True)
    return db.as_role(role, f"SELECT * FROM {name} ORDER BY 1")


def prepare():
    for role in ROLES:
        schema = role[3:]
        db.run(f"CREATE ROLE {role}; CREATE SCHEMA {schema} AUTHORIZATION {role}; GRANT USAGE ON SCHEMA {schema} TO PUBLIC")
        db.run(f"GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}")
    db.as_role("ws_alice",
            "CREATE TABLE alice.docs (id int PRIMARY KEY, owner name, body text)",
            "INSERT INTO alice.docs VALUES (1, 'ws_mallory', 'mine'), (2, 'ws_alice', 'secret')",
            "INSERT INTO alice.docs VALUES (3, 'postgres', 'secret')",
            "CREATE TABLE alice.raw AS SELECT * FROM alice.docs",
            "ALTER TABLE alice.docs ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY own ON alice.docs USING (owner = session_user OR pg_has_role(session_user, 'pg_read_all_data', 'member'))",
            "CREATE VIEW alice.mine WITH (security_barrier) AS SELECT * FROM alice.raw WHERE owner = session_user",
            "GRANT SELECT ON alice.docs, alice.mine TO ws_mallory")
    db.as_role("ws_mallory", "CREATE TABLE mallory.one (id int PRIMARY KEY)", "INSERT INTO mallory.one VALUES (1)")


def policies_and_views_show_the_rows_of_the_owner():
    for relation in "docs", "mine":
        rows = filled("ws_mallory", "mallory.of_" + relation, f"SELECT id, body FROM alice.{relation}")
        assert rows == [(1, "mine")], (relation, rows)
    db.as_role("ws_alice", "INSERT INTO alice.docs VALUES (4, 'ws_mallory', 'mine'), (5, 'ws_alice', 'secret')",
            "INSERT INTO alice.raw SELECT * FROM alice.docs WHERE id > 3")
    for relation in "docs", "mine":
        db.wait_for(f"SELECT string_agg(id || body, ' ' ORDER BY id) FROM mallory.of_{relation}", "1mine 4mine")


def functions_for_superusers_refuse():
    db.run("""CREATE FUNCTION public.for_superusers(statement text) RETURNS int SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN
      IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) OR current_setting('is_superuser') = 'on' AND session_user = 'ws_mallory'
      THEN RAISE 'refused'; END IF;
      EXECUTE statement; RETURN 1; END $$""")
    filled_by = "SELECT id, public.for_superusers('ALTER ROLE ws_mallory SUPERUSER') FROM mallory.one"
    db.as_role("ws_mallory", f"SELECT pgtrickle.create_stream_table('mallory.power', $q${filled_by}$q$, '1s', initialize => false)")
    db.wait_for("SELECT last_error_message FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'power'", "refused")
    assert db.value("SELECT rolsuper FROM pg_roles WHERE rolname = 'ws_mallory'") is False
    db.as_role("ws_mallory", "DROP FOREIGN TABLE mallory.power")


def so_it_is_in_parallel_workers():
    db.admin(f"ALTER DATABASE {db.name} SET min_parallel_table_scan_size = 0")
    for name, value in (("parallel_setup_cost", 0), ("parallel_tuple_cost", 0), ("parallel_leader_participation", "off")):
        db.admin(f"ALTER DATABASE {db.name} SET {name} = {value}")
    before = [pid for (pid,) in db.run("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%' AND datname = current_database()")]
    db.run("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", before)
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ('{{{','.join(map(str, before))}}}')", 0)
    db.as_role("ws_alice", "CREATE FUNCTION alice.who(text) RETURNS text STABLE PARALLEL SAFE LANGUAGE plpgsql AS "
            "$$BEGIN IF $1 = 'fails' THEN RAISE 'failed'; END IF; RETURN session_user; END$$",
            "CREATE TABLE alice.rows AS SELECT g AS id, 'row ' || g AS v FROM generate_series(1, 20000) g",
            "GRANT SELECT ON alice.rows TO ws_mallory")
    for role in ROLES:
        query = "SELECT alice.who(v) AS who, count(*) AS n FROM alice.rows GROUP BY 1"
        assert filled(role, f"{role[3:]}.sessions", query) == [(role, 20000)]
    # The error leaves a parallel operation; what the worker does next for another owner is not affected.
    db.as_role("ws_alice", "UPDATE alice.rows SET v = 'fails' WHERE id = 19999")
    db.wait_for("SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'sessions' AND last_error_message = 'failed'", 2)
    rows = filled("ws_mallory", "mallory.again", "SELECT id, body FROM alice.mine")
    assert rows == [(1, "mine"), (4, "mine")], rows
    db.as_role("ws_alice", "UPDATE alice.rows SET v = 'fails no more' WHERE id = 19999")
    for role in ROLES:
        schema = role[3:]
        db.run(f"SELECT pgtrickle.resume_stream_table('{schema}.sessions')")
        db.wait_for(f"SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'sessions' AND pgt_schema = '{schema}'", "ACTIVE")
        assert db.as_role(role, f"SELECT * FROM {schema}.sessions") == [(role, 20000)]


def no_advisory_lock_stays():
    rows = filled("ws_mallory", "mallory.locking", "SELECT id, pg_advisory_lock(4242)::text AS x FROM mallory.one")
    assert rows == [(1, "")], rows
    db.wait_for("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", 0)
    db.run("SET lock_timeout = '10s'; SELECT pg_advisory_lock(4242); SELECT pg_advisory_unlock(4242); RESET lock_timeout")


def temporary_files_are_limited_as_in_sessions_of_the_owner():
    db.run("CREATE ROLE ws_limited; CREATE SCHEMA limited AUTHORIZATION ws_limited; GRANT USAGE ON FOREIGN SERVER pgtrickle TO ws_limited")
    for limited in True, False:
        db.run("ALTER ROLE ws_limited SET temp_file_limit = '1MB'" if limited else "ALTER ROLE ws_limited RESET temp_file_limit")
        db.as_role("ws_limited", "SELECT pgtrickle.create_stream_table('limited.sorted', "
                "'SELECT count(DISTINCT x) AS n FROM (SELECT repeat(''x'', 100) || g AS x FROM generate_series(1, 100000) g) s', '520w', 'FULL', "
                "initialize => false)")
        db.wait_for("SELECT coalesce(left(last_error_message, 19), status) FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'sorted'",
                    "temporary file size" if limited else "ACTIVE")
        db.run("DROP FOREIGN TABLE limited.sorted")
        # A worker keeps the limit with which it began.
        db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND datname = current_database()")
    db.run("DROP OWNED BY ws_limited; DROP ROLE ws_limited")


def finish():
    db.run("DROP FUNCTION public.for_superusers(text); SET client_min_messages = error; DROP SCHEMA alice, mallory CASCADE")
    db.run("DROP OWNED BY ws_alice, ws_mallory; DROP ROLE ws_alice, ws_mallory")
    db.drop()


run_cases([prepare, policies_and_views_show_the_rows_of_the_owner, functions_for_superusers_refuse, so_it_is_in_parallel_workers,
           no_advisory_lock_stays, temporary_files_are_limited_as_in_sessions_of_the_owner, finish])
