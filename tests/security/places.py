"""Places where PostgreSQL accepts a user's code, one entry each. The canary of a place logs the role that
runs it (recorder.py).

In the texts PLACE is the name of the place. Each has a source own.PLACE_t and an IMMUTABLE canary
own.PLACE_f(int), which returns true; `make` adds the objects that the place needs; `query` defines the stream
table own.PLACE, `columns` are its declared ones; `after` runs once it exists; all as the role owner. `also`
names the kinds of statements in which plain PostgreSQL, for a materialized view or a table in the stream
table's place, runs that code as the role that executes the statement:

    read    a query that reads the stream table
    write   DML on a source
    ddl     a utility statement on the source or the stream table

To add a place, add an entry here or in places_of_queries.py. Code that PostgreSQL accepts from superusers
only has no entry: functions of operator classes, canonical functions of ranges, selectivity functions,
templates of text search, languages, and base types.
"""

import re
from dataclasses import dataclass

import psycopg2

SOURCE = """
CREATE TABLE own.PLACE_t (id int PRIMARY KEY, g int, v int, w text);
INSERT INTO own.PLACE_t SELECT i, i % 2, i * 10, 'w' || i FROM generate_series(1, 3) i;
CREATE FUNCTION own.PLACE_f(v int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN PERFORM canary.note('PLACE'); RETURN true; END $$;
"""
# The same canary as an integer, for places that do not accept a boolean.
NUMBER = """
CREATE FUNCTION own.PLACE_i(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN PERFORM canary.note('PLACE'); RETURN v; END $$;
"""
DOMAIN = "CREATE DOMAIN own.PLACE_d AS int CHECK (own.PLACE_f(VALUE));"
LITERAL = "'{1,2,3,10,20,30}'::own.PLACE_d[]::int[]"
TRIGGER = """
CREATE FUNCTION own.PLACE_g() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM canary.note('PLACE'); RETURN coalesce(new, old); END $$;
"""
ROWS = "SELECT id, g, v FROM own.PLACE_t"
GROUPS = "SELECT g, count(*) AS n, sum(v) AS s FROM own.PLACE_t"


@dataclass(frozen=True)
class Place:
    name: str
    where: str
    make: str = ""
    query: str = ROWS
    after: str = ""
    also: frozenset = frozenset()
    mode: str = "AUTO"
    columns: str = ""
    options: str = ""  # further options, each after a comma

    def text(self, template):
        return WORD.sub(self.name, template)

    def creation(self, schedule="1s", name=None, mode=None):
        return (f"CREATE FOREIGN TABLE own.{name or self.name} ({self.text(self.columns)}) SERVER pgtrickle OPTIONS "
                f"(query $q${self.text(self.query)}$q$, schedule '{schedule}', refresh_mode '{mode or self.mode}')")

    def prepare(self, run):
        """Creates the source and the canary, in a session of the role owner."""
        run(self.text(SOURCE))
        if self.make:
            run(self.text(self.make))

    def create(self, run, schedule="1s", is_immediate=False):
        """In mode IMMEDIATE if that is wanted, and the query has deltas."""
        try:
            run(self.creation("0s", mode="IMMEDIATE") if is_immediate and self.mode == "AUTO" else self.creation(schedule))
        except psycopg2.errors.FeatureNotSupported:
            run(self.creation(schedule))
        if self.after:
            run(self.text(self.after))


WORD = re.compile("(?<![A-Z])PLACE(?![A-Z])")
PLACES = {}


def place(name, where, make="", query=ROWS, after="", also="", mode="AUTO", columns="", options=""):
    PLACES[name] = Place(name, where, make, query, after, frozenset(also.split()), mode, columns, options)


# Literals of types with a domain in them: PostgreSQL evaluates the CHECK when it parses the literal.
place("bare_domain", "literal of a domain", DOMAIN, ROWS + " WHERE v > '3'::own.PLACE_d::int")
place("array_of_domain", "literal of an array of a domain", DOMAIN, ROWS + f" WHERE id = ANY ({LITERAL})")
place("composite_of_domain", "literal of a composite type with a domain", DOMAIN + "CREATE TYPE own.PLACE_c AS (a own.PLACE_d, b text);",
      ROWS + " WHERE id >= (('(1,x)'::own.PLACE_c).a)::int")
place("range_of_domain", "literal of a range of a domain", DOMAIN + "CREATE TYPE own.PLACE_r AS RANGE (subtype = own.PLACE_d);",
      ROWS + " WHERE id >= lower('[1,5]'::own.PLACE_r)::int")
place("domain_in_multirange", "literal of a multirange of a domain",
      DOMAIN + "CREATE TYPE own.PLACE_r AS RANGE (subtype = own.PLACE_d, multirange_type_name = own.PLACE_m);",
      ROWS + " WHERE id >= lower('{[1,5]}'::own.PLACE_m)::int")
place("nested_domain", "literal of an array of composites with a domain over a domain",
      DOMAIN + "CREATE DOMAIN own.PLACE_e AS own.PLACE_d; CREATE TYPE own.PLACE_c AS (a own.PLACE_e);",
      ROWS + " WHERE id >= ((('{\"(1)\"}'::own.PLACE_c[])[1]).a)::int")
place("literal_in_having", "such a literal in HAVING", DOMAIN, GROUPS + f" GROUP BY g HAVING count(*) = ANY ({LITERAL}::bigint[])")
place("literal_in_aggregate", "such a literal in an aggregate's FILTER", DOMAIN,
      f"SELECT g, count(*) FILTER (WHERE v = ANY ({LITERAL})) AS n, max(v) FILTER (WHERE id = ANY ({LITERAL})) AS m FROM own.PLACE_t GROUP BY g")
place("literal_in_join", "such a literal in a join's condition", DOMAIN,
      f"SELECT a.id, b.v FROM own.PLACE_t a LEFT JOIN own.PLACE_t b ON a.id = b.id AND b.v = ANY ({LITERAL})")
place("literal_in_limit", "such a literal in ORDER BY with LIMIT", DOMAIN, ROWS + f" ORDER BY v = ANY ({LITERAL}), id LIMIT 2")
place("literal_in_window", "such a literal in a window", DOMAIN,
      f"SELECT id, sum(v) OVER (PARTITION BY g = ANY ({LITERAL}) ORDER BY v + ({LITERAL})[1], id) AS s FROM own.PLACE_t")
place("literal_in_recursion", "such a literal in a recursive query", DOMAIN,
      f"WITH RECURSIVE r AS (SELECT id, g FROM own.PLACE_t WHERE id = ANY ({LITERAL}) UNION "
      f"SELECT t.id, t.g FROM r JOIN own.PLACE_t t ON t.g = r.id AND t.v = ANY ({LITERAL})) SELECT id, g FROM r")
place("literal_in_union", "such a literal in a set operation", DOMAIN,
      f"SELECT id FROM own.PLACE_t WHERE id = ANY ({LITERAL}) EXCEPT SELECT v + ({LITERAL})[1] FROM own.PLACE_t")
place("literal_in_subquery", "such a literal in a subquery", DOMAIN,
      ROWS + f" t WHERE EXISTS (SELECT FROM own.PLACE_t u WHERE u.g = t.g AND u.v = ANY ({LITERAL}))")
place("literal_in_values", "such a literal in VALUES", DOMAIN,
      f"SELECT t.id, x.a FROM own.PLACE_t t JOIN (VALUES (({LITERAL})[1]), (2)) x (a) ON x.a = t.id")
place("literal_in_distinct", "such a literal in DISTINCT", DOMAIN, f"SELECT DISTINCT g, g = ANY ({LITERAL}) AS b FROM own.PLACE_t")
place("literal_in_index", "such a literal in an index expression on a stream table", DOMAIN,
      after=f"CREATE INDEX ON own.PLACE ((v = ANY ({LITERAL})))")
place("literal_in_index_predicate", "such a literal in the predicate of an index on a stream table", DOMAIN,
      after=f"CREATE INDEX ON own.PLACE (v) WHERE v = ANY ({LITERAL})")
place("literal_in_full", "such a literal, refresh_mode FULL", DOMAIN, ROWS + f" WHERE id = ANY ({LITERAL})", mode="FULL")

# Columns and stored expressions of sources.
place("domain_column", "column of a domain", DOMAIN + "ALTER TABLE own.PLACE_t ALTER v TYPE own.PLACE_d;",
      "SELECT v, count(*) AS n, max(id) AS m FROM own.PLACE_t GROUP BY v", also="write ddl")
place("domain_default", "default of a column's domain", NUMBER + "CREATE DOMAIN own.PLACE_d AS int DEFAULT own.PLACE_i(1) CHECK (own.PLACE_f(VALUE)); "
      "ALTER TABLE own.PLACE_t ADD z own.PLACE_d;", "SELECT id, z FROM own.PLACE_t", also="write ddl")
place("array_column", "column of an array of a domain", DOMAIN + "ALTER TABLE own.PLACE_t ADD z own.PLACE_d[] DEFAULT '{1}';",
      "SELECT z::text::own.PLACE_d[] AS z, count(*) AS n, max(id) AS m FROM own.PLACE_t GROUP BY 1", also="write ddl")
place("composite_column", "column of a composite type with a domain", DOMAIN + "CREATE TYPE own.PLACE_c AS (a own.PLACE_d, b text); "
      "ALTER TABLE own.PLACE_t ADD z own.PLACE_c DEFAULT '(1,x)';", "SELECT id, z, z::text::own.PLACE_c AS t, (z).a AS a FROM own.PLACE_t", also="write ddl")
place("column_default", "default of a source's column", NUMBER + "ALTER TABLE own.PLACE_t ALTER v SET DEFAULT own.PLACE_i(1);", also="write ddl")
place("generated_column", "generated column of a source", NUMBER +
      "ALTER TABLE own.PLACE_t ADD z int GENERATED ALWAYS AS (own.PLACE_i(v)) STORED;", "SELECT id, z FROM own.PLACE_t", also="write ddl")
place("check_constraint", "CHECK of a source", "ALTER TABLE own.PLACE_t ADD CHECK (own.PLACE_f(v));", also="write ddl")
place("source_index", "index expression on a source", NUMBER + "CREATE INDEX ON own.PLACE_t (own.PLACE_i(v));",
      ROWS + " WHERE own.PLACE_i(v) > 0", also="write ddl")
place("source_index_predicate", "index predicate on a source", "CREATE INDEX ON own.PLACE_t (v) WHERE own.PLACE_f(v);",
      ROWS + " WHERE own.PLACE_f(v) AND v > 0", also="write ddl")
place("source_statistics", "extended statistics of a source", NUMBER + "CREATE STATISTICS own.PLACE_s ON g, (own.PLACE_i(v)) FROM own.PLACE_t;",
      ROWS + " WHERE own.PLACE_i(v) > 0", also="ddl")
place("source_policy", "row policy of a source", "CREATE POLICY p ON own.PLACE_t USING (own.PLACE_f(v)); "
      "ALTER TABLE own.PLACE_t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;", also="write ddl")
place("source_rule", "rule of a source", "CREATE RULE r AS ON INSERT TO own.PLACE_t DO ALSO SELECT own.PLACE_f(new.v);", also="write ddl")
place("partition_key", "partition key of a source", NUMBER + "DROP TABLE own.PLACE_t; "
      "CREATE TABLE own.PLACE_t (id int, g int, v int, w text) PARTITION BY RANGE (own.PLACE_i(id)); "
      "CREATE TABLE own.PLACE_t1 PARTITION OF own.PLACE_t FOR VALUES FROM (own.PLACE_i(0)) TO (own.PLACE_i(100000)); "
      "INSERT INTO own.PLACE_t VALUES (1, 1, 10), (2, 0, 20);", ROWS + " WHERE id > 0", also="read write ddl")
place("key_of_source_parent", "partition key of a source's parent", NUMBER +
      "CREATE TABLE own.PLACE_p (id int NOT NULL, g int, v int, w text) PARTITION BY RANGE ((id + own.PLACE_i(1))); "
      "ALTER TABLE own.PLACE_p ATTACH PARTITION own.PLACE_t FOR VALUES FROM (-1000000) TO (100000000);", also="write ddl")
place("row_trigger", "row trigger of a source", TRIGGER +
      "CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON own.PLACE_t FOR EACH ROW EXECUTE FUNCTION own.PLACE_g();", also="write")
place("statement_trigger", "statement trigger of a source", TRIGGER +
      "CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON own.PLACE_t FOR EACH STATEMENT EXECUTE FUNCTION own.PLACE_g();",
      also="write")
place("deferred_trigger", "deferred constraint trigger of a source", TRIGGER + "CREATE CONSTRAINT TRIGGER t AFTER INSERT OR UPDATE ON "
      "own.PLACE_t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.PLACE_g();", also="write")
place("subtype_diff", "subtype_diff function of a range, which ANALYZE calls",
      "CREATE FUNCTION own.PLACE_g(a int, b int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS "
      "$$ BEGIN PERFORM canary.note('PLACE'); RETURN 1; END $$; "
      "CREATE TYPE own.PLACE_r AS RANGE (subtype = int, subtype_diff = own.PLACE_g); "
      "ALTER TABLE own.PLACE_t ADD r own.PLACE_r; UPDATE own.PLACE_t SET r = own.PLACE_r(id, v);",
      "SELECT id, r FROM own.PLACE_t", also="read write ddl")

# Objects that a user adds to a stream table.
place("index_expression", "index expression on a stream table", NUMBER, after="CREATE INDEX ON own.PLACE (own.PLACE_i(v))")
place("index_predicate", "index predicate on a stream table", after="CREATE INDEX ON own.PLACE (v) WHERE own.PLACE_f(v)")
place("stream_table_statistics", "extended statistics of a stream table", NUMBER,
      after="CREATE STATISTICS own.PLACE_s ON g, (own.PLACE_i(v)) FROM own.PLACE", also="ddl")
place("upstream_statistics", "extended statistics of a stream table that another one reads", NUMBER +
      "CREATE FOREIGN TABLE own.PLACE_u () SERVER pgtrickle OPTIONS (query 'SELECT id, g, v FROM own.PLACE_t', schedule '1s'); "
      "CREATE STATISTICS own.PLACE_x ON g, (v + own.PLACE_i(1)) FROM own.PLACE_u;", "SELECT id, g, v FROM own.PLACE_u WHERE v > 0", also="ddl")
place("key_of_parent", "partition key of a stream table's parent", NUMBER,
      after="CREATE TABLE own.PLACE_p (id int, g int, v int) PARTITION BY RANGE ((id + own.PLACE_i(1))); "
            "ALTER TABLE own.PLACE_p ATTACH PARTITION own.PLACE FOR VALUES FROM (-1000000) TO (100000000)", also="ddl")
place("literal_in_statistics", "such a literal in extended statistics of a stream table", DOMAIN,
      after=f"CREATE STATISTICS own.PLACE_s ON g, (v = ANY ({LITERAL})) FROM own.PLACE", also="ddl")
place("child_check", "CHECK of a child of a stream table",
      after="CREATE TABLE own.PLACE_c (CHECK (own.PLACE_f(v::text::int))) INHERITS (own.PLACE); INSERT INTO own.PLACE_c VALUES (50, 1, 5)", also="ddl")
place("child_index", "index expression on a child of a stream table", NUMBER,
      after="CREATE TABLE own.PLACE_c () INHERITS (own.PLACE); INSERT INTO own.PLACE_c VALUES (50, 1, 5); "
            "CREATE INDEX ON own.PLACE_c (own.PLACE_i(v::text::int))", also="ddl")
place("written_settings", "recorded settings, as a dump has them, written by the user", DOMAIN, ROWS + f" WHERE id = ANY ({LITERAL})",
      options=", original_query 'SELECT', \"setting_TimeZone\" 'UTC'")
place("view_above", "view that reads a stream table", after="CREATE VIEW own.PLACE_v AS SELECT * FROM own.PLACE WHERE own.PLACE_f(v)", also="read")
place("assignment_cast", "assignment cast to a declared column's type", "CREATE TYPE own.PLACE_c AS (a int); "
      "CREATE FUNCTION own.PLACE_g(v int) RETURNS own.PLACE_c LANGUAGE plpgsql IMMUTABLE AS "
      "$$ BEGIN PERFORM canary.note('PLACE'); RETURN ROW(v); END $$; "
      "CREATE CAST (int AS own.PLACE_c) WITH FUNCTION own.PLACE_g(int) AS ASSIGNMENT;",
      "SELECT id, v FROM own.PLACE_t", columns="id int, v own.PLACE_c")

import places_of_queries  # noqa: E402,F401: adds its entries to PLACES
