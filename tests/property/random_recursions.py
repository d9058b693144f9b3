#!/usr/bin/python3 -B
"""Shows that recursive queries over random graphs equal PostgreSQL's own answer.

Closures, reachability with a limit of depth, numbers of paths and shortest paths, over graphs with cycles,
loops and parallel edges; some have partitions. Each transaction inserts, deletes and updates a few rows of several tables; then
every stream table is refreshed and compared with its query. A failing case prints its seed and the
transactions since the stream tables were filled.

GRAPHS is the number of graphs to try, the first of which has the seed SEED; without it DURATION_S limits the
time.
"""
import os
import random
import sys
import time

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.dirname(sys.path[0]))
import server  # noqa: E402
from seeds import SEED  # noqa: E402

TRANSACTIONS = 40

TABLES = """
CREATE TABLE edge (src int, dst int, cost int);
CREATE TABLE dag (src int, dst int, CHECK (src < dst));
CREATE TABLE start (node int);
CREATE TABLE closed (node int PRIMARY KEY);
CREATE TABLE tree (id int PRIMARY KEY, parent int, name text);
"""

REACH = "reach(node) AS (SELECT node FROM start UNION SELECT e.dst FROM edge e JOIN reach r ON e.src = r.node)"

QUERIES = {
    "closure": "WITH RECURSIVE t(a, b) AS (SELECT src, dst FROM edge UNION SELECT t.a, e.dst FROM t JOIN edge e ON e.src = t.b) TABLE t",
    "closure_from_the_left": "WITH RECURSIVE t(a, b) AS (SELECT src, dst FROM edge UNION SELECT e.src, t.b FROM edge e, t WHERE e.dst = t.a AND e.src IS DISTINCT FROM t.b) TABLE t",
    "reached": "WITH RECURSIVE %s TABLE reach" % REACH,
    "not_reached": "WITH RECURSIVE %s SELECT DISTINCT src FROM edge WHERE src NOT IN (SELECT node FROM reach WHERE node IS NOT NULL)" % REACH,
    "reached_twice": "WITH RECURSIVE %s SELECT x.node AS x, y.node AS y FROM reach x JOIN reach y ON y.node = x.node + 1" % REACH,
    "reached_count": "WITH RECURSIVE %s SELECT node %% 2 AS rest, count(*), max(node) FROM reach GROUP BY 1" % REACH,
    "reached_last": "WITH RECURSIVE %s SELECT node FROM reach ORDER BY node DESC LIMIT 2" % REACH,
    "open": "WITH RECURSIVE t(node) AS (SELECT node FROM start UNION SELECT e.dst FROM edge e JOIN t ON e.src = t.node WHERE NOT EXISTS (SELECT FROM closed c WHERE c.node = e.dst)) TABLE t",
    "rising": "WITH RECURSIVE t(node) AS (SELECT node FROM start UNION SELECT e.dst FROM edge e JOIN t ON e.src = t.node WHERE EXISTS (SELECT FROM closed c WHERE c.node > t.node) OR e.dst > t.node) TABLE t",
    "not_closed": "WITH RECURSIVE t(node) AS (SELECT node FROM start UNION SELECT e.dst FROM edge e JOIN t ON e.src = t.node WHERE t.node NOT IN (SELECT c.node FROM closed c)) TABLE t",
    "ways_not_closed": "WITH RECURSIVE t(node, depth) AS (SELECT node, 0 FROM start UNION ALL SELECT e.dst, t.depth + 1 FROM edge e JOIN t ON e.src = t.node WHERE t.depth < 3 AND NOT EXISTS (SELECT FROM closed c WHERE c.node = t.node + e.cost)) TABLE t",
    "depth": "WITH RECURSIVE t(node, depth) AS (SELECT node, 0 FROM start UNION SELECT e.dst, t.depth + 1 FROM edge e JOIN t ON e.src = t.node WHERE t.depth < 4) TABLE t",
    "least_depth": "WITH RECURSIVE t(node, depth) AS (SELECT node, 0 FROM start UNION SELECT e.dst, t.depth + 1 FROM edge e JOIN t ON e.src = t.node WHERE t.depth < 4) SELECT node, min(depth) AS depth FROM t GROUP BY 1",
    "ways": "WITH RECURSIVE t(node, depth) AS (SELECT node, 0 FROM start UNION ALL SELECT e.dst, t.depth + 1 FROM edge e JOIN t ON e.src = t.node WHERE t.depth < 3) TABLE t",
    "way_counts": "WITH RECURSIVE t(node, depth, cost) AS (SELECT node, 0, 0 FROM start UNION ALL SELECT e.dst, t.depth + 1, t.cost + e.cost FROM edge e JOIN t ON e.src = t.node WHERE t.depth < 3) SELECT node, count(*) AS ways, min(cost) AS least FROM t GROUP BY node",
    "dag_ways": "WITH RECURSIVE t(a, b) AS (SELECT src, dst FROM dag UNION ALL SELECT t.a, d.dst FROM t JOIN dag d ON d.src = t.b) SELECT a, b, count(*) FROM t GROUP BY 1, 2",
    "dag_closure": "WITH RECURSIVE t(a, b) AS (SELECT src, dst FROM dag UNION SELECT t.a, d.dst FROM t JOIN dag d ON d.src = t.b) TABLE t",
    "paths": "WITH RECURSIVE t(node, path) AS (SELECT node, ARRAY[node] FROM start UNION ALL SELECT e.dst, t.path || e.dst FROM edge e JOIN t ON e.src = t.node WHERE cardinality(t.path) < 4 AND e.dst <> ALL (t.path)) TABLE t",
    "left_joined": "WITH RECURSIVE t(node, depth) AS (SELECT node, 0 FROM start UNION SELECT d.dst, t.depth + 1 FROM t LEFT JOIN dag d ON d.src = t.node WHERE t.depth < 3) TABLE t",
    "names": "WITH RECURSIVE t(id, path) AS (SELECT id, name FROM tree WHERE parent IS NULL UNION ALL SELECT c.id, t.path || '/' || c.name FROM tree c JOIN t ON c.parent = t.id) TABLE t",
    "below": "WITH RECURSIVE t(id, top) AS (SELECT id, id FROM tree UNION ALL SELECT c.id, t.top FROM tree c JOIN t ON c.parent = t.id) SELECT top, count(*) FROM t GROUP BY 1",
    "two_bases": "WITH RECURSIVE t(node) AS ((SELECT node FROM start UNION ALL SELECT id FROM tree WHERE parent IS NULL) UNION SELECT e.dst FROM edge e JOIN t ON e.src = t.node) TABLE t",
    "of_a_stream_table": "WITH RECURSIVE t(a, b) AS (SELECT a, b FROM dag_closure WHERE a < 3 UNION SELECT t.a, e.dst FROM t JOIN edge e ON e.src = t.b) TABLE t",
    "of_groups": "WITH RECURSIVE g AS (SELECT src, max(dst) AS dst FROM edge GROUP BY src), t(node) AS (SELECT node FROM start UNION SELECT g.dst FROM g JOIN t ON g.src = t.node) TABLE t",
    "of_differences": "WITH RECURSIVE d AS (SELECT src, dst FROM edge EXCEPT ALL SELECT src, dst FROM dag), t(node) AS (SELECT node FROM start UNION SELECT d.dst FROM d JOIN t ON d.src = t.node) TABLE t",
    "of_recursions": "WITH RECURSIVE %s, t(a, b) AS (SELECT e.src, e.dst FROM edge e JOIN reach r ON r.node = e.src UNION SELECT t.a, d.dst FROM t JOIN dag d ON d.src = t.b) TABLE t" % REACH,
}


class Graph:
    """Random statements; few nodes, so that paths meet and close."""

    def __init__(self, rng):
        self.rng = rng
        self.partitions = random.Random(rng.random())
        self.nodes = rng.choice([4, 6, 9])

    def node(self):
        return "NULL" if self.rng.random() < 0.03 else str(self.rng.randrange(self.nodes))

    def some(self, table):
        return "ctid IN (SELECT ctid FROM %s ORDER BY md5(ctid::text || '%d') LIMIT %d)" % (
            table, self.rng.randrange(1000), self.rng.choice([1, 1, 2, 5]))

    def insert(self, table):
        rng = self.rng
        if table == "edge":
            return "INSERT INTO edge VALUES (%s, %s, %d)" % (self.node(), self.node(), rng.randrange(4))
        if table == "dag":
            first, last = sorted(rng.sample(range(self.nodes), 2))
            return "INSERT INTO dag VALUES (%d, %d)" % (first, last)
        if table == "start":
            return "INSERT INTO start VALUES (%s)" % self.node()
        if table == "closed":
            return "INSERT INTO closed VALUES (%d) ON CONFLICT DO NOTHING" % rng.randrange(self.nodes)
        return "INSERT INTO tree SELECT n, %s, 'n' || n FROM (SELECT coalesce(max(id), 0) + 1 AS n FROM tree) m" % rng.choice(
            ["NULL", "(SELECT min(id) FROM tree)", "(SELECT max(id) FROM tree)"])

    def update(self, table):
        rng = self.rng
        if table == "edge":
            return "UPDATE edge SET %s WHERE %s" % (rng.choice(
                ["src = %s" % self.node(), "dst = %s" % self.node(), "src = dst, dst = src", "cost = cost + 1"]), self.some(table))
        if table == "dag":
            return "UPDATE dag SET src = src - 1 WHERE src > 0 AND " + self.some(table)
        if table == "start":
            return "UPDATE start SET node = %s WHERE %s" % (self.node(), self.some(table))
        if table == "closed":
            return "UPDATE closed SET node = node + %d WHERE node = (SELECT max(node) FROM closed)" % rng.randrange(1, 3)
        # A row is below a smaller one only: the tree stays a tree.
        return "UPDATE tree SET parent = %s WHERE %s" % (rng.choice(
            ["NULL", "(SELECT max(id) FROM tree t WHERE t.id < tree.id)"]), self.some(table))

    def statement(self):
        table = self.rng.choice(["edge", "edge", "edge", "dag", "start", "closed", "tree"])
        kind = self.rng.random()
        if kind < 0.45:
            return self.insert(table)
        return "DELETE FROM %s WHERE %s" % (table, self.some(table)) if kind < 0.75 else self.update(table)

    def transaction(self):
        return [self.statement() for _ in range(self.rng.choice([1, 1, 2, 3, 6]))]


def comparison(name):
    return ("SELECT count(*) FROM ((TABLE {0} EXCEPT ALL ({1})) UNION ALL (({1}) EXCEPT ALL TABLE {0})) d").format(name, QUERIES[name])


def refresh(database, name):
    database.run("SELECT pgtrickle.refresh_stream_table('%s')" % name)
    wrong = database.fetch(comparison(name))[0][0]
    warnings = database.warnings()
    return "%d rows differ" % wrong if wrong else "\n".join(warnings)


def play(database, seed):
    """Returns the failures of one graph: (stream table, description)."""
    graph = Graph(random.Random(seed))
    database.renew_schema()
    database.run(TABLES)
    for _ in range(graph.rng.choice([0, 8, 20])):
        database.run(graph.statement())
    for name, query in QUERIES.items():
        database.run("SELECT pgtrickle.create_stream_table('%s', $query$%s$query$, '520w', 'DIFFERENTIAL')" % (name, query))
        if graph.partitions.random() < 0.3:
            database.run("SELECT pgtrickle.alter_stream_table('%s', partition_by => (SELECT format('HASH (%%I, 3)', attname) FROM pg_attribute "
                         "WHERE attrelid = '%s'::regclass AND attnum = 1))" % (name, name))
    history, wrong = [], []
    names = list(QUERIES)
    for _ in range(TRANSACTIONS):
        statements = graph.transaction()
        history.append("BEGIN; %s; COMMIT;" % "; ".join(statements))
        database.run("; ".join(statements))
        for name in list(names):
            try:
                found = refresh(database, name)
            except psycopg2.Error as error:
                found = str(error)
                if database.connection.closed:
                    return wrong + [(name, "seed %d: %s\n%s" % (seed, found, "\n".join(history)))]
            if found:
                names.remove(name)
                wrong.append((name, "seed %d: %s\n%s\n%s" % (seed, found, QUERIES[name], "\n".join(history))))
    return wrong


def main():
    end_at = time.monotonic() + float(os.environ.get("DURATION_S", 15))
    seed, most = SEED, int(os.environ.get("GRAPHS", 0))
    database = server.Database("property_recursion")
    database.renew()
    graphs, failures = 0, []
    print("first seed %d" % seed)
    while not failures and (graphs < most if most else not graphs or time.monotonic() < end_at):
        failures += play(database, seed)
        graphs, seed = graphs + 1, seed + 1
    for name, what in failures[:3]:
        print("not ok %s differs from its query\n%s" % (name, what))
    if not failures:
        print("ok each of %d recursive stream tables equals its query after each of %d transactions on %d graphs" % (
            len(QUERIES), TRANSACTIONS, graphs))
    database.drop()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
