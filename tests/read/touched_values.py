#!/usr/bin/python3 -B
"""Shows that an exact read misses no value that pending changes touch, where these are about as many as it looks for, or more, and NULL may
be among them."""

import itertools
import sys
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

MOST = 10000  # most_touched_values
ROWS = 400000
OF_EACH = 20  # rows of `fact` that join a row of `dim`, from 1 on; row 0 joins one value, and row -1 a NULL
COUNTS = [MOST - OF_EACH, MOST - OF_EACH + 1, MOST, MOST + 1, 2 * MOST]  # of values that are touched together

db = Database()


def set_up(key):
    """The query costs more than the search for values."""
    db.run("DROP TABLE IF EXISTS dim, fact CASCADE; CREATE TABLE dim (id int PRIMARY KEY, name text)")
    db.run(f"CREATE TABLE fact (k {key} UNIQUE, dim int); INSERT INTO dim SELECT i, 'old' FROM generate_series(-1, {ROWS // OF_EACH}) i")
    db.run(f"""INSERT INTO fact SELECT i, i / {OF_EACH} + 1 FROM generate_series(0, {ROWS - 1}) i;
        INSERT INTO fact VALUES (-1, 0), (NULL, -1)""")
    for statement in ("CREATE INDEX ON fact (dim, k)", "VACUUM ANALYZE fact", "ANALYZE dim"):
        db.run(statement)
    db.run("SELECT pgtrickle.create_stream_table('st', 'SELECT f.k, d.name FROM fact f JOIN dim d ON d.id = f.dim', '520w')")


def with_touched(count, nulls, key):
    """Touches the first values, and NULL if `nulls` is 1."""
    db.run("UPDATE dim SET name = 'old' WHERE name <> 'old'")
    db.run("SELECT pgtrickle.refresh_stream_table('st')")
    db.run(f"UPDATE dim SET name = 'new' WHERE id IN ({-nulls or 1}, {0 if count % OF_EACH else 1}) OR id BETWEEN 1 AND {count // OF_EACH}")
    case = f"{count} values of {key}, {nulls} NULLs"
    with closing(db.connect()) as session:
        cursor = session.cursor()

        def rows_of(query):
            cursor.execute(query)
            return cursor.fetchall()

        cursor.execute("SET pg_trickle.read_mode = exact; SET plan_cache_mode = force_custom_plan")
        [[found]] = rows_of("SELECT count(*) FROM st WHERE name = 'new'")
        assert found == count + nulls, f"{case}: {found} rows"
        # in a session that knows what the first look-up has found
        names = {rows_of(f"SELECT name FROM st WHERE k = '{i}'")[0][0] for i in range(0, count - 1, count // 10)}
        assert names == {"new"}, f"{case}: {names}"
        plan = str(rows_of("EXPLAIN (ANALYZE) SELECT count(*) FROM st"))
        assert "for touched values" in plan or count + nulls > MOST, f"{case}: {plan[:2000]}"


def with_key(key):
    set_up(key)
    for count, nulls in itertools.product(COUNTS, (0, 1)):
        with_touched(count, nulls, key)


def values_of_a_number():
    with_key("int")


def values_of_a_text():
    with_key("text")


try:
    run_cases([values_of_a_number, values_of_a_text])
finally:
    db.drop()
