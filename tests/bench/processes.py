"""Functions by which the benchmarks of the manager measure processes: process ids, CPU time, wake-ups, and
memory.
"""

import os
import re
import time
from pathlib import Path

from measure import cpu_s


def trickle_pids(cursor, database=None):
    """Returns the process ids of the launcher, and of managers and refresh workers (of one database, if it is
    named)."""
    cursor.execute("SELECT backend_type, pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%%' "
                   "AND (%s IS NULL OR datname = %s OR datname IS NULL)", (database, database))
    found = {}
    for kind, pid in cursor.fetchall():
        found.setdefault(kind.removeprefix("pg_trickle "), []).append(pid)
    return found


def manager_pid(cursor, database):
    return trickle_pids(cursor, database)["manager"][0]


def wake_ups(pid):
    """Returns how often a process has gone to sleep voluntarily, which is once for each wake-up."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.M).group(1))


def memory_bytes(pid):
    """Returns private memory, every byte of which the end of the process would release; and the proportional
    set size (PSS), which adds its share of shared memory. Pages of shared_buffers never count as private,
    though the kernel counts them so while only one process has touched them."""
    private = pss = 0
    is_shared = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if re.fullmatch(r"[0-9a-f]+-[0-9a-f]+", name):
            is_shared = rest[3] == "s"
        elif name.startswith("Private_") and not is_shared:
            private += int(rest.split()[0])
        elif name == "Pss:":
            pss += int(rest.split()[0])
    return private * 1024, pss * 1024


def private_bytes(pid):
    return memory_bytes(pid)[0]


def context_bytes(cursor, pid):
    """Returns the total of the process's memory contexts, as it writes it to the server's log on request."""
    log = Path(os.environ["SCRATCH"]) / "server.log"
    start = log.stat().st_size
    cursor.execute("SELECT pg_log_backend_memory_contexts(%s)", (pid,))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with log.open("rb") as file:
            file.seek(start)
            found = re.search(rb"\[%d\].*Grand total: (\d+) bytes" % pid, file.read())
        if found:
            return int(found.group(1))
        time.sleep(0.05)
    return 0


class Usage:
    """CPU time and wake-ups of processes during an interval; of those that exist at its end, as idle workers
    exit."""

    def __init__(self, pids):
        self.started = time.monotonic()
        self.before = {pid: (cpu_s([pid]), wake_ups(pid)) for pid in pids if Path(f"/proc/{pid}").exists()}

    def end(self):
        self.seconds = time.monotonic() - self.started
        self.cpu_s = self.wake_ups = 0
        for pid, (cpu, woken) in self.before.items():
            if Path(f"/proc/{pid}").exists():
                self.cpu_s += cpu_s([pid]) - cpu
                self.wake_ups += wake_ups(pid) - woken
        return self

    @property
    def percent(self):
        return self.cpu_s / self.seconds * 100


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def wait_until(condition, limit_s=60, pause_s=0.05):
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("the condition was not met in time")
        time.sleep(pause_s)


def run_chosen(functions, names):
    """Runs the functions that are named, or all."""
    for function in functions:
        if not names or function.__name__ in names:
            function()
