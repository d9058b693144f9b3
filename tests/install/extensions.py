#!/usr/bin/python3 -B
"""Shows that scripts of other extensions, which create, alter or drop what stream tables read, make no object of pg_trickle
a member of them, and that an extension which moves to another schema leaves stream tables as right as before."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

FOLDER = next(Path(os.environ["SCRATCH"], "root").rglob("pg_trickle.control")).parent
NAME = "used_" + uuid.uuid4().hex[:8]
# The first one creates the extension; the others are its updates.
SCRIPTS = [
    "CREATE VIEW viewed AS SELECT 1 AS one; CREATE TABLE stored (id int PRIMARY KEY, v int); "
    "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1'",
    "CREATE OR REPLACE VIEW viewed AS SELECT 2 AS one",
    "ALTER TABLE stored ALTER v TYPE bigint",
    "CREATE OR REPLACE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 3 * $1'",
    "ALTER TABLE stored RENAME v TO value",
    "ALTER TABLE stored DROP CONSTRAINT stored_pkey",
    "INSERT INTO stored VALUES (3, 30); DELETE FROM stored WHERE id = 1; TRUNCATE stored; INSERT INTO stored VALUES (4, 40)",
    "SELECT pgtrickle.refresh_stream_table('public.joined'); SELECT pgtrickle.repair_stream_table('public.joined')",
    "CREATE INDEX made_by_script ON public.joined (one)",
    "ALTER FOREIGN TABLE public.joined OPTIONS (SET query 'SELECT s.id, v.one, one + 1 AS two FROM stored s, viewed v')",
    "SELECT pgtrickle.create_stream_table('member', 'SELECT id, twice(id) AS t FROM stored', '0s')",
    "ALTER FOREIGN TABLE member OPTIONS (SET query 'SELECT id, twice(id) + 1 AS t FROM stored')",
    "CREATE TABLE later (id int PRIMARY KEY); SELECT pgtrickle.create_stream_table('of_later', 'SELECT id FROM later', '0s', 'FULL')",
    "DROP FOREIGN TABLE of_later",
    "CREATE TABLE last (id int)",
]
# Members of each kind that a query can name, and an expression over s.id that names it.
MOVED = "moved_" + uuid.uuid4().hex[:8]
MEMBERS_OF_KINDS = {
    "function": ("CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1'", "a.f(s.id)"),
    "aggregate": ("CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0')", "(SELECT a.total(x) FROM generate_series(1, s.id) x)"),
    "operator": ("CREATE FUNCTION o(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 10 + $2'; "
                 "CREATE OPERATOR |+| (FUNCTION = o, LEFTARG = int, RIGHTARG = int)", "s.id OPERATOR(a.|+|) 3"),
    "enumeration": ("CREATE TYPE mood AS ENUM ('low', 'high')", "CASE WHEN s.id > 1 THEN 'low'::a.mood ELSE 'high'::a.mood END"),
    "array": ("CREATE TYPE tone AS ENUM ('low', 'high')", "ARRAY['low'::a.tone]::a.tone[]"),
    "composite": ("CREATE TYPE pair AS (x int, y int)", "(ROW(s.id, 2)::a.pair).x"),
    "domain": ("CREATE DOMAIN small AS int CHECK (VALUE < 100)", "s.id::a.small"),
    "collation": ("CREATE COLLATION plain (LOCALE = 'C')", "s.id::text COLLATE a.plain < 'b'"),
    "table": ("CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept VALUES (1)", "(SELECT count(*) FROM a.kept k WHERE k.id = s.id)"),
    "view": ("CREATE VIEW seen AS SELECT 7 AS seven", "(SELECT seven FROM a.seen)"),
    "row type": ("CREATE TABLE typed (x int)", "(ROW(s.id)::a.typed).x"),
    "text search": ("CREATE TEXT SEARCH CONFIGURATION words (PARSER = default)", "to_tsvector('a.words', s.id::text)"),
}
MEMBERS = """SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = %s ORDER BY 1"""

# An extension that ships stream tables with indexes.
SHIPPED = "shipped_" + uuid.uuid4().hex[:8]
SHIPPING = """CREATE TABLE base (id int PRIMARY KEY, v int);
CREATE FOREIGN TABLE kept (id int, v int) SERVER pgtrickle OPTIONS (query 'SELECT id, v FROM base');
CREATE INDEX of_script ON kept (v); CREATE UNIQUE INDEX ON kept (id); CREATE INDEX "Odd" ON kept ((v + 1)) WHERE id > 2;
CREATE FOREIGN TABLE counted (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT count(*) FROM kept'); CREATE INDEX ON counted (n)"""

db = Database()


def write_scripts():
    (FOLDER / f"{NAME}.control").write_text("default_version = '1'\nrelocatable = true\n")
    for number, script in enumerate(SCRIPTS, 1):
        version = "1" if number == 1 else f"{number - 1}--{number}"
        (FOLDER / f"{NAME}--{version}.sql").write_text(script + ";\n")


def is_right(name):
    query = db.value("SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = %s", name)
    db.run("SET search_path = used, public, pg_catalog")
    wrong = db.run(f"(TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})")
    db.run("RESET search_path")
    assert not wrong, (name, query, wrong)


def scripts_get_no_members_of_ours():
    db.run(f"CREATE SCHEMA used; CREATE EXTENSION {NAME} SCHEMA used; INSERT INTO used.stored VALUES (1, 10), (2, 20)")
    db.run("SELECT pgtrickle.create_stream_table('joined', 'SELECT s.id, used.twice(s.id) AS t, v.one FROM used.stored s, used.viewed v', '0s')")
    db.run("SELECT pgtrickle.create_stream_table('summed', 'SELECT v, count(*) FROM used.stored GROUP BY v', '0s')")
    for number in range(2, len(SCRIPTS) + 1):
        db.run(f"ALTER EXTENSION {NAME} UPDATE TO '{number}'")
        internal = [member for member, in db.run(MEMBERS, NAME) if "pg_trickle_" in member]
        assert not internal, (SCRIPTS[number - 1], internal)
        for name in ("joined", "summed"):
            is_right(name)
    members = [member for member, in db.run(MEMBERS, NAME)]
    assert "foreign table used.member" in members, members


def a_member_can_be_altered_afterwards():
    db.run("SET search_path = used, public, pg_catalog")
    db.run("ALTER FOREIGN TABLE used.member OPTIONS (SET query 'SELECT id, used.twice(id) + 2 AS t FROM used.stored')")
    db.run("RESET search_path")
    is_right("member")


def dropping_a_stream_table_leaves_the_extension():
    db.run("DROP FOREIGN TABLE joined")
    db.run("DROP FOREIGN TABLE summed CASCADE")
    assert db.value("SELECT count(*) FROM used.stored") > 0


def the_extension_goes_with_its_member():
    db.run(f"DROP EXTENSION {NAME} CASCADE")
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_stream_tables") == 0
    assert db.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'pg_trickle_storage'::regnamespace") == 0


def an_extension_that_moves_is_followed():
    """In the printed queries, by which stream tables are dumped, set up again and altered."""
    scripts = "; ".join(script for script, _ in MEMBERS_OF_KINDS.values())
    (FOLDER / f"{MOVED}.control").write_text("default_version = '1'\nrelocatable = true\n")
    (FOLDER / f"{MOVED}--1.sql").write_text(scripts + ";\n")
    db.run(f"CREATE SCHEMA a; CREATE SCHEMA b; CREATE EXTENSION {MOVED} SCHEMA a; CREATE TABLE s (id int PRIMARY KEY); INSERT INTO s VALUES (1), (2)")
    db.run("SET search_path = pg_catalog, public")
    db.run("SELECT pgtrickle.create_stream_table('a.inside', 'SELECT id FROM a.kept', '0s')")
    db.run(f"CREATE INDEX of_inside ON a.inside (id); ALTER EXTENSION {MOVED} ADD FOREIGN TABLE a.inside")
    names = {kind: "of_" + kind.replace(" ", "_") for kind in MEMBERS_OF_KINDS}
    for kind, (_, expression) in MEMBERS_OF_KINDS.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '0s')", "public." + names[kind], f"SELECT s.id, {expression} AS e FROM public.s")
    db.run(f"ALTER EXTENSION {MOVED} SET SCHEMA b")
    assert db.value("SELECT 'b.of_inside'::regclass") and db.run("TABLE b.inside") == db.run("SELECT id FROM b.kept")
    db.run(f"ALTER EXTENSION {MOVED} DROP FOREIGN TABLE b.inside; INSERT INTO b.kept VALUES (5)")
    assert db.run("TABLE b.inside ORDER BY 1") == [(1,), (5,)]
    for kind, name in names.items():
        query = db.value("SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = %s", name)
        assert "a." not in query.replace("public.", ""), (kind, query)
        wrong = db.run(f"SELECT * FROM public.{name} EXCEPT ALL {query}")
        assert not wrong, (kind, query, wrong)
    db.run("ALTER TABLE public.s ALTER id TYPE int, ADD COLUMN other int")
    db.run("SELECT pgtrickle.prepare_upgrade()")
    db.run("SELECT pgtrickle.finish_upgrade()")
    db.run("INSERT INTO public.s VALUES (3)")
    for name in names.values():
        assert db.value(f"SELECT count(*) FROM public.{name}") == 3, name


def indexes_of_an_extension_are_restored_once():
    """Its script creates them, and a dump contains them beside those of users."""
    (FOLDER / f"{SHIPPED}.control").write_text("default_version = '1'\nrelocatable = true\nrequires = 'pg_trickle'\n")
    (FOLDER / f"{SHIPPED}--1.sql").write_text(SHIPPING + ";\n")
    dumped, other = Database(), Database()
    other.run("DROP EXTENSION pg_trickle")
    try:
        dumped.run(f"CREATE SCHEMA own; CREATE EXTENSION {SHIPPED} SCHEMA own")
        dumped.run("CREATE INDEX of_user ON own.kept (v DESC); COMMENT ON INDEX own.of_user IS 'kept'")
        options = ["-h", db.host, "-U", "postgres"]
        dump = subprocess.run(["pg_dump", *options, dumped.name], check=True, stdout=subprocess.PIPE, text=True).stdout
        restored = subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", *options, other.name], input=dump, check=False, capture_output=True, text=True)
        assert not restored.stderr, restored.stderr
        of_both = [there.run("SELECT indexname, obj_description(format('%I.%I', n.nspname, indexname)::regclass) FROM pg_indexes JOIN pg_class c ON relname = indexname "
                             "JOIN pg_namespace n ON n.oid = relnamespace WHERE schemaname = 'pg_trickle_storage' AND n.nspname = 'own' ORDER BY 1") for there in (dumped, other)]
        assert of_both[0] == of_both[1] and ("of_user", "kept") in of_both[0], of_both
    finally:
        dumped.drop()
        other.drop()


try:
    write_scripts()
    run_cases([scripts_get_no_members_of_ours, a_member_can_be_altered_afterwards, dropping_a_stream_table_leaves_the_extension,
               the_extension_goes_with_its_member, an_extension_that_moves_is_followed, indexes_of_an_extension_are_restored_once])
finally:
    db.drop()
    for path in [*FOLDER.glob(f"{NAME}*"), *FOLDER.glob(f"{MOVED}*"), *FOLDER.glob(f"{SHIPPED}*")]:
        path.unlink()
