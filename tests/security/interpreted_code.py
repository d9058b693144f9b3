#!/usr/bin/python3 -B
"""Shows that interpreted code of a stream table's owner meets no names and no compiled functions of another role: not in
the session of a reader who has called the owner's functions first, or has temporary objects with the names that they
use, not in that of a superuser who reads, and not in a refresh worker that has run code of another owner.

A procedural language keeps the types of the variables of a function as they were found when it was called first: here
a domain of the attacker, whose CHECK notes who runs it."""

import itertools
import sys
from pathlib import Path

from psycopg2 import errors

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
SCHEMA_OF = {"ic_alice": "alice", "ic_mallory": "mallory", "ic_bob": "bob", "postgres": "public"}
BODY = "DECLARE v text; BEGIN v := upper(t); RETURN v; END"
numbers = itertools.count()


def as_role(role, *statements):
    """In a session of its own, which is returned."""
    session = db.connect()
    for statement in ("SET SESSION AUTHORIZATION " + role, *statements):
        session.cursor().execute(statement)
    return session


def run_as(role, *statements):
    as_role(role, *statements).close()


def seen():
    """Returns the roles with whose rights the attacker's code ran, but the attacker."""
    return [role for role, in db.run("SELECT DISTINCT role FROM mallory.seen ORDER BY 1") if role != "ic_mallory"]


def prepare():
    db.run("SET pg_trickle.enabled = on")
    for role, schema in SCHEMA_OF.items():
        if role != "postgres":
            db.run(f"CREATE ROLE {role}; CREATE SCHEMA {schema} AUTHORIZATION {role}; GRANT USAGE ON SCHEMA {schema} TO PUBLIC")
            db.run(f"GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}")
    run_as("ic_mallory", "CREATE TABLE mallory.seen (role name)", "GRANT ALL ON mallory.seen TO PUBLIC",
           "CREATE FUNCTION mallory.note(t pg_catalog.text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN "
           "INSERT INTO mallory.seen VALUES (current_user); RETURN true; END $$",
           "CREATE DOMAIN mallory.text AS pg_catalog.text CHECK (mallory.note(value))",
           "CREATE FUNCTION mallory.noted() RETURNS pg_catalog.text LANGUAGE plpgsql AS $$ BEGIN "
           "INSERT INTO mallory.seen VALUES (current_user); RETURN 'x'; END $$",
           "CREATE FUNCTION mallory.notes(t pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$ BEGIN "
           "INSERT INTO mallory.seen VALUES (current_user); RETURN t; END $$")


class Victim:
    """A stream table, and the function that its query calls."""

    def __init__(self, owner, language="plpgsql", body=BODY, schedule="1h"):
        schema = SCHEMA_OF[owner]
        number = next(numbers)
        self.owner, self.function, self.source, self.name = owner, f"{schema}.f{number}", f"{schema}.t{number}", f"{schema}.st{number}"
        run_as(owner, f"CREATE FUNCTION {self.function}(t text) RETURNS text LANGUAGE {language} IMMUTABLE AS $$ {body} $$",
               f"CREATE TABLE {self.source} (id int PRIMARY KEY, name text)", f"INSERT INTO {self.source} VALUES (1, 'a')",
               f"SELECT pgtrickle.create_stream_table('{self.name}', 'SELECT id, {self.function}(name) AS name FROM {self.source}', '{schedule}')",
               f"GRANT SELECT ON {self.name} TO PUBLIC")

    def change(self):
        db.run(f"INSERT INTO {self.source} SELECT max(id) + 1, 'b' FROM {self.source}")


WARM_UP = ("SET search_path = mallory, pg_catalog", "SELECT {0}('warm')")
EXACTLY = ("SET pg_trickle.read_mode = exact", "SELECT max(name) FROM {1}")
IN_SNAPSHOT = ("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1", "CHANGE", "SET LOCAL pg_trickle.max_staleness = 0",
               "SELECT max(name) FROM {1}", "COMMIT")
CONSISTENTLY = ("SET pg_trickle.consistent_reads = on", "SELECT max(s.name) FROM {1} AS s, (SELECT count(*) FROM mallory.seen) AS c")
OWN_CHANGES = ("BEGIN", "INSERT INTO {2} SELECT max(id) + 1, 'c' FROM {2}", "SET LOCAL pg_trickle.max_staleness = 0", "SELECT max(name) FROM {1}", "COMMIT")


def read(role, victim, *steps):
    session = as_role(role)
    cursor = session.cursor()
    cursor.execute("SET pg_trickle.scan_refresh_timeout = '2s'")
    for step in steps:
        if step == "CHANGE":
            victim.change()
        else:
            cursor.execute(step.format(victim.function, victim.name, victim.source))
    session.close()


def a_reader_has_called_the_function_first():
    for owner, way in itertools.product(("ic_alice", "postgres"), (EXACTLY, IN_SNAPSHOT, CONSISTENTLY, OWN_CHANGES)):
        victim = Victim(owner)
        db.run(f"GRANT SELECT, INSERT ON {victim.source} TO ic_mallory")
        victim.change()
        read("ic_mallory", victim, *WARM_UP, *way)
        assert seen() == [], (owner, way, seen())


def a_reader_has_temporary_objects():
    for language, body in (("sql", "SELECT suffix || t FROM suffixes"), ("plpgsql", "BEGIN RETURN (SELECT suffix || t FROM suffixes); END")):
        db.run("CREATE TABLE IF NOT EXISTS alice.suffixes AS SELECT 'x'::text AS suffix; GRANT SELECT ON alice.suffixes TO PUBLIC; ALTER TABLE alice.suffixes OWNER TO ic_alice")
        run_as("ic_alice", f"CREATE OR REPLACE FUNCTION alice.suffixed(t text) RETURNS text LANGUAGE {language} STABLE SET search_path = alice AS $$ {body} $$")
        victim = Victim("ic_alice", body="BEGIN RETURN alice.suffixed(t); END")
        for way in EXACTLY, IN_SNAPSHOT, CONSISTENTLY:
            victim.change()
            read("ic_mallory", victim, "CREATE TEMP VIEW suffixes AS SELECT mallory.noted() AS suffix", "GRANT SELECT ON suffixes TO PUBLIC", *way)
            assert seen() == [], (language, way, seen())


def calling_as_mallory(victim):
    """A stream table of mallory, which calls the function under mallory's names."""
    number = next(numbers)
    run_as("ic_mallory", f"CREATE FUNCTION mallory.call{number}(t pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql IMMUTABLE "
           f"SET search_path = mallory, pg_catalog AS $$ BEGIN RETURN {victim.function}(t); END $$",
           f"CREATE TABLE mallory.t{number} (id int PRIMARY KEY, name pg_catalog.text)", f"INSERT INTO mallory.t{number} VALUES (1, 'a')",
           f"SELECT pgtrickle.create_stream_table('mallory.bait{number}', 'SELECT id, mallory.call{number}(name) AS name FROM mallory.t{number}', '1s')",
           f"GRANT SELECT ON mallory.bait{number} TO PUBLIC")
    bait = Victim.__new__(Victim)
    bait.owner, bait.function, bait.source, bait.name = "ic_mallory", victim.function, f"mallory.t{number}", f"mallory.bait{number}"
    return bait


# Queries that reach {function}, which takes a text and returns one, without a dependency on it. {n}: a number; {s}: the schema; name is a column. The
# set-up, an expression, and perhaps a condition.
ENUM = "CREATE TYPE {s}.e{n} AS ENUM ('a', 'b'); CREATE FUNCTION {s}.j{n}({s}.e{n}) RETURNS {type} LANGUAGE plpgsql IMMUTABLE AS " \
       "$$ BEGIN RETURN to_json({function}('x'))::pg_catalog.text; END $$; CREATE CAST ({s}.e{n} AS {type}) WITH FUNCTION {s}.j{n}({s}.e{n})"
TO_JSON, TO_TEXT = ENUM.replace("{type}", "json"), ENUM.replace("{type}", "pg_catalog.text")

def operators(kind, one, estimate, estimate_of_other):
    """Operators have no digits in their names: those of each way have one of their own, in a schema of their own."""
    return ("CREATE SCHEMA {s}{n}; GRANT USAGE ON SCHEMA {s}{n} TO PUBLIC; CREATE FUNCTION {s}{n}.b(pg_catalog.text, pg_catalog.text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS "
            "$$ BEGIN RETURN {function}($1) IS NULL; END $$; "
            f"CREATE OPERATOR {{s}}{{n}}.#= (FUNCTION = pg_catalog.{one}, LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, {kind} = OPERATOR({{s}}{{n}}.#~), RESTRICT = {estimate}); "
            f"CREATE OPERATOR {{s}}{{n}}.#~ (FUNCTION = {{s}}{{n}}.b, LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, {kind} = OPERATOR({{s}}{{n}}.#=), RESTRICT = {estimate_of_other})")


HIDDEN = {
    "text of a query": ("", "query_to_xml('SELECT {function}(''x'')', true, true, '')::text"),
    "text of ts_rewrite": ("", "ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, {function}(''a'')::tsquery')::text"),
    "cast to json": (TO_JSON, "to_jsonb('a'::{s}.e{n})::text"),
    "cast to text, in quote_literal": (TO_TEXT, "quote_literal('a'::{s}.e{n})"),
    "cast to text, in ||": (TO_TEXT, "name || 'a'::{s}.e{n}"),
    "field of a domain": ("CREATE DOMAIN {s}.d{n} AS pg_catalog.text CHECK ({function}(value) IS NOT NULL); CREATE TYPE {s}.c{n} AS (v {s}.d{n})",
                          "(('(' || name || ')')::{s}.c{n})::text"),
    "trigger": ("CREATE TABLE {s}.l{n} (t pg_catalog.text); CREATE FUNCTION {s}.tf{n}() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN PERFORM {function}('x'); RETURN NEW; END $$; CREATE TRIGGER t BEFORE INSERT ON {s}.l{n} FOR EACH ROW EXECUTE FUNCTION {s}.tf{n}(); "
                "CREATE FUNCTION {s}.w{n}(t pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql BEGIN ATOMIC INSERT INTO {s}.l{n} VALUES (t); SELECT t; END",
                "{s}.w{n}(name)"),
    "name of a type": ("CREATE DOMAIN {s}.d{n} AS pg_catalog.text CHECK ({function}(value) IS NOT NULL); CREATE TABLE {s}.o{n} AS SELECT '{s}.d{n}'::regtype::oid AS o",
                       "(domain_in(name::cstring, (SELECT o FROM {s}.o{n}), -1) IS NULL)::text"),
    "negator": (operators("NEGATOR", "texteq", "eqsel", "neqsel"), "(NOT name OPERATOR({s}{n}.#=) 'zz')::text"),
    "negator of ANY": (operators("NEGATOR", "texteq", "eqsel", "neqsel"), "(NOT name OPERATOR({s}{n}.#=) ANY (ARRAY['zz', 'yy']))::text"),
    "negator in an estimate": (operators("NEGATOR", "textne", "neqsel", "eqsel"), "name", "name OPERATOR({s}{n}.#=) 'zz'"),
    "commutator in an estimate": (operators("COMMUTATOR", "text_gt", "scalargtsel", "scalarltsel"), "name", "'zz' OPERATOR({s}{n}.#=) name"),
    "aggregate of a text": ("CREATE AGGREGATE {s}.a{n}(pg_catalog.text) (SFUNC = pg_catalog.ts_rewrite, STYPE = tsquery, INITCOND = 'a')",
                            "(SELECT {s}.a{n}('SELECT ''a''::tsquery, {function}(''b'')::tsquery'))::text"),
    "aggregate that casts": (TO_JSON + "; CREATE AGGREGATE {s}.a{n}({s}.e{n}) (SFUNC = pg_catalog.enum_larger, STYPE = {s}.e{n}, FINALFUNC = pg_catalog.to_jsonb)",
                             "(SELECT {s}.a{n}('a'::{s}.e{n}))::text"),
    "unused column of a function": ("CREATE DOMAIN {s}.d{n} AS pg_catalog.text CHECK ({function}(value) IS NOT NULL)",
                                    "(SELECT r.b FROM jsonb_to_record('{\"a\": \"x\", \"b\": 1}') AS r(a {s}.d{n}, b int))::text"),
    "text of a function, analyzed": ("CREATE DOMAIN {s}.d{n} AS pg_catalog.text CHECK ({function}(value) IS NOT NULL); CREATE TYPE {s}.c{n} AS (v {s}.d{n}); "
                                     "CREATE FUNCTION {s}.g{n}() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; SET check_function_bodies = off; "
                                     "CREATE OR REPLACE FUNCTION {s}.g{n}() RETURNS int LANGUAGE sql AS $$ SELECT ('(x)'::{s}.c{n} IS NULL)::int $$; RESET check_function_bodies",
                                     "(fmgr_sql_validator(('{s}.' || 'g{n}')::regproc) IS NULL)::text"),
    "key of another table": ("CREATE TABLE {s}.k{n} (id int) PARTITION BY RANGE ((id + length({function}('x')))); CREATE TABLE {s}.k{n}_1 PARTITION OF {s}.k{n} FOR VALUES FROM (0) TO (1)",
                             "pg_get_partition_constraintdef(('{s}.' || 'k{n}_1')::regclass)"),
    "row of a function": (TO_JSON, "(SELECT row_to_json(r) FROM jsonb_to_record('{\"a\": \"b\"}') AS r(a {s}.e{n}))::text"),
    "index": ("CREATE TABLE {s}.x{n} (t pg_catalog.text); CREATE INDEX x{n}_i ON {s}.x{n} USING brin ({function}(t)) WITH (pages_per_range = 1); "
              "INSERT INTO {s}.x{n} SELECT repeat('a', 500) FROM generate_series(1, 2000)", "(brin_desummarize_range(('{s}.' || 'x{n}_i')::regclass, 0) IS NULL)::text || brin_summarize_new_values(('{s}.' || 'x{n}_i')::regclass)::text"),
}


def hidden_code(role, function, way):
    """Returns a stream table of the role, as calling_as_mallory() does, whose query reaches the function."""
    number, schema = next(numbers), SCHEMA_OF[role]
    set_up, expression, condition = (text.replace("{function}", function).replace("{n}", str(number)).replace("{s}", schema)
                                     for text in (*HIDDEN[way], "true")[:3])
    source, name = f"{schema}.t{number}", f"{schema}.hidden{number}"
    db.run(f"GRANT CREATE ON DATABASE {db.name} TO {role}")
    run_as(role, *([set_up] if set_up else []), f"CREATE TABLE {source} (id int PRIMARY KEY, name pg_catalog.text)",
           f"INSERT INTO {source} SELECT g, 'x' || g % 5 FROM generate_series(1, 500) AS g", f"ANALYZE {source}",
           f"SELECT pgtrickle.create_stream_table('{name}', $q$SELECT id, {expression} AS name FROM {source} WHERE {condition}$q$, '1s')",
           f"GRANT SELECT ON {name} TO PUBLIC")
    bait = Victim.__new__(Victim)
    bait.owner, bait.function, bait.source, bait.name = role, function, source, name
    return bait


def hidden_bait(victim, way):
    """As calling_as_mallory()."""
    number = next(numbers)
    run_as("ic_mallory", f"CREATE FUNCTION mallory.call{number}(t pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql IMMUTABLE "
           f"SET search_path = mallory, pg_catalog AS $$ BEGIN RETURN {victim.function}(t); END $$")
    return hidden_code("ic_mallory", f"mallory.call{number}", way)


def a_reader_has_called_hidden_code_first():
    """Code that no dependency shows, of an owner who knows of no attack."""
    for way in HIDDEN:
        db.run("DELETE FROM mallory.seen")
        victim = Victim("ic_alice")
        hidden = hidden_code("ic_alice", victim.function, way)
        hidden.change()
        read("ic_mallory", hidden, *WARM_UP, "SET pg_trickle.read_mode = exact", "SELECT array_agg(s) FROM {1} AS s")
        assert seen() == [], (way, seen())


def a_reader_brings_operators():
    """In a condition, for which the planner estimates with the statistics of the owner's source."""
    for kind, one, estimate, estimate_of_other in (("NEGATOR", "textne", "neqsel", "eqsel"), ("NEGATOR", "texteq", "eqsel", "neqsel"),
                                                   ("COMMUTATOR", "text_gt", "scalargtsel", "scalarltsel")):
        number = next(numbers)
        db.run(f"GRANT CREATE ON DATABASE {db.name} TO ic_mallory")
        run_as("ic_mallory", operators(kind, one, estimate, estimate_of_other).replace("{function}", "mallory.notes").replace("{s}", "mallory").replace("{n}", str(number)))
        for owner in "ic_alice", "postgres":
            source, name = f"{SCHEMA_OF[owner]}.read{number}", f"{SCHEMA_OF[owner]}.shown{number}"
            run_as(owner, f"CREATE TABLE {source} (id int PRIMARY KEY, name text)", f"INSERT INTO {source} SELECT g, 'x' || g % 5 FROM generate_series(1, 500) AS g",
                   f"ANALYZE {source}", f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT id, name FROM {source}', '520w')", f"GRANT SELECT ON {name} TO PUBLIC",
                   f"INSERT INTO {source} VALUES (1000, 'x1')")
            of = f"OPERATOR(mallory{number}.#=)"
            session = as_role("ic_mallory", "SET pg_trickle.read_mode = exact")
            for condition in (f"name {of} 'x1'", f"'x1' {of} name", f"name {of} ANY (ARRAY['x1', 'x2'])", f"NOT name {of} 'x1'", f"NOT name {of} ALL (ARRAY['x1', 'x2'])",
                              f"CASE WHEN id > 0 THEN name {of} 'x1' END", f"(name {of} 'x1') IS TRUE"):
                session.cursor().execute(f"SELECT count(*) FROM {name} WHERE {condition}")
                assert seen() == [], (kind, owner, condition, seen())
            session.close()


# What stands around a source t, an upstream or a stream table st; {f}: a function of a text. The statements, and the query.
AROUND = {
    "key of the stream table's parent": ("CREATE TABLE {s}.p (id int, name text) PARTITION BY LIST ((length({f}(name)))); CREATE TABLE {s}.t (id int PRIMARY KEY, name text); {st}; "
                                         "ALTER TABLE {s}.p ATTACH PARTITION {s}.st FOR VALUES IN (3)", "SELECT id, name FROM {s}.t"),
    "key of a source's parent": ("CREATE TABLE {s}.p (id int NOT NULL, name text) PARTITION BY RANGE ((id + length({f}('x')))); "
                                 "CREATE TABLE {s}.t PARTITION OF {s}.p FOR VALUES FROM (0) TO (1000000); {st}", "SELECT id, name FROM {s}.t"),
    "statistics of an upstream": ("CREATE TABLE {s}.t (id int PRIMARY KEY, name text); SELECT pgtrickle.create_stream_table('{s}.up', 'SELECT id, name FROM {s}.t', '520w'); "
                                  "CREATE STATISTICS {s}.x ON (id + length({f}('x'))), name FROM {s}.up; {st}", "SELECT id, name FROM {s}.up"),
    "key of an upstream's parent": ("CREATE TABLE {s}.t (id int PRIMARY KEY, name text); SELECT pgtrickle.create_stream_table('{s}.up', 'SELECT id, name FROM {s}.t', '520w'); "
                                    "CREATE TABLE {s}.p (id int, name text) PARTITION BY RANGE ((id + length({f}('x')))); ALTER TABLE {s}.p ATTACH PARTITION {s}.up FOR VALUES FROM (0) TO (1000000); {st}",
                                    "SELECT id, name FROM {s}.up"),
    "index of a source": ("CREATE TABLE {s}.t (id int PRIMARY KEY, name text); CREATE INDEX ON {s}.t ((id + length({f}('x')))); CREATE INDEX ON {s}.t (name) WHERE id > length({f}('y')); {st}",
                          "SELECT id, name FROM {s}.t"),
    "constraint of a source": ("CREATE TABLE {s}.t (id int PRIMARY KEY, name text, CHECK (id > length({f}('x')) - 9)); {st}", "SELECT id, name FROM {s}.t"),
}
SHOWING = ("SELECT * FROM pgtrickle.recommend_refresh_mode('{1}')", "SELECT * FROM pgtrickle.recommend_refresh_mode()", "SELECT * FROM pgtrickle.explain_refresh_mode('{1}')",
           "SELECT * FROM pgtrickle.pgt_stream_tables", "SELECT * FROM pgtrickle.stream_tables_info", "SELECT * FROM pgtrickle.pgt_status()", "SELECT * FROM pgtrickle.health_check()",
           "SELECT * FROM pgtrickle.quick_health", "SELECT * FROM pgtrickle.explain_st('{1}')")


def code_around_what_is_read_meets_no_reader():
    """Keys of parents, statistics, indexes and constraints: an exact read, and what functions and views show."""
    db.run("GRANT pg_monitor TO ic_mallory")
    for (around, (set_up, query)), mode in itertools.product(AROUND.items(), ("AUTO", "DIFFERENTIAL")):
        number = next(numbers)
        schema = f"around{number}"
        db.run(f"GRANT CREATE ON DATABASE {db.name} TO ic_alice")
        define = "CREATE FOREIGN TABLE {s}.st () SERVER pgtrickle OPTIONS (query '" + query + f"', schedule '520w', refresh_mode '{mode}')"
        body = "DECLARE v text; BEGIN v := upper(t); RETURN v; END"
        run_as("ic_alice", f"CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO PUBLIC",
               f"CREATE FUNCTION {schema}.f(t pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql IMMUTABLE AS $$ {body} $$",
               *set_up.replace("{st}", define).replace("{s}", schema).replace("{f}", f"{schema}.f").split("; "),
               f"INSERT INTO {schema}.t SELECT g, 'abc' FROM generate_series(10, 500) AS g", f"ANALYZE {schema}.t", f"GRANT SELECT ON {schema}.st TO PUBLIC")
        run_as("ic_alice", f"SELECT pgtrickle.refresh_stream_table('{schema}.st')", f"INSERT INTO {schema}.t VALUES (9999, 'abc')")
        victim = Victim.__new__(Victim)
        victim.owner, victim.function, victim.source, victim.name = "ic_alice", f"{schema}.f", f"{schema}.t", f"{schema}.st"
        db.run("DELETE FROM mallory.seen")
        exact = ("SET pg_trickle.read_mode = exact; SET constraint_exclusion = on", "SELECT max(id), min(name) FROM {1} WHERE id > 5")
        for steps in (exact, *[(one,) for one in SHOWING]):
            read("ic_mallory", victim, *WARM_UP, *steps)
            assert seen() == [], (around, mode, steps, seen())


def a_parent_runs_its_code_as_the_role_that_attaches():
    """Not as the owner of a stream table that is a partition below."""
    db.run("DELETE FROM mallory.seen; CREATE TABLE public.below_source (id int PRIMARY KEY, val int); INSERT INTO public.below_source VALUES (1, 1); "
           "SELECT pgtrickle.create_stream_table('public.below', 'SELECT id, val FROM public.below_source', '520w')")
    run_as("ic_mallory", "CREATE FUNCTION mallory.same(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN x; END $$",
           "CREATE TABLE mallory.middle (id int, val int) PARTITION BY RANGE (id)", "CREATE TABLE mallory.top (id int, val int) PARTITION BY RANGE (mallory.same(id))")
    db.run("ALTER TABLE mallory.middle ATTACH PARTITION public.below DEFAULT")
    run_as("ic_mallory", "CREATE OR REPLACE FUNCTION mallory.same(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM mallory.notes(''); RETURN x; END $$",
           "ALTER TABLE mallory.top ATTACH PARTITION mallory.middle DEFAULT", "CREATE TABLE mallory.other PARTITION OF mallory.top FOR VALUES FROM (100) TO (200)")
    assert db.value("SELECT count(*) > 0 FROM mallory.seen"), "the key has not been evaluated"
    assert seen() == [], seen()
    db.run("ALTER TABLE mallory.middle DETACH PARTITION public.below")


def a_refresh_group_has_members_of_its_creator_only():
    """The owner of the database may fill the table when it restores a dump."""
    victim = Victim("postgres")
    bait = calling_as_mallory(victim)
    db.run(f"ALTER DATABASE {db.name} OWNER TO ic_mallory")
    run_as("ic_mallory", "INSERT INTO pgtrickle.pgt_refresh_group VALUES ('g', 'repeatable_read')", f"INSERT INTO pgtrickle.pgt_refresh_group_member VALUES ('{bait.name}', 'g')")
    try:
        run_as("ic_mallory", f"INSERT INTO pgtrickle.pgt_refresh_group_member VALUES ('{victim.name}', 'g')")
        raise AssertionError("another role's stream table has become a member")
    except errors.InsufficientPrivilege:
        pass
    run_as("ic_mallory", f"INSERT INTO pgtrickle.pgt_dumped_row VALUES ('pgt_refresh_group_member', '{victim.name}', jsonb_build_object('relid', '{victim.name}', 'group_name', 'g'))")
    try:
        run_as("ic_mallory", f"INSERT INTO pgtrickle.pgt_dumped_row VALUES ('pgt_refresh_group_member', '{bait.name}', jsonb_build_object('relid', '{victim.name}', 'group_name', 'g'))")
        raise AssertionError("another role's stream table has become a member")
    except errors.InsufficientPrivilege:
        pass
    assert db.run("SELECT relid::text FROM pgtrickle.pgt_refresh_group_member") == [(bait.name,)]
    db.run(f"ALTER DATABASE {db.name} OWNER TO postgres; DELETE FROM pgtrickle.pgt_refresh_group_member; DELETE FROM pgtrickle.pgt_refresh_group")


def what_a_transaction_changes_and_rolls_back_counts():
    """The answer is not kept from one state to another."""
    victim = Victim("postgres")
    bait = calling_as_mallory(victim)
    bait.change()
    session = as_role("postgres", "SET pg_trickle.read_mode = exact; SET pg_trickle.scan_refresh_timeout = '2s'")
    for statement in (f"ALTER FOREIGN TABLE {bait.name} OWNER TO postgres", "GRANT ic_mallory TO postgres"):
        db.run("DELETE FROM mallory.seen")
        session.cursor().execute(f"BEGIN; {statement}")
        session.cursor().execute(f"EXPLAIN SELECT max(name) FROM {bait.name}")
        session.cursor().execute("ROLLBACK")
        session.cursor().execute(f"SELECT max(name) FROM {bait.name}")
        session.cursor().execute(f"SELECT {victim.function}('own call')")
        assert seen() == [], (statement, seen())
    session.close()


def a_function_with_the_rights_of_its_owner_reads():
    """The session is the caller's."""
    db.run("DELETE FROM mallory.seen")
    for owner, way in itertools.product(("ic_alice", "postgres"), (EXACTLY, IN_SNAPSHOT)):
        victim = Victim(owner)
        run_as(owner, f"CREATE FUNCTION {victim.name}_total() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_catalog, pg_temp "
               f"BEGIN ATOMIC SELECT max(name) FROM {victim.name}; END")
        victim.change()
        read("ic_mallory", victim, *WARM_UP, *(step.replace("max(name) FROM {1}", "{1}_total()") for step in way))
        assert seen() == [], (owner, way, seen())


def code_that_no_dependency_shows_meets_no_other_role():
    for way in HIDDEN:
        db.run("DELETE FROM mallory.seen")
        victim = Victim("postgres", schedule="1s")
        bait = hidden_bait(victim, way)
        db.run("DELETE FROM mallory.seen")
        bait.change()
        read("ic_mallory", bait, "SET pg_trickle.read_mode = exact", "SELECT array_agg(s) FROM {1} AS s")
        assert db.value("SELECT count(*) > 0 FROM mallory.seen"), f"{way}: an exact read of the owner does not run the attacker's code"
        for _ in range(2):
            for one in bait, victim:
                one.change()
                db.wait_for(f"SELECT count(*) FROM {one.name}", db.value(f"SELECT count(*) FROM {one.source}"))
        bait.change()
        read("postgres", bait, "SET pg_trickle.read_mode = exact", "SELECT array_agg(s) FROM {1} AS s", f"SELECT {victim.function}('own call')")
        assert seen() == [], (way, seen())


def what_is_known_to_be_harmless_is_read_exactly():
    """Functions of PostgreSQL and IMMUTABLE ones in C, types and tables of users, defaults; columns that no query uses."""
    db.run("CREATE EXTENSION IF NOT EXISTS citext; CREATE TYPE public.mood AS ENUM ('low', 'high')")
    run_as("ic_alice", "CREATE FUNCTION alice.next() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$",
           "GRANT EXECUTE ON FUNCTION alice.next() TO PUBLIC", "CREATE DOMAIN alice.short AS text CHECK (length(value) < 9)",
           "CREATE TABLE alice.plain (id int PRIMARY KEY, name citext, m mood, n int DEFAULT alice.next() CHECK (n > 0), unused alice.short, j jsonb)",
           "GRANT INSERT ON alice.plain TO ic_mallory")
    queries = ["SELECT name::text, max(m) AS m, count(*) AS n FROM alice.plain WHERE lower(name) <> '' GROUP BY name",
               "SELECT id FROM alice.plain WHERE id IN (SELECT n FROM alice.plain WHERE m = 'low')", "SELECT id FROM alice.plain WHERE id = ANY (SELECT n FROM alice.plain)",
               "SELECT p.id, q.m FROM alice.plain AS p JOIN alice.plain AS q ON q.id = p.n", "SELECT id, q.m FROM alice.plain AS p LEFT JOIN alice.plain AS q USING (id)",
               "SELECT id, m, j ->> 'a' AS a, jsonb_array_length(j -> 'b') AS b FROM alice.plain", "SELECT id, row_number() OVER (PARTITION BY m ORDER BY n, id) AS r FROM alice.plain",
               "SELECT id, json_build_object('id', id, 'n', n)::text AS o FROM alice.plain", "SELECT DISTINCT ON (m) m, id FROM alice.plain ORDER BY m, id DESC",
               "SELECT m, n, sum(id) AS s FROM alice.plain GROUP BY GROUPING SETS ((m), (n))", "SELECT id, (ARRAY[m, 'low'])[1] AS m FROM alice.plain",
               "SELECT m FROM alice.plain UNION SELECT 'high'", "WITH RECURSIVE r AS (SELECT id, n FROM alice.plain UNION SELECT r.id, p.n FROM r JOIN alice.plain AS p ON p.id = r.n) SELECT * FROM r",
               "SELECT id, generate_series FROM alice.plain, LATERAL generate_series(1, n)", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id) AS m, string_agg(name::text, ',' ORDER BY id) AS s FROM alice.plain",
               "SELECT id, date_trunc('day', timestamp '2026-01-01' + n * interval '1 hour') AS d, coalesce(to_char(n, '09'), '') AS c FROM alice.plain"]
    for i, query in enumerate(queries):
        run_as("ic_alice", f"SELECT pgtrickle.create_stream_table('alice.known{i}', $q${query}$q$, '520w')", f"GRANT SELECT ON alice.known{i} TO ic_mallory")
    session = as_role("ic_mallory", "SET pg_trickle.read_mode = exact; SET pg_trickle.on_stale = error; BEGIN",
                      "INSERT INTO alice.plain VALUES (1, 'A', 'low', 2, 'x', '{\"b\": []}'), (2, 'a', 'high', 1, NULL, '{\"b\": [1]}')")
    for i, query in enumerate(queries):
        cursor = session.cursor()
        cursor.execute(f"SELECT s::text FROM alice.known{i} AS s ORDER BY 1")
        shown = cursor.fetchall()
        assert shown, query
    session.cursor().execute("COMMIT")
    for i, query in enumerate(queries):
        cursor.execute(f"SELECT s::text FROM alice.known{i} AS s ORDER BY 1")
        assert cursor.fetchall() == db.run(f"SELECT s::text FROM ({query}) AS s ORDER BY 1"), query
    session.close()


def a_member_reads():
    """The role is granted without the member's consent: to the attacker, and by who administers the attacker's to a superuser."""
    for option in [""] if db.session.server_version < 160000 else ["", " WITH INHERIT FALSE, SET FALSE"]:
        db.run(f"GRANT ic_alice TO ic_mallory{option}; GRANT ic_mallory TO postgres{option}; GRANT ic_mallory TO ic_bob{option}")
        try:
            a_reader_has_called_the_function_first()
            for role, way in itertools.product(("postgres", "ic_bob"), (EXACTLY, IN_SNAPSHOT, CONSISTENTLY)):
                victim = Victim(role)
                bait = calling_as_mallory(victim)
                bait.change()
                read(role, bait, *way, f"SELECT {victim.function}('own call')")
                assert seen() == [], (option, role, way, seen())
        finally:
            db.run("REVOKE ic_alice FROM ic_mallory; REVOKE ic_mallory FROM postgres, ic_bob")


def set_role_is_consent():
    """It reads exactly, also in a session of a superuser; and a migration creates, alters and refreshes a chain."""
    db.run("GRANT ic_mallory TO ic_bob")
    for role in "postgres", "ic_bob":
        bait = calling_as_mallory(Victim("ic_alice"))
        for way in EXACTLY, OWN_CHANGES:
            bait.change()
            db.run("DELETE FROM mallory.seen")
            read(role, bait, "SET ROLE ic_mallory", "SET pg_trickle.on_stale = error", *way)
            assert db.value("SELECT count(*) > 0 FROM mallory.seen"), (role, way)
        cursor = as_role(role, "SET ROLE ic_mallory", "SET statement_timeout = '20s'; SET pg_trickle.scan_refresh_timeout = '2s'").cursor()
        cursor.execute(f"BEGIN; SELECT pgtrickle.create_stream_table('mallory.upon', 'SELECT id, mallory.notes(name) AS name FROM {bait.name}', '520w')")
        cursor.execute(f"INSERT INTO {bait.source} VALUES (500, 'x'); SELECT pgtrickle.refresh_stream_table('mallory.upon')")
        cursor.execute("SELECT count(*) FROM mallory.upon WHERE id = 500")
        assert cursor.fetchone()[0] == 1, role
        cursor.execute(f"ALTER FOREIGN TABLE mallory.upon OPTIONS (SET query 'SELECT id, mallory.notes(name) || id AS name FROM {bait.name}'); ALTER TABLE {bait.source} ALTER id TYPE bigint")
        cursor.execute("COMMIT; DROP FOREIGN TABLE mallory.upon")


def a_superuser_reads():
    """The code would wait in the session for a call of the superuser's own."""
    for way in EXACTLY, IN_SNAPSHOT, OWN_CHANGES:
        victim = Victim("postgres")
        bait = calling_as_mallory(victim)
        bait.change()
        read("postgres", bait, *way, f"SELECT {victim.function}('own call')")
        assert seen() == [], (way, seen())


def a_superuser_builds_upon_it():
    """A new stream table, and a refresh of it, leave the one below to the manager."""
    victim = Victim("postgres")
    bait = calling_as_mallory(victim)
    session = as_role("postgres")
    cursor = session.cursor()
    for statement in (f"SELECT pgtrickle.create_stream_table('public.upon', 'SELECT id, name FROM {bait.name}', '1h')",
                      "SELECT pgtrickle.refresh_stream_table('public.upon')", "SELECT pgtrickle.repair_stream_table('public.upon')"):
        bait.change()
        cursor.execute(statement)
        cursor.execute(f"SELECT {victim.function}('own call')")
        assert seen() == [], (statement, seen())
    session.close()
    db.run("SELECT pgtrickle.drop_stream_table('public.upon')")


def a_worker_has_run_code_of_another_owner():
    """With one worker for both, and both kept up to date meanwhile."""
    db.run("DELETE FROM mallory.seen")
    db.alter_system("SET pg_trickle.max_concurrent_refreshes = 1")
    victims = [Victim("ic_alice", schedule="1s"), Victim("postgres", schedule="1s")]
    baits = [calling_as_mallory(victim) for victim in victims]
    for _ in range(5):
        for one in [*baits, *victims]:
            one.change()
            db.wait_for(f"SELECT count(*) FROM {one.name}", db.value(f"SELECT count(*) FROM {one.source}"))
    assert seen() == [], seen()
    assert db.value("SELECT count(*) > 0 FROM mallory.seen WHERE role = 'ic_mallory'"), "the attacker's code has never run"


def an_owner_changes_while_the_worker_waits():
    """The job was sent to a process that has run the code of the owner before."""
    db.alter_system("SET pg_trickle.max_concurrent_refreshes = 1")
    db.run("CREATE SCHEMA shared; GRANT ALL ON SCHEMA shared TO PUBLIC; GRANT ALL ON SCHEMA public TO PUBLIC")
    for owner in "ic_alice", "postgres":
        db.run("DELETE FROM mallory.seen")
        victim = Victim(owner)
        number = next(numbers)
        source, name = f"shared.t{number}", f"shared.st{number}"
        db.run(f"CREATE TABLE {source} (id int PRIMARY KEY, name pg_catalog.text); GRANT ALL ON {source} TO PUBLIC")
        run_as("ic_mallory", f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT id, {victim.function}(name) AS name FROM {source}', '1s')")
        bait = calling_as_mallory(victim)
        for _ in range(3):
            bait.change()
            db.wait_for(f"SELECT count(*) FROM {bait.name}", db.value(f"SELECT count(*) FROM {bait.source}"))
        assert db.value("SELECT count(*) > 0 FROM mallory.seen WHERE role = 'ic_mallory'"), "the attacker's code has never run"
        admin = db.connect()
        admin.cursor().execute(f"BEGIN; ALTER FOREIGN TABLE {name} OWNER TO {owner}")
        db.run(f"INSERT INTO {source} VALUES (100, 'z')")
        db.wait_for(f"SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name LIKE 'pg_trickle%' AND wait_event_type = 'Lock' AND query LIKE '%{name}%'", True, 90)
        admin.cursor().execute("COMMIT")
        db.wait_for(f"SELECT count(*) FROM {name}", 1)
        admin.close()
        assert seen() == [], (owner, seen())


try:
    prepare()
    run_cases([code_around_what_is_read_meets_no_reader, a_parent_runs_its_code_as_the_role_that_attaches, a_refresh_group_has_members_of_its_creator_only, a_superuser_builds_upon_it, a_reader_has_called_the_function_first, a_member_reads, set_role_is_consent, a_reader_has_temporary_objects, a_superuser_reads, a_reader_has_called_hidden_code_first, a_reader_brings_operators, what_a_transaction_changes_and_rolls_back_counts, a_function_with_the_rights_of_its_owner_reads, what_is_known_to_be_harmless_is_read_exactly, code_that_no_dependency_shows_meets_no_other_role,
               a_worker_has_run_code_of_another_owner, an_owner_changes_while_the_worker_waits])
finally:
    db.alter_system("RESET pg_trickle.max_concurrent_refreshes")
    db.drop()
    db.admin("DROP ROLE IF EXISTS ic_alice, ic_bob, ic_mallory")
