#!/usr/bin/python3 -B
"""Shows that repair_stream_table() mends each page of a stream table that a fault of the disk has damaged: of its storage,
arrangements, change logs, and of their indexes and TOAST tables. Writers of its sources go on then."""

import os
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

PAGE = 8192
DURATION_S = float(os.environ.get("DURATION_S", "15"))
server = Server(".damaged")
server.restart(autovacuum="off")
db = Database(server.host)
random = dice()
# In the order in which they read each other.
KEPT = {
    "rows": ("SELECT id, k, v, t FROM item", "DIFFERENTIAL"),
    "sums": ("SELECT k, count(*) AS n, sum(v) AS s, max(v) AS m FROM item GROUP BY k", "DIFFERENTIAL"),
    "above": ("SELECT k, n + 1 AS n FROM sums WHERE n > 1", "DIFFERENTIAL"),
    "joined": ("SELECT i.id, g.k, g.name FROM grp g LEFT JOIN item i ON i.k = g.k AND i.v > 5", "DIFFERENTIAL"),
    "top": ("SELECT id, v FROM item ORDER BY v DESC, id LIMIT 10", "DIFFERENTIAL"),
    "fully": ("SELECT k, string_agg(t, ',' ORDER BY id) AS l FROM item WHERE v > 90 GROUP BY k", "FULL"),
    "at_commit": ("SELECT k, sum(v) AS s FROM item GROUP BY k", "IMMEDIATE"),
    "parts": ("SELECT id, k, t FROM item", "DIFFERENTIAL"),
}
WRITES = [
    "INSERT INTO item SELECT (SELECT max(id) FROM item) + n, n, 95 + n, repeat(md5(n::text), 400) FROM generate_series(1, 3) n",
    "UPDATE item SET v = v + 1 WHERE id % 50 = 1",
    "DELETE FROM item WHERE id % 90 = 2",
    "UPDATE grp SET name = name || 'x' WHERE k = 3",
]
FILES = """SELECT relname, relkind, pg_relation_filepath(oid), pg_relation_size(oid) FROM pg_class
  WHERE relkind IN ('r', 'i', 't') AND pg_relation_size(oid) > 0
    AND (relnamespace IN ('pg_trickle_storage'::regnamespace, 'pg_trickle_log'::regnamespace)
      OR oid IN (SELECT unnest(ARRAY[reltoastrelid, indexrelid]) FROM pg_class c LEFT JOIN pg_index ON indrelid = reltoastrelid
                 WHERE relnamespace IN ('pg_trickle_storage'::regnamespace, 'pg_trickle_log'::regnamespace)))
  ORDER BY relname"""


def set_up():
    db.run("CREATE TABLE item (id int PRIMARY KEY, k int, v int, t text); CREATE TABLE grp (k int PRIMARY KEY, name text);"
           "INSERT INTO grp SELECT k, 'name ' || k FROM generate_series(0, 9) k;"
           "ALTER TABLE item ALTER t SET STORAGE EXTERNAL;"
           "INSERT INTO item SELECT n, n % 10, n * 7919 % 101, repeat('t', n % 50) FROM generate_series(1, 1000) n")
    for name, (query, mode) in KEPT.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', %s, partition_by => %s)", name, query, mode,
               "HASH (k, 2)" if name == "parts" else None)
    db.run("CREATE INDEX by_name ON joined USING hash (name); CREATE INDEX by_v ON rows USING brin (v)")
    db.alter_system("SET pg_trickle.enabled = off")


def write():
    for statement in WRITES:
        db.run(statement)


def is_right(name):
    query = KEPT[name][0]
    for setting in ("enable_indexscan", "enable_seqscan"):
        db.run(f"SET {setting} = off; SET enable_bitmapscan = off")
        off = db.value(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})) d")
        assert off == 0, f"{name} differs from its query in {off} rows"
        for column in ("k", "id"):
            if f" {column}," in query.partition("FROM")[0]:
                off = db.value(f"SELECT count(*) FROM generate_series(0, 300) n WHERE (SELECT count(*) FROM {name} WHERE {column} = n) "
                               f"<> (SELECT count(*) FROM ({query}) q WHERE {column} = n)")
                assert off == 0, f"{name} has {off} wrong look-ups by {column}"
        db.run("RESET enable_indexscan; RESET enable_seqscan; RESET enable_bitmapscan")


def damage(name, kind, content, page):
    """Nothing shows that a page was zeroed which may be empty: of a TOAST table, or of a log. Nor does it of an index that has no
    order of its entries, as those of users here."""
    has_order = kind in ("storage", "index") and "by_" not in name
    how = random.choice(["zeros", "noise"]) if has_order else "noise"
    content[page * PAGE:(page + 1) * PAGE] = bytes(PAGE) if how == "zeros" else random.randbytes(PAGE)
    return how


def damage_files(chooses):
    """Damages a page of each file that is chosen, while the server is down. Returns their names."""
    write()
    data = Path(db.value("SHOW data_directory"))
    files = [file for file in db.run(FILES) if chooses(file[0])]
    db.run("CHECKPOINT")
    db.session.close()
    server.call("stop")
    damaged = []
    for name, relkind, path, size in files:
        kind = {"i": "index", "r": "storage" if name.startswith("st_") else "log"}.get(relkind, "TOAST")
        content = bytearray((data / path).read_bytes())
        page = random.randrange(size // PAGE)
        damaged.append(f"{name} page {page} {damage(name, kind, content, page)}")
        (data / path).write_bytes(content)
    server.restart(autovacuum="off")
    db.session = db.connect()
    db.run("SET client_min_messages = error; SET pg_trickle.on_stale = error")
    return damaged


def mends(chooses):
    damaged = damage_files(chooses)
    try:
        for name in KEPT:
            db.run("SELECT pgtrickle.repair_stream_table(%s)", name)
        for name in KEPT:
            is_right(name)
        write()
        for name in KEPT:
            db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
            is_right(name)
    except (AssertionError, psycopg2.Error) as error:
        raise AssertionError(f"{error} after {', '.join(damaged)}") from error


def one_page_of_each_file():
    mends(lambda name: True)


def pages_of_some_files():
    ends_at = time.monotonic() + DURATION_S
    while time.monotonic() < ends_at:
        mends(lambda name: random.random() < 0.1)


def pages_of_logs():
    mends(lambda name: name.startswith("log_"))


def reports_what_it_has_found():
    damage_files(lambda name: name.startswith("log_") and name.endswith("_xid"))
    try:
        db.run(WRITES[0])
        raise AssertionError("the damage was not noticed")
    except (psycopg2.errors.DataCorrupted, psycopg2.errors.IndexCorrupted):
        pass
    report = db.value("SELECT pgtrickle.repair_stream_table('rows')")
    assert report.startswith("Damage found: the change log of public.item had a damaged page"), report
    for name in KEPT:
        db.run("SELECT pgtrickle.repair_stream_table(%s)", name)
    report = db.value("SELECT pgtrickle.repair_stream_table('rows')")
    assert report.startswith("No damage found"), report


try:
    set_up()
    run_cases([one_page_of_each_file, pages_of_some_files, pages_of_logs, reports_what_it_has_found])
finally:
    server.destroy()
