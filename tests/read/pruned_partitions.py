#!/usr/bin/python3 -B
"""Random stream tables are partitions of random partitioned tables, while their sources change. A query of the parent
that prunes partitions has the rows that it has without pruning, or fails; read from storage, and computed exactly."""

import os
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
import seeds  # noqa: E402: needs the path above
from database import Database, run_cases  # noqa: E402: likewise

DURATION_S = float(os.environ.get("DURATION_S", 15))
QUERIES = ["SELECT id, kind, n FROM item", "SELECT min(id) AS id, kind, n FROM item GROUP BY kind, n",
           "SELECT count(*)::int AS id, kind, max(n) AS n FROM item GROUP BY kind", "SELECT DISTINCT 1 AS id, kind, n FROM item",
           "SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id)::int AS n FROM item",
           "SELECT a.id, a.kind, b.n FROM item a JOIN item b ON b.id = a.id + 1"]
CONDITIONS = ["kind = 'a'", "kind = 'b'", "kind = 'c'", "kind = 'z'", "kind IS NULL", "n < 5", "n >= 10", "n BETWEEN 3 AND 12",
              "half(n) = 3", "upper(kind) = 'A'", "upper(kind) = 'D'", "id = 7", "id = 8", "kind = 'b' AND n = 10", "n IS NULL"]
# For each key, bounds with a condition that is true for their rows only.
KEYS = {"LIST (kind)": {"IN ('a', 'b')": "kind IN ('a', 'b')", "IN ('c')": "kind = 'c'", "IN (NULL)": "kind IS NULL"},
        "RANGE (n)": {"FROM (MINVALUE) TO (10)": "n < 10", "FROM (10) TO (20)": "n BETWEEN 10 AND 19", "FROM (-5) TO (15)": "n BETWEEN -5 AND 14"},
        "RANGE (half(n))": {"FROM (0) TO (5)": "half(n) BETWEEN 0 AND 4", "FROM (5) TO (10)": "half(n) BETWEEN 5 AND 9"},
        "HASH (id)": {"WITH (MODULUS 3, REMAINDER 0)": "true", "WITH (MODULUS 3, REMAINDER 1)": "id = 1"},
        "RANGE (kind, n)": {"FROM ('a', 0) TO ('b', 10)": "kind = 'a' AND n >= 0", "FROM ('b', 10) TO (MAXVALUE, MAXVALUE)": "kind > 'b' AND n > 0"},
        "LIST ((upper(kind)))": {"IN ('A')": "kind = 'a'", "IN ('B', 'C')": "kind IN ('b', 'c')"}}
PARENTS = ["id int, kind text, n int", "n int, id int, kind text"]
REFUSED = ("23514", "42P17", "42809", "42P01")  # rows outside; bounds that overlap; twice, or not, attached

db = Database()
dice = seeds.dice()


def succeeds(statement, *values):
    try:
        db.run(statement, *values)
    except psycopg2.Error as error:
        if error.pgcode not in REFUSED:
            raise
        return False
    return True


def bound_of(key):
    """Returns a bound and its condition."""
    bound = dice.choice([*KEYS[key], *(["DEFAULT"] if not key.startswith("HASH") else [])])
    return (f"FOR VALUES {bound}", KEYS[key][bound]) if bound != "DEFAULT" else (bound, "true")


def create(key):
    """Returns the names of the stream tables, not all of which are partitions."""
    db.run(f"CREATE TABLE parent ({dice.choice(PARENTS)}) PARTITION BY {key}")
    names = [f"part_{i}" for i in range(dice.randint(1, 3))]
    for name in names:
        bound, condition = bound_of(key)
        text = f"SELECT id, kind, n FROM ({dice.choice(QUERIES)}) q WHERE {condition} OR id > 1000"
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', refresh_mode => %s)", name, text,
               dice.choice(["AUTO", "FULL", "DIFFERENTIAL"]))
        succeeds(f"ALTER TABLE parent ATTACH PARTITION {name} {bound}")
    return names


def write():
    kind = dice.choice(["'a'", "'b'", "'c'", "'z'", "NULL"])
    db.run(dice.choice([f"UPDATE item SET n = {dice.randint(-3, 25)} WHERE id % 7 = {dice.randint(0, 6)}",
                        f"UPDATE item SET kind = {kind} WHERE id % 11 = {dice.randint(0, 10)}", "UPDATE item SET n = n + 1",
                        f"UPDATE item i SET id = id + 1000 WHERE id = {dice.randint(1, 200)} "
                        "AND NOT EXISTS (SELECT FROM item o WHERE o.id = i.id + 1000)",
                        f"INSERT INTO item VALUES (nextval('ids'), {kind}, {dice.randint(-3, 25)})", "DELETE FROM item WHERE id > 1000",
                        f"DELETE FROM item WHERE id % 50 = {dice.randint(0, 49)}",
                        "INSERT INTO item SELECT i, chr(97 + i % 4), i % 20 FROM generate_series(1, 200) i "
                        "ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, n = excluded.n"]))


def act(key, names):
    name = dice.choice(names)
    if dice.random() < 0.75:
        write()
    elif dice.random() < 0.5:
        succeeds("SELECT pgtrickle.refresh_stream_table(%s)", name)
    elif dice.random() < 0.5:
        succeeds("SELECT pgtrickle.alter_stream_table(%s, query => %s)", name, dice.choice(QUERIES))
    else:
        succeeds(dice.choice([f"ALTER TABLE parent DETACH PARTITION {name}", f"ALTER TABLE parent ATTACH PARTITION {name} {bound_of(key)[0]}"]))


def compare(key):
    for condition in CONDITIONS:
        db.run("SET enable_partition_pruning = off; SET constraint_exclusion = off")
        try:
            whole = db.value(f"SELECT count(*) FROM (SELECT * FROM parent OFFSET 0) q WHERE {condition}")
        except psycopg2.errors.CheckViolation:
            continue
        db.run("RESET enable_partition_pruning; RESET constraint_exclusion")
        pruned = db.value(f"SELECT count(*) FROM parent WHERE {condition}")
        assert pruned == whole, f"PARTITION BY {key}, {condition}: {pruned} rows instead of {whole}"


def pruned_partitions_have_no_row_that_is_asked_for():
    db.run("CREATE TABLE item (id int PRIMARY KEY, kind text, n int)")
    db.run("INSERT INTO item SELECT i, chr(97 + i % 4), i % 20 FROM generate_series(1, 200) i")
    db.run("CREATE SEQUENCE ids START 2001")
    db.run("CREATE FUNCTION half(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 / 2; END'")
    end = time.monotonic() + DURATION_S
    while time.monotonic() < end:
        key = dice.choice(list(KEYS))
        names = create(key)
        for _ in range(8):
            act(key, names)
            db.run("SET pg_trickle.read_mode = exact")
            compare(key)
            db.run("RESET pg_trickle.read_mode")
        compare(key)
        db.run("DROP TABLE parent; DROP FOREIGN TABLE IF EXISTS " + ", ".join(names))
    db.drop()


run_cases([pruned_partitions_have_no_row_that_is_asked_for])
