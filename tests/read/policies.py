#!/usr/bin/python3 -B
"""Shows that an exact look-up follows changes of a table that only a policy of a source reads."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()


def set_up():
    db.run("""CREATE ROLE policies_owner; GRANT ALL ON SCHEMA public TO policies_owner;
        CREATE TABLE src (id int PRIMARY KEY, k int, v int); CREATE TABLE allowed (k int);
        INSERT INTO src SELECT i, i % 5, i FROM generate_series(1, 40) i; INSERT INTO allowed VALUES (1), (2);
        ALTER TABLE src ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON src USING (k IN (SELECT k FROM allowed));
        GRANT ALL ON src, allowed TO policies_owner; GRANT USAGE ON FOREIGN SERVER pgtrickle TO policies_owner""")


def look_up_beside_changes(query):
    db.run("SET ROLE policies_owner")
    db.run("SELECT pgtrickle.create_stream_table('st', %s, '1h')", query)
    db.run("RESET ROLE")
    reader = db.connect().cursor()
    reader.execute("SET pg_trickle.read_mode = exact")
    for change, wanted in (("SELECT", 1), ("DELETE FROM allowed WHERE k = 2; UPDATE src SET v = -v WHERE id = 1", 0),
                           ("INSERT INTO allowed VALUES (2)", 1)):
        db.run(change)
        reader.execute("SELECT count(*) FROM st WHERE id = 7")
        assert reader.fetchone() == (wanted,), (change, wanted)
    reader.connection.close()
    db.run("SELECT pgtrickle.drop_stream_table('st')")


def changes_of_what_a_policy_reads_are_seen():
    look_up_beside_changes("SELECT id, k, v FROM public.src")


def also_of_what_the_query_joins():
    look_up_beside_changes("SELECT s.id, a.k FROM public.src s LEFT JOIN public.allowed a ON a.k = s.v")


try:
    set_up()
    run_cases([changes_of_what_a_policy_reads_are_seen, also_of_what_the_query_joins])
finally:
    db.run("RESET ROLE; DROP OWNED BY policies_owner CASCADE; DROP ROLE policies_owner")
    db.drop()
