#!/usr/bin/python3 -B
"""Shows that a stream table makes nothing depend on a type on which its owner has no USAGE: what is kept beside the result has no
column, and what indexes it no expression, that a table of the same owner could not have. The owner of the type alters it, and the
table whose row type it is, as beside a view of the same query; the stream table follows, and by deltas where USAGE is granted."""

import itertools
import sys
import uuid
from pathlib import Path

from psycopg2 import errors

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, OTHER = (f"types_{name}_{uuid.uuid4().hex[:8]}" for name in ("owner", "other"))
numbers = itertools.count()
KINDS = {"composite": ("own.comp", "ROW({0}, 'x')::own.comp"), "domain": ("own.dom", "{0}"), "domain over a composite": ("own.comp_dom", "ROW({0}, 'x')::own.comp"),
         "enumeration": ("own.enum", "('{{a,b,c}}'::text[])[1 + {0} % 3]::own.enum"), "range": ("own.span", "own.span({0}, {0} + 5)"),
         "array": ("own.dom[]", "ARRAY[{0}]")}
SHAPES = {"group": "SELECT count(*) AS n FROM {t} GROUP BY v", "distinct": "SELECT count(DISTINCT v) AS n FROM {t}", "row": "SELECT count(DISTINCT x) AS n FROM {t} x",
          "set": "SELECT count(*) AS n FROM (SELECT v FROM {t} UNION SELECT v FROM {t} WHERE id > 3) u", "first": "SELECT id FROM {t} ORDER BY v, id LIMIT 3",
          "window": "SELECT id, row_number() OVER (PARTITION BY v ORDER BY id) AS r FROM {t}", "join": "SELECT a.id, b.id AS other FROM {t} a LEFT JOIN {t} b ON a.v = b.v",
          "extremum": "SELECT g, max(v)::text AS m FROM {t} GROUP BY g", "in": "SELECT id FROM {t} WHERE v IN (SELECT v FROM {t} WHERE id < 5)", "key": "SELECT g FROM {k}"}
# Columns of relations, and expressions of indexes, of the role; a type has a row type's relation and an array type.
DEPENDENT = """SELECT c.oid::regclass || ' ' || a.attname || ' ' || a.atttypid::regtype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
  WHERE c.relowner = %s::regrole AND a.attnum > 0 AND NOT a.attisdropped AND 'own'::regnamespace IN (t.typnamespace, (SELECT typnamespace FROM pg_type e WHERE e.oid = t.typelem))"""
TYPES = "own.comp, own.dom, own.comp_dom, own.enum, own.span"


def set_up():
    for role in (OWNER, OTHER):
        db.run(f"CREATE ROLE {role}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}")
    db.run(f"CREATE SCHEMA own AUTHORIZATION {OWNER}; CREATE SCHEMA other AUTHORIZATION {OTHER}; GRANT USAGE ON SCHEMA own, other TO PUBLIC")
    db.as_role(OWNER, f"""CREATE TYPE own.comp AS (a int, b text); CREATE DOMAIN own.dom AS int; CREATE DOMAIN own.comp_dom AS own.comp;
        CREATE TYPE own.enum AS ENUM ('a', 'b', 'c'); CREATE TYPE own.span AS RANGE (subtype = int4);
        ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} REVOKE USAGE ON TYPES FROM PUBLIC; REVOKE USAGE ON TYPE {TYPES} FROM PUBLIC""")


def table_of(kind):
    """Returns a table with a column v of the type and the key id, and one whose key is v, which the other role may read and have captured."""
    number = next(numbers)
    type_name, value = KINDS[kind]
    table, keyed = f"own.t{number}", f"own.k{number}"
    db.as_role(OWNER, f"CREATE TABLE {table} (id int PRIMARY KEY, g int, v {type_name}); CREATE TABLE {keyed} (v {type_name} PRIMARY KEY, g int)",
            f"INSERT INTO {table} SELECT i, i % 2, {value.format('i % 4')} FROM generate_series(1, 8) i",
            f"INSERT INTO {keyed} SELECT {value.format('i')}, i FROM generate_series(0, 2) i",
            f"REVOKE USAGE ON TYPE {table}, {keyed} FROM PUBLIC; GRANT SELECT, TRIGGER ON {table}, {keyed} TO {OTHER}")
    return table, keyed


def create(query, mode="AUTO"):
    name = f"other.st{next(numbers)}"
    db.as_role(OTHER, f"SELECT pgtrickle.create_stream_table('{name}', $q${query}$q$, '520w', '{mode}')")
    return name


def require_rows(name, query):
    db.as_role(OTHER, f"SELECT pgtrickle.refresh_stream_table('{name}')")
    stored, wanted = (db.as_role(OTHER, f"SELECT x::text FROM ({text}) x ORDER BY 1") for text in (f"SELECT * FROM {name}", query))
    assert stored == wanted, f"{query}: {stored}, not {wanted}"


def mode_of(name):
    return db.as_role(OTHER, f"SELECT effective_mode FROM pgtrickle.explain_refresh_mode('{name}')")[0][0]


def require_nothing_depends(what):
    found = db.run(DEPENDENT, OTHER)
    assert not found, f"{what}: {found}"


def refusal(role, statement):
    try:
        db.as_role(role, statement)
    except errors.Error as error:
        return error.pgcode
    return None


def nothing_kept_has_a_type_without_usage():
    by_deltas = 0
    for kind, (type_name, value) in KINDS.items():
        table, keyed = table_of(kind)
        made = {}
        for shape, query in SHAPES.items():
            query = query.format(t=table, k=keyed)
            if refused := refusal(OTHER, f"CREATE VIEW other.v{next(numbers)} AS {query}"):
                found = refusal(OTHER, f"SELECT pgtrickle.create_stream_table('other.refused', $q${query}$q$)")
                assert found == refused, f"{shape} of {kind}: {found}, and {refused} for a view"
                continue
            made[create(query)] = query
            require_nothing_depends(f"{shape} of {kind}")
        db.as_role(OWNER, f"ALTER TABLE {table} ADD COLUMN z int DEFAULT 5", f"INSERT INTO {table} SELECT 9, 1, {value.format(3)}", f"DELETE FROM {table} WHERE id = 2")
        for name, query in made.items():
            require_rows(name, query)
        db.as_role(OWNER, f"GRANT USAGE ON TYPE {type_name.removesuffix('[]')}, {table} TO {OTHER}", f"UPDATE {table} SET g = 7 WHERE id = 3")
        for name, query in made.items():
            require_rows(name, query)
            by_deltas += mode_of(name) == "DIFFERENTIAL"
        db.as_role(OWNER, f"REVOKE USAGE ON TYPE {type_name.removesuffix('[]')}, {table} FROM {OTHER}", f"INSERT INTO {table} SELECT 10, 1, {value.format(4)}")
        for name, query in made.items():
            require_rows(name, query)
        require_nothing_depends(f"{kind}, USAGE revoked")
        for name in made:
            db.as_role(OTHER, f"SELECT pgtrickle.drop_stream_table('{name}')")
    assert by_deltas > 30, f"only {by_deltas} were kept by deltas"


def other_modes_are_refused():
    table, _ = table_of("domain")
    for mode in ("DIFFERENTIAL", "IMMEDIATE"):
        found = refusal(OTHER, f"SELECT pgtrickle.create_stream_table('other.refused', 'SELECT count(*) AS n FROM {table} GROUP BY v', '520w', '{mode}')")
        assert found == "0A000", f"{mode}: {found}"
    name = create(f"SELECT id FROM {table} WHERE v > 1", "DIFFERENTIAL")
    assert mode_of(name) == "DIFFERENTIAL", "a type that is not kept counts"


def an_index_names_no_type_that_one_of_a_table_may_not():
    name = create("SELECT 1 AS id, 'x'::text AS s")
    db.as_role(OTHER, "CREATE TABLE other.plain (id int, s text)")
    for target in ("((id::own.dom))", "(id) WHERE id::own.dom > 0", "((ROW(id, s)::own.comp IS NULL))", "(id) WHERE 'a'::own.enum < 'b'", "((id + 1))", "(id) INCLUDE (s) WHERE s > 'a'"):
        wanted, found = (refusal(OTHER, f"CREATE INDEX ON {relation} {target}") for relation in ("other.plain", name))
        assert found == wanted, f"CREATE INDEX {target}: {found}, and {wanted} for a table"


try:
    set_up()
    run_cases([nothing_kept_has_a_type_without_usage, other_modes_are_refused, an_index_names_no_type_that_one_of_a_table_may_not])
finally:
    db.run(f"RESET ROLE; DROP OWNED BY {OTHER} CASCADE; DROP OWNED BY {OWNER} CASCADE; DROP ROLE {OTHER}; DROP ROLE {OWNER}")
    db.drop()
