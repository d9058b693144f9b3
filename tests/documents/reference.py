#!/usr/bin/python3
"""Shows that docs/reference.md agrees with the catalogs of a server.

Functions and views are described by their COMMENTs, settings by pg_settings, options by the lists below,
which are compared with those that the server accepts. With WRITE=1 this script writes the document:

    WRITE=1 tests/scratch run tests/documents/reference.py
"""

import os
import re
import sys
import textwrap
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from database import TOP, Database, run_cases  # noqa: E402

DOCUMENT = TOP / "docs/reference.md"
WIDTH = 110

# Every function that is not internal is in one of these lists, in the order of the document.
FUNCTIONS = {
    "Create, change, drop": [
        "create_stream_table", "create_stream_table_if_not_exists", "create_or_replace_stream_table",
        "alter_stream_table", "drop_stream_table", "drop_partition", "stream_table_to_publication",
        "drop_stream_table_publication", "bulk_create", "bulk_alter_stream_tables", "bulk_drop_stream_tables",
        "export_definition", "validate_query", "parse_duration_seconds"],
    "Refresh": [
        "refresh_stream_table", "wait_until_fresh", "resume_stream_table", "repair_stream_table"],
    "State and age": [
        "pgt_status", "get_staleness", "data_timestamp", "health_check", "st_size", "version"],
    "Refreshes so far": [
        "get_refresh_history", "refresh_timeline", "st_refresh_stats", "refresh_efficiency",
        "explain_refresh_mode", "recommend_refresh_mode"],
    "How a stream table is kept": [
        "explain_st", "dependency_tree", "explain_dag", "diamond_groups", "list_sources",
        "stream_table_key"],
    "Sources and capture": [
        "change_buffer_sizes", "check_cdc_health", "trigger_inventory", "stop_capture", "allow_capture",
        "stopped_captures"],
    "Hold refreshes back": [
        "holds", "blocked_refreshes", "pause_scheduler", "resume_scheduler", "drain", "is_drained", "gate_source",
        "ungate_source", "source_gates"],
    "Watermarks": [
        "create_watermark_group", "drop_watermark_group", "advance_watermark", "watermarks", "watermark_groups",
        "watermark_status"],
    "Refresh groups": [
        "create_refresh_group", "drop_refresh_group", "refresh_groups"],
    "pg_upgrade": [
        "prepare_upgrade", "finish_upgrade"],
}

# Name, default, meaning; the values are those that the server lists, or those given here.
OPTIONS = {
    "query": ("", "one `SELECT`", "The defining query, see [sql.md](sql.md). Required."),
    "schedule": ("calculated", "a duration in whole seconds (`30s`, `5m`, `1h30m`, `2d`; `30` is `30s`), `0s`, a cron expression of 5 or 6 fields "
                 "or `@minutely`, `@hourly`, `@daily` …, `calculated`",
                 "How old the rows may be; see [concepts.md](concepts.md#staleness)."),
    "refresh_mode": ("AUTO", "`AUTO`, `DIFFERENTIAL` (`INCREMENTAL`), `FULL`, `IMMEDIATE`",
                     "By deltas, in full, whichever is cheaper, or at the commit of writers; see [sql.md](sql.md#refresh-modes)."),
    "initialize": ("true", "a boolean", "Fill the stream table in the statement that creates it; `false`: the first refresh fills it."),
    "diamond_consistency": ("atomic", None, "Refresh the members of a diamond together or not at all; see [concepts.md](concepts.md#atomic-sets)."),
    "diamond_schedule_policy": ("fastest", None, "An atomic diamond is due with its first (`fastest`) or with its last (`slowest`) member."),
    "append_only": ("false", "a boolean", "Accepted for compatibility; has no effect."),
    "tier": ("hot", None, "Multiplies the interval of the schedule: by 1 (`hot`), 2 (`warm`) or 10 (`cold`); `frozen`: the manager does not refresh it."),
    "partition_by": ("none", "`hour(column)`, `day(column)`, `month(column)`, `year(column)`, `RANGE (column, width)`, "
                     "`LIST (column, value, …)`, `HASH (column, …, modulus)`, `none`",
                     "Partitions its storage, see [sql.md](sql.md#partitioned-storage)."),
    "storage_parameters": ("", "`name = value, …`", "Parameters of the heaps of its storage, as in `CREATE TABLE … WITH (…)`, without those of `toast`: `fillfactor`, `autovacuum_…`"),
    "work_mem": ("", "a size, `64kB` at least", "The setting `work_mem` of its refreshes, by default that of the server."),
    "refresh_timeout": ("", "a time", "The longest time that a refresh by the manager may take, without limit by default; one that takes longer is canceled and has failed."),
}
# Descriptions that are too long for a COMMENT.
NOTES = {
    "create_stream_table": [
        "`name` is an SQL name, quoted where SQL needs it; without a schema, the first one of `search_path` is meant. The columns are",
        "those of the query. `cdc_mode`, `pooler_compatibility_mode`, `max_differential_joins`, `max_delta_fraction`,",
        "`output_distribution_column`, and a `storage_backend` other than `heap`, have no effect, and a `NOTICE` says so; `temporal`",
        "is refused. The other arguments are [options](#options-of-a-stream-table)."],
    "create_or_replace_stream_table": [
        "An equal definition is left as it is, statistics and rows included."],
    "alter_stream_table": [
        "`status` is `ACTIVE`, which clears the count of errors as [resume_stream_table](#resume_stream_table) does, or `SUSPENDED`.",
        "`fuse`, `fuse_ceiling` and `fuse_sensitivity` have no effect either, and a `NOTICE` says so."],
    "refresh_stream_table": [
        "The refresh sees the transaction's own changes, waits for a refresh that runs, and fails with the error of the query. A failing",
        "member of its refresh group is left out, with a `WARNING`."],
}
CONTEXTS = {"postmaster": "at server start", "sighup": "by a reload of the configuration", "superuser": "by superusers",
            "user": "by any role, in the session", "backend": "at the start of a session"}

INTRODUCTION = """\
<!-- written by tests/documents/reference.py, from COMMENTs and settings of a server -->
# Reference

Each function, view, option and setting of pg_trickle {version}. Functions and views lie in the schema `pgtrickle`.
[sql.md](sql.md) describes defining queries, [operations.md](operations.md) when to use what,
[security.md](security.md) which role may do what.
"""

OBJECTS = """\
## Objects that CREATE EXTENSION makes

| object | what it is |
|---|---|
| schema `pgtrickle` | the functions and views of this document; objects whose comment begins with `internal:` are not for users |
| foreign-data wrapper `pgtrickle_fdw`, server `pgtrickle` | what makes a foreign table a stream table; `USAGE` on the server is the right to create one |
| schema `pg_trickle_storage` | the rows of stream tables, and arrangements; no role has a privilege on it |
| schema `pg_trickle_log` | change logs of sources; no role has a privilege on it |
| `pg_trickle/catalog.db` in the data directory | history and statistics of refreshes, an SQLite file; see [operations.md](operations.md#history) |
| `pg_trickle/presence` in the data directory | where the server was when it was last stopped; see [operations.md](operations.md#without-the-library) |
"""


def sentence(text):
    """Returns a COMMENT as a sentence; characters with a meaning in tables are escaped."""
    if not text:
        return ""
    text = text.replace("|", "\\|")
    is_word = re.match(r"[a-z]+[ ,]", text)
    return (text[0].upper() if is_word else text[0]) + text[1:] + ("" if text.endswith(".") else ".")


def functions():
    rows = db.run("""
        SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
               obj_description(p.oid, 'pg_proc'), has_function_privilege('public', p.oid, 'EXECUTE')
        FROM pg_proc p WHERE p.pronamespace = 'pgtrickle'::regnamespace
        AND coalesce(obj_description(p.oid, 'pg_proc'), '') NOT LIKE 'internal:%' ORDER BY p.oid""")
    return {name: rest for name, *rest in rows}


def split_arguments(arguments):
    """Returns the input and output arguments, the latter from OUT or RETURNS TABLE."""
    given, returned = [], []
    for argument in re.split(r", (?![^(]*\))", arguments) if arguments else []:
        (returned if argument.startswith("OUT ") else given).append(argument.removeprefix("OUT "))
    return given, returned


def wrapped(opening, arguments, closing):
    """Returns a signature in lines that end after an argument; defaults have the types of their arguments."""
    together = ", ".join(re.sub(r"::[\w ]+$", "", argument).replace(" ", "\u00a0") for argument in arguments)
    text = textwrap.fill(opening + together + closing.replace(" ", "\u00a0"), WIDTH, subsequent_indent="    ",
                         break_long_words=False, break_on_hyphens=False)
    return text.replace("\u00a0", " ")


def function_entry(name, arguments, result, comment, is_public):
    given, returned = split_arguments(arguments)
    table = re.fullmatch(r"TABLE\((.*)\)", result)
    if table:
        returned = re.split(r", (?![^(]*\))", table.group(1))
    kind = "SETOF rows" if returned else result
    signature = wrapped(f"{name}(", given, f") → {kind}")
    lines = [f"### {name}", "```text", signature, "```", sentence(comment), *NOTES.get(name, [])]
    if not is_public:
        lines.append("For superusers, and roles to which one has granted `EXECUTE`.")
    if returned:
        columns = ", ".join("`%s` %s" % tuple(column.split(" ", 1)) for column in returned)
        lines += ["", f"Columns: {columns}."]
    return lines + [""]


def function_section():
    found = functions()
    lines = ["## Functions", ""]
    for topic, names in FUNCTIONS.items():
        lines += [f"**{topic}:** " + ", ".join(f"[{name}](#{name})" for name in names) + ".", ""]
    for names in FUNCTIONS.values():
        for name in names:
            lines += function_entry(name, *found[name])
    return lines


def view_section():
    lines = ["## Views", ""]
    views = db.run("""
        SELECT c.oid, c.relname, obj_description(c.oid, 'pg_class') FROM pg_class c
        WHERE c.relnamespace = 'pgtrickle'::regnamespace AND c.relkind = 'v'
        AND coalesce(obj_description(c.oid, 'pg_class'), '') NOT LIKE 'internal:%%' ORDER BY 2""".replace("%%", "%"))
    for oid, name, comment in views:
        columns = db.run("""
            SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
            WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum""", oid)
        lines += [f"### {name}", sentence(comment), "",
                  "Columns: " + ", ".join(f"`{column}` {type_name}" for column, type_name in columns) + ".", ""]
    return lines


def hint_of(statement):
    try:
        db.run(statement)
    except psycopg2.Error as error:
        return error.diag.message_hint or ""
    raise AssertionError("accepted: " + statement)


def accepted_options():
    hint = hint_of("CREATE FOREIGN TABLE x (a int) SERVER pgtrickle OPTIONS (query 'SELECT 1', no_option 'x')")
    return re.search(r": (.*)\.$", hint).group(1).split(", ")


def values_of(option):
    hint = hint_of(f"CREATE FOREIGN TABLE x (a int) SERVER pgtrickle OPTIONS (query 'SELECT 1', {option} 'no value')")
    return ", ".join(f"`{value}`" for value in re.search(r": (.*)\.$", hint).group(1).split(", "))


def option_section():
    lines = ["## Options of a stream table", "",
             "Given by `CREATE FOREIGN TABLE … SERVER pgtrickle OPTIONS (…)`, changed by `ALTER FOREIGN TABLE … OPTIONS (SET …)`;",
             "most are arguments of [create_stream_table](#create_stream_table) and [alter_stream_table](#alter_stream_table), too.",
             "", "| option | values | default | meaning |", "|---|---|---|---|"]
    for name, (default, values, meaning) in OPTIONS.items():
        lines.append(f"| `{name}` | {values or values_of(name)} | {default and f'`{default}`'} | {meaning} |")
    return lines + ["", "`original_query` and options whose names begin with `setting_` are written by pg_trickle: the text of the query as given, and",
                    "the settings of the session that decide what the query means. A dump carries them. `canonical`, in a definition that",
                    "`export_definition()` returns, states that the text of the query means the same in every session.", ""]


def setting_section():
    lines = ["## Settings", "", "| setting | default | values | set | meaning |", "|---|---|---|---|---|"]
    rows = db.run("""
        SELECT name, vartype, boot_val, unit, context, min_val, max_val, enumvals, short_desc, extra_desc
        FROM pg_settings WHERE name LIKE 'pg_trickle.%' ORDER BY name""")
    for name, kind, default, unit, context, least, most, words, short, extra in rows:
        span = f"{least} to {most}" if least is not None else ""
        span = re.sub(r"(-?\d+) to 2147483647$", r"\1 or more", span) + (f" {unit}" if unit else "")
        values = ", ".join(f"`{word}`" for word in words) if words else span or {"bool": "`on`, `off`"}.get(kind, kind)
        meaning = " ".join(filter(None, (sentence(short), sentence(extra))))
        if unit and int(default) > 0:
            default += " " + unit
        lines.append(f"| `{name}` | `{default}` | {values} | {CONTEXTS[context]} | {meaning} |")
    return lines + [""]


def reference():
    version = db.value("SELECT pgtrickle.version()")
    parts = [INTRODUCTION.format(version=version), OBJECTS]
    for section in (function_section, view_section, option_section, setting_section):
        parts.append("\n".join(section()))
    return "\n".join(parts).rstrip("\n") + "\n"


def every_function_has_a_comment_and_a_place():
    listed = [name for names in FUNCTIONS.values() for name in names]
    assert len(listed) == len(set(listed)), "listed twice"
    found = functions()
    assert set(listed) == set(found), set(listed) ^ set(found)
    silent = [name for name, (_, _, comment, _) in found.items() if not comment]
    assert not silent, silent


def every_option_is_described():
    assert list(OPTIONS) == accepted_options(), (list(OPTIONS), accepted_options())


def the_document_is_current():
    text = reference()
    if os.environ.get("WRITE"):
        DOCUMENT.write_text(text)
    now = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    differing = [f"{a!r} != {b!r}" for a, b in zip(now.splitlines(), text.splitlines()) if a != b]
    assert now == text, "WRITE=1 tests/scratch run tests/documents/reference.py writes it: " + "; ".join(differing[:3])


db = Database()
try:
    run_cases([every_function_has_a_comment_and_a_place, every_option_is_described, the_document_is_current])
finally:
    db.drop()
