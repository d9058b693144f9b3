#!/usr/bin/python3 -B
"""Event triggers that alter, use or drop what the statement of a user names, at the begin and the end of each kind of
statement that concerns stream tables. Afterwards each stream table follows the query in its option, which is what a dump
contains; in a trigger it answers as its query; and a statement fails only where it names what the trigger has dropped
or changed, never with an internal error nor with one that asks for a repetition. `make check` tries a third of the cases."""

import itertools
import os
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

SET_UP = """
    RESET ROLE; DROP SCHEMA IF EXISTS s, s2 CASCADE; CREATE SCHEMA s AUTHORIZATION et_owner; CREATE SCHEMA s2 AUTHORIZATION et_owner;
    SET ROLE et_owner; SET search_path = s;
    CREATE TABLE t (a int PRIMARY KEY, b int, c int); INSERT INTO t SELECT i, i % 5, i FROM generate_series(1, 30) i;
    CREATE VIEW v AS SELECT a, b FROM t WHERE a > 3;
    CREATE MATERIALIZED VIEW m AS SELECT a, b FROM t;
    CREATE FOREIGN TABLE f () SERVER pgtrickle OPTIONS (query 'SELECT b, count(*) AS n FROM t GROUP BY b', schedule '1h');
    CREATE FOREIGN TABLE over_v () SERVER pgtrickle OPTIONS (query 'SELECT * FROM v', schedule '1h');
    CREATE FOREIGN TABLE over_m () SERVER pgtrickle OPTIONS (query 'SELECT * FROM m', schedule '1h');
    CREATE FOREIGN TABLE over_f () SERVER pgtrickle OPTIONS (query 'SELECT sum(n) AS n FROM f', schedule '1h');
    CREATE TABLE seen (whether_same bool);
    GRANT ALL ON SCHEMA s, s2 TO et_group; GRANT ALL ON ALL TABLES IN SCHEMA s TO et_group;
"""
STATEMENTS = {
    "create": "CREATE FOREIGN TABLE made () SERVER pgtrickle OPTIONS (query 'SELECT b, max(a) AS a FROM t GROUP BY b', schedule '1h')",
    "create by function": "SELECT pgtrickle.create_stream_table('s.made', 'SELECT a, b FROM t', '1h')",
    "schedule": "ALTER FOREIGN TABLE f OPTIONS (SET schedule '2h')",
    "work_mem": "ALTER FOREIGN TABLE f OPTIONS (ADD work_mem '4MB')",
    "query": "ALTER FOREIGN TABLE f OPTIONS (SET query 'SELECT b, count(*) AS n FROM t WHERE a > 9 GROUP BY b')",
    "columns": "ALTER FOREIGN TABLE f OPTIONS (SET query 'SELECT b, count(*) AS n, max(c) AS m FROM t GROUP BY b')",
    "mode": "ALTER FOREIGN TABLE f OPTIONS (ADD refresh_mode 'FULL')",
    "name": "ALTER FOREIGN TABLE f RENAME TO g",
    "column": "ALTER FOREIGN TABLE f RENAME COLUMN n TO m",
    "schema": "ALTER FOREIGN TABLE f SET SCHEMA s2",
    "owner": "ALTER FOREIGN TABLE f OWNER TO et_group",
    "index": "CREATE INDEX made ON f (n)",
    "drop": "DROP FOREIGN TABLE f CASCADE",
    "source's name": "ALTER TABLE t RENAME TO t2",
    "source's column": "ALTER TABLE t RENAME COLUMN b TO d",
    "source's type": "ALTER TABLE t ALTER c TYPE bigint",
    "source's new column": "ALTER TABLE t ADD COLUMN e int DEFAULT 1",
    "source's schema": "ALTER TABLE t SET SCHEMA s2",
    "view": "CREATE OR REPLACE VIEW v AS SELECT a, b FROM t WHERE a > 8",
    "materialized view": "REFRESH MATERIALIZED VIEW m",
    "grant": "GRANT SELECT ON f TO et_group",
    "another schema": "CREATE SCHEMA s3 CREATE TABLE x (a int); DROP SCHEMA s3 CASCADE",
}
MADE = "coalesce((SELECT max(objid::regclass::text) FROM pg_event_trigger_ddl_commands() WHERE classid = 'pg_class'::regclass), 'f')"
ACTIONS = {
    "read": "EXECUTE (SELECT format('INSERT INTO s.seen SELECT NOT EXISTS ((TABLE %1$s EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$s))',"
            " x.ftrelid::regclass, substr(o, 7)) FROM pg_foreign_table x, unnest(x.ftoptions) o WHERE o LIKE 'query=%' AND x.ftrelid::regclass::text = name);",
    "write": "INSERT INTO s.t VALUES (1000 + (SELECT max(a) FROM s.t), 2, 0);",
    "refresh": "PERFORM pgtrickle.refresh_stream_table(name);",
    "set query": "EXECUTE format('ALTER FOREIGN TABLE %s OPTIONS (SET query %L)', name, 'SELECT b, count(*) AS n FROM s.t WHERE a < 20 GROUP BY b');",
    "set schedule": "EXECUTE format('ALTER FOREIGN TABLE %s OPTIONS (SET schedule ''3h'')', name);",
    "add an option": "EXECUTE format('ALTER FOREIGN TABLE %s OPTIONS (ADD tier ''cold'')', name);",
    "give away": "EXECUTE format('ALTER FOREIGN TABLE %s OWNER TO et_group', name);",
    "rename": "EXECUTE format('ALTER FOREIGN TABLE %s RENAME TO renamed', name);",
    "rename a column": "EXECUTE format('ALTER FOREIGN TABLE %s RENAME COLUMN b TO bb', name);",
    "rename the source": "ALTER TABLE s.t RENAME TO tt;",
    "index": "EXECUTE format('CREATE INDEX ON %s (b)', name);",
    "drop": "EXECUTE format('DROP FOREIGN TABLE %s CASCADE', name);",
    "create": "CREATE FOREIGN TABLE s.other () SERVER pgtrickle OPTIONS (query 'SELECT count(*) AS n FROM s.t', schedule '1h');",
    "retype": "ALTER TABLE s.t ALTER c TYPE bigint;",
}
NAMES_CHANGE = {"rename", "rename a column", "rename the source", "drop", "set query", "retype", "give away"}

db = Database()
db.run("DO $$ BEGIN CREATE ROLE et_group; CREATE ROLE et_owner IN ROLE et_group; EXCEPTION WHEN duplicate_object THEN END $$")
db.run("GRANT USAGE ON FOREIGN SERVER pgtrickle TO et_group, et_owner; GRANT CREATE ON DATABASE " + db.name + " TO et_owner, et_group")
db.run("SET pg_trickle.max_staleness = 0")


def stream_tables():
    return db.run("SELECT ftrelid::regclass::text, (SELECT substr(o, 7) FROM unnest(ftoptions) o WHERE o LIKE 'query=%') FROM pg_foreign_table ORDER BY 1")


def differing():
    """Stream tables that do not follow the queries in their options, now and after a change."""
    wrong = []
    for mode in ("stored", "exact", "changed"):
        if mode == "changed":
            table = db.value("SELECT oid::regclass::text FROM pg_class WHERE relname IN ('t', 't2', 'tt') AND relkind = 'r'")
            db.run(f"UPDATE {table} SET c = c + 1 WHERE a % 3 = 0; DELETE FROM {table} WHERE a = 7; INSERT INTO {table} VALUES (500, 9, 9)")
        db.run("SET pg_trickle.read_mode = exact" if mode == "exact" else "RESET pg_trickle.read_mode")
        for name, query in stream_tables():
            if db.value(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})) d"):
                wrong.append(f"{mode}: {name} differs from {query}")
    return wrong


def set_trigger(event, action):
    name = MADE if event == "ddl_command_end" else "'f'"
    db.run(f"""RESET ROLE; CREATE OR REPLACE FUNCTION public.act() RETURNS event_trigger LANGUAGE plpgsql AS $f$ DECLARE name text; BEGIN
        IF current_setting('x.acts', true) = 'yes' THEN
            PERFORM set_config('x.acts', 'no', false); name := {name};
            IF to_regclass(name) IS NOT NULL AND (SELECT relkind = 'f' FROM pg_class WHERE oid = to_regclass(name)) THEN {ACTIONS[action]} END IF;
        END IF; END $f$;
        DROP EVENT TRIGGER IF EXISTS act; CREATE EVENT TRIGGER act ON {event} EXECUTE FUNCTION public.act(); SET ROLE et_owner""")


def tried(event, kind, action):
    """Returns what is wrong with the statement, or None."""
    db.run("SET x.acts = 'no'")
    db.run(SET_UP)
    set_trigger(event, action)
    db.run("SET x.acts = 'yes'")
    try:
        db.run(STATEMENTS[kind])
    except psycopg2.Error as error:
        if error.pgcode[:2] in ("XX", "40", "57") or action not in NAMES_CHANGE:
            return f"{error.pgcode} {error}"
    db.run("SET x.acts = 'no'")
    if db.value("SELECT count(*) FROM s.seen WHERE NOT whether_same"):
        return "the trigger has read another answer"
    return differing()


def tries(event):
    wrong, cases = [], list(itertools.product(STATEMENTS, ACTIONS))
    if "QUERIES" in os.environ:
        cases = dice(event == "ddl_command_end").sample(cases, len(cases) // 3)
    for kind, action in cases:
        if found := tried(event, kind, action):
            wrong.append(f"{kind}, {action}: {found}")
    assert not wrong, f"{len(wrong)} cases\n" + "\n".join(wrong)


def at_the_begin():
    tries("ddl_command_start")


def at_the_end():
    tries("ddl_command_end")


def statements_of_functions_in_the_query_are_listed():
    """They are the owner's, also where the fill is a part of the statement that makes the stream table."""
    db.run("SET x.acts = 'no'")
    db.run(SET_UP)
    db.run("""CREATE FUNCTION makes(int) RETURNS int LANGUAGE plpgsql AS
              $$BEGIN IF to_regclass('s.made_in_fill') IS NULL THEN CREATE TABLE s.made_in_fill (a int); END IF; RETURN $1; END$$;
              CREATE FUNCTION hides(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN s.makes($1); END$$;
              CREATE TABLE listed (what text); RESET ROLE; DROP EVENT TRIGGER IF EXISTS act;
              CREATE OR REPLACE FUNCTION public.act() RETURNS event_trigger LANGUAGE plpgsql AS
              $$BEGIN INSERT INTO s.listed SELECT object_identity FROM pg_event_trigger_ddl_commands(); END$$;
              CREATE EVENT TRIGGER act ON ddl_command_end EXECUTE FUNCTION public.act(); SET ROLE et_owner;
              CREATE FOREIGN TABLE made () SERVER pgtrickle OPTIONS (query 'SELECT a, s.hides(a) AS b FROM t', schedule '1h')""")
    listed = [what for (what,) in db.run("SELECT what FROM listed ORDER BY 1")]
    assert listed == ["s.made", "s.made_in_fill"], str(listed)


try:
    run_cases([at_the_begin, at_the_end, statements_of_functions_in_the_query_are_listed])
finally:
    db.run("RESET ROLE; DROP EVENT TRIGGER IF EXISTS act")
    db.drop()
