#!/usr/bin/python3 -B
"""Shows that a dump with --quote-all-identifiers, as one without, restores the indexes of stream tables by their names, and that its
data section can be restored again: an index that is there is neither created twice nor reported."""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

INDEXES = [
    "plain ON st (k)", '"Odd ""name" ON st (k DESC, "Odd ""col")', '"select" ON st ("select")', "on_expression ON st ((k + 1), lower(t))",
    "on_id ON st (id) INCLUDE (k)", 'partial ON st USING hash (t) WHERE t <> \'x"y\' AND "select" > 0', 'of_other ON "Other St" (id)',
    'collated ON st (t COLLATE "C" text_pattern_ops) WITH (fillfactor = 70)', '"pg_trickle_storage.st_1 " ON "Other St" (id DESC)',
]
LISTED = """SELECT array_agg(e.value::text ORDER BY e.value::text COLLATE "C")
            FROM pgtrickle.pgt_dumped() d, jsonb_array_elements(d.indexes) e"""


def indexes_of(database):
    database.run("SET quote_all_identifiers = off")
    return database.value(LISTED)


def restored_twice(*options):
    source, target = Database(), Database()
    try:
        source.run("""CREATE TABLE item (id int, k int, t text, "select" int, "Odd ""col" int)""")
        for name in ("st", '"Other St"'):
            source.run("SELECT pgtrickle.create_stream_table(%s, 'SELECT * FROM item', '520w')", name)
        for index in INDEXES:
            source.run("CREATE INDEX " + index)
        source.run("CREATE UNIQUE INDEX on_key ON st (id, k)")
        wanted = indexes_of(source)
        storage = source.value("SELECT 'st'::regclass::oid::int")
        assert len(wanted) == len(INDEXES) + 1 and not any("ON pg_trickle_storage" in index for index in wanted), wanted
        target.run("DROP EXTENSION pg_trickle")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["pg_dump", "-U", "postgres", *options, "-Fc", "-f", folder + "/dump", source.name], check=True, stdin=subprocess.DEVNULL)
            for section in ([], ["--section=data"], ["--section=data"]):
                text = subprocess.run(["pg_restore", *section, "-f", "-", folder + "/dump"], check=True, stdout=subprocess.PIPE, text=True).stdout
                messages = subprocess.run(["psql", "-XqAt", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", target.name], input=text,
                                          capture_output=True, text=True, check=True).stderr
                assert not messages, messages
                target.session.close()
                target.session = target.connect()
                found = indexes_of(target)
                assert found == wanted, f"{found} instead of {wanted}"
        assert f"st_{storage}" not in text, "the dump contains the name of a storage"
    finally:
        source.drop()
        target.session.close()
        target.admin(f"DROP DATABASE {target.name} WITH (FORCE)")


def without_quotes():
    restored_twice()


def with_all_quotes():
    restored_twice("--quote-all-identifiers")


run_cases([without_quotes, with_all_quotes])
