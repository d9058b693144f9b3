#!/usr/bin/python3 -B
"""Shows that random queries over stream tables return what they return over the stream tables' own queries.

Databases are those of random_stream_tables.py, with fewer stream tables. Beside each stream table there is a view of its
query, of the same name in another schema. A reader, which is a random query over up to three of them, is run over the
stream tables and over the views: before a refresh by exact reads, some of them after changes of the same transaction,
and after it over fresh and stored rows. So joins, sub-queries, outer references, aggregates and limits of the reader
meet each way in which the rows of a stream table are returned.

Runs for DURATION_S seconds; the first database has the seed SEED.
"""
import collections
import os
import random
import sys
import time

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.dirname(sys.path[0]))
import choices as choosing  # noqa: E402
import play  # noqa: E402
import query  # noqa: E402
import server  # noqa: E402
from database import goes_on  # noqa: E402
from seeds import SEED  # noqa: E402

STREAM_TABLES, READERS = 12, 6  # of a database; at each look
WAYS = {"exact": "pg_trickle.read_mode = exact", "fresh": "pg_trickle.max_staleness = 0", "stored": "pg_trickle.max_staleness = -1"}


class Play(play.Play):
    def set_up(self):
        super().set_up()
        self.read, self.readers, self.counts, self.wrong = {}, 0, collections.Counter(), []
        self.database.run("DROP SCHEMA IF EXISTS truth CASCADE; CREATE SCHEMA truth")
        for stream_table in self.kept:
            if play.readable(stream_table.built):
                self.database.run("CREATE VIEW truth.%s AS %s" % (stream_table.name, stream_table.built.sql))
                self.read[stream_table.name] = stream_table.built.columns

    def rows(self, built, schema, settings=()):
        """Returns the rows of the reader over the relations in the schema, as sorted texts, or its error."""
        self.database.run("SAVEPOINT reader")
        try:
            for setting in ("search_path = %s, play, public" % schema, *settings):
                self.database.run("SET LOCAL " + setting)
            return sorted(map(str, self.database.fetch(server.compared_rows("(%s) q" % built.sql, built))))
        except psycopg2.Error as error:
            if self.database.connection.closed:
                raise
            return "%s %s" % (error.pgcode, error)
        finally:
            if not self.database.connection.closed:
                self.database.run("ROLLBACK TO reader")

    def has_one_answer_of(self, built, answer):
        return all(self.rows(built, "truth", ["enable_%s = off" % name for name in methods]) == answer for methods in play.PLANNINGS)

    def read_by(self, *ways):
        """In a transaction."""
        for _ in range(READERS if self.read else 0):
            self.readers += 1
            own = choosing.Choices(random.Random("%d reader %d" % (self.seed, self.readers)))
            built = query.Built(own, {name: self.read[name] for name in own.some(list(self.read), 1)[:3]})
            true = self.rows(built, "truth")
            if isinstance(true, str) or len(true) > play.MOST_ROWS:
                self.counts["without an answer"] += 1
                continue
            way = own.pick(ways)
            shown = self.rows(built, "play", [WAYS[way]])
            self.counts[way] += 1
            if shown != true and self.has_one_answer_of(built, true):
                self.wrong.append("seed %d, reader %d, %s: %s\n  %s\n  is not %s" % (
                    self.seed, self.readers, way, built.sql, shown if isinstance(shown, str) else shown[:5], true[:5]))

    def look(self, *ways):
        self.database.run("BEGIN")
        self.read_by(*ways)
        self.database.run("COMMIT")

    def check_all(self):
        self.look("exact")
        super().check_all()
        names = [stream_table.name for stream_table in self.kept]
        self.read = {name: columns for name, columns in self.read.items() if name in names}
        self.look("fresh", "stored")

    def check_inside(self):
        transaction = self.changes.transaction(self.may_truncate)
        if self.transact(transaction[:-1]):
            self.read_by("exact")
            self.do(transaction[-1])


def is_tried(counts):
    return all(counts[way] for way in WAYS)


def main():
    play.STREAM_TABLES = STREAM_TABLES
    end, seed, counts, failures = time.monotonic() + float(os.environ.get("DURATION_S", 15)), SEED, collections.Counter(), []
    database = server.Database("property_readers")
    database.renew()
    while goes_on(end, is_tried(counts)):
        playing = Play(database, seed)
        playing.rounds()
        counts += playing.counts
        failures += playing.wrong + ["seed %d: %s" % (seed, failure) for _, failure, _ in playing.failures]
        seed += 1
    database.drop()
    for failure in failures:
        print(failure)
    print("%d databases: %s" % (seed - SEED, ", ".join("%d %s" % (count, what) for what, count in sorted(counts.items()))))
    print("not ok" if failures else "ok", "readers_of_stream_tables")
    print("ok" if is_tried(counts) else "not ok", "each_way_is_read")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
