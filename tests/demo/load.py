"""pgbench in the background, and a reader that checks the invariant in every read."""

import re
import subprocess
import threading
import time

import psycopg2

import bank

PROGRESS = re.compile(r"progress: [\d.]+ s, ([\d.]+) tps")
RESULT = re.compile(r"tps = ([\d.]+)")


class Writers:
    """Runs pgbench's TPC-B with some clients for some seconds; tps_now is the present rate."""

    def __init__(self, clients, seconds, database):
        self.tps_now = 0.0
        self.tps = None
        self.output = []
        self.process = subprocess.Popen(
            ["pgbench", "-n", "-c", str(clients), "-j", "2", "-T", str(seconds), "-P", "1", database],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self):
        for line in self.process.stdout:
            self.output.append(line)
            if match := PROGRESS.search(line):
                self.tps_now = float(match.group(1))
            if match := RESULT.search(line):
                self.tps = float(match.group(1))

    def wait(self):
        """Returns the transactions per second over the whole run; raises if a client failed."""
        status = self.process.wait()
        self.thread.join()
        if status or self.tps is None:
            raise RuntimeError("pgbench failed:\n" + "".join(self.output[-20:]))
        return self.tps


class Reader:
    """Reads all stream tables in one statement, ten times a second; each fifth read requires fresh data, so
    it waits for a refresh. Keeps the first contradictory states."""

    def __init__(self):
        self.reads = 0
        self.violations = []
        self.error = None
        self.fresh_ms = []
        self.served_ms = []
        self._end = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            connection = psycopg2.connect("")
            connection.autocommit = True
            with connection.cursor() as cursor:
                while not self._end.wait(0.1):
                    self._read_once(cursor)
        except Exception as error:  # shown at the end, and fails the run
            self.error = error

    def _read_once(self, cursor):
        wants_fresh = self.reads % 5 == 4
        cursor.execute("SET pg_trickle.max_staleness = " + ("0" if wants_fresh else "-1"))
        started = time.perf_counter()
        cursor.execute(bank.INVARIANT)
        row = cursor.fetchone()
        (self.fresh_ms if wants_fresh else self.served_ms).append((time.perf_counter() - started) * 1e3)
        self.reads += 1
        if not bank.holds(row):
            self.violations.append(row)

    def stop(self):
        self._end.set()
        self.thread.join()
