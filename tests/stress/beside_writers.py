"""Writers and readers of stream tables of mode IMMEDIATE at once: what they note, and the verdict."""

import collections
import sys
import threading
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database  # noqa: E402: needs the path above
from seeds import SEED  # noqa: E402


class Run:
    """`queries` are those of the stream tables, by name; set_up() creates them over what `schema` creates."""

    def __init__(self, queries):
        self.db, self.queries = Database(), queries
        self.counted, self.faults, self.lock, self.ends_at = collections.Counter(), [], threading.Lock(), None

    def set_up(self, *schema):
        for statement in schema:
            self.db.run(statement)
        for name, query in self.queries.items():
            self.db.run(f"SELECT pgtrickle.create_stream_table('{name}', $${query}$$, refresh_mode => 'IMMEDIATE')")

    def note(self, what, fault=None):
        with self.lock:
            self.counted[what] += 1
            if fault:
                self.faults.append(fault)

    def is_over(self):
        return time.monotonic() >= self.ends_at or bool(self.faults)

    def wrong_rows(self, cursor, name):
        """Returns in how many rows the stream table differs from its query, in one statement."""
        query = self.queries[name]
        cursor.execute(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})) d")
        return cursor.fetchone()[0]

    def note_compared(self, name, wrong, where):
        self.note("compared " + where, wrong and f"{name} has {wrong} wrong rows {where}")

    def play(self, duration_s, writer, writers, reader, readers):
        """Runs the functions, each with a number of its own, until is_over()."""
        self.ends_at = time.monotonic() + duration_s
        threads = [threading.Thread(target=writer, args=(i,)) for i in range(writers)]
        threads += [threading.Thread(target=reader, args=(writers + i,)) for i in range(readers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def end(self, case, counted):
        """Prints the verdict of the case, which needs some of what was counted, and exits."""
        print(f"seed {SEED}: {dict(self.counted)}", *self.faults[:5], sep="\n")
        is_right = not self.faults and self.counted[counted] > 20
        print("ok" if is_right else "not ok", case)
        self.db.drop()
        sys.exit(not is_right)
