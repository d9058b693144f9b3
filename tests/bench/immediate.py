#!/usr/bin/python3 -B
"""Measures pgbench's single-row UPDATEs of a table with one stream table of mode IMMEDIATE, against those of a plain table,
and of one with a trigger, written by hand, that keeps the same sums; and the age of what is read beside them: none.

The tables are alike but for what follows them. Their runs alternate, each from a vacuumed table; the ratios are those of
the medians. Sums by 1,000 groups, so that writers of the trigger's table seldom meet."""

import os
import tempfile

from measure import Database, median, row
from writers import SECONDS, TURNS, tps

SUMS = "SELECT val % 1000 AS grp, count(*) AS n, sum(amount) AS total FROM {} GROUP BY val % 1000"
BY_HAND = """
CREATE TABLE sums_by_hand AS """ + SUMS.format("by_hand") + """;
ALTER TABLE sums_by_hand ADD PRIMARY KEY (grp);
CREATE FUNCTION keep_sums() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE sums_by_hand SET total = total + new.amount - old.amount WHERE grp = new.val % 1000;
  RETURN NULL;
END $$;
CREATE TRIGGER keep AFTER UPDATE ON by_hand FOR EACH ROW EXECUTE FUNCTION keep_sums();
"""


def main():
    with Database("immediate") as cursor, tempfile.TemporaryDirectory() as folder:
        scripts = {}
        for name in ("plain", "by_hand", "followed"):
            cursor.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, val int, amount int, pad text)")
            cursor.execute(f"INSERT INTO {name} SELECT g, g, g, repeat('x', 60) FROM generate_series(1, 100000) g")
            scripts[name] = os.path.join(folder, name)
            with open(scripts[name], "w", encoding="utf-8") as file:
                file.write(f"\\set id random(1, 100000)\nUPDATE {name} SET amount = amount + 1 WHERE id = :id;\n")
        cursor.execute(BY_HAND)
        cursor.execute("SELECT pgtrickle.create_stream_table('sums', %s, refresh_mode => 'IMMEDIATE')", (SUMS.format("followed"),))
        for clients in (1, 8):
            found = {name: [] for name in scripts}
            for _ in range(TURNS):
                for name, script in scripts.items():
                    cursor.execute(f"VACUUM {name}")
                    cursor.execute("CHECKPOINT")
                    found[name].append(tps(cursor.connection.info.dbname, script, clients))
            plain, by_hand, followed = (median(found[name]) for name in scripts)
            row(f"pgbench, single-row UPDATE, clients: {clients}: with a stream table in mode IMMEDIATE / without; / with a trigger by hand",
                f"{followed:,.0f} / {plain:,.0f} TPS = {followed / plain:.2f}; {followed / by_hand:.2f} ({SECONDS} s)", "–")
        cursor.execute("SET pg_trickle.enabled = off")
        for name, query in {"sums": SUMS.format("followed"), "sums_by_hand": SUMS.format("by_hand")}.items():
            cursor.execute(f"SELECT count(*) FROM (TABLE {name} EXCEPT {query}) d")
            assert cursor.fetchone()[0] == 0, name


main()
