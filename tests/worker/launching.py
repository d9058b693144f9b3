#!/usr/bin/python3 -B
"""Shows that every database gets its manager, whatever started the others, however many need one at once, and
whatever blocks one."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()


def new_database():
    made = Database(server.host)
    made.run("SET pg_trickle.enabled = off")
    made.run("CREATE TABLE source (id serial)")
    return made


def keep(base):
    base.run("SELECT pgtrickle.create_stream_table('kept', 'SELECT id FROM source', 'calculated')")


def keeps_up(base):
    base.run("INSERT INTO source DEFAULT VALUES")
    base.wait_for("SELECT (SELECT count(*) FROM source) = (SELECT count(*) FROM kept)", True)


def check_of(base, name):
    return base.run("SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = %s", name)[0]


MANAGERS = """SELECT count(*) FROM pg_stat_activity
              WHERE backend_type = 'pg_trickle manager' AND datname = current_database()"""


def look_into(base):
    """Waits until a manager has looked into the database and found no stream table; the catalog has none of
    it either."""
    holder = base.connect()
    holder.autocommit = False
    holder.cursor().execute("LOCK TABLE pgtrickle.pgt_state")
    base.run("SELECT pgtrickle.ungate_source('source')")
    base.wait_for(MANAGERS, 1)
    holder.close()
    base.wait_for(MANAGERS, 0)


def pid_of_launcher(base):
    rows = base.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle launcher'")
    return rows[0][0] if rows else 0


def replace_launcher(base, meanwhile=lambda: None):
    before = pid_of_launcher(base)
    base.run("SELECT pg_terminate_backend(%s)", before)
    base.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {before}", 0)
    meanwhile()
    base.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle launcher'", 1)


def in_background(session, statement):
    thread = threading.Thread(target=lambda: session.cursor().execute(statement))
    thread.start()
    return thread


def databases_take_turns_under_another_launcher():
    """The new launcher has started none of the running managers; a waiting database has priority over one
    whose manager has to exit for it."""
    # the launcher, the launcher of logical replication, one manager
    server.call("start", "max_worker_processes=3")
    there, waiting = new_database(), new_database()
    others = [new_database() for _ in range(8)]
    keep(there)
    keeps_up(there)
    replace_launcher(there)
    keep(waiting)
    waiting.run("INSERT INTO source DEFAULT VALUES")
    managers = {there.manager_pid()}
    deadline = time.monotonic() + 30
    while waiting.value("SELECT count(*) FROM kept") == 0:
        managers.add(there.manager_pid())
        assert time.monotonic() < deadline, "no manager comes"
        signal.sigtimedwait([], 0.05)
    assert len(managers - {None}) == 1, managers
    for base in [there, waiting, *others]:
        base.drop()


def said_about_manager(database, statement):
    """Returns the messages of the statement when there is no manager in the database."""
    deadline = time.monotonic() + 30
    said = ""
    while "No manager is running" not in said:
        assert time.monotonic() < deadline, f"it says nothing but {said!r}"
        database.session.notices.clear()
        database.run("INSERT INTO source DEFAULT VALUES")
        database.run(statement)
        said = "".join(database.session.notices)
    return said


def one_without_a_manager_says_why():
    """There is room for the manager of one database."""
    server.call("start", "max_worker_processes=3")
    there, waiting = new_database(), new_database()
    assert check_of(there, "worker_processes") == ("OK", "2 of max_worker_processes = 3 are running")
    keep(there)
    keeps_up(there)
    waiting.run("SET pg_trickle.enabled = on; SET client_min_messages = warning; SET pg_trickle.max_staleness = 0")
    keep(waiting)
    assert "exceeds its maximum staleness" in said_about_manager(waiting, "SELECT * FROM kept")
    said = said_about_manager(waiting, "SELECT pgtrickle.wait_until_fresh('kept', '100ms')")
    assert 'stream table "kept" was not refreshed in time' in said, said
    assert "because max_worker_processes = 3 leaves no room for one in each database" in said, said
    assert "HINT:  Increase max_worker_processes, call pgtrickle.refresh_stream_table(), or try again." in said, said
    waiting.wait_for("SELECT detail FROM pgtrickle.health_check() WHERE check_name = 'manager'",
                     "none is running in this database: managers take turns, see worker_processes")
    severity, detail = check_of(there, "worker_processes")
    assert severity == "WARN" and "databases with stream tables wait for a manager: increase max_worker_processes" in detail, detail
    waiting.drop()
    there.wait_for("SELECT detail FROM pgtrickle.health_check() WHERE check_name = 'worker_processes'",
                   "3 of max_worker_processes = 3 are running: unless that is rare, increase max_worker_processes, which requires a restart")
    there.drop()


RESTORED = """CREATE TABLE base (id int PRIMARY KEY, k int); INSERT INTO base SELECT i, i % 3 FROM generate_series(1, 30) i;
              SELECT pgtrickle.create_stream_table('{name}', '{query}', '1m');
              CREATE MATERIALIZED VIEW of_{name} AS SELECT * FROM {name}"""


def restored_into(name, dump, **settings):
    """Returns what psql says, without what a dump says about other objects."""
    environment = dict(os.environ, PGOPTIONS=" ".join(f"-c pg_trickle.{key}={value}" for key, value in settings.items()))
    done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", server.host, "-U", "postgres", "-d", name], input=dump, text=True,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return "" if done.returncode == 0 else done.stdout


def stopped_manager(base):
    """Stops the manager of the database, so that it makes no room for another one, and returns its process ID."""
    for _ in range(30):
        base.run("INSERT INTO source DEFAULT VALUES")
        pid = base.await_manager()
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            continue
        if base.manager_pid() == pid:
            return pid
    raise AssertionError("no manager stays")


def a_restored_database_need_not_wait_for_its_turn():
    """A materialized view in a dump is filled from stream tables without rows: by the session that restores them, when no manager can
    come, or, if it must not run the code of their query, by the next manager."""
    server.call("start", "max_worker_processes=3")
    there = new_database()
    there.run("SET pg_trickle.enabled = on; CREATE ROLE restored_owner; GRANT CREATE ON SCHEMA public TO restored_owner; "
              "GRANT USAGE ON FOREIGN SERVER pgtrickle TO restored_owner")
    there.run("CREATE FUNCTION public.twice(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 * 2; END'")
    policy = "ALTER TABLE base ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON base USING (k IN (SELECT k FROM allowed)); GRANT SELECT ON base TO restored_owner"
    there.run("CREATE TABLE allowed AS SELECT 1 AS k; GRANT SELECT, TRIGGER ON allowed TO restored_owner")
    for role, name, query, then in (("postgres", "plain", "SELECT k, count(*) AS n FROM base GROUP BY k", ""), ("restored_owner", "coded", "SELECT twice(id) AS d FROM base", ""),
                                    ("restored_owner", "bound", "SELECT k, count(*) AS n FROM base GROUP BY k", f"ALTER TABLE base OWNER TO postgres; {policy}")):
        there.run(f"DROP TABLE IF EXISTS base CASCADE; SET ROLE {role}; SET search_path = public")
        there.run(RESTORED.format(name=name, query=query))
        there.run(f"RESET ROLE; RESET search_path; {then}")
        if then:
            there.run(f"SELECT pgtrickle.refresh_stream_table('{name}'); REFRESH MATERIALIZED VIEW of_{name}")
        dump = subprocess.run(["pg_dump", "-h", server.host, "-U", "postgres", there.name], stdout=subprocess.PIPE, text=True, check=True).stdout
        keep(there)
        keeps_up(there)
        made = Database(server.host)
        made.run("DROP EXTENSION pg_trickle")
        manager = None if name == "coded" else stopped_manager(there)
        try:
            said = restored_into(made.name, dump, scan_refresh_timeout="60s")
        finally:
            if manager is not None:
                os.kill(manager, signal.SIGCONT)
        assert not said, (name, said)
        assert made.value(f"SELECT count(*) FROM of_{name}") == there.value(f"SELECT count(*) FROM of_{name}") > 0
        made.drop()
        there.run("DROP FOREIGN TABLE kept")
    there.run("DROP OWNED BY restored_owner CASCADE; DROP ROLE restored_owner")
    there.drop()


def without_a_launcher_a_check_says_so():
    server.call("start", "max_worker_processes=1")
    there = new_database()
    keep(there)
    assert check_of(there, "launcher") == ("ERROR", "it is not running: see the server log")
    assert check_of(there, "manager") == ("ERROR", "none is running in this database: see launcher")
    assert there.run("SELECT status, health FROM pgtrickle.quick_health") == [("ERROR", "no manager is running in this database")]
    there.drop()


def one_whose_database_is_locked_is_not_in_the_way():
    """A session has prepared a transaction that renames the database: a manager waits for its end."""
    server.call("start", "max_worker_processes=3")
    base, locked = new_database(), new_database()
    keep(locked)
    keeps_up(locked)
    locked.session.close()
    admin = base.connect("postgres")
    cursor = admin.cursor()
    cursor.execute(f"BEGIN; ALTER DATABASE {locked.name} RENAME TO locked; PREPARE TRANSACTION 'rename'")
    base.wait_for("SELECT count(*) FROM pg_locks WHERE classid = 'pg_database'::regclass AND NOT granted", 1)
    keep(base)
    keeps_up(base)
    cursor.execute("ROLLBACK PREPARED 'rename'")
    locked.session = locked.connect()
    locked.run("SET pg_trickle.enabled = off")
    keeps_up(locked)
    base.drop()
    locked.drop()


def more_at_once_than_can_be_counted_wait_their_turn():
    """Each renamed database occupies the place of one manager."""
    server.call("start", "max_worker_processes=3")
    base = new_database()
    look_into(base)
    admin = base.connect("postgres")
    cursor = admin.cursor()
    for number in range(3):
        cursor.execute(f"CREATE DATABASE barred_{number}")
    admin.autocommit = False
    for number in range(3):
        cursor.execute(f"ALTER DATABASE barred_{number} RENAME TO renamed_{number}")
    keep(base)
    admin.commit()
    keeps_up(base)
    admin.autocommit = True
    for number in range(3):
        cursor.execute(f"DROP DATABASE renamed_{number}")
    base.drop()


def a_database_that_cannot_be_examined_delays_no_other():
    server.call("start")
    base, empty = new_database(), new_database()
    keep(base)
    keeps_up(base)
    base.session.close()
    empty.session.close()
    admin = empty.connect("postgres")
    base.session = admin

    def prepare():
        cursor = admin.cursor()
        cursor.execute(f"BEGIN; ALTER DATABASE {empty.name} RENAME TO locked; PREPARE TRANSACTION 'rename'")
        cursor.execute(f"CREATE DATABASE copied TEMPLATE {base.name}")

    replace_launcher(base, prepare)
    base.session = base.connect("copied")
    keeps_up(base)
    base.session.close()
    base.session = admin
    base.run("ROLLBACK PREPARED 'rename'")
    base.run("DROP DATABASE copied")
    base.drop()
    empty.session = empty.connect("postgres")
    empty.drop()


def waits(base, pid):
    base.wait_for(f"SELECT count(*) FROM pg_locks WHERE pid = {pid} AND NOT granted", 1)


def a_second_command_finds_the_database_as_empty_as_the_first():
    """The second command waits for locks while the first one ends. The manager of the other database is back
    then, and started later."""
    base, other = new_database(), new_database()
    for each in base, other:
        keep(each)
        keeps_up(each)
        each.session.close()
    base.session = base.connect("postgres")
    first, locker, second = [base.connect("postgres") for _ in range(3)]
    first.autocommit = locker.autocommit = False
    first.cursor().execute(f"ALTER DATABASE {base.name} RENAME TO renamed; ALTER DATABASE {other.name} RENAME TO renamed_too")
    locks = in_background(locker, "LOCK pg_database IN SHARE MODE")
    waits(base, locker.info.backend_pid)
    drops = in_background(second, f"DROP DATABASE {base.name}")
    waits(base, second.info.backend_pid)
    first.rollback()
    locks.join()
    base.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' AND datname = '{other.name}' "
                  "AND state = 'idle'", 1)
    locker.rollback()
    drops.join()
    assert base.value("SELECT count(*) FROM pg_database WHERE datname = %s", base.name) == 0
    other.session = base.session
    other.drop()


def a_command_that_is_taken_back_keeps_no_manager_away():
    base = new_database()
    keep(base)
    keeps_up(base)
    name = base.name
    keeper = base.connect("postgres")
    keeper.autocommit = False
    base.session.close()
    cursor = keeper.cursor()
    cursor.execute(f"SAVEPOINT before; ALTER DATABASE {name} RENAME TO other; ROLLBACK TO before")
    base.session = base.connect()
    base.run("SET pg_trickle.enabled = off")
    keeps_up(base)
    keeper.close()
    base.drop()


def an_option_of_a_database_keeps_no_manager_away():
    base = new_database()
    keep(base)
    keeps_up(base)
    before = base.manager_pid()
    keeper = base.connect("postgres")
    keeper.autocommit = False
    keeper.cursor().execute(f"ALTER DATABASE {base.name} CONNECTION LIMIT 50")
    keeps_up(base)
    keeper.commit()
    keeper.close()
    keeps_up(base)
    assert base.manager_pid() == before
    base.drop()


def close_to_connections(base):
    base.admin(f"ALTER DATABASE {base.name} ALLOW_CONNECTIONS false")
    base.wait_for(MANAGERS, 0)


def one_that_accepts_connections_again_has_a_manager_again():
    """Whether a session in the database allows connections again or another one."""
    server.call("start")
    base = new_database()
    keep(base)
    keeps_up(base)
    admin = base.connect("postgres")
    for allow in (base.session.cursor(), admin.cursor()):
        close_to_connections(base)
        base.run("INSERT INTO source DEFAULT VALUES")
        allow.execute(f"ALTER DATABASE {base.name} ALLOW_CONNECTIONS true")
        keeps_up(base)
    admin.close()
    base.drop()


def commit_prepared(base, statement):
    session = base.connect("postgres")
    cursor = session.cursor()
    cursor.execute(f"BEGIN; {statement}; PREPARE TRANSACTION 'of_database'")
    cursor.execute("COMMIT PREPARED 'of_database'")
    session.close()


def a_prepared_transaction_allows_connections_again_and_changes_settings():
    base = new_database()
    keep(base)
    keeps_up(base)
    close_to_connections(base)
    commit_prepared(base, f"ALTER DATABASE {base.name} ALLOW_CONNECTIONS true")
    keeps_up(base)
    before = base.manager_pid()
    commit_prepared(base, f"ALTER DATABASE {base.name} SET work_mem = '5MB'")
    base.wait_for(f"{MANAGERS} AND pid <> {before}", 1)
    base.drop()


def settings_of_the_role_of_all_managers_replace_them():
    """Processes of the extension log in as the bootstrap superuser."""
    base = new_database()
    keep(base)
    keeps_up(base)
    base.run("CREATE ROLE other_role")
    for role, in_database in (("other_role", ""), ("postgres", ""), ("postgres", f"IN DATABASE {base.name}")):
        before = base.manager_pid()
        base.run(f"ALTER ROLE {role} {in_database} SET work_mem = '6MB'")
        if role == "postgres":
            base.wait_for(f"{MANAGERS} AND pid <> {before}", 1)
        keeps_up(base)
        assert (base.manager_pid() == before) == (role != "postgres"), (role, in_database)
    base.run(f"ALTER ROLE postgres RESET work_mem; ALTER ROLE postgres IN DATABASE {base.name} RESET work_mem; DROP ROLE other_role")
    base.drop()


def settings_of_other_databases_replace_no_manager():
    """Nor beside an open transaction, of any role, that has changed settings of its own."""
    base, other = new_database(), new_database()
    keep(base)
    keeps_up(base)
    base.run("CREATE ROLE other_role")
    setter = base.connect()
    setter.autocommit = False
    setter.cursor().execute("ALTER ROLE other_role SET work_mem = '5MB'")
    base.run("SELECT pg_terminate_backend(%s, 30000)", base.manager_pid())
    keeps_up(base)
    before = base.manager_pid()
    for number in range(10):
        base.run(f"ALTER DATABASE {other.name} SET work_mem = '{5 + number}MB'")
        keeps_up(base)
    assert base.manager_pid() == before
    setter.close()
    base.run("DROP ROLE other_role")
    base.drop()
    other.drop()


def children_of_postmaster():
    pid = (server.folder / "data/postmaster.pid").read_text(encoding="utf-8").split()[0]
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split())


def reload_in_new_processes(is_over):
    """Has each process that the server starts read the configuration as early as it can be asked to."""
    known = children_of_postmaster()
    while not is_over.is_set():
        now = children_of_postmaster()
        for pid in now - known:
            os.kill(int(pid), signal.SIGHUP)
        known = now


def let_new_processes_begin_disabled(base):
    """Has the postmaster read the configuration, which other processes then read differently."""
    base.alter_system("SET pg_trickle.enabled = off")
    deadline = time.monotonic() + 30
    while True:
        session = base.connect()
        cursor = session.cursor()
        cursor.execute("SHOW pg_trickle.enabled")
        is_read = cursor.fetchone()[0] == "off"
        session.close()
        if is_read:
            break
        assert time.monotonic() < deadline, "the postmaster does not read it"
    base.run("ALTER SYSTEM RESET pg_trickle.enabled")


def a_reload_reaches_a_manager_that_has_just_begun():
    """PostgreSQL lets a worker ignore the signal up to the worker's own code."""
    server.call("start")
    base = new_database()
    keep(base)
    keeps_up(base)
    for _ in range(5):
        let_new_processes_begin_disabled(base)
        before, is_over = base.await_manager(), threading.Event()
        reloads = threading.Thread(target=reload_in_new_processes, args=[is_over])
        reloads.start()
        try:
            base.run("SELECT pg_terminate_backend(%s)", before)
            base.wait_for(f"{MANAGERS} AND pid <> {before}", 1)
        finally:
            is_over.set()
            reloads.join()
        keeps_up(base)
    base.run("SELECT pg_reload_conf()")
    base.drop()


try:
    run_cases([one for one in [databases_take_turns_under_another_launcher, one_without_a_manager_says_why, a_restored_database_need_not_wait_for_its_turn,
               without_a_launcher_a_check_says_so,
               one_whose_database_is_locked_is_not_in_the_way, more_at_once_than_can_be_counted_wait_their_turn, a_database_that_cannot_be_examined_delays_no_other,
               a_second_command_finds_the_database_as_empty_as_the_first, a_command_that_is_taken_back_keeps_no_manager_away,
               an_option_of_a_database_keeps_no_manager_away, one_that_accepts_connections_again_has_a_manager_again, a_prepared_transaction_allows_connections_again_and_changes_settings,
               settings_of_the_role_of_all_managers_replace_them, settings_of_other_databases_replace_no_manager, a_reload_reaches_a_manager_that_has_just_begun] if not sys.argv[1:] or one.__name__ in sys.argv[1:]])
finally:
    server.destroy()
