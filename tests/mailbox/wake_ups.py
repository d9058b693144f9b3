#!/usr/bin/python3 -B
"""Shows that no wake-up is lost: whatever is committed, in any manner, arrives in stream tables without a
request.

Their schedule is `calculated`, whose reads never wait. Writers commit and stop; from then on only the manager
can apply the missing changes, and it must do so within seconds. After a lost wake-up the last rows would be
missing for ever.
"""

import contextlib
import os
import threading
import time
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

SECONDS = int(os.environ.get("DURATION_S", "15"))
SOURCES = 4
FRESH = "SELECT coalesce(pgtrickle.get_staleness('of_late'), 0) = 0"
db = Database()


def create(name, query, schedule="calculated"):
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s)", name, query, schedule)


def set_up():
    for k in range(SOURCES):
        db.run(f"CREATE TABLE s{k} (writer int, value int)")
        create(f"last{k}", f"SELECT writer, max(value) AS value, count(*) AS n FROM s{k} GROUP BY writer")
        create(f"all{k}", f"SELECT count(*) AS n FROM s{k}", "1s")
    create("joined", "SELECT a.writer, a.value + b.value AS value FROM last0 a JOIN last1 b USING (writer)")
    create("total", "SELECT count(*) AS n, sum(n) AS rows FROM (SELECT n FROM last2 UNION ALL SELECT n FROM last3) l")


STATES = [(f"last{k}", f"SELECT writer, max(value), count(*) FROM s{k} GROUP BY writer") for k in range(SOURCES)] + \
    [(f"all{k}", f"SELECT count(*) FROM s{k}") for k in range(SOURCES)] + \
    [("joined", "SELECT a.writer, a.value + b.value FROM last0 a JOIN last1 b USING (writer)"),
     ("total", "SELECT count(*), sum(n) FROM (SELECT n FROM last2 UNION ALL SELECT n FROM last3) l")]


def all_arrives(limit_s=30):
    """Waits until every stream table equals its query, though no read requests a refresh."""
    db.run("SET pg_trickle.enabled = off")
    for name, query in STATES:
        db.wait_for(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL {query}) UNION ALL ({query} EXCEPT ALL TABLE {name})) d",
                    0, limit_s)


class Writer:
    def __init__(self, number):
        self.number = number
        self.session = db.connect()
        self.random = dice(number)
        self.value = 0
        self.failure = None

    def write(self):
        cursor = self.session.cursor()
        self.value += 1
        source = self.random.randrange(SOURCES)
        insert = f"INSERT INTO s{source} VALUES ({self.number}, {self.value})"
        other = f"INSERT INTO s{(source + 1) % SOURCES} VALUES ({self.number}, {self.value})"
        name = f"{db.name}_{self.number}"
        way = self.random.choice(["plain", "plain", "both", "prepared", "rolled back", "savepoint", "refreshing", "truncate"])
        try:
            if way == "plain":
                cursor.execute(insert)
            elif way == "both":
                cursor.execute(f"BEGIN; {insert}; {other}; COMMIT")
            elif way == "prepared":
                cursor.execute(f"BEGIN; {insert}; PREPARE TRANSACTION '{name}'")
                time.sleep(self.random.random() / 50)
                cursor.execute(f"COMMIT PREPARED '{name}'")
            elif way == "rolled back":
                cursor.execute(f"BEGIN; {insert}; ROLLBACK")
            elif way == "savepoint":
                cursor.execute(f"BEGIN; SAVEPOINT a; {other}; ROLLBACK TO a; {insert}; COMMIT")
            elif way == "refreshing":
                cursor.execute(f"BEGIN; {insert}; SELECT pgtrickle.refresh_stream_table('last{source}'); {other}; COMMIT")
            elif self.random.random() < 0.1:
                cursor.execute(f"TRUNCATE s{source}")
        except psycopg2.errors.DeadlockDetected:
            cursor.execute("ROLLBACK")

    def run(self, until):
        try:
            while time.monotonic() < until:
                self.write()
                # bursts and pauses: the manager is asleep, throttled, or in the middle of a refresh
                time.sleep(self.random.choice([0, 0, 0, 0.001, 0.005, 0.05]))
        except psycopg2.Error as error:
            self.failure = error
        self.session.close()


def nothing_that_several_commit_is_lost():
    set_up()
    rounds = 0
    ends_at = time.monotonic() + SECONDS
    while time.monotonic() < ends_at:
        rounds += 1
        writers = [Writer(rounds * 10 + k) for k in range(4)]
        until = time.monotonic() + 0.7
        threads = [threading.Thread(target=writer.run, args=(until,)) for writer in writers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not any(writer.failure for writer in writers), [writer.failure for writer in writers]
        all_arrives()


def a_single_commit_is_seen_soon():
    """Commits one row at a time, after pauses of any length; with so few commits none is throttled. On a busy
    machine it may take two attempts."""
    chooser = dice()
    for turn in range(5):
        late = []
        for i in range(turn * 60, (turn + 1) * 60):
            time.sleep(chooser.choice([0, 0.002, 0.01, 0.03, 0.1]))
            started = time.monotonic()
            db.run("INSERT INTO s0 VALUES (1000000, %s)", i)
            while db.run("SELECT value FROM last0 WHERE writer = 1000000") != [(i,)]:
                assert time.monotonic() < started + 30, i
                time.sleep(0.0005)
            late.append(time.monotonic() - started)
        if sorted(late)[len(late) // 2] < 0.25:
            return
    raise AssertionError(late)


def work_of_workers_s():
    """Returns the CPU time of the present workers. By the clock, the time of a refresh depends on other
    processes."""
    pids = db.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND datname = current_database()")
    ticks = 0
    for pid, in pids:
        with contextlib.suppress(OSError):  # it has exited
            ticks += sum(int(field) for field in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def a_hot_source_does_not_keep_a_worker_busy():
    session = db.connect()
    cursor = session.cursor()
    worked_s, started = work_of_workers_s(), time.monotonic()
    commits = 0
    while time.monotonic() < started + 3 or commits <= 100:
        cursor.execute("INSERT INTO s3 VALUES (2000000, 1)")
        commits += 1
    session.close()
    share = (work_of_workers_s() - worked_s) / (time.monotonic() - started)
    assert share < 0.25, share
    all_arrives()


def sleeps_of(pid):
    return int(Path(f"/proc/{pid}/status").read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def commits_that_refresh_seldom_wake_the_manager_up():
    """A few times in a second, which says something where there are more commits: on a busy machine it may take some attempts."""
    db.run("CREATE TABLE s (value int)")
    db.run("SELECT pgtrickle.create_stream_table('at_commits', 'SELECT count(*) AS n FROM s', refresh_mode => 'IMMEDIATE')")
    session, commits = db.connect(), 500
    cursor = session.cursor()
    for _ in range(5):
        sleeps, started = sleeps_of(db.manager_pid()), time.monotonic()
        for _ in range(commits):
            cursor.execute("INSERT INTO s VALUES (1)")
        sleeps = sleeps_of(db.manager_pid()) - sleeps
        most = 50 + 50 * (time.monotonic() - started)
        assert sleeps < most, (sleeps, most)
        if most < commits:
            break
    cursor.execute("SET pg_trickle.enabled = off; INSERT INTO s VALUES (1)")  # this commit refreshes nothing
    db.run("SET pg_trickle.enabled = off")
    db.wait_for("SELECT n = (SELECT count(*) FROM s) FROM at_commits", True)
    db.run("DROP TABLE s CASCADE")
    session.close()


def a_change_arrives_after_the_manager_was_terminated_beside_it():
    for _ in range(5):
        pid = db.manager_pid()
        writers = [Writer(3000000 + k) for k in range(3)]
        until = time.monotonic() + 0.4
        threads = [threading.Thread(target=writer.run, args=(until,)) for writer in writers]
        for thread in threads:
            thread.start()
        db.run("SELECT pg_terminate_backend(%s)", pid)
        for thread in threads:
            thread.join()
        all_arrives()


def what_is_not_committed_leaves_none_stale():
    """A commit that fails late, and a prepared transaction, have called the stream table dirty already."""
    db.run("CREATE TABLE late (id int PRIMARY KEY, value int); INSERT INTO late VALUES (1, 1), (2, 2)")
    create("of_late", "SELECT id, value FROM late", "1s")
    first, second = db.connect(), db.connect()
    for number, session in enumerate((first, second), 1):
        session.cursor().execute("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT sum(value) FROM late")
        session.cursor().execute(f"UPDATE late SET value = 0 WHERE id = {number}")
    first.cursor().execute("COMMIT")
    db.wait_for("SELECT count(*) FROM of_late WHERE value = 0", 1)
    try:
        second.cursor().execute("COMMIT")
        raise AssertionError("the second transaction was committed")
    except psycopg2.errors.SerializationFailure:
        db.wait_for(FRESH, True)
    second.cursor().execute(f"BEGIN; UPDATE late SET value = 0; PREPARE TRANSACTION '{db.name}'")
    try:
        db.wait_for(FRESH, True)
    finally:
        second.cursor().execute(f"ROLLBACK PREPARED '{db.name}'")
    db.wait_for(FRESH, True)
    first.close()
    second.close()


def the_database_can_be_dropped():
    db.drop()


run_cases([nothing_that_several_commit_is_lost, a_single_commit_is_seen_soon, a_hot_source_does_not_keep_a_worker_busy,
           commits_that_refresh_seldom_wake_the_manager_up, a_change_arrives_after_the_manager_was_terminated_beside_it, what_is_not_committed_leaves_none_stale,
           the_database_can_be_dropped])
