"""Functions that test scripts share: a database of their own, and waiting."""

import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import psycopg2

TOP = Path(__file__).resolve().parents[1]


class Database:
    """A database with the extension; dropped at the end. `options` are those of CREATE DATABASE."""

    def __init__(self, host=None, options=""):
        self.host = host or os.environ["PGHOST"]
        self.name = "test_" + uuid.uuid4().hex[:12]
        self.admin(f"CREATE DATABASE {self.name} {options}")
        self.session = self.connect()
        self.run("CREATE EXTENSION pg_trickle")
        self.run("SET client_min_messages = error")

    def connect(self, name=None, user="postgres", **options):
        session = psycopg2.connect(host=self.host, user=user, dbname=name or self.name, **options)
        session.autocommit = True
        return session

    def admin(self, statement):
        session = self.connect("postgres")
        session.cursor().execute(statement)
        session.close()

    def run(self, statement, *values):
        cursor = self.session.cursor()
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else None

    def as_role(self, role, *statements):
        """Runs each in a transaction of its own, and returns the rows of the last one."""
        self.run(f"SET ROLE {role}")
        try:
            return [self.run(statement) for statement in statements][-1]
        finally:
            self.run("RESET ROLE")

    def value(self, statement, *values):
        return self.run(statement, *values)[0][0]

    def alter_system(self, change):
        """Changes a setting of the server, by `SET name = value` or `RESET name`, and has its processes read it again."""
        self.run(f"ALTER SYSTEM {change}")
        self.run("SELECT pg_reload_conf()")

    def wait_for(self, statement, wanted, limit_s=30):
        """Waits until the statement's one value is as wanted."""
        deadline = time.monotonic() + limit_s
        while (found := self.value(statement)) != wanted:
            if time.monotonic() > deadline:
                raise AssertionError(f"{statement} stayed {found!r}, not {wanted!r}")
            time.sleep(0.05)

    def await_manager(self):
        """Returns the process of the manager as soon as there is one: it may be about to be replaced."""
        deadline = time.monotonic() + 30
        while (pid := self.manager_pid()) is None:
            assert time.monotonic() < deadline, "no manager comes"
            time.sleep(0.05)
        return pid

    def manager_pid(self):
        rows = self.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' "
                        "AND datname = current_database()")
        return rows[0][0] if rows else None

    def let_own_stream_tables(self, *roles):
        """Creates the roles unless they exist, which may log in, use the server and create in public."""
        for role in roles:
            self.run(f"DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
            self.run(f"GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}; GRANT ALL ON SCHEMA public TO {role}")

    def drop(self):
        self.session.close()
        self.admin("DROP DATABASE " + self.name)


def execute_in_thread(session, statement, errors):
    """Executes the statement in a thread, which is returned; the text of an error is added to `errors`."""
    def execute():
        try:
            session.cursor().execute(statement)
        except psycopg2.Error as error:
            errors.append(str(error))

    thread = threading.Thread(target=execute)
    thread.start()
    return thread


def cpu_s(pid):
    """Returns the processor time that a process has used; other processes do not count."""
    times = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def goes_on(ends_at, has_done_enough):
    """Returns whether a loop that ends at a time continues. On a slow machine it continues until it has done enough, for
    two minutes at most."""
    now = time.monotonic()
    return now < ends_at or (not has_done_enough and now < ends_at + 120)


def as_soon_as_it_connects(connect, limit_s=60):
    """Returns the result of connect(), once the server accepts connections; raises its error after the limit."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            return connect()
        except psycopg2.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


class Server:
    """A scratch server of this test's own, in a folder whose name ends with `suffix`."""

    def __init__(self, suffix=".other"):
        self.environment = dict(os.environ, SCRATCH=os.environ["SCRATCH"] + suffix)
        self.call("share", os.environ["SCRATCH"])
        self.call("fresh")  # a test that was killed may have left one
        self.call("start")
        self.folder = Path(self.environment["SCRATCH"])
        self.host = str(self.folder / "socket")

    def call(self, *arguments):
        subprocess.run([TOP / "tests/scratch", *arguments], env=self.environment, check=True, cwd=TOP)

    def restart(self, **settings):
        self.call("start", *[f"{name}={value}" for name, value in settings.items()])

    def destroy(self):
        self.call("destroy")


def compile_library(source, library):
    """Compiles a C file of the tests, which may use PostgreSQL's headers, to a library that a server or a process loads."""
    include = subprocess.run([os.environ["PG_CONFIG"], "--includedir-server"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", f"-I{include}", "-o", library, TOP / source, "-ldl"], check=True)


def set_clock(clock, by_s):
    """Sets the clock of server_that_lacks({"CLOCK": clock}) relative to its true value, for all processes at once."""
    written = clock.with_suffix(".new")
    written.write_text(str(by_s))
    written.rename(clock)


def server_that_lacks(files):
    """Returns a server that lacks resources as files say (tests/faults/lacking_resources.c): their paths, by the
    variables that name them."""
    folder = Path(os.environ["SCRATCH"] + ".other")
    folder.mkdir(exist_ok=True)
    for path in files.values():
        Path(path).unlink(missing_ok=True)  # of a test that was killed
    library = folder / "lack.so"
    compile_library("tests/faults/lacking_resources.c", library)
    variables = {"LD_PRELOAD": str(library), **{name: str(path) for name, path in files.items()}}
    os.environ.update(variables)
    try:
        return Server()
    finally:
        for name in variables:
            del os.environ[name]


def run_cases(cases):
    """Runs the functions, prints a line for each, and exits."""
    failed = 0
    for case in cases:
        try:
            case()
            print("ok", case.__name__)
        except Exception as error:  # noqa: BLE001: a test's verdict
            failed += 1
            print("not ok", case.__name__)
            print(f"{type(error).__name__}: {error}")
    sys.exit(1 if failed else 0)
