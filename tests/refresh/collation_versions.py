#!/usr/bin/python3 -B
"""Shows that rows which were computed under another version of a collation are computed again, with their indexes, before
they are continued or read exactly, and only these: by a session, by the manager of a server that has been started again,
and through upstreams. The version that is recorded with the rows is changed here, and a row of each storage, to see
whether it was computed again."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, as_soon_as_it_connects, run_cases  # noqa: E402: needs the path above

server = Server()
db = Database(server.host, "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C.UTF-8'")
# Queries with text columns t, u and a number n of the table s; the second ones use no collation that has a version.
CONCERNED = [
    "SELECT n, min(t) AS least FROM s GROUP BY n",
    "SELECT t, count(*) AS n FROM s GROUP BY t",
    "SELECT DISTINCT t FROM s",
    "SELECT id, t FROM s WHERE t < 'm'",
    "SELECT id, t FROM s ORDER BY t, id LIMIT 7",
    "SELECT id, row_number() OVER (PARTITION BY n ORDER BY t, id) AS place FROM s",
    "SELECT id, count(*) OVER (PARTITION BY t) AS place FROM s",
    "SELECT id, upper(t) AS upper FROM s",
    "SELECT n, string_agg(u, ',' ORDER BY t, id) AS all_of FROM s GROUP BY n",
    "SELECT n, count(DISTINCT t) AS kinds FROM s GROUP BY n",
    'SELECT id, n FROM s WHERE (t, u) > (\'b\', \'a\' COLLATE "de-x-icu")',
    "SELECT t FROM s UNION SELECT u FROM s",
    "SELECT a.id, b.id AS other FROM s a LEFT JOIN s b ON a.t = b.u",
    "SELECT id FROM s WHERE EXISTS (SELECT FROM s o WHERE o.t > s.t)",
    "SELECT id, n FROM (SELECT id, n, rank() OVER (ORDER BY u COLLATE \"en-x-icu\") AS r FROM s) x WHERE r < 9",
    "SELECT id FROM v",
    "SELECT id, greatest(t, u) AS most FROM s",
]
OTHERS = [
    "SELECT id, n, t FROM s",
    "SELECT n, count(*) AS c, sum(id) AS total FROM s GROUP BY n",
    'SELECT id, t COLLATE "C" < \'m\' AS early FROM s',
    'SELECT n, min(t COLLATE "C") AS least FROM s GROUP BY n',
]
ALL = CONCERNED + OTHERS


def mode_of(query):
    return "FULL" if "greatest" in query else "DIFFERENTIAL"


def define(schedule):
    db.run("DROP TABLE IF EXISTS s CASCADE")
    db.run("CREATE TABLE s (id int PRIMARY KEY, n int, t text, u text)")
    db.run("CREATE VIEW v AS SELECT id FROM s WHERE lower(t) <> u")
    db.run("INSERT INTO s SELECT i, i % 4, chr(97 + i % 26), chr(65 + i % 17) FROM generate_series(1, 60) i")
    for number, query in enumerate(ALL):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s, %s)", f"st{number}", query, schedule, mode_of(query))


def storage_of_name(number):
    return f"to_regclass(format('pg_trickle_storage.st_%s', 'st{number}'::regclass::oid))::oid"


def storage_of(number):
    """Returns the OID of the heap that has the rows."""
    return db.value(f"SELECT {storage_of_name(number)}::int8")


def damage():
    """As if the server had been started with other collations, which order otherwise; returns the storages."""
    db.run("UPDATE pgtrickle.pgt_state SET collation_versions = regexp_replace(collation_versions, ' [^,]+', ' 0.1', 'g')")
    storages = [storage_of(number) for number in range(len(ALL))]
    for storage in storages:
        name = db.value(f"SELECT {storage}::regclass::text")
        db.run(f"DELETE FROM {name} WHERE ctid = (SELECT min(ctid) FROM {name})")
    return storages


def differing(number):
    return db.run(f"(TABLE st{number} EXCEPT ALL ({ALL[number]})) UNION ALL (({ALL[number]}) EXCEPT ALL TABLE st{number})")


def check(storages):
    for number, query in enumerate(ALL):
        is_concerned = query in CONCERNED
        if is_concerned:
            db.wait_for(f"SELECT {storage_of_name(number)}::int8 <> {storages[number]}", True)
        assert bool(differing(number)) != is_concerned, (query, differing(number))
        assert (storage_of(number) != storages[number]) == is_concerned, (query, storages[number])


def a_refresh_in_a_session():
    define("520w")
    storages = damage()
    for number in range(len(ALL)):
        db.run(f"SELECT pgtrickle.refresh_stream_table('st{number}')")
    check(storages)
    reasons = db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE action = 'REINITIALIZE' OR action = 'FULL'")
    assert reasons >= len(CONCERNED), reasons


def a_refresh_that_finds_no_other_version():
    define("520w")
    storages = [storage_of(number) for number in range(len(ALL))]
    server.restart()
    db.session = as_soon_as_it_connects(db.connect)
    db.run("UPDATE s SET t = u, u = t WHERE id % 3 = 0")
    for number in range(len(ALL)):
        db.run(f"SELECT pgtrickle.refresh_stream_table('st{number}')")
        assert not differing(number), ALL[number]
        assert storage_of(number) == storages[number], ALL[number]


def an_exact_read():
    define("520w")
    damage()
    db.run("SET pg_trickle.read_mode = exact; UPDATE s SET n = n + 1 WHERE id = 1")
    for number, query in enumerate(ALL):
        if query in CONCERNED:
            assert not differing(number), (query, differing(number))
    db.run("RESET pg_trickle.read_mode")


def a_server_that_was_started_again():
    define("0s")
    storages = damage()
    server.restart()
    db.session = as_soon_as_it_connects(db.connect)
    check(storages)


def an_upstream():
    define("520w")
    db.run("SELECT pgtrickle.create_stream_table('above', 'SELECT least, count(*) AS n FROM st0 GROUP BY least', '520w', 'DIFFERENTIAL')")
    damage()
    db.run("SELECT pgtrickle.refresh_stream_table('above')")
    wrong = db.run("TABLE above EXCEPT ALL SELECT least, count(*) FROM (SELECT n, min(t) AS least FROM s GROUP BY n) x GROUP BY 1")
    assert not wrong, wrong


try:
    run_cases([a_refresh_in_a_session, a_refresh_that_finds_no_other_version, an_exact_read, a_server_that_was_started_again, an_upstream])
finally:
    server.destroy()
