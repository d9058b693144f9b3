#!/usr/bin/python3 -B
"""Compares look-ups by key in a stream table with those in a plain table with the same rows and index, by pgbench.

The two alternate. Writers beside them change single rows of the source at a fixed rate. What a session pays for its
first statements is compared between new sessions.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from measure import Database, connect, create, median, ms, row, scale

ROWS = scale(1_000_000)
SECONDS = int(os.environ.get("BENCH_SECONDS", 6))
TURNS, SESSIONS = 3, 40
TABLES = ("plain", "kept", "fresh")  # `kept` is read within its schedule, `fresh` never without the last change
SETUP = f"""
CREATE TABLE src AS SELECT i AS id, i % 1000 AS k, i AS v, 'note ' || i AS note FROM generate_series(1, {ROWS}) i;
ALTER TABLE src ADD PRIMARY KEY (id);
CREATE TABLE plain AS SELECT id, k, v, note FROM src;
CREATE UNIQUE INDEX ON plain (id);
CREATE TABLE other (id int PRIMARY KEY, v int);
"""


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


class Bench:
    def __init__(self, database):
        self.database = database
        self.folder = tempfile.TemporaryDirectory()
        self.write = self.script("write", f"\\set id random(1, {ROWS})\nUPDATE src SET v = v + 1 WHERE id = :id;\n")
        self.reads = {table: self.script(table, f"\\set id random(1, {ROWS})\nSELECT v FROM {table} WHERE id = :id;\n") for table in TABLES}

    def script(self, name, text):
        path = Path(self.folder.name) / (name + ".sql")
        path.write_text(text)
        return str(path)

    def pgbench(self, *options, settings=""):
        return subprocess.Popen(["pgbench", "-n", *options, self.database], cwd=self.folder.name, text=True,
                                env=dict(os.environ, PGOPTIONS=settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def latencies_us(self, table, mode, clients, settings=""):
        """Returns the latencies of all look-ups of one run."""
        for old in Path(self.folder.name).glob("log.*"):
            old.unlink()
        _, errors = (run := self.pgbench("-M", mode, "-c", str(clients), "-j", "2", "-T", str(SECONDS), "-l", "--log-prefix=log",
                                         "-f", self.reads[table], settings=settings)).communicate()
        assert run.returncode == 0, errors
        return [int(line.split()[2]) for log in Path(self.folder.name).glob("log.*") for line in log.read_text().splitlines()]

    def compare(self, table, mode, clients, writes=0, settings=""):
        """Returns the ratios of the look-ups per second and of the 99th percentiles, of a stream table to the plain one."""
        found = {"plain": [], table: []}
        for _ in range(TURNS):
            for each, runs in found.items():
                writer = self.pgbench("-c", "1", "-R", str(writes), "-T", str(SECONDS + 2), "-f", self.write) if writes else None
                runs.append(self.latencies_us(each, mode, clients, settings if each != "plain" else ""))
                if writer is not None:
                    writer.communicate()
        rate = [median([len(run) for run in found[each]]) for each in (table, "plain")]
        slowest = [median([percentile(run, 0.99) for run in found[each]]) for each in (table, "plain")]
        return rate[0] / rate[1], slowest[0] / slowest[1]


def first_statements(database, statements):
    """Returns the median ms of the statements as the first ones of a session, and the bytes that it uses then."""
    times, sizes = [], []
    for _ in range(SESSIONS):
        session = connect(database)
        cursor = session.cursor()
        cursor.execute("SELECT 1 FROM other WHERE id = 0")
        times.append(sum(ms(cursor, statement) for statement in statements))
        cursor.execute("SELECT sum(used_bytes) FROM pg_backend_memory_contexts")
        sizes.append(cursor.fetchone()[0])
        session.close()
    return median(times), float(median(sizes))


def main():
    with Database("look_ups") as cursor:
        cursor.execute(SETUP)
        cursor.execute("VACUUM ANALYZE")
        create(cursor, "kept", "SELECT id, k, v, note FROM src", "1h")
        create(cursor, "fresh", "SELECT id, k, v, note FROM src", "0s")
        bench = Bench(cursor.connection.info.dbname)
        for mode in ("prepared", "simple"):
            for clients in (1, 8):
                rate, _ = bench.compare("kept", mode, clients)
                row(f"look-ups/s within the schedule / plain table, {mode}, {clients} clients", f"{rate:.2f}", "≥ 0.97" if mode == "prepared" else "≥ 0.9")
        rate, _ = bench.compare("kept", "prepared", 8, writes=300)
        row("look-ups/s within the schedule / plain table, 300 writes/s on the source", f"{rate:.2f}", "≥ 0.9")
        rate, slowest = bench.compare("fresh", "prepared", 8, writes=300)
        row("look-ups/s by schedule 0s / plain table, 300 writes/s; p99 / p99", f"{rate:.2f}; {slowest:.1f} ×", "≥ 0.7; ≤ 3 ×")
        rate, slowest = bench.compare("fresh", "prepared", 8, writes=500, settings="-c pg_trickle.read_mode=exact")
        row("exact look-ups/s / plain table, 500 writes/s; p99 / p99", f"{rate:.2f}; {slowest:.1f} ×", "–; ≤ 2 ×")
        database = cursor.connection.info.dbname
        for what, statements in (("read", ["SELECT v FROM {} WHERE id = 7"]), ("write", ["UPDATE {} SET v = v WHERE id = 7"])):
            of_stream_table = first_statements(database, [each.format("kept" if what == "read" else "src") for each in statements])
            of_table = first_statements(database, [each.format("plain") for each in statements])
            row(f"first {what} of a session / of a plain table", f"+ {of_stream_table[0] - of_table[0]:.2f} ms, "
                f"+ {(of_stream_table[1] - of_table[1]) / 1e3:.0f} kB", "≤ + 0.3 ms, ≤ + 200 kB")


main()
