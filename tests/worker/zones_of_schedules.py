#!/usr/bin/python3 -B
"""Shows that cron schedules are in the time zone that a session of the database has which gives none of its own: in each form in
which PostgreSQL stores one for the database, and that of the server where there is none, whatever the role of workers has."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

OWNER = "zs_owner"
FORMS = ["SET TIME ZONE INTERVAL '+02:00' HOUR TO MINUTE", "SET TIME ZONE INTERVAL '-09:30' HOUR TO MINUTE", "SET TimeZone = '<+07>-07'",
         "SET TimeZone = 5.5", "SET TimeZone = 'asia/tokyo'"]
server = Server()
with (server.folder / "data/postgresql.conf").open("a", encoding="utf-8") as file:
    file.write("timezone = 'Europe/Berlin'\n")
server.restart()
db = Database(server.host)


def replace_manager():
    before = db.await_manager()
    db.run("SELECT pg_terminate_backend(%s)", before)
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {before}", 0)
    db.await_manager()


def refreshed_at_due_time():
    """Returns whether the manager refreshes at a time that is soon by the clock of such a session."""
    session = db.connect(user=OWNER).cursor()
    session.execute("SELECT due, to_char(due, 'SS MI HH24 DD MM') || ' *' FROM (SELECT date_trunc('second', clock_timestamp() + '4 s') AS due) d")
    due, schedule = session.fetchone()
    db.run(f"ALTER FOREIGN TABLE st OPTIONS (SET schedule '{schedule}')")
    db.run("INSERT INTO source VALUES (1)")
    rows = db.value("SELECT count(*) FROM source")
    try:
        db.wait_for("SELECT n FROM st", rows, limit_s=15)
    except AssertionError:
        return False
    finally:
        session.connection.close()
    return db.value("SELECT last_refresh_at >= %s FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'st'", due)


def each_form_of_the_database():
    wrong = []
    for form in FORMS:
        db.run(f"ALTER DATABASE {db.name} {form}")
        if not refreshed_at_due_time():
            wrong.append(form)
    db.run(f"ALTER DATABASE {db.name} RESET timezone")
    assert not wrong, wrong


def that_of_the_server_comes_back():
    for place in f"DATABASE {db.name}", "ROLE ALL":
        db.run(f"ALTER {place} SET timezone = 'Australia/Sydney'")
        replace_manager()
        db.run(f"ALTER {place} RESET timezone")
        assert refreshed_at_due_time(), place


def that_of_the_role_of_workers_is_none():
    for place in "ROLE postgres", f"ROLE postgres IN DATABASE {db.name}":
        db.run(f"ALTER {place} SET timezone = 'Australia/Sydney'")
        replace_manager()
        try:
            assert refreshed_at_due_time(), place
        finally:
            db.run(f"ALTER {place} RESET timezone")


def a_reload_applies():
    replace_manager()
    db.alter_system("SET timezone = 'America/New_York'")
    db.wait_for("SELECT count(*) FROM pg_file_settings WHERE name = 'timezone' AND setting = 'America/New_York' AND applied", 1)
    assert refreshed_at_due_time()


try:
    db.let_own_stream_tables(OWNER)
    db.run("SET pg_trickle.enabled = off; CREATE TABLE source (id int)")
    db.run("SELECT pgtrickle.create_stream_table('st', 'SELECT count(*) AS n FROM source', '@yearly')")
    run_cases([each_form_of_the_database, that_of_the_server_comes_back, that_of_the_role_of_workers_is_none, a_reload_applies])
finally:
    db.drop()
    server.destroy()
