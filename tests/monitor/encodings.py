#!/usr/bin/python3 -B
"""Shows that the extension can be created in a database of any encoding, and that what it draws is drawn in that encoding, or
in ASCII where that of the database or of the client has no characters for that."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

DRAWN = ["public.both", "└── public.one", "    ├── public.a", "    └── public.b"]
PLAIN = ["public.both", "`-- public.one", "    |-- public.a", "    `-- public.b"]
EXPECTED = {"UTF8": DRAWN, "EUC_JP": DRAWN, "EUC_KR": DRAWN, "EUC_CN": DRAWN, "KOI8R": DRAWN,
            "LATIN1": PLAIN, "WIN1252": PLAIN, "SQL_ASCII": PLAIN}


# With a database in UTF-8.
OF_CLIENTS = {"UTF8": DRAWN, "EUC_JP": DRAWN, "KOI8R": DRAWN, "LATIN1": PLAIN, "WIN1252": PLAIN}


def tree(encoding, client="UTF8"):
    """Returns the lines that a client of an encoding gets."""
    db = Database(options=f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        db.run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
        db.run("SELECT pgtrickle.create_stream_table('one', 'SELECT id FROM a JOIN b USING (id)', '520w')")
        db.run("SELECT pgtrickle.create_stream_table('both', 'SELECT id FROM one', '520w')")
        db.session.set_client_encoding(client)
        return [line for line, in db.run("SELECT tree_line FROM pgtrickle.dependency_tree()")]
    finally:
        db.drop()


def the_tree_is_drawn_in_each_encoding():
    wrong = {encoding: found for encoding, expected in EXPECTED.items() if (found := tree(encoding)) != expected}
    assert not wrong, wrong


def the_tree_is_drawn_for_each_client():
    wrong = {client: found for client, expected in OF_CLIENTS.items() if (found := tree("UTF8", client)) != expected}
    assert not wrong, wrong


run_cases([the_tree_is_drawn_in_each_encoding, the_tree_is_drawn_for_each_client])
