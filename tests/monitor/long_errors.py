#!/usr/bin/python3 -B
"""Shows that an error text of any length takes a few kilobytes where it is kept: in the history, which all databases share,
and in the state of the stream table. It is cut between two characters."""

import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
LONGEST = 8192 + len("...")


def set_up():
    db.run("SET pg_trickle.enabled = on; CREATE TABLE src (id int PRIMARY KEY); INSERT INTO src VALUES (1)")
    db.run("CREATE FUNCTION fails(n int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN "
           "IF n > 1 THEN RAISE EXCEPTION USING MESSAGE = 'x' || repeat('é', 1000000), DETAIL = repeat('d', 1000000); END IF; RETURN n; END $$")


def kept(name):
    return db.run("SELECT DISTINCT octet_length(error_message), error_message FROM pgtrickle.get_refresh_history(%s, 5) WHERE error_message <> ''", name)


def by_hand():
    db.run("SELECT pgtrickle.create_stream_table('by_hand', 'SELECT fails(id) AS id FROM src', '1h', 'FULL')")
    db.run("INSERT INTO src VALUES (2)")
    try:
        db.run("SELECT pgtrickle.refresh_stream_table('by_hand')")
        raise AssertionError("the refresh has not failed")
    except psycopg2.errors.RaiseException as error:
        assert len(str(error)) > 1000000, "the client gets the whole error"
    (length, text), = kept("by_hand")
    assert 8000 < length <= LONGEST and text.startswith("xé") and text.endswith("é..."), (length, text[:10], text[-10:])
    db.run("DELETE FROM src WHERE id = 2")


def by_a_worker():
    db.run("SELECT pgtrickle.create_stream_table('by_worker', 'SELECT fails(id) AS id FROM src', '1s', 'FULL')")
    db.run("INSERT INTO src VALUES (2)")
    db.wait_for("SELECT last_error_message IS NOT NULL FROM pgtrickle.pgt_state WHERE relid = 'by_worker'::regclass", True)
    length = db.value("SELECT octet_length(last_error_message) FROM pgtrickle.pgt_state WHERE relid = 'by_worker'::regclass")
    assert 8000 < length <= LONGEST, length
    db.wait_for("SELECT count(*) > 0 FROM pgtrickle.get_refresh_history('by_worker', 5) WHERE error_message <> ''", True)
    assert all(length <= LONGEST for length, _ in kept("by_worker"))


try:
    set_up()
    run_cases([by_hand, by_a_worker])
finally:
    db.drop()
