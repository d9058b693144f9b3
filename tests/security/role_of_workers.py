#!/usr/bin/python3 -B
"""Shows that a role which the database, or all of them, give to each session is not that of workers: a failure has the message
for superusers, as without such a role."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
db = Database(server.host)
OWNER, GIVEN = "rw_owner", "rw_given"
WAYS = {"database": f"ALTER DATABASE {db.name}", "all_roles": "ALTER ROLE ALL", "worker_role": "ALTER ROLE postgres",
        "worker_role_in_database": f"ALTER ROLE postgres IN DATABASE {db.name}"}


def outcome(name):
    """Returns what the manager's first fill of a stream table stores or reports, and the status of a good one."""
    for query in ("SELECT 1 / (id - 1) AS n FROM own.source", "SELECT id AS n FROM own.source"):
        number = db.value("SELECT count(*) FROM pgtrickle.pgt_stream_tables")
        db.as_role(OWNER, f"SELECT pgtrickle.create_stream_table('own.{name}_{number}', '{query}', '1s', initialize => false)")
    db.wait_for(f"SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE '{name}%' AND (is_populated OR last_error_message IS NOT NULL)", 2)
    return db.run("SELECT is_populated, last_error_message FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE %s ORDER BY pgt_id", name + "%")


def a_given_role_changes_nothing():
    right = outcome("plain")
    assert right == [(False, "division by zero"), (True, None)], right
    found = {}
    for way, statement in WAYS.items():
        db.run(f"{statement} SET role = '{GIVEN}'")
        found[way] = outcome(way)
        db.run(f"{statement} RESET role")
    assert not {way: rows for way, rows in found.items() if rows != right}, found


try:
    db.run(f"CREATE ROLE {OWNER}; CREATE ROLE {GIVEN}; CREATE SCHEMA own AUTHORIZATION {OWNER}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OWNER}")
    db.as_role(OWNER, "CREATE TABLE own.source (id int PRIMARY KEY)", "INSERT INTO own.source VALUES (1)")
    run_cases([a_given_role_changes_nothing])
finally:
    db.drop()
    server.destroy()
