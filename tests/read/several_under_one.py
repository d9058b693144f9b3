#!/usr/bin/python3 -B
"""PostgreSQL evaluates some expressions without a statement of their own: those of PL/pgSQL and of CHECK, USING, indexes and
statistics, constants that it folds, arguments of EXECUTE and CALL. The functions that they call run several statements
under one snapshot, and the first one may refresh a stream table in the transaction. Each of them, and the statement that gets
the arguments, reads the rows of the query, and never those from before the refresh."""

import itertools
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

QUERY = "SELECT k, sum(v) AS s, count(*) AS n FROM public.source GROUP BY k"
MODES = ("AUTO", "IMMEDIATE")
SETTINGS = ("max_staleness = 0", "consistent_reads = on", "read_mode = exact", "max_staleness = -1")  # by its schedule, 0s
DIFFERENT = "P9999"
FORMS = """
DO $x$ DECLARE n int; BEGIN n := {f}(1) + {f}(2); END $x$
DO $x$ BEGIN IF {f}(1) < {f}(2) THEN UPDATE source SET v = v + 1 WHERE id = 5; PERFORM {f}(3); END IF; END $x$
PREPARE given (int) AS SELECT $1, other(k) FROM kept WHERE k = 1;EXECUTE given ({f}(1));EXECUTE given ({f}(2))
CALL noted({f}(1), {f}(2), other(3))
VALUES ({f}(1)), ({f}(2))
SELECT {f}(1), {f}(n) FROM item
ALTER TABLE item ADD CONSTRAINT valid CHECK ({f}(n) = n)
ALTER TABLE item ADD CONSTRAINT valid CHECK ({f}(n) = n) NOT VALID;UPDATE source SET v = v + 1 WHERE id = 4;ALTER TABLE item VALIDATE CONSTRAINT valid
ALTER TABLE item ALTER n TYPE bigint USING {f}(n)
ALTER TABLE item ADD other int DEFAULT {f}(3)
ALTER TABLE item ADD other int GENERATED ALWAYS AS ({f}(n)) STORED
ALTER DOMAIN number ADD CHECK ({f}(VALUE) = VALUE)
CREATE INDEX ON item ({f}(n))
CREATE INDEX ON item (n) WHERE {f}(n) < 3
CREATE INDEX by_call ON item ({f}(n));UPDATE source SET v = v + 1 WHERE id = 4;CLUSTER item USING by_call;REINDEX TABLE item;ANALYZE item
CREATE STATISTICS by_call ON ({f}(n)), n FROM item;ANALYZE item
CREATE TABLE part PARTITION OF parts FOR VALUES IN ({f}(1), {f}(2))
COPY item FROM PROGRAM 'seq 7 8' WHERE {f}(n) > 0
""".strip().split("\n")

db = Database()


def set_up():
    db.run("""CREATE TABLE source (id int PRIMARY KEY, k int, v int); INSERT INTO source SELECT i, i % 5, i FROM generate_series(1, 20) i;
              CREATE TABLE item (n int); INSERT INTO item VALUES (1), (2), (3); CREATE TABLE parts (n int) PARTITION BY LIST (n);
              CREATE DOMAIN number AS int; CREATE TABLE numbers (n number); INSERT INTO numbers SELECT n FROM item;
              CREATE PROCEDURE noted(int, int, int) LANGUAGE plpgsql AS 'BEGIN END'""")
    # With a schema: since 17, CREATE INDEX and its like have a search_path of their own.
    differences = f"SELECT * FROM ({QUERY}) q EXCEPT ALL SELECT * FROM public.kept"
    for name, volatility in (("other", "STABLE"), ("of_volatile", "VOLATILE"), ("of_stable", "STABLE"), ("of_immutable", "IMMUTABLE")):
        db.run(f"""CREATE FUNCTION {name}(n int) RETURNS int LANGUAGE plpgsql {volatility} AS $$ BEGIN
                   IF EXISTS ({differences}) THEN RAISE EXCEPTION 'rows are missing' USING ERRCODE = '{DIFFERENT}'; END IF; RETURN n; END $$""")


def wrong_forms(volatility, setting, is_changed_before):
    """Returns the forms in which a function has found another state than that of the query."""
    wrong = []
    for form in FORMS:
        db.run("UPDATE source SET v = v + 1 WHERE id = 2")
        db.run(f"BEGIN; SET LOCAL pg_trickle.{setting}")
        try:
            if is_changed_before:
                db.run("UPDATE source SET v = v + 1 WHERE id = 3")
            for statement in form.split(";") if "$x$" not in form else [form]:
                db.run(statement.replace("{f}", "of_" + volatility))
        except psycopg2.Error as error:
            if error.pgcode == DIFFERENT:
                wrong.append((form, volatility, setting))
            elif error.pgcode not in ("42P17", "0A000"):  # a function that is not immutable
                raise
        finally:
            db.run("ROLLBACK; DEALLOCATE ALL")
    return wrong


def each_statement_reads_the_query():
    set_up()
    for mode in MODES:
        db.run("SELECT pgtrickle.create_stream_table('kept', %s, '0s', %s)", QUERY, mode)
        ways = itertools.product(("volatile", "stable", "immutable"), SETTINGS, (True, False))
        wrong = [found for way in ways for found in wrong_forms(*way)]
        assert not wrong, (mode, len(wrong), wrong)
        db.run("DROP FOREIGN TABLE kept")


try:
    run_cases([each_statement_reads_the_query])
finally:
    db.drop()
