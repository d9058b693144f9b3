#!/usr/bin/python3 -B
"""Shows that a role cannot tell by any statement that writes to a table whether its changes are captured: a table that stream
tables read and one that none reads have the same policies, views, rules, triggers and functions, and random roles the same
privileges on them, or on some of their columns. Each statement has the same rows, or the same error, for both, calls the same
functions as the same roles in the same order, has the same plan, and leaves the same rows; and the stream tables follow.

A statement on one table logs its rows by a RETURNING list that it does not have: privileges, policies and EXPLAIN ignore it."""

import re
import sys
import time
from os import environ
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

DURATION_S, STATEMENTS = int(environ.get("DURATION_S", 15)), 80
OWNER, WRITERS, COLUMNS = "wa_owner", ("wa_one", "wa_two"), ("id", "a", "b", "secret")
KEPT = {"of_t": "SELECT id, a, b, c, secret FROM captured.t", "of_u": "SELECT a, count(*) AS n, min(secret) AS low FROM captured.u GROUP BY a"}
NOTED = {  # functions that raise a NOTICE with their argument and the current user: the type of the result, and the expression
    "by_default": ("int", "7"), "generated": ("int", "i * 2"), "checked": ("boolean", "i < 1000"), "plain": ("int", "i"), "may_see": ("boolean", "i % 7 <> 3"),
    "may_add": ("boolean", "i % 5 <> 3"), "may_change": ("boolean", "i % 11 <> 3"), "may_become": ("boolean", "i % 6 <> 1"), "may_remove": ("boolean", "i % 4 <> 1")}
VIEWS = {
    "plain_view": "SELECT id, a, b FROM t WHERE id < 100", "barrier": "SELECT id, a, secret FROM t WHERE plain(id) < 10",
    "invoker": "SELECT id, a, b, c FROM t", "checking": "SELECT id, a, b FROM t WHERE a < 50", "nested": "SELECT * FROM checking WHERE id > 1",
    "ruled": "SELECT id, a, b FROM t", "by_trigger": "SELECT id, a, b FROM t"}
FUNCTIONS = """
    CREATE FUNCTION defined(i int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
      $$ DECLARE r int; BEGIN UPDATE t SET a = a + 1 WHERE id = i RETURNING a INTO r; RETURN r; END $$;
    CREATE FUNCTION nested_write(i int) RETURNS int LANGUAGE plpgsql AS $$
    BEGIN UPDATE t SET a = a + 1 WHERE id = i; INSERT INTO t (id, a) VALUES (i + 100, 1) ON CONFLICT DO NOTHING; RETURN i;
    EXCEPTION WHEN others THEN RAISE NOTICE 'caught %', sqlerrm; RETURN -1; END $$;
    CREATE FUNCTION other_role(i int) RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN PERFORM set_config('role', CASE WHEN i % 2 = 0 THEN 'wa_two' ELSE 'wa_owner' END, true); RETURN i; END $$;
    CREATE FUNCTION in_sql(i int) RETURNS SETOF int LANGUAGE sql AS
      $$ INSERT INTO t (id, a) VALUES (i, 3), (i + 1, 4) ON CONFLICT DO NOTHING RETURNING a $$;
    CREATE FUNCTION redirected() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF tg_op = 'INSERT' THEN INSERT INTO t (id, a) VALUES (new.id, new.a) RETURNING a INTO new.a;
      ELSIF tg_op = 'UPDATE' THEN UPDATE t SET a = new.a WHERE id = old.id;
      ELSE DELETE FROM t WHERE id = old.id; RETURN old; END IF;
      RETURN new;
    END $$;
    CREATE TRIGGER redirected INSTEAD OF INSERT OR UPDATE OR DELETE ON by_trigger FOR EACH ROW EXECUTE FUNCTION redirected();
    CREATE RULE added AS ON INSERT TO ruled DO INSTEAD INSERT INTO t (id, a, b) VALUES (new.id, new.a, new.b) RETURNING id, a, b;
    CREATE RULE changed AS ON UPDATE TO ruled DO INSTEAD
      (UPDATE u SET a = new.a WHERE id = old.id; UPDATE t SET a = new.a, b = new.b WHERE id = old.id RETURNING id, a, b);
    CREATE RULE removed AS ON DELETE TO ruled DO INSTEAD DELETE FROM t WHERE id = old.id;"""
db = Database()
random = dice()


def some(items):
    return random.sample(items, random.randint(1, len(items)))


def privileges():
    for writer in WRITERS:
        for relation in ("t", "u", *VIEWS):
            columns = COLUMNS if relation in "tu" else ("id", "a", "secret") if relation == "barrier" else ("id", "a", "b")
            for privilege in "SELECT", "INSERT", "UPDATE", "DELETE":
                which = random.random()
                if which < 0.6:
                    yield f"GRANT {privilege} ON {relation} TO {writer}"
                elif which < 0.8 and privilege != "DELETE":
                    yield f"GRANT {privilege} ({', '.join(some(columns))}) ON {relation} TO {writer}"
    if random.random() < 0.3:
        yield f"REVOKE EXECUTE ON FUNCTION {random.choice(list(NOTED))} FROM PUBLIC"


def tables():
    """Texts of the objects of a schema."""
    for name, (result, expression) in NOTED.items():
        yield (f"CREATE FUNCTION {name}(i int) RETURNS {result} IMMUTABLE LANGUAGE plpgsql AS $$ "
               f"BEGIN RAISE NOTICE '{name}(%) %', i, current_user; RETURN {expression}; END $$")
    key = random.choice(("PRIMARY KEY", "PRIMARY KEY", "PRIMARY KEY", ""))
    for table in "tu":
        yield (f"CREATE TABLE {table} (gone int, id int {key}, a int DEFAULT by_default(1), b text DEFAULT 'x', "
               "c int GENERATED ALWAYS AS (generated(a)) STORED, secret text DEFAULT 's', CHECK (checked(a)))")
        if random.random() < 0.5:
            yield f"ALTER TABLE {table} DROP gone"
        yield f"INSERT INTO {table} (id, a, b, secret) SELECT i, i, 'b' || i, 'top' || i FROM generate_series(1, 12) i"
    if key and random.random() < 0.4:
        yield "ALTER TABLE u ADD FOREIGN KEY (id) REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE"
    yield from policies()
    for view, query in VIEWS.items():
        options = {"barrier": "security_barrier", "invoker": "security_invoker", "nested": "security_barrier, security_invoker"}.get(view)
        check = {"checking": "WITH CASCADED CHECK OPTION", "nested": "WITH LOCAL CHECK OPTION"}.get(view, "")
        yield f"CREATE VIEW {view} {f'WITH ({options})' if options else ''} AS {query} {check}"
    yield FUNCTIONS
    if random.random() < 0.15:
        yield "CREATE RULE also AS ON UPDATE TO t DO ALSO UPDATE u SET a = new.a WHERE id = new.id AND plain(u.id) > 0"
    if random.random() < 0.4:
        when = random.choice(("AFTER UPDATE", "BEFORE INSERT", "AFTER DELETE", "BEFORE UPDATE OR DELETE"))
        yield ("CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS "
               "$$ BEGIN RAISE NOTICE 'trigger % %', tg_op, current_user; RETURN coalesce(new, old); END $$")
        yield f"CREATE TRIGGER fired {when} ON t FOR EACH {random.choice(('ROW', 'STATEMENT'))} EXECUTE FUNCTION fired()"


def policies():
    for table in some("tu") if random.random() < 0.6 else "":
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        if random.random() < 0.4:
            yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        for command, expressions in {"SELECT": "USING (may_see(id))", "INSERT": "WITH CHECK (may_add(id))", "DELETE": "USING (may_remove(id))",
                                     "UPDATE": "USING (may_change(id)) WITH CHECK (may_become(a))"}.items():
            if random.random() < 0.85:
                yield f"CREATE POLICY of_{command} ON {table} FOR {command} {expressions}"


def value():
    return random.choice(("1", "3", "5", "13", "60", "2000", "NULL", "plain(3)", "(SELECT max(a) FROM u)", "nested_write(2)", "defined(3)", "other_role(2)",
                          "other_role(1)", "length(current_user)", "current_setting('row_security')::boolean::int"))


def condition(relation):
    of_tables = ("secret LIKE 'top1%'", "c > 3", f"{relation}.ctid IS NOT NULL") if relation in "tu" else ()
    return random.choice(("id = 3", "id IN (1, 2, 7)", "plain(a) > 2", "a > 4", "true", "id = plain(5)", "a = (SELECT min(a) FROM u)",
                          f"EXISTS (SELECT FROM u WHERE u.id = {relation}.id)", *of_tables))


def returned(relation):
    of_tables = ("secret", "xmin IS NOT NULL", "ctid", "c") if relation in "tu" else ()
    lists = ("*", "id", "a, plain(a)", "1", relation, "(SELECT max(secret) FROM t)", "a + 1000 / (a - 4)", *of_tables)
    return random.choice(("", "RETURNING " + random.choice(lists)))


def insert(relation):
    columns = some(("id", "a", "b", "secret") if relation in ("t", "u", "barrier") else ("id", "a", "b"))
    rows = ", ".join("(" + ", ".join(random.choice((str(random.randint(1, 40)), value())) if c in ("id", "a") else
                                     random.choice(("'q'", "DEFAULT", "NULL", "current_user", "repeat('z', 9000)")) for c in columns) + ")"
                     for _ in range(random.randint(1, 3)))
    source = f"SELECT {', '.join({'id': 'id + 20', 'a': 'a'}.get(c, 'b') for c in columns)} FROM {random.choice(('t', 'u', 'plain_view'))} WHERE id < 5"
    conflict = random.choice(("", "ON CONFLICT DO NOTHING", "ON CONFLICT DO NOTHING", "ON CONFLICT (id) DO UPDATE SET a = excluded.a",
                              f"ON CONFLICT (id) DO UPDATE SET b = 'n' WHERE plain({relation}.id) > 3"))
    return f"INSERT INTO {relation} ({', '.join(columns)}) {random.choice(('VALUES ' + rows, source))} {conflict} {returned(relation)}"


def statement():
    relation = random.choice(("t", "t", "t", "u", *VIEWS))
    kind = random.random()
    if kind < 0.35:
        made = insert(relation)
    elif kind < 0.7:
        changes = random.choice((f"a = {value()}", "a = a + 1", f"id = {value()}", "a = a, id = id", "b = current_user" if relation != "barrier" else "secret = 'z'"))
        made = f"UPDATE {relation} SET {changes} WHERE {condition(relation)} {returned(relation)}"
    elif kind < 0.9:
        using = random.choice(("", "", "USING u AS o"))
        made = f"DELETE FROM {relation} {using} WHERE {f'o.id = {relation}.id AND o.a > 3' if using else condition(relation)} {returned(relation)}"
    else:
        return random.choice((
            "SELECT in_sql(50)", "SELECT * FROM in_sql(3) LIMIT 1", "SELECT nested_write(4)", "SELECT defined(id) FROM t", "TRUNCATE t CASCADE",
            f"MERGE INTO {relation} USING u AS s ON s.id = {relation}.id WHEN MATCHED AND s.a > 3 THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
            f"WITH x AS (UPDATE {relation} SET a = 3 WHERE {condition(relation)} RETURNING a) SELECT count(*) FROM x"))
    return made


def as_anonymous(schema, text):
    """Texts do not show the schema, and constraints' triggers have their OIDs in their names."""
    return re.sub(r"(RI_ConstraintTrigger_\w)_\d+", r"\1", re.sub(rf"\b{schema}\b", "schema", text or ""))


def executed(schema, text, role, way):
    """What the session sees of a statement, and whether it has failed."""
    session, cursor = db.session, db.session.cursor()
    cursor.execute(f"ROLLBACK; DEALLOCATE ALL; BEGIN; SET LOCAL search_path = {schema}; SET LOCAL ROLE {role}; SET LOCAL client_min_messages = notice")
    del session.notices[:]
    try:
        if way == "prepared":
            cursor.execute("PREPARE made AS " + text)
            for other in (role, OWNER, *WRITERS):
                cursor.execute(f"SET LOCAL ROLE {other}; SET LOCAL plan_cache_mode = force_generic_plan; EXECUTE made")
        else:
            cursor.execute({"explain": "EXPLAIN (VERBOSE, COSTS OFF) ",
                            "analyze": "EXPLAIN (ANALYZE, VERBOSE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF) "}.get(way, "") + text)
        rows = cursor.fetchall() if cursor.description else None
        if way in ("explain", "analyze"):
            rows = [as_anonymous(schema, line) for (line,) in rows if "Trigger" not in line or "for constraint" in line]
        seen, has_failed = (cursor.statusmessage, rows), False
    except psycopg2.Error as error:
        parts = error.diag
        seen = [error.pgcode, parts.constraint_name] + [as_anonymous(schema, part) for part in (parts.message_primary, parts.message_detail, parts.context)]
        has_failed = True
    notices = [as_anonymous(schema, notice) for notice in session.notices]
    cursor.execute("ROLLBACK" if has_failed else "COMMIT")
    return seen, notices


def left(schema):
    return [db.run(f"SELECT x::text FROM {schema}.{table} x ORDER BY 1") for table in "tu"]


def begin_round():
    granted, made = list(privileges()), list(tables())
    for schema in "plain_schema", "captured":
        db.run(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema} AUTHORIZATION {OWNER}; GRANT USAGE ON SCHEMA {schema} TO PUBLIC")
        for text in (f"SET ROLE {OWNER}", f"SET search_path = {schema}", *made, *granted, "RESET ROLE", "RESET search_path"):
            db.run(text)
    for name, query in KEPT.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", "captured." + name, query)
    return made, granted


def both_tables_are_written_alike():
    for role in (OWNER, *WRITERS):
        db.run(f"CREATE ROLE {role}")
    end, count, succeeded = time.monotonic() + DURATION_S, 0, 0
    while time.monotonic() < end:
        setting = begin_round()
        for _ in range(STATEMENTS):
            text, role = statement(), random.choice((*WRITERS, *WRITERS, OWNER))
            way = random.choice(("", "", "explain", "analyze", "prepared"))
            seen = [(executed(schema, text, role, way), left(schema)) for schema in ("plain_schema", "captured")]
            assert seen[0] == seen[1], (setting, role, way, text, *seen)
            count, succeeded = count + 1, succeeded + isinstance(seen[0][0][0], tuple)
        for name, query in KEPT.items():
            db.run(f"SELECT pgtrickle.refresh_stream_table('captured.{name}')")
            kept = f"SELECT * FROM captured.{name}"
            assert not db.run(f"({kept} EXCEPT ALL {query}) UNION ALL ({query} EXCEPT ALL {kept})"), (setting, name)
    db.run(f"DROP SCHEMA plain_schema, captured CASCADE; DROP ROLE {', '.join((OWNER, *WRITERS))}")
    db.drop()
    print(count, "statements,", succeeded, "without an error")
    assert succeeded > count / 10


run_cases([both_tables_are_written_alike])
