#!/usr/bin/python3 -B
"""Shows syntax that PostgreSQL 16 to 18 accept and 15 does not, in defining queries and on sources. A case
whose syntax the server does not support is skipped, with a message."""

import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
VERSION = db.session.server_version // 10000
# The manager must not refresh in between.
db.run("SET pg_trickle.enabled = off")
db.run("SET TimeZone = 'Asia/Tokyo'")
cases = []


def since(version):
    """The case is run on servers of this version and later."""

    def register(case):
        def skipped():
            print(f"# skip {case.__name__}: needs PostgreSQL {version}")

        skipped.__name__ = case.__name__ + "_is_skipped"
        cases.append(case if version <= VERSION else skipped)
        return case

    return register


def rows(query):
    return sorted(map(repr, db.run(query)))


class Kept:
    """A stream table over a query."""

    number = 0

    def __init__(self, query, mode="DIFFERENTIAL"):
        Kept.number += 1
        self.name, self.query = f"kept_{Kept.number}", query
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1h', %s)", self.name, query, mode)
        self.check("at first")

    def check(self, when):
        found, wanted = rows(f"SELECT * FROM {self.name}"), rows(self.query)
        assert found == wanted, f"{when}, {self.query}: {found} instead of {wanted}"

    def follow(self, *changes):
        for change in changes:
            db.run(change)
            db.run("SELECT pgtrickle.refresh_stream_table(%s)", self.name)
            self.check("after " + change)


def maintained_by_delta(queries, changes):
    """Checks that each is maintained by deltas, and equals its query after each of the changes, also if the
    session has other settings."""
    kept = [Kept(query) for query in queries]
    for change in changes:
        db.run(change)
        for one in kept:
            one.follow("SELECT")
    for one in kept:
        db.run(f"SELECT pgtrickle.drop_stream_table('{one.name}')")


def kept_in_full(queries, changes):
    """Checks that each is refused by deltas, with a reason, and equals its query by full refreshes."""
    for query in queries:
        try:
            db.run("SELECT pgtrickle.create_stream_table('refused', %s, '1h', 'DIFFERENTIAL')", query)
            raise AssertionError(f"{query} is kept by deltas")
        except psycopg2.errors.FeatureNotSupported:
            pass
    kept = [Kept(query, "FULL") for query in queries]
    for change in changes:
        db.run(change)
        for one in kept:
            one.follow("SELECT")


def table(name, columns, *values):
    db.run(f"DROP TABLE IF EXISTS {name} CASCADE")
    db.run(f"CREATE TABLE {name} ({columns})")
    for row in values:
        db.run(f"INSERT INTO {name} VALUES {row}")


CHANGES = ["INSERT INTO doc VALUES (4, 'a', '{\"a\": 9, \"b\": [5, 6]}', '2024-05-06 07:08:09+00')",
           "UPDATE doc SET j = '{\"a\": 0, \"b\": []}' WHERE id = 1", "DELETE FROM doc WHERE id = 2"]


def documents():
    table("doc", "id int PRIMARY KEY, g text, j jsonb, at timestamptz",
          "(1, 'a', '{\"a\": 1, \"b\": [1, 2]}', '2024-01-02 03:04:05+00')", "(2, 'a', '{\"a\": 2, \"b\": [3]}', NULL)",
          "(3, 'b', NULL, '2024-03-04 05:06:07+00')")


@since(16)
def json_constructors():
    documents()
    maintained_by_delta(["SELECT id, JSON_OBJECT('id': id, 'g': g ABSENT ON NULL RETURNING jsonb) AS o FROM doc",
                    "SELECT id, JSON_ARRAY(id, g, NULL NULL ON NULL RETURNING jsonb) AS o FROM doc",
                    "SELECT id, JSON_ARRAY(id, at RETURNING text) AS o FROM doc",
                    "SELECT id, g IS JSON AS a, j::text IS JSON OBJECT WITH UNIQUE KEYS AS o FROM doc"], CHANGES)


@since(16)
def json_aggregates():
    documents()
    maintained_by_delta(["SELECT g, JSON_ARRAYAGG(id ORDER BY id RETURNING jsonb) AS a FROM doc GROUP BY g",
                    "SELECT g, JSON_ARRAYAGG(at ORDER BY id NULL ON NULL) ::text AS a FROM doc GROUP BY g",
                    "SELECT g, JSON_OBJECTAGG(id: j ABSENT ON NULL RETURNING jsonb) AS a FROM doc GROUP BY g",
                    "SELECT g, JSON_OBJECTAGG(id: g WITH UNIQUE KEYS) ::jsonb AS a FROM doc GROUP BY g HAVING count(*) > 1",
                    "SELECT id, JSON_ARRAYAGG(id) OVER (PARTITION BY g ORDER BY id) ::text AS a FROM doc"], CHANGES)


@since(16)
def a_constructor_prints_with_the_settings_of_its_definition():
    documents()
    kept = Kept("SELECT id, JSON_OBJECT('at': at) ::text AS o FROM doc")
    db.run("SET TimeZone = 'America/New_York'")
    db.run("UPDATE doc SET at = at + '1 day' WHERE id = 1")
    db.run("SELECT pgtrickle.refresh_stream_table(%s)", kept.name)
    db.run("SET TimeZone = 'Asia/Tokyo'")
    kept.check("in another time zone")


@since(16)
def any_value():
    table("v", "g int, x int", "(1, 5), (1, 5), (2, NULL), (2, 7)")
    maintained_by_delta(["SELECT g, ANY_VALUE(x) AS x, count(*) AS n FROM v GROUP BY g"],
                   ["INSERT INTO v VALUES (3, 8), (2, 7)", "DELETE FROM v WHERE g = 1", "UPDATE v SET x = 1 WHERE g = 3"])


@since(17)
def json_functions():
    documents()
    maintained_by_delta(["SELECT id, JSON_SCALAR(id) ::text AS s, JSON_SERIALIZE(JSON_OBJECT('a': g)) AS t FROM doc",
                    "SELECT id, JSON('[' || id || ']') ::text AS s FROM doc",
                    "SELECT id, JSON_VALUE(j, '$.a' RETURNING int DEFAULT -1 ON EMPTY) AS a FROM doc",
                    "SELECT id, JSON_QUERY(j, '$.b[*]' WITH WRAPPER) AS a, JSON_EXISTS(j, '$.b[*] ? (@ > $x)' PASSING id AS x) AS e "
                    "FROM doc",
                    "SELECT id, JSON_VALUE(j, '$.a') AS a, JSON_VALUE(j, '$.a' RETURNING numeric) AS b FROM doc",
                    "SELECT JSON_VALUE(j, 'strict $.a' RETURNING int NULL ON ERROR) AS a, count(*) AS n FROM doc GROUP BY 1"], CHANGES)


@since(17)
def json_table():
    documents()
    maintained_by_delta(["SELECT d.id, t.n, t.b FROM doc d, JSON_TABLE(d.j, '$.b[*]' COLUMNS (n FOR ORDINALITY, b int PATH '$')) t",
                    "SELECT d.g, sum(t.b) AS s FROM doc d, JSON_TABLE(d.j, '$' COLUMNS (a int PATH '$.a', NESTED PATH '$.b[*]' "
                    "COLUMNS (b int PATH '$'))) t GROUP BY d.g",
                    "SELECT d.id, t.b FROM doc d LEFT JOIN LATERAL JSON_TABLE(d.j, '$.b[*] ? (@ > $x)' PASSING d.id AS x "
                    "COLUMNS (b text PATH '$' DEFAULT 'none' ON EMPTY, e boolean EXISTS PATH '$.c')) t ON true"], CHANGES)


@since(17)
def a_path_compares_times_in_the_time_zone_of_its_definition():
    documents()
    kept = Kept("SELECT id, JSON_EXISTS(JSON_OBJECT('at': at RETURNING jsonb), "
                "'$.at.datetime() ? (@ < \"2024-01-02T12:00:00\".datetime())') AS e FROM doc", "FULL")
    db.run("SET TimeZone = 'America/New_York'")
    db.run("INSERT INTO doc VALUES (9, 'z', NULL, '2024-01-02 03:30:00+00')")
    db.run("SELECT pgtrickle.refresh_stream_table(%s)", kept.name)
    db.run("SET TimeZone = 'Asia/Tokyo'")
    kept.check("in another time zone")


@since(17)
def a_path_that_compares_by_the_offset_of_the_day_is_kept_by_full_refreshes():
    documents()
    path = '$.time() ? (@ < "12:00:00+02".time_tz())'
    rows_of = "SELECT d.id, t.n FROM doc d, JSON_TABLE(d.j, '%s' COLUMNS (n FOR ORDINALITY%s)) t"
    kept_in_full([f"SELECT id, JSON_EXISTS(j, '{path}') AS e FROM doc", f"SELECT id, JSON_VALUE(j, '{path}') AS e FROM doc",
                  "SELECT id, JSON_QUERY(j, '$.datetime() ? (@ > $x)' PASSING at AS x) AS e FROM doc",
                  "SELECT id, JSON_VALUE(j, ('$.' || g)::jsonpath) AS e FROM doc", rows_of % (path, ""),
                  rows_of % ("$", f", NESTED PATH '$.a' COLUMNS (a int PATH '$'), NESTED PATH '{path}' COLUMNS (b int PATH '$')"),
                  rows_of % ("$", f", b text PATH '{path}'")], CHANGES)
    documents()
    maintained_by_delta(["SELECT id, JSON_EXISTS(j, '$.at ? (@.datetime(\"YYYY-MM-DD\") < $.b.datetime(\"YYYY-MM-DD\"))') AS e FROM doc",
                         "SELECT id, JSON_EXISTS(j, '$.at.date() ? (@ < $x)' PASSING at AS x) AS e, JSON_VALUE(j, '$.at.time()') AS t FROM doc"], CHANGES)


@since(17)
def merge_with_returning_and_by_source():
    table("m", "id int PRIMARY KEY, x int", "(1, 1), (2, 2), (3, 3)")
    Kept("SELECT id, x FROM m").follow(
        "MERGE INTO m USING (VALUES (2, 20), (4, 40)) v(id, x) ON m.id = v.id WHEN MATCHED THEN UPDATE SET x = v.x "
        "WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.x) WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING merge_action(), m.*",
        "WITH w AS (MERGE INTO m USING (VALUES (2, 21), (5, 50)) v(id, x) ON m.id = v.id WHEN MATCHED THEN UPDATE SET x = v.x "
        "WHEN NOT MATCHED BY SOURCE THEN UPDATE SET x = -1 RETURNING m.*) SELECT * FROM w")


@since(17)
def merge_in_with_that_moves_rows_between_partitions():
    db.run("CREATE TABLE p (id int, part int, x int) PARTITION BY LIST (part)")
    db.run("CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1)")
    db.run("CREATE TABLE p_2 PARTITION OF p FOR VALUES IN (2)")
    db.run("INSERT INTO p VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3)")
    Kept("SELECT part, count(*) AS n, sum(x) AS s FROM p GROUP BY part").follow(
        "WITH w AS (MERGE INTO p USING (VALUES (1)) v(id) ON p.id = v.id WHEN MATCHED THEN UPDATE SET part = 2 RETURNING p.*) "
        "SELECT * FROM w",
        "MERGE INTO p USING (VALUES (2)) v(id) ON p.id = v.id WHEN MATCHED THEN UPDATE SET part = 2 "
        "WHEN NOT MATCHED BY SOURCE AND p.id = 3 THEN UPDATE SET part = 1 RETURNING p.*")


@since(17)
def a_stored_column_gets_another_expression():
    table("g", "id int PRIMARY KEY, x int, y int GENERATED ALWAYS AS (x * 2) STORED", "(1, 1), (2, 2)")
    Kept("SELECT id, y FROM g").follow("ALTER TABLE g ALTER COLUMN y SET EXPRESSION AS (x * 3)", "INSERT INTO g VALUES (3, 3)",
                                        "UPDATE g SET x = 10 WHERE id = 1")


@since(18)
def virtual_columns():
    table("u", "id int PRIMARY KEY, x int, gone int, y int GENERATED ALWAYS AS (coalesce(x, -1) * 2) VIRTUAL", "(1, 1), (2, 2)")
    db.run("ALTER TABLE u DROP COLUMN gone")
    table("o", "id int PRIMARY KEY, u int", "(1, 1), (2, 7)")
    maintained_by_delta(["SELECT id, y FROM u", "SELECT count(*) AS n FROM u", "SELECT y, count(*) AS n FROM u GROUP BY y",
                    "SELECT id FROM u WHERE y > 2", "SELECT u FROM u", "SELECT to_jsonb(u) AS r FROM u",
                    "SELECT o.id, u.y FROM o LEFT JOIN u ON u.id = o.u", "SELECT a.id, b.y FROM u a JOIN u b ON a.y = b.x * 2",
                    "SELECT id, (SELECT sum(u.y) FROM u WHERE u.id = o.u) AS s FROM o",
                    "SELECT id, sum(y) OVER (ORDER BY id) AS s FROM u", "SELECT tableoid AS t, y FROM u"],
                   ["INSERT INTO u VALUES (3, 3), (4, NULL)", "UPDATE u SET x = 10 WHERE id = 1", "DELETE FROM u WHERE id = 2",
                    "INSERT INTO o VALUES (3, 4)", "UPDATE o SET u = 3"])
    Kept("SELECT id, y FROM u", "FULL").follow("UPDATE u SET x = x + 1")


@since(18)
def a_virtual_column_gets_another_expression():
    table("w", "id int PRIMARY KEY, x int, y int GENERATED ALWAYS AS (x * 2) VIRTUAL", "(1, 1), (2, 2)")
    db.run("CREATE VIEW over_w AS SELECT id, y FROM w")
    kept = [Kept("SELECT id, y FROM w"), Kept("SELECT sum(y) AS s FROM over_w"), Kept("SELECT id, y FROM w", "FULL")]
    db.run("ALTER TABLE w ALTER COLUMN y SET EXPRESSION AS (x * 3)")
    for one in kept:
        one.follow("SELECT")
    for change in ("INSERT INTO w VALUES (3, 3)", "UPDATE w SET x = 10 WHERE id = 1"):
        db.run(change)
        for one in kept:
            one.follow("SELECT")


@since(18)
def virtual_columns_of_partitions():
    db.run("CREATE TABLE vp (id int, x int, y int GENERATED ALWAYS AS (x * 2) VIRTUAL) PARTITION BY LIST (id)")
    db.run("CREATE TABLE vp_1 PARTITION OF vp FOR VALUES IN (1)")
    db.run("CREATE TABLE vp_2 PARTITION OF vp FOR VALUES IN (2)")
    kept = [Kept("SELECT id, y FROM vp"), Kept("SELECT id, y FROM vp_1")]
    for change in ("INSERT INTO vp VALUES (1, 1), (2, 2)", "ALTER TABLE vp ALTER COLUMN y SET EXPRESSION AS (x + 100)",
                   "UPDATE vp SET id = 2 WHERE id = 1", "INSERT INTO vp_1 VALUES (1, 7)"):
        db.run(change)
        for one in kept:
            one.follow("SELECT")


@since(18)
def temporal_keys():
    db.run("CREATE EXTENSION IF NOT EXISTS btree_gist")
    table("booking", "room int, during daterange, price int, PRIMARY KEY (room, during WITHOUT OVERLAPS)",
          "(1, '[2024-01-01,2024-01-05)', 10), (1, '[2024-01-05,2024-01-09)', 20)")
    maintained_by_delta(["SELECT room, during, price FROM booking", "SELECT room, sum(price) AS s FROM booking GROUP BY room",
                    "SELECT DISTINCT room FROM booking",
                    "SELECT room, during, price FROM booking GROUP BY room, during",
                    "SELECT a.room, a.price, b.price AS other FROM booking a JOIN booking b USING (room)"],
                   ["INSERT INTO booking VALUES (1, '[2024-01-09,2024-01-10)', 30), (2, '[2024-01-01,2024-01-05)', 5)",
                    "UPDATE booking SET price = price + 1 WHERE room = 1", "DELETE FROM booking WHERE price = 21"])


@since(18)
def old_and_new_in_returning():
    table("r", "id int PRIMARY KEY, x int", "(1, 1), (2, 2)")
    Kept("SELECT id, x FROM r").follow("UPDATE r SET x = x + 1 RETURNING old.x, new.x, old.*",
                                        "WITH d AS (DELETE FROM r WHERE id = 2 RETURNING old.*, new.x) SELECT * FROM d",
                                        "INSERT INTO r VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET x = 9 RETURNING old.x, new.x")


@since(18)
def constraints_that_prove_nothing():
    table("parent", "id int PRIMARY KEY", "(1)")
    table("child", "id int PRIMARY KEY, parent int, x int", "(1, 1, NULL), (2, 5, 3)")
    db.run("ALTER TABLE child ADD CONSTRAINT x_known NOT NULL x NOT VALID")
    db.run("ALTER TABLE child ADD FOREIGN KEY (parent) REFERENCES parent NOT ENFORCED")
    db.run("ALTER TABLE child ADD CHECK (x > 100) NOT ENFORCED")
    maintained_by_delta(["SELECT id FROM child WHERE id NOT IN (SELECT x FROM child WHERE id < 3)", "SELECT count(x) AS n, count(*) AS m FROM child",
                    "SELECT c.id FROM child c JOIN parent p ON p.id = c.parent", "SELECT id FROM child WHERE x IS NULL",
                    "SELECT id FROM child WHERE x < 50"],
                   ["INSERT INTO child VALUES (3, 9, 1)", "DELETE FROM child WHERE id = 1", "INSERT INTO parent VALUES (9)"])


@since(18)
def a_constraint_does_not_become_one_of_a_stream_table():
    table("checked_below", "id int PRIMARY KEY, x int", "(1, 1), (2, NULL)")
    db.run("CREATE TABLE grand (id int, x int); CREATE TABLE above () INHERITS (grand)")
    db.run("SELECT pgtrickle.create_stream_table('below', 'SELECT id, x FROM checked_below', '520w'); ALTER FOREIGN TABLE below INHERIT above")
    db.run("ALTER TABLE grand ADD CONSTRAINT x_known NOT NULL x NO INHERIT")
    for statement in ("ALTER TABLE grand ALTER CONSTRAINT x_known INHERIT", "ALTER TABLE grand ADD COLUMN y int, ALTER CONSTRAINT x_known INHERIT",
                      "ALTER TABLE above ADD CONSTRAINT other NOT NULL x NOT VALID", "ALTER TABLE above ADD CHECK (x > 1) NOT ENFORCED"):
        try:
            db.run(statement)
            raise AssertionError(f"{statement} was accepted")
        except psycopg2.errors.FeatureNotSupported:
            pass
    found = db.value("SELECT count(*) FROM grand WHERE x IS NULL")
    assert found == 1, found


@since(17)
def event_triggers_on_login_and_reindex():
    table("e", "id int PRIMARY KEY", "(1)")
    db.run("CREATE FUNCTION note_event() RETURNS event_trigger LANGUAGE plpgsql AS "
           "$$ BEGIN PERFORM count(*) FROM pg_class; END $$")
    db.run("CREATE EVENT TRIGGER at_login ON login EXECUTE FUNCTION note_event()")
    db.run("CREATE EVENT TRIGGER at_reindex ON ddl_command_start WHEN TAG IN ('REINDEX') EXECUTE FUNCTION note_event()")
    kept = Kept("SELECT id FROM e")
    db.connect().close()
    kept.follow("INSERT INTO e VALUES (2)", "REINDEX TABLE e", "DELETE FROM e WHERE id = 1")
    db.run("DROP EVENT TRIGGER at_login; DROP EVENT TRIGGER at_reindex")


@since(15)
def grouping_by_expressions():
    table("s", "id int PRIMARY KEY, a int, b int", "(1, 1, 1), (2, 1, NULL), (3, NULL, 4)")
    maintained_by_delta(["SELECT k, (SELECT max(x.b) FROM s x WHERE x.a + 1 = g.k) AS m FROM (SELECT a + 1 AS k FROM s GROUP BY a + 1) g",
                    "SELECT id, a, b FROM s GROUP BY id", "SELECT coalesce(a, 0) AS k, b, count(*) AS n FROM s GROUP BY ROLLUP (coalesce(a, 0), b)",
                    "SELECT a, CASE WHEN a IS NULL THEN 'none' ELSE 'some' END AS w, grouping(a) AS g FROM s GROUP BY GROUPING SETS ((a), ()) "
                    "HAVING a IS NULL OR count(*) > 0",
                    "SELECT a, 'all'::text AS k, count(*) AS n, 'all'::text AS c, lower('ALL') || 'x' AS d, lower('ALL') AS e FROM s GROUP BY a, ROLLUP (2, 6)",
                    "SELECT a, row_number() OVER (ORDER BY a) AS r FROM s GROUP BY a"],
                   ["INSERT INTO s VALUES (4, 1, 2), (5, NULL, NULL)", "UPDATE s SET a = 7 WHERE id = 3", "DELETE FROM s WHERE id = 1"])


try:
    run_cases(cases)
finally:
    db.drop()
