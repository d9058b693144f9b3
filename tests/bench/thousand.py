"""A thousand stream tables over a hundred sources, ten for each source, of common kinds.

Every source has 1,000 rows, and a row 0 whose `number` counts the writes to the source: every stream table
shows the largest number, so that its age can be determined from outside.
"""

import os
import threading
import time

from measure import Database, connect, ms
from processes import Usage, trickle_pids, wait_until

SOURCES = max(1, 100 // int(os.environ.get("BENCH_SHRINK", 1)))

KINDS = [
    "SELECT id, grp, amount, number FROM {s} WHERE amount > 0",
    "SELECT grp, count(*) AS n, sum(amount) AS amount, max(number) AS number FROM {s} GROUP BY grp",
    "SELECT count(*) AS n, sum(amount) AS amount, max(number) AS number FROM {s}",
    "SELECT s.id, r.name, s.amount, s.number FROM {s} s JOIN regions r ON r.id = s.grp",
    "SELECT r.name, sum(s.amount) AS amount, max(s.number) AS number FROM {s} s JOIN regions r ON r.id = s.grp GROUP BY r.name",
    "SELECT s.id, s.number, r.name FROM {s} s LEFT JOIN regions r ON r.id = s.grp WHERE s.id < 500",
    "SELECT DISTINCT grp, number FROM {s}",
    "SELECT id, amount, number FROM {s} ORDER BY number DESC, id LIMIT 10",
    "SELECT grp, min(amount) AS least, max(number) AS number FROM {s} GROUP BY grp HAVING count(*) > 1",
    "SELECT id, number, amount * 2 AS twice FROM {s} WHERE EXISTS (SELECT FROM regions r WHERE r.id = {s}.grp)",
]
TABLES = SOURCES * len(KINDS)


def name_of(number):
    return f"kept_{number}"


def source_of(number):
    return number % SOURCES


class Thousand(Database):
    """The database with its sources and all stream tables; creation_ms has the duration of each creation."""

    def __init__(self, schedule):
        super().__init__("thousand")
        self.schedule = schedule
        self.creation_ms = []

    def __enter__(self):
        cursor = super().__enter__()
        cursor.execute("CREATE TABLE regions AS SELECT g AS id, 'region ' || g AS name FROM generate_series(0, 9) g")
        cursor.execute("ALTER TABLE regions ADD PRIMARY KEY (id)")
        for source in range(SOURCES):
            self.make_source(cursor, f"source_{source}")
        cursor.execute("VACUUM ANALYZE")
        for number in range(TABLES):
            query = KINDS[number // SOURCES].format(s=f"source_{source_of(number)}")
            self.creation_ms.append(self.create_ms(cursor, name_of(number), query))
        self.same_again_ms = [self.create_like_the_first(cursor, number) for number in range(10)]
        cursor.execute("VACUUM ANALYZE")
        self.wait_for_manager(cursor)
        return cursor

    def make_source(self, cursor, name):
        cursor.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, grp int, amount numeric, number int)")
        cursor.execute(f"INSERT INTO {name} SELECT g, g % 10, 1 + g % 7, 0 FROM generate_series(0, 999) g")

    def create_like_the_first(self, cursor, number):
        """Creates a stream table after all others, with the query of the first ones and over a new source, as
        theirs was new to capture."""
        self.make_source(cursor, f"later_{number}")
        cursor.execute(f"VACUUM ANALYZE later_{number}")
        return self.create_ms(cursor, f"kept_later_{number}", KINDS[0].format(s=f"later_{number}"))

    def create_ms(self, cursor, name, query):
        return ms(cursor, "SELECT pgtrickle.create_stream_table(%s, %s, %s)", (name, query, self.schedule))

    def wait_for_manager(self, cursor):
        """Waits until the manager knows all stream tables, and is idle."""
        database = cursor.connection.info.dbname
        wait_until(lambda: "manager" in trickle_pids(cursor, database))

        def is_idle():
            pids = trickle_pids(cursor, database)["manager"]
            usage = Usage(pids)
            time.sleep(2)
            return usage.end().percent < 5
        wait_until(is_idle, limit_s=300)


class Writers(threading.Thread):
    """Writes each source once a second, evenly spread over the second; records when each write was committed."""

    def __init__(self, database):
        super().__init__()
        self.database = database
        self.committed = [[time.monotonic()] for _ in range(SOURCES)] # time of commit of source s, number k: [s][k]
        self.stopping = threading.Event()
        self.late_s = 0

    def run(self):
        connection = connect(self.database)
        cursor = connection.cursor()
        cursor.execute("SET synchronous_commit = off")
        started, turn = time.monotonic(), 0
        while not self.stopping.is_set():
            source, number = turn % SOURCES, turn // SOURCES + 1
            wait_s = started + turn / SOURCES - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
            self.late_s = max(self.late_s, -wait_s)
            cursor.execute(f"UPDATE source_{source} SET number = {number}, amount = amount + 1 WHERE id = {number % 400}")
            self.committed[source].append(time.monotonic())
            turn += 1
        connection.close()

    def age_s(self, number, shown, at):
        """Returns the age at that time of the state that stream table `number` showed: the time since the
        first change that is missing."""
        commits = self.committed[source_of(number)]
        return max(0, at - commits[shown + 1]) if shown + 1 < len(commits) else 0
