"""PostgreSQL's own regression and isolation tests as material: their statements run by psql in a database of a server of their own, with
statements of the test between them. What is put in adds no line, so that psql names the lines of the original file."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path += [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "versions")]
from database import Server  # noqa: E402: needs the path above
from postgresql_source import fetch_source, installed_major, run  # noqa: E402: likewise

FILES = os.environ.get("FILES", "").split()  # only these, and what all need: test_setup
NEEDED = ("test_setup", "create_index", "create_misc")
# These measure what the server itself does, or end it.
LEFT_OUT = {"tablespace", "stats", "stats_ext", "misc_sanity", "opr_sanity", "type_sanity", "oidjoins", "sanity_check"}
MESSAGE = re.compile(r"^psql:[^:]*:(\d+): ([A-Z]+): +(.*)$", re.M)
TOKEN = re.compile(
    r"(?P<skipped>--[^\n]*|/\*.*?\*/|\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(?<!\w)(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)|\\;)"
    r"|(?P<open>\(|\bBEGIN\s+ATOMIC\b|\bCASE\b)|(?P<close>\)|\bEND\b)|(?P<end>;)|(?P<command>\\[^\n]*\n)", re.S | re.I)
COPY_DATA = re.compile(r"\n(?:.*?\n)?\\\.\n", re.S)


def statements(text):
    """Yields (statement, its end) for the statements that psql would send. The body of a function may be BEGIN ATOMIC … END."""
    start, at, inside = 0, 0, []
    while token := TOKEN.search(text, at):
        at = token.end()
        word = token[0].upper()
        if token["open"] and (word == "(" or word.startswith("BEGIN") or "BEGIN" in inside):
            inside.append(word[:5])
        elif token["close"] and inside and (word == ")") == (inside[-1] == "("):
            inside.pop()
        elif token["command"] or (token["end"] and not inside):
            statement = re.sub(r"\A(?:\s+|--[^\n]*\n|/\*.*?\*/)+", "", text[start:token.start()], flags=re.S)
            if re.match(r"COPY\b.*\bFROM\s+STDIN\b", statement, re.I | re.S) and (data := COPY_DATA.match(text, text.index("\n", at - 1))):
                at = data.end()
            if statement and (token["end"] or word.startswith("\\G")):
                yield statement, at
            start, inside = at, []


def with_between(text, between):
    """Returns the text with what between(statement, line) returns, if anything, put behind each statement."""
    parts, start = [], 0
    for statement, end in statements(text):
        if added := between(statement, text.count("\n", 0, end) + 1):
            parts += [text[start:end], " " if text[end - 1] == ";" else "", added, "" if text[end - 1] == ";" else " "]
            start = end
    return "".join(parts) + text[start:]


def quoted(text):
    """As a constant of one line."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + "'"


def source():
    folder = Path(os.environ.get("POSTGRESQL_SOURCE", "/var/tmp/pg_trickle.source") + installed_major())
    found = [path for path in folder.glob("postgresql-*") if (path / "is_complete").exists()]
    if not found:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        found = [fetch_source(folder)]
        (found[0] / "is_complete").touch()
    return found[0] / "src/test"


class CoreSuite:
    """A server with one database at a time, in which files of PostgreSQL's regression tests run in the order of their schedule."""

    def __init__(self):
        self.server = Server()
        self.folder = self.server.folder / "regress"
        shutil.rmtree(self.folder, ignore_errors=True)  # of a test that was killed
        self.source = source()
        shutil.copytree(self.source / "regress", self.folder)
        (self.folder / "results").mkdir(exist_ok=True)
        library = run("pg_config --pkglibdir").strip()
        run(f"gcc -O1 -shared -fPIC -w -I$($PG_CONFIG --includedir-server) -o regress.so regress.c && ln -s {library}/refint.so {library}/autoinc.so .",
            cwd=self.folder)
        run(f"chmod -R a+rwX {self.folder}")  # the server writes there, too
        self.environment = dict(
            os.environ, PGHOST=self.server.host, PGUSER="postgres", PGDATABASE="regression", PGTZ="PST8PDT", PGDATESTYLE="Postgres, MDY",
            PGOPTIONS="-c intervalstyle=postgres_verbose -c statement_timeout=60s -c lock_timeout=3s", PG_ABS_SRCDIR=str(self.folder), PG_ABS_BUILDDIR=str(self.folder),
            PG_LIBDIR=str(self.folder), PG_DLSUFFIX=".so")

    def names(self):
        listed = re.findall(r"[\w.]+", " ".join(re.findall(r"^test: (.*)$", (self.folder / "parallel_schedule").read_text(), re.M)))
        return [name for name in listed if name not in LEFT_OUT and (not FILES or name in FILES or name in NEEDED)]

    def new_database(self, set_up):
        """Creates the cluster again, since the tests leave roles behind."""
        self.server.call("fresh")
        self.server.restart(shared_preload_libraries="pg_trickle", max_connections="60")
        self.psql("postgres", "CREATE DATABASE regression TEMPLATE template0")
        settings = {"lc_messages": "C", "lc_monetary": "C", "lc_numeric": "C", "lc_time": "C", "timezone_abbreviations": "Default"}
        self.psql("regression", "; ".join(f"ALTER DATABASE regression SET {name} = '{value}'" for name, value in settings.items()))
        self.psql("regression", set_up)

    def psql(self, database, text):
        done = subprocess.run(["psql", "-XqAtv", "ON_ERROR_STOP=1", "-d", database], input=text, env=self.environment, cwd=self.folder, text=True,
                              capture_output=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def run_file(self, name, between=lambda statement, line: None, at_end="", change=str):
        """Returns [(line, severity, message)] of the file with what is put in."""
        path = self.folder / "sql" / f"{name}.sql"
        changed = self.folder / f"{name}.sql"
        text = change(path.read_text(errors="surrogateescape"))
        changed.write_bytes((with_between(text, between) + at_end).encode(errors="surrogateescape"))
        done = subprocess.run(["psql", "-Xaq", "-f", changed], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
        return [(int(line), severity, message) for line, severity, message in MESSAGE.findall(done.stderr.decode(errors="replace"))]

    def specs(self):
        listed = re.findall(r"^test: (\S+)$", (self.source / "isolation/isolation_schedule").read_text(), re.M)
        return [name for name in listed if not FILES or name in FILES]

    def run_spec(self, name, change=str):
        """Returns the output of a test with several sessions."""
        tester = Path(run("$PG_CONFIG --pgxs").strip()).parents[1] / "test/isolation/isolationtester"
        text = change((self.source / f"isolation/specs/{name}.spec").read_text())
        done = subprocess.run([tester, "dbname=regression"], input=text, env=dict(self.environment, PGISOLATIONTIMEOUT="30"), text=True,
                              errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout

    def alarms(self):
        """Lines of the log about ended processes, and internal errors of processes of the extension."""
        log = (self.server.folder / "server.log").read_text(errors="replace")
        return re.findall(r".*(?:TRAP: |PANIC: |was terminated by signal| pg_trickle \w+ .* XX\d{3} ).*", log)

    def close(self):
        self.server.destroy()
