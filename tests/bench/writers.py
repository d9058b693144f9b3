#!/usr/bin/python3 -B
"""Measures pgbench's single-row UPDATEs of a table with one stream table that is refreshed later, against those of a
plain table.

The two tables are alike except for the stream table. Their runs alternate, each from a vacuumed table and an empty
log; the ratio is that of the medians. fsync is off on the server of the benchmarks, so it is switched on and off."""

import os
import re
import subprocess
import tempfile

from measure import Database, create, median, row
from processes import wait_until

SECONDS = int(os.environ.get("BENCH_SECONDS", 5))
TURNS = 5
REACH = {1: "≥ 0.92", 8: "≥ 0.95"}


def tps(database, script, clients):
    output = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(SECONDS), "-f", script, database],
                            capture_output=True, text=True, check=True).stdout
    return float(re.search(r"tps = ([\d.]+)", output).group(1))


def set_fsync(cursor, value):
    cursor.execute(f"ALTER SYSTEM SET fsync = {value}")
    cursor.execute("SELECT pg_reload_conf()")

    def is_set():
        cursor.execute("SHOW fsync")
        return cursor.fetchone()[0] == value

    wait_until(is_set)


def main():
    with Database("writers") as cursor, tempfile.TemporaryDirectory() as folder:
        scripts = {}
        for name in ("plain", "followed"):
            cursor.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, val int, pad text)")
            cursor.execute(f"INSERT INTO {name} SELECT g, g % 1000, repeat('x', 60) FROM generate_series(1, 100000) g")
            scripts[name] = os.path.join(folder, name)
            with open(scripts[name], "w", encoding="utf-8") as file:
                file.write(f"\\set id random(1, 100000)\nUPDATE {name} SET val = val + 1 WHERE id = :id;\n")
        create(cursor, "kept", "SELECT val % 100 AS grp, count(*) AS n, sum(val) AS total FROM followed GROUP BY val % 100")
        for fsync in ("off", "on"):
            set_fsync(cursor, fsync)
            for clients, reach in REACH.items():
                found = {name: [] for name in scripts}
                for _ in range(TURNS):
                    for name, script in scripts.items():
                        cursor.execute("SELECT pgtrickle.refresh_stream_table('kept')")
                        cursor.execute(f"VACUUM {name}")
                        cursor.execute("CHECKPOINT")
                        found[name].append(tps(cursor.connection.info.dbname, script, clients))
                followed, plain = (median(found[name]) for name in ("followed", "plain"))
                row(f"pgbench, single-row UPDATE, clients: {clients}, fsync {fsync}: with a stream table that is refreshed later / without",
                    f"{followed:,.0f} / {plain:,.0f} TPS = {followed / plain:.2f}", reach)
        cursor.execute("ALTER SYSTEM RESET fsync")
        cursor.execute("SELECT pg_reload_conf()")


if __name__ == "__main__":
    main()
