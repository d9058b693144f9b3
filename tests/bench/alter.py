#!/usr/bin/python3 -B
"""ALTER of the query of a stream table over 10,000,000 rows: how long it blocks readers of the stream table and
writers of its source.

Both run without a pause beside it; their longest statement bounds what the ALTER blocked. The same seconds
before it show the noise of the machine.
"""

import threading
import time

from measure import Database, connect, create, ms, row, scale

ROWS = scale(10_000_000)
BEFORE = "SELECT id, grp, amount FROM big WHERE amount > 0"
AFTER = "SELECT id, grp, amount + 1 AS amount FROM big WHERE amount > 1"


class Client(threading.Thread):
    """Repeats a statement for one row after the other; `longest_ms` is reset by the benchmark."""

    def __init__(self, database, statement):
        super().__init__()
        self.database, self.statement = database, statement
        self.longest_ms, self.count = 0, 0
        self.stopping = threading.Event()

    def run(self):
        connection = connect(self.database)
        cursor = connection.cursor()
        cursor.execute("SET synchronous_commit = off")
        while not self.stopping.is_set():
            self.longest_ms = max(self.longest_ms, ms(cursor, self.statement, (1 + self.count * 7919 % ROWS,)))
            self.count += 1
            time.sleep(0.0005)
        connection.close()

    def stop(self):
        self.stopping.set()
        self.join()


def main():
    with Database("alter") as cursor:
        cursor.execute("CREATE TABLE big (id int PRIMARY KEY, grp int, amount int)")
        cursor.execute("INSERT INTO big SELECT g, g %% 1000, g %% 997 FROM generate_series(1, %s) g", (ROWS,))
        cursor.execute("VACUUM ANALYZE big")
        create(cursor, "kept", BEFORE, "1m")
        database = cursor.connection.info.dbname
        clients = {"reader of the stream table": Client(database, "SELECT amount FROM kept WHERE id = %s"),
                   "writer of the source": Client(database, "UPDATE big SET amount = amount + 1 WHERE id = %s")}
        for client in clients.values():
            client.start()
        time.sleep(5)
        noise = {name: client.longest_ms for name, client in clients.items()}
        for client in clients.values():
            client.longest_ms = 0
        took_ms = ms(cursor, "SELECT pgtrickle.alter_stream_table('kept', query => %s)", (AFTER,))
        time.sleep(1)
        for name, client in clients.items():
            client.stop()
            row(f"longest statement of a {name} beside ALTER of the query, {ROWS:,} rows",
                f"{client.longest_ms:.1f} ms in {took_ms / 1e3:.1f} s; {noise[name]:.1f} ms before", "≤ 50 ms")
        cursor.execute("SET pg_trickle.max_staleness = 0")
        cursor.execute("SELECT count(*), sum(amount) FROM kept")
        kept = cursor.fetchone()
        cursor.execute(f"SELECT count(*), sum(amount) FROM ({AFTER}) AS query")
        assert kept == cursor.fetchone(), "the stream table differs from its query"


if __name__ == "__main__":
    main()
