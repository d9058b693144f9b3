#!/usr/bin/python3 -B
"""Shows that a server on a base backup, whose copy of the catalog may be torn and out of date, is correct."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import TOP, Database, Server, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

SUMS = "SELECT k, count(*) AS n, sum(v) AS total FROM source GROUP BY k"
server = Server()
db = Database(server.host)


class Clone:
    """A server on a base backup of another one, which is being written to while the backup is taken."""

    def __init__(self, is_standby):
        self.environment = dict(os.environ, SCRATCH=os.environ["SCRATCH"] + ".clone")
        self.folder = Path(self.environment["SCRATCH"])
        self.call("install")
        is_over = threading.Event()
        writer = threading.Thread(target=self.write, args=(is_over,))
        writer.start()
        try:
            self.take_backup(is_standby)
        finally:
            is_over.set()
            writer.join()
        self.call("start", f"unix_socket_directories={self.folder}/socket", "hot_standby=on")
        self.host = str(self.folder / "socket")

    @staticmethod
    def write(is_over):
        session = db.connect()
        cursor = session.cursor()
        chooser = dice()
        while not is_over.is_set():
            cursor.execute("UPDATE source SET v = v + 1 WHERE id %% 10 = %s", (chooser.randrange(10),))
            cursor.execute("SELECT pgtrickle.refresh_stream_table('sums')")
        session.close()

    def take_backup(self, is_standby):
        program = shutil.which("pg_basebackup")
        options = ["-R", "-X", "stream"] if is_standby else ["-X", "stream"]
        data = self.folder / "data"
        subprocess.run([program, "-h", server.host, "-U", "postgres", "-D", data, "-c", "fast", *options], check=True)
        if os.geteuid() == 0:
            owner = (server.folder / "data").stat()
            for path in (data, *data.rglob("*")):
                os.chown(path, owner.st_uid, owner.st_gid)

    def call(self, *arguments):
        subprocess.run([TOP / "tests/scratch", *arguments], env=self.environment, check=True, cwd=TOP)

    def catalog(self, statement):
        file = sqlite3.connect(f"file:{self.folder}/data/pg_trickle/catalog.db?mode=ro", uri=True)
        rows = file.execute(statement).fetchall()
        file.close()
        return rows

    def wait_for_catalog(self, statement, wanted, limit_s=30):
        """Waits: the catalog is written after the commits that it records."""
        deadline = time.monotonic() + limit_s
        while (found := self.catalog(statement)) != wanted:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    def __enter__(self):
        self.original = db.session, db.host
        db.host = self.host
        db.session = db.connect()
        db.run("SET pg_trickle.enabled = off")
        return self

    def __exit__(self, *_):
        db.session.close()
        db.session, db.host = self.original
        self.call("destroy")


def set_up():
    db.run("CREATE TABLE source (id int PRIMARY KEY, k int, v int)")
    db.run("INSERT INTO source SELECT i, i % 5, i FROM generate_series(1, 200) i")
    db.run("SELECT pgtrickle.create_stream_table('sums', %s, '1s', 'DIFFERENTIAL')", SUMS)
    db.run("SELECT pgtrickle.create_stream_table('on_sums', 'SELECT max(total) AS most FROM sums', '1s', 'DIFFERENTIAL')")


def goes_on_by_itself():
    db.run("UPDATE source SET v = v + 1000 WHERE id < 50")
    db.wait_for(f"SELECT NOT EXISTS (({SUMS}) EXCEPT ALL TABLE sums) AND NOT EXISTS (TABLE sums EXCEPT ALL ({SUMS}))", True)
    db.wait_for("SELECT (SELECT max(total) FROM sums) = (SELECT most FROM on_sums)", True)


def a_copy_continues_by_itself():
    with Clone(is_standby=False) as clone:
        goes_on_by_itself()
        db.wait_for("SELECT count(*) > 0 FROM pgtrickle.get_refresh_history('sums', 10)", True)
        clone.wait_for_catalog("SELECT name FROM registry ORDER BY name", [("on_sums",), ("sums",)])
    goes_on_by_itself()


def a_standby_is_read_and_promoted():
    with Clone(is_standby=True) as clone:
        assert db.value("SELECT pg_is_in_recovery()")
        assert db.value("SELECT count(*) FROM sums") == 5
        assert db.value("SELECT count(*) FROM pgtrickle.get_refresh_history('sums', 10)") >= 0
        # The standby's catalog does not have stream tables that are created after the backup.
        session = psycopg2.connect(host=server.host, user="postgres", dbname=db.name)
        session.autocommit = True
        cursor = session.cursor()
        cursor.execute("SELECT pgtrickle.create_stream_table('later', 'SELECT count(*) AS n FROM source', '1s', 'DIFFERENTIAL')")
        session.close()
        db.wait_for("SELECT to_regclass('later') IS NOT NULL", True)
        db.run("SELECT pg_promote()")
        db.wait_for("SELECT pg_is_in_recovery()", False)
        goes_on_by_itself()
        db.run("INSERT INTO source VALUES (1000, 1, 1)")
        db.wait_for("SELECT n::int FROM later", 201)
        clone.wait_for_catalog("SELECT name FROM registry ORDER BY name", [("later",), ("on_sums",), ("sums",)])
        clone.wait_for_catalog("SELECT DISTINCT timeline FROM registry", [(2,)])
        clone.wait_for_catalog("SELECT DISTINCT timeline FROM cluster_database WHERE stream_tables > 0", [(2,)])
    goes_on_by_itself()


try:
    set_up()
    run_cases([a_copy_continues_by_itself, a_standby_is_read_and_promoted])
finally:
    server.destroy()
