#!/usr/bin/python3 -B
"""Shows that a query which depends on further settings since another role has replaced its view is recorded with the values of the
server and the database, whichever process sets the stream table up again, and whatever its role or client gives it; so does what
an unrecorded setting decides."""

import itertools
import sys
import uuid
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

APP, DBA = (f"{name}_{uuid.uuid4().hex[:8]}" for name in ("app", "dba"))
# Each with the value of the file, one of the database, and one of sessions.
VALUES = {
    "TimeZone": ("Europe/Berlin", "Australia/Sydney", "Asia/Tokyo"), "DateStyle": ("ISO, DMY", "SQL, DMY", "German, DMY"),
    "IntervalStyle": ("iso_8601", "sql_standard", "postgres_verbose"), "extra_float_digits": ("2", "0", "-5"), "bytea_output": ("escape", "hex", "hex"),
    "xmlbinary": ("hex", "base64", "base64"), "xmloption": ("document", "content", "content"), "array_nulls": ("off", "on", "on"),
    "quote_all_identifiers": ("on", "off", "off"), "timezone_abbreviations": ("Australia", "India", "Default"),
    "default_text_search_config": ("pg_catalog.german", "pg_catalog.french", "pg_catalog.dutch")}
UNRECORDED = {"app.tenant": ("north", "west", "south"), "transform_null_equals": ("on", "off", "off"), "backslash_quote": ("on", "off", "off")}
server = Server()
with (server.folder / "data/postgresql.conf").open("a", encoding="utf-8") as file:
    file.writelines(f"{name} = '{values[0]}'\n" for name, values in (VALUES | UNRECORDED).items())
server.restart()
db = Database(server.host)
number = itertools.count()


def options(values):
    return " ".join(f"-c {name}=" + value.replace(" ", "\\ ") for name, value in values.items())


def changed(place, values):
    """Gives sessions, from their start, the values at a place of ALTER … SET."""
    for name, value in values.items():
        db.run(f"ALTER {place} SET {name} = '{value}'" if value != "RESET" else f"ALTER {place} RESET {name}")


def of_session():
    return {name: values[2] for name, values in (VALUES | UNRECORDED).items()}


def marked_stream_table():
    """Returns a stream table of APP whose view another role has replaced."""
    name = f"s{next(number)}"
    db.run(f"CREATE VIEW v_{name} AS SELECT id, 'x'::text AS d FROM t; GRANT SELECT ON v_{name} TO {APP}; ALTER VIEW v_{name} OWNER TO {DBA}")
    db.as_role(APP, f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT id, d FROM v_{name}', '520w', 'FULL')")
    db.run(f"CREATE OR REPLACE VIEW v_{name} AS SELECT id, shown(ts) AS d FROM t; INSERT INTO t VALUES (DEFAULT, now())")
    assert recorded(name) == {}
    return name


def recorded(name):
    return {option.removeprefix("setting_"): value.replace('"', "") for option, value in db.run(
        "SELECT (pg_options_to_table(ftoptions)).* FROM pg_foreign_table WHERE ftrelid = %s::regclass", name) if option.startswith("setting_")}


def refreshed_by(role, values, after_login=False):
    name = marked_stream_table()
    session = db.connect(user=role, options="" if after_login else options(values))
    cursor = session.cursor()
    for setting, value in values.items() if after_login else ():
        cursor.execute("SELECT set_config(%s, %s, false)", (setting, value))
    cursor.execute(f"SELECT pgtrickle.refresh_stream_table('{name}')")
    session.close()
    return name


def refreshed_by_worker():
    name = marked_stream_table()
    db.run(f"ALTER FOREIGN TABLE {name} OPTIONS (SET schedule '1s')")
    db.wait_for(f"SELECT count(*) > 0 FROM {name} WHERE d <> 'x'", True)
    return name


def wrong(way, name, place):
    """Returns what is not as the file (0) or the database (1) says."""
    right = {setting: values[place] for setting, values in VALUES.items()}
    found = recorded(name)
    differing = {setting: found.get(setting) for setting in right if found.get(setting) != right[setting]}
    shown = ",".join(values[place] for values in UNRECORDED.values())
    differing |= {"d": d for (d,) in db.run(f"SELECT DISTINCT d FROM {name}") if d != shown}
    return {way: differing} if differing else {}


def check(place):
    found = wrong("no session values", refreshed_by(APP, {}), place)
    found |= wrong("SET", refreshed_by(APP, of_session(), after_login=True), place)
    found |= wrong("client", refreshed_by(APP, of_session()), place)
    found |= wrong("client of a superuser", refreshed_by("postgres", of_session()), place)
    for where in f"ROLE {APP}", f"ROLE {APP} IN DATABASE {db.name}":
        changed(where, of_session())
        found |= wrong(where, refreshed_by(APP, {}), place)
        changed(where, dict.fromkeys(of_session(), "RESET"))
    found |= wrong("worker", refreshed_by_worker(), place)
    changed("ROLE postgres", of_session())
    found |= wrong("worker whose role has settings", refreshed_by_worker(), place)
    changed("ROLE postgres", dict.fromkeys(of_session(), "RESET"))
    assert not found, found


def values_of_the_file_are_recorded():
    check(0)


def values_of_the_database_are_recorded():
    of_database = {name: values[1] for name, values in (VALUES | UNRECORDED).items()}
    changed(f"DATABASE {db.name}", of_database)
    try:
        check(1)
    finally:
        changed(f"DATABASE {db.name}", dict.fromkeys(of_database, "RESET"))


def an_altered_column_records_no_values_of_another_role():
    """The owner's own session gives its values, as when it defines a stream table."""
    zones = {}
    for owner, by in (APP, "postgres"), (APP, APP), ("postgres", "postgres"):
        source, name = f"typed_{owner}_{by}", f"by_day_{owner}_{by}"
        db.as_role(owner, f"CREATE TABLE {source} (id int PRIMARY KEY, at timestamp)",
                   f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT id, date_trunc(''day'', at) AS d FROM {source}', '520w', 'FULL')")
        session = db.connect(user=by)
        session.cursor().execute(f"SET TimeZone = 'Asia/Tokyo'; ALTER TABLE {source} ALTER COLUMN at TYPE timestamptz")
        session.close()
        zones[owner == by] = zones.get(owner == by, set()) | {recorded(name).get("TimeZone")}
    assert zones == {False: {"Europe/Berlin"}, True: {"Asia/Tokyo"}}, zones


try:
    db.let_own_stream_tables(APP, DBA)
    db.run(f"CREATE TABLE t (id serial PRIMARY KEY, ts timestamptz); GRANT SELECT ON t TO {APP}, {DBA}")
    db.run("""CREATE FUNCTION shown(timestamptz) RETURNS text STABLE LANGUAGE plpgsql AS $$BEGIN
        RETURN current_setting('app.tenant', true) || ',' || current_setting('transform_null_equals') || ',' || current_setting('backslash_quote'); END$$""")
    run_cases([values_of_the_file_are_recorded, values_of_the_database_are_recorded, an_altered_column_records_no_values_of_another_role])
finally:
    db.drop()
    server.destroy()
