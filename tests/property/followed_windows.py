#!/usr/bin/python3 -B
"""Shows that windows which follow their delta equal PostgreSQL's own answer.

Random windows over two tables, one without a key, of which partitions, positions and values are few, so that ranges
of changes meet each other, ties and the ends of partitions. After each round of random changes every stream table is
refreshed and compared with its query, as multisets of texts. A function that depends on the order of ties gets an
order without ties, or with ties of copies of a row only.

Runs for DURATION_S seconds, in databases of twenty queries."""
import os
import sys
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from database import Database  # noqa: E402
from seeds import SEED, dice  # noqa: E402

IN_DATABASE, ROUNDS = 20, 12
READ_OF_COPIES = ["k", "l", "p", "v", "m"]  # all columns that a query over copies may read, and then orders by
TABLES = """
CREATE TYPE pair AS (a int, b int);
CREATE TABLE keyed (id int PRIMARY KEY, k int, l int NOT NULL, p int, q int NOT NULL, d date, v int, m numeric(8,2), x numeric, r pair);
CREATE TABLE loose (k int, l int NOT NULL, p int, q int NOT NULL, d date, v int, m numeric(8,2), x numeric, r pair);
CREATE INDEX ON keyed (k);
CREATE INDEX ON loose (k);
"""


class Case:
    """Random choices of one database."""

    def __init__(self, number):
        self.dice, self.key = dice(number), 0

    def chance(self, percent):
        return self.dice.randrange(100) < percent

    def pick(self, choices):
        return self.dice.choice(choices)

    def order(self, table, is_total):
        first = self.pick(["p", "q", "q", "d"])
        terms = [first] + (["v"] if self.chance(30) else [])
        if is_total:
            terms += ["id"] if table == "keyed" else [column for column in READ_OF_COPIES if column not in terms]
        return ", ".join(term + self.pick(["", "", " DESC", " NULLS FIRST", " DESC NULLS LAST"]) for term in terms)

    def frame(self):
        start = self.pick([-3, -2, -1, 0, 1])
        end = start + self.pick([0, 1, 2, 4])
        bound = lambda n: "CURRENT ROW" if n == 0 else "%d %s" % (abs(n), "PRECEDING" if n < 0 else "FOLLOWING")
        return " ROWS BETWEEN %s AND %s%s" % (bound(start), bound(end), self.pick(["", "", "", " EXCLUDE CURRENT ROW", " EXCLUDE TIES"]))

    def call(self, table, is_total):
        """Returns a function and its frame."""
        is_of_copies = is_total and table == "loose"
        column = self.pick(["v", "m"] if is_of_copies else ["v", "m", "x"])
        condition = self.pick(["", "", " FILTER (WHERE v > 1)"])
        running = [("rank()", ""), ("dense_rank()", ""), ("count(*)" + condition, ""), ("count(%s)" % self.pick([column, "r"]) + condition, ""),
                   ("sum(%s)" % column + condition, ""), ("sum(v)", " GROUPS UNBOUNDED PRECEDING"),
                   ("sum(m)", " RANGE BETWEEN CURRENT ROW AND CURRENT ROW"), ("min(v)", ""), ("avg(m)", "")]
        total = [("row_number()", ""), ("lag(%s)" % column, ""), ("lead(%s, %d)" % (column, self.pick([1, 2, 5])), ""),
                 ("lag(v, 2, -1)", ""), ("sum(%s)" % column, " ROWS UNBOUNDED PRECEDING"), ("count(v)", " ROWS UNBOUNDED PRECEDING"),
                 ("last_value(v)", ""), ("first_value(v)", ""), ("lag(r)", ""), ("count(r)", " ROWS UNBOUNDED PRECEDING")]
        total += [(function, self.frame()) for function in ("sum(%s)" % column, "count(v)", "avg(v)", "max(m)", "last_value(x)", "nth_value(v, 2)")]
        calls = running + total + total if is_total else running
        return self.pick([call for call in calls if not (is_of_copies and ("(x)" in call[0] or "(r)" in call[0]))])

    def query(self):
        table = self.pick(["keyed", "keyed", "loose"])
        is_total = self.chance(75)
        is_of_copies = is_total and table == "loose"
        partitions = ["", "PARTITION BY k", "PARTITION BY k", "PARTITION BY k, l", "PARTITION BY l", "PARTITION BY r"]
        partition = self.pick(partitions[:-1] if is_of_copies else partitions)
        order = self.order(table, is_total)
        outputs = [column for column in (READ_OF_COPIES if is_of_copies else ("k", "l", "p", "v", "r")) if self.chance(40)]
        outputs += ["id"] if table == "keyed" and self.chance(70) else []
        for _ in range(self.pick([1, 1, 2, 3])):
            function, frame = self.call(table, is_total)
            outputs.append("%s OVER (%s ORDER BY %s%s)" % (function, partition, order, frame))
            if self.chance(10):
                outputs[-1] = "(%s) IS NULL OR v > 2" % outputs[-1]
        return "SELECT %s FROM %s" % (", ".join("%s AS o%d" % pair for pair in zip(outputs, range(99))), table)

    def row(self):
        value = lambda text, percent=8: "NULL" if self.chance(percent) else str(text)
        n = self.dice.randrange
        return [value(n(4), 4), str(n(2)), value(n(30), self.nulls), str(n(40)), value("'2024-01-%02d'" % (1 + n(20)), self.nulls),
                value(n(5)), value(n(400) / 100), value(self.pick(["1", "1.0", "2.50", "0.125", "3", "-1"])), value(self.pick(["'(1,1)'", "'(1,)'", "'(,)'"]))]

    def change(self):
        form, table = self.pick(["insert"] * 4 + ["value", "value", "place", "partition", "delete", "delete", "vanish"]), self.pick(["keyed", "loose"])
        where = ("id = (SELECT id FROM keyed ORDER BY md5(id::text || '%d') LIMIT 1)" if table == "keyed" else
                 "ctid = (SELECT ctid FROM loose ORDER BY md5(ctid::text || '%d') LIMIT 1)") % self.dice.randrange(1000)
        if form == "insert":
            self.key += 1
            if table == "loose" and self.chance(30):
                return "INSERT INTO loose SELECT %s FROM generate_series(1, %d)" % (", ".join(self.row()), self.pick([2, 8, 40]))
            return "INSERT INTO %s VALUES (%s)" % (table, ", ".join(([str(self.key)] if table == "keyed" else []) + self.row()))
        if form == "delete":
            return "DELETE FROM %s WHERE %s" % (table, where)
        if form == "vanish":
            return "DELETE FROM %s WHERE k = %d AND l = %d" % (table, self.dice.randrange(4), self.dice.randrange(2))
        new = self.row()
        columns = {"value": (5, 6, 7, 8), "place": (2, 3, 4), "partition": (0, 1)}[form]
        names = "k l p q d v m x r".split()
        return "UPDATE %s SET %s WHERE %s" % (table, ", ".join("%s = %s" % (names[i], new[i]) for i in columns), where)

    def statements(self):
        self.nulls = self.pick([0, 0, 0, 3])
        rows = [self.change() for _ in range(self.pick([1, 1, 2, 5, 20]))]
        return "; ".join(["BEGIN"] + rows + ["COMMIT"])


def wrong_rows(database, name, query):
    return database.value("""SELECT count(*) FROM ((SELECT a::text FROM (%s) a EXCEPT ALL SELECT b::text FROM %s b)
        UNION ALL (SELECT b::text FROM %s b EXCEPT ALL SELECT a::text FROM (%s) a)) d""" % (query, name, name, query))


def play(number):
    """Returns the failures of one database, as texts."""
    case, database, failures = Case(number), Database(), []
    try:
        database.run(TABLES)
        case.nulls = 0
        for _ in range(80):
            table = case.pick(["keyed", "loose"])
            case.key += 1
            database.run("INSERT INTO %s VALUES (%s)" % (table, ", ".join(([str(case.key)] if table == "keyed" else []) + case.row())))
        queries = {"s%d" % i: case.query() for i in range(IN_DATABASE)}
        for name, query in queries.items():
            database.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", name, query)
        for round_number in range(ROUNDS):
            statements = case.statements()
            database.run(statements)
            for name, query in list(queries.items()):
                database.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
                wrong = wrong_rows(database, name, query)
                if wrong:
                    failures.append("seed %d, database %d, round %d: %d wrong rows of %s\n  after %s" % (
                        SEED, number, round_number, wrong, query, statements))
                    del queries[name]
        for name in queries:
            if database.value("SELECT count(*) FROM pgtrickle.get_refresh_history(%s, 1000) WHERE action = 'REINITIALIZE'", name):
                failures.append("seed %d, database %d: a refresh of %s missed a stored row" % (SEED, number, name))
        return failures
    finally:
        database.drop()


def main():
    deadline = time.monotonic() + float(os.environ.get("DURATION_S", 15))
    tried, failures = 0, []
    while time.monotonic() < deadline and len(failures) < 5:
        failures += play(tried // IN_DATABASE)
        tried += IN_DATABASE
    for failure in failures:
        print(failure)
    print("%s windows_follow_their_delta (%d queries)" % ("not ok" if failures else "ok", tried))
    sys.exit(bool(failures))


main()
