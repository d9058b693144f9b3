#!/usr/bin/python3 -B
"""Shows that stream tables answer as views do, to each statement of sessions whose transactions overlap.

Two databases get the same statements, in the same order: in one the reports of a small ledger are stream tables, some of them
in mode IMMEDIATE, and each session wants fresh rows, in one of several ways; in the other they are views. Transactions are of
all isolation levels, with savepoints, cursors, prepared statements and transactions; statements write and read in one, by
triggers, by functions of all volatilities, of the owner and of another role, and in parallel workers. Each pair of answers
has to be equal, and no message may come from one database only. Each session writes rows of its own, so that none waits for
another one.

DURATION_S is the time during which databases are tried, SEED the first seed; STEPS is the number of statements of each.
"""

import os
import random
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, goes_on  # noqa: E402: needs the path above
from seeds import SEED  # noqa: E402

DURATION_S, STEPS = float(os.environ.get("DURATION_S", 25)), int(os.environ.get("STEPS", 700))
LEAST = 100  # answers that are compared
SESSIONS = {"s1": "ledger_owner", "s2": "ledger_owner", "s3": "ledger_owner", "s4": "ledger_app"}
WAYS = ["max_staleness = 0", "max_staleness = 0", "read_mode = exact", "consistent_reads = on"]
SCHEDULES = ["0s", "0s", "1s", "1h"]
ENDED_BY_OTHERS = {"40001", "40P01", "55P03"}
SCHEMA = """
    CREATE TABLE acc (id int PRIMARY KEY, ten int, name text, closed bool DEFAULT false);
    CREATE TABLE ent (id int, m int, acc int, amt numeric, PRIMARY KEY (id, m)) PARTITION BY LIST (m);
    CREATE TABLE ent_1 PARTITION OF ent FOR VALUES IN (1);
    CREATE TABLE ent_d PARTITION OF ent DEFAULT;
    CREATE INDEX ON ent (acc);
    CREATE TABLE log (id int, acc int, what text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO log VALUES (coalesce(NEW.id, OLD.id), coalesce(NEW.acc, OLD.acc), TG_OP); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT OR DELETE OR UPDATE ON ent FOR EACH ROW EXECUTE FUNCTION note();
    INSERT INTO acc SELECT i, i % 3, 'n' || i FROM generate_series(1, 16) i;
    INSERT INTO ent SELECT i, i % 3, i % 16 + 1, i % 7 - 3 FROM generate_series(1, 60) i"""
QUERIES = {
    "bal": "SELECT a.id, a.ten, a.name, coalesce(sum(e.amt), 0) AS s, count(e.id) AS n FROM acc a LEFT JOIN ent e ON e.acc = a.id WHERE NOT a.closed GROUP BY a.id",
    "run": "SELECT acc, id, m, amt, sum(amt) OVER (PARTITION BY acc ORDER BY id, m) AS r FROM ent",
    "mon": "SELECT m, acc % 3 AS t, sum(amt) AS s, count(*) AS n, grouping(m, acc % 3) AS g FROM ent GROUP BY ROLLUP (m, acc % 3)",
    "top": "SELECT * FROM (SELECT ten, id, s, row_number() OVER (PARTITION BY ten ORDER BY s DESC, id) AS p FROM bal) x WHERE p <= 2",
    "logs": "SELECT acc, what, count(*) AS n FROM log GROUP BY 1, 2",
    "idle": "SELECT id, name FROM acc a WHERE NOT EXISTS (SELECT FROM ent e WHERE e.acc = a.id AND e.amt > 0)",
    "last": "SELECT DISTINCT ON (acc) acc, id, m, amt FROM ent ORDER BY acc, id DESC, m DESC",
    "per": "SELECT ten, sum(s) AS s, max(n) AS n FROM bal GROUP BY ten",
    "one": "SELECT count(*) AS n, sum(amt) AS s, (SELECT count(*) FROM acc WHERE closed) AS c FROM ent",
}
KEYS = {"bal": "id", "run": "acc", "mon": "m", "top": "ten", "logs": "acc", "idle": "id", "last": "acc", "per": "ten", "one": "n"}
READERS = """
    CREATE VIEW seen AS SELECT b.*, a.closed FROM bal b JOIN acc a USING (id);
    CREATE TABLE asked (id int, s numeric, n bigint);
    CREATE FUNCTION answer() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN SELECT b.s, b.n INTO NEW.s, NEW.n FROM bal b WHERE b.id = NEW.id; RETURN NEW; END $$;
    CREATE TRIGGER answer BEFORE INSERT ON asked FOR EACH ROW EXECUTE FUNCTION answer();
    CREATE FUNCTION in_sql(int) RETURNS numeric STABLE LANGUAGE sql AS 'SELECT s FROM bal WHERE id = $1';
    CREATE FUNCTION of_owner(int) RETURNS SETOF bal LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
    BEGIN RETURN QUERY SELECT * FROM bal WHERE ten = $1 % 3; END $$;
    CREATE FUNCTION volatile(int) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT n FROM per WHERE ten = $1 % 3); END $$;
    CREATE FUNCTION branches(int) RETURNS numeric STABLE LANGUAGE plpgsql AS $$
    BEGIN
      IF $1 % 4 = 0 THEN RETURN (SELECT s FROM bal WHERE id = $1);
      ELSIF $1 % 4 = 1 THEN RETURN (SELECT sum(s) FROM mon WHERE m = $1 % 3);
      ELSE RETURN (SELECT sum(r) FROM run WHERE acc = $1); END IF;
    END $$;
    CREATE FUNCTION writes(int, int) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE found bigint;
    BEGIN
      INSERT INTO log VALUES ($2, $1, 'one');
      BEGIN
        INSERT INTO log VALUES ($2, $1, 'two');
        SELECT sum(n) INTO found FROM logs WHERE acc = $1;
        IF $1 % 2 = 0 THEN RAISE EXCEPTION 'undone' USING ERRCODE = 'P0009'; END IF;
      EXCEPTION WHEN SQLSTATE 'P0009' THEN NULL; END;
      RETURN 1000 * found + (SELECT sum(n) FROM logs WHERE acc = $1);
    END $$;
    CREATE FUNCTION in_table(int) RETURNS SETOF bal STABLE LANGUAGE sql AS 'SELECT * FROM bal WHERE ten = $1 % 3';
    CREATE FUNCTION in_body(int) RETURNS TABLE (i int, t numeric) STABLE LANGUAGE sql BEGIN ATOMIC SELECT acc, sum(r) FROM run WHERE m = $1 % 4 GROUP BY acc; END;
    CREATE FUNCTION in_worker(int) RETURNS numeric STABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
    BEGIN RETURN (SELECT sum(s) FROM bal WHERE id = $1) + 1000 * (SELECT n FROM one); END $$;
    CREATE FUNCTION ask_worker() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE found numeric;
    BEGIN
      EXECUTE 'SELECT max(in_worker(id)) FROM acc WHERE id = $1' INTO found USING NEW.acc;
      INSERT INTO log VALUES (NEW.id, NEW.acc, 'worker ' || found);
      RETURN NEW;
    END $$;
    CREATE TRIGGER ask_worker BEFORE INSERT OR UPDATE ON ent FOR EACH ROW WHEN (NEW.id % 5 < 3) EXECUTE FUNCTION ask_worker();
    CREATE PROCEDURE loops(INOUT answer numeric, rest int) LANGUAGE plpgsql AS $$
    DECLARE one record; found numeric;
    BEGIN
      FOR one IN SELECT id, s FROM bal WHERE id % 4 = rest ORDER BY id LOOP
        INSERT INTO log VALUES (rest, one.id, 'loop');
        IF one.id % 3 = 0 THEN COMMIT; END IF;
        SELECT sum(n) INTO found FROM logs WHERE acc = one.id;
        answer = answer + coalesce(one.s, 0) + 1000 * found;
        IF one.id % 5 = 0 THEN ROLLBACK; END IF;
        SELECT sum(n) INTO found FROM logs WHERE acc = one.id;
        answer = answer + 1000000 * coalesce(found, 0);
      END LOOP;
    END $$;
    CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO log SELECT NEW.id, id, 'late' || s FROM bal WHERE id = NEW.acc; RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER later AFTER INSERT ON ent DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id % 3 = 0) EXECUTE FUNCTION later();
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ledger_app"""


class Side:
    """A database; with stream tables if it has ways of reading them by session, otherwise with views. Sessions in_parallel
    run their queries in a worker where possible."""

    def __init__(self, ways, modes, in_parallel):
        self.db, self.ways, self.sessions = Database(), ways, {}
        self.db.let_own_stream_tables("ledger_owner", "ledger_app")
        self.db.run("SET ROLE ledger_owner; " + SCHEMA)
        for name, query in QUERIES.items():
            self.db.run(f"SELECT pgtrickle.create_stream_table('{name}', $${query}$$, {modes[name]})" if ways else f"CREATE VIEW {name} AS {query}")
        self.db.run(READERS)
        for name, role in SESSIONS.items():
            self.sessions[name] = self.db.connect(user=role)
            # Another session's prepared transaction may keep a row locked; a view waits for no refresh.
            self.execute(name, f"SET lock_timeout = '{'400ms' if ways else '100ms'}'; SET statement_timeout = '60s'")
            if name in in_parallel:
                is_old = self.sessions[name].server_version < 160000
                self.execute(name, f"SET {'force_parallel_mode' if is_old else 'debug_parallel_query'} = on")
            self.execute(name, "PREPARE look_up (int) AS SELECT * FROM bal WHERE id = $1")
            self.execute(name, "PREPARE joined AS SELECT r.*, a.name FROM run r JOIN acc a ON a.id = r.acc")
            if ways:
                self.execute(name, f"SET pg_trickle.max_staleness = 0; SET pg_trickle.{ways[name]}")

    def execute(self, name, statement):
        """Returns the outcome of the statement, comparable, with the messages that it raised."""
        session = self.sessions[name]
        del session.notices[:]
        try:
            cursor = session.cursor()
            cursor.execute(statement.replace("{of}", self.db.name))
            outcome = sorted(map(repr, cursor.fetchall())) if cursor.description else cursor.statusmessage
        except psycopg2.Error as error:
            return error.pgcode or "lost", str(error), []
        return None, outcome, list(session.notices)

    def drop(self):
        for session in self.sessions.values():
            session.close()
        self.db.run("RESET ROLE")
        for (name,) in self.db.run("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
            self.db.run(f"ROLLBACK PREPARED '{name}'")
        self.db.drop()


def written(chooser, number):
    """A statement that writes rows of the session with the number."""
    account = chooser.randrange(4) * 4 + number + 1
    entry, month = chooser.randrange(40) * 4 + number + 100, chooser.randrange(4)
    return chooser.choice([
        f"INSERT INTO ent VALUES ({entry}, {month}, {account}, {chooser.randrange(-5, 9)}) ON CONFLICT (id, m) DO UPDATE SET amt = ent.amt + 1",
        f"INSERT INTO ent SELECT i * 4 + {number} + 1000 * {chooser.randrange(1, 50)}, {month}, {account}, i FROM generate_series(1, 3) i ON CONFLICT DO NOTHING",
        f"UPDATE ent SET amt = amt + {chooser.randrange(1, 5)} WHERE acc = {account} AND id % 4 = {number}",
        f"UPDATE ent SET m = m + 4 WHERE id % 4 = {number} AND id % 5 = {chooser.randrange(5)}",
        f"DELETE FROM ent WHERE id % 4 = {number} AND amt > {chooser.randrange(2, 9)}",
        f"UPDATE acc SET closed = NOT closed WHERE id = {account}",
        f"UPDATE acc SET name = name || '{number}', ten = (ten + 1) % 3 WHERE id = {account}",
        f"DELETE FROM log WHERE acc = {account} AND id % 4 = {number}",
        f"UPDATE asked SET s = b.s, n = b.n FROM bal b WHERE b.id = asked.id AND asked.id % 4 = {(number + 1) % 4} RETURNING *",
        f"MERGE INTO asked USING bal b ON b.id = asked.id AND b.id % 4 = {(number + 1) % 4} WHEN MATCHED AND b.n > 2 AND asked.id % 4 = {(number + 1) % 4} THEN UPDATE SET s = b.s WHEN MATCHED AND asked.id % 4 = {(number + 1) % 4} THEN DELETE",
        f"DELETE FROM ent USING bal b WHERE ent.acc = b.id AND b.s > {chooser.randrange(5, 30)} AND ent.id % 4 = {number} RETURNING ent.id, b.s",
        f"INSERT INTO ent SELECT id * 4 + {number} + 100000, m % 4, {account}, r FROM run WHERE acc = {account} ORDER BY id, m ON CONFLICT (id, m) DO UPDATE SET amt = EXCLUDED.amt",
        f"INSERT INTO asked SELECT id FROM acc WHERE id % 4 = {(number + 1) % 4} RETURNING *",
        f"SELECT writes({account}, {number} + 4 * {chooser.randrange(9)})",
        f"WITH gone AS (DELETE FROM ent WHERE id = {entry} RETURNING *) SELECT s, n, (SELECT sum(amt) FROM gone) FROM bal WHERE id = {account}",
        f"WITH new AS (INSERT INTO ent VALUES ({entry + 400000}, 1, {account}, 1) ON CONFLICT DO NOTHING RETURNING id) "
        f"SELECT s, n, (SELECT count(*) FROM new) FROM bal WHERE id = {account}",
    ])


def read(chooser):
    name, key = chooser.choice(list(QUERIES)), chooser.randrange(1, 17)
    return chooser.choice([
        f"SELECT * FROM {name}", f"SELECT * FROM {name}",
        f"SELECT * FROM {name} WHERE {KEYS[name]} = {key % 4 if name in ('mon', 'top', 'per') else key}",
        f"SELECT * FROM bal b JOIN ent e ON e.acc = b.id WHERE e.m = {key % 4}",
        "SELECT * FROM seen", f"EXECUTE look_up({key})", "EXECUTE joined",
        "SELECT (SELECT sum(s) FROM bal), (SELECT sum(amt) FROM ent e JOIN acc a ON a.id = e.acc AND NOT closed), (SELECT sum(s) FROM per)",
        "SELECT b.id, l.what, l.n FROM bal b LEFT JOIN logs l ON l.acc = b.id",
        "SELECT x.* FROM acc, LATERAL (SELECT * FROM run WHERE acc = acc.id ORDER BY id DESC, m DESC LIMIT 1) x",
        f"SELECT in_sql({key}), volatile({key})", f"SELECT id, in_sql(id) FROM acc WHERE ten = {key % 3}", f"SELECT * FROM of_owner({key})",
        f"SELECT volatile({key})", f"SELECT branches({key})", f"SELECT branches({key})", "SELECT id, branches(id) FROM acc",
        f"SELECT max(in_worker(id)) FROM acc WHERE id < {key}", f"SELECT * FROM in_table({key})", f"SELECT a.id, x.* FROM acc a, LATERAL in_table(a.id) x WHERE a.ten = {key % 3}", f"SELECT * FROM in_body({key})",
        f"SELECT a.id, x.* FROM acc a LEFT JOIN LATERAL in_body(a.id) x ON x.i = a.id", f"SELECT b.id FROM bal b WHERE b.id IN (SELECT i FROM in_body({key}))",
        f"SELECT b.id, branches(b.id), r.r FROM bal b LEFT JOIN run r ON r.acc = b.id WHERE b.ten = {key % 3}",
    ])


class Game:
    def __init__(self, seed):
        self.seed, self.chooser, self.compared, self.trace = seed, random.Random(seed), 0, []
        modes = {name: self.chooser.choice(["refresh_mode => 'IMMEDIATE'"] + [f"'{self.chooser.choice(SCHEDULES)}'"] * 2) for name in QUERIES}
        ways = {name: self.chooser.choice(WAYS) for name in SESSIONS}
        in_parallel = [name for name in SESSIONS if self.chooser.random() < 0.25]
        self.setting = f"{modes} {ways} {in_parallel}"
        self.sides = [Side(ways, modes, in_parallel), Side({}, modes, in_parallel)]
        self.level, self.cursor, self.prepared = {}, {}, []  # of each session in a transaction; prepared transactions: who and name

    def both(self, name, statement):
        """Executes the statement in both databases. Returns false if the sessions differ from now on, as a lock or a conflict
        has ended the statement in one of them."""
        self.trace.append(f"{name}: {statement}")
        (code, found, messages), (true_code, truth, _) = [side.execute(name, statement) for side in self.sides]
        if {code, true_code} & ENDED_BY_OTHERS:
            return code == true_code
        self.compared += 1
        messages = [message for message in messages if message.startswith("WARNING:  stream table")]
        if code != true_code or (code is None and found != truth) or messages:
            print(*self.trace[-30:], f"stream tables: {code} {found} {messages}", f"views: {true_code} {truth}", self.setting, sep="\n")
            raise AssertionError(f"seed {self.seed}, statement {len(self.trace)}: {statement}")
        return True

    def statement_in_transaction(self, name):
        number, choice = list(SESSIONS).index(name), self.chooser.random()
        is_read_only = "ONLY" in self.level[name]
        if choice < 0.35 and not is_read_only:
            return written(self.chooser, number)
        if choice < 0.7:
            return read(self.chooser)
        if choice < 0.8:
            return self.chooser.choice(["SAVEPOINT s", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s"])
        if choice < 0.84:
            self.cursor[name] = len(self.trace)
            table = self.chooser.choice(list(QUERIES))
            form = self.chooser.choice(["CURSOR", "SCROLL CURSOR", "CURSOR WITH HOLD", "SCROLL CURSOR WITH HOLD"])
            return f"DECLARE c{len(self.trace)} {form} FOR SELECT * FROM {table} ORDER BY {table}::text"
        if choice < 0.87:
            return f"FETCH {self.chooser.choice(['3', '3', 'ALL', 'BACKWARD ALL', 'FIRST'])} FROM c{self.cursor.get(name, 0)}"
        if choice < 0.98 or is_read_only or self.prepared:
            return self.chooser.choice(["COMMIT"] * 5 + ["ROLLBACK"])
        self.prepared.append((name, f"{{of}}_{len(self.trace)}"))
        return f"PREPARE TRANSACTION '{self.prepared[-1][1]}'"

    def step(self):
        name = self.chooser.choice(list(SESSIONS))
        if name in self.level:
            statement = self.statement_in_transaction(name)
            if statement.startswith(("COMMIT", "PREPARE TRANSACTION")) or statement == "ROLLBACK":
                del self.level[name]
            return self.both(name, statement)
        choice = self.chooser.random()
        if choice < 0.04:
            return self.both(name, f"CALL loops(0, {list(SESSIONS).index(name)})")
        if choice < 0.3:
            return self.both(name, written(self.chooser, list(SESSIONS).index(name)))
        if choice < 0.5:
            return self.both(name, read(self.chooser))
        if choice < 0.53:
            return self.both(name, f"FETCH {self.chooser.choice(['3', 'ALL', 'BACKWARD ALL'])} FROM c{self.cursor.get(name, 0)}")
        if choice < 0.6 and self.prepared and self.prepared[0][0] == name:
            return self.both(name, f"{self.chooser.choice(['COMMIT', 'ROLLBACK'])} PREPARED '{self.prepared.pop()[1]}'")
        self.level[name] = self.chooser.choice(["READ COMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "REPEATABLE READ READ ONLY"])
        return self.both(name, "BEGIN ISOLATION LEVEL " + self.level[name])

    def play(self):
        try:
            while len(self.trace) < STEPS and self.step():
                pass
        finally:
            for side in self.sides:
                side.drop()
        return self.compared


ends_at, seed, compared = time.monotonic() + DURATION_S, SEED, 0
while goes_on(ends_at, compared > LEAST):
    compared += Game(seed).play()
    seed += 1
print(f"{'ok' if compared > LEAST else 'not ok'} {seed - SEED} databases, {compared} answers compared")
sys.exit(compared <= LEAST)
