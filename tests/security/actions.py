"""The executed actions: every function of the SQL surface and every kind of statement, as texts.

In them NAME is a stream table of the owner, SOURCE its source, PLACE its name without schema, and QUERY its
defining query. `kind` is the way in which plain PostgreSQL would run user code there (see places.py);
`define` is a statement that contains user code itself. A statement that changes objects that the next ones
need is run in a transaction that is rolled back: messages of a canary stay in the log.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Action:
    name: str
    kind: str
    statements: tuple
    is_rolled_back: bool = False
    owners: frozenset = frozenset({"canary_owner"})  # roles that may own the stream table while it runs
    is_superusers: bool = False  # it returns the result of a superuser's function
    only: str = ""  # a pattern of the places to which it applies

    def suits(self, place):
        return re.search(self.only, place) is not None


ACTIONS = {}


def action(name, kind, *statements, is_rolled_back=False, owners=(), is_superusers=False, only=""):
    ACTIONS[name] = Action(name, kind, statements, is_rolled_back, frozenset({"canary_owner", *owners}), is_superusers, only)


# Functions, each by its name; the test fails if one has no entry.
CALLS = {
    "refresh_stream_table": "('NAME')", "repair_stream_table": "('NAME')", "resume_stream_table": "('NAME')",
    "get_staleness": "('NAME')", "data_timestamp": "('NAME')", "get_refresh_history": "('NAME', 5)", "explain_st": "('NAME', true)",
    "explain_refresh_mode": "('NAME')", "export_definition": "('NAME')", "list_sources": "('NAME')", "st_size": "('NAME')",
    "stream_table_key": "('NAME')", "is_readable_at_once": "('NAME'::regclass)",
    "visible_stream_table": "('NAME')", "wait_until_fresh": "('NAME', '100 ms')", "recommend_refresh_mode": "()",
    "missing_index_rows": "(ARRAY['NAME'::regclass::oid])", "pending_rows": "('NAME'::regclass)", "dependency_rows": "('NAME'::regclass)",
    "gate_source": "('SOURCE')", "ungate_source": "('SOURCE')", "source_rows": "('SOURCE'::regclass)", "stop_capture": "('SOURCE')",
    "allow_capture": "('SOURCE')",
    "advance_watermark": "('SOURCE', '2030-01-01')", "create_watermark_group": "('marks_PLACE', ARRAY['SOURCE'])",
    "drop_watermark_group": "('marks_PLACE')", "create_refresh_group": "('group_PLACE', ARRAY['NAME', 'own.cast'], 'read_committed')",
    "drop_refresh_group": "('group_PLACE')", "pause_scheduler": "(ARRAY['NAME'])", "resume_scheduler": "(ARRAY['NAME'])",
    "validate_query": "($q$QUERY$q$)", "alter_stream_table": "('NAME', query => $q$QUERY$q$)",
    "create_stream_table": "('own.PLACE_by_call', $q$QUERY$q$, '520w')", "create_stream_table_if_not_exists": "('NAME', $q$QUERY$q$)",
    "create_or_replace_stream_table": "('NAME', $q$QUERY$q$, '2s')", "drop_stream_table": "('NAME', true)", "drop_partition": "('NAME', 'p1')",
    "stream_table_to_publication": "('NAME')", "drop_stream_table_publication": "('NAME')",
    "bulk_create": "(jsonb_build_array(jsonb_build_object('name', 'own.PLACE_in_bulk', 'query', $q$QUERY$q$)))",
    "bulk_alter_stream_tables": "(ARRAY['NAME'], '{\"schedule\": \"3s\"}')", "bulk_drop_stream_tables": "(ARRAY['NAME'])",
    "any_one": "(1)", "extremum": "(1, true)", "ties_of_extremum": "(1, true)", "inserted_extremum": "(1, 1, true)", "inserted_ties": "(1, 1, true)",
    "retracted_extremum": "(1, 1, true)", "retracted_ties": "(1, 1, true)", "first_one": "(1, 2)", "image": "(1)", "image_hash": "(1)", "key_hash": "(1)", "row_image": "(1)", "weighted": "('1 s', 2)",
    "name_list": "(ARRAY['a'])", "is_other_process": "(1)", "parse_duration_seconds": "('1h')", "pgt_only_row": "(1, 1)", "pgt_time_text": "('2020-01-01')",
    "pgtrickle_fdw_validator": "(ARRAY['query=SELECT 1'], 'pg_foreign_table'::regclass)", "explain_dag": "('dot')", "refresh_timeline": "(50)",
    "drain": "(0)", "pgt_dumped_indexes": "('NAME'::regclass)", "max_log_bytes": "()",
    "touched_values_in": "(NULL)", "touched_values_out": "(NULL)", "is_touched": "(NULL, 1)", "prepare_upgrade": "()", "finish_upgrade": "()",
}
# Functions without arguments.
CALLS.update(dict.fromkeys((
    "blocked_refreshes", "change_buffer_sizes", "check_cdc_health", "dependency_tree", "diamond_groups", "end_of_absence", "health_check", "holds", "is_drained", "is_manager_awaited", "is_upgrade_prepared",
    "old_transactions", "pgt_capture", "pgt_dumped", "pgt_dumped_rows", "pgt_restore", "pgt_restore_row", "pgt_refuse_replication", "pgt_note_stopped_capture", "pgt_check_group_member", "pgt_status", "pgtrickle_fdw_handler", "progress_rows",
    "refresh_efficiency", "refresh_groups", "refresh_history_rows", "running_refreshes", "server_checks", "server_state", "source_checks", "source_gates", "st_refresh_stats", "statistics_rows",
    "stream_table_checks", "stream_table_rows", "stream_table_states", "trigger_inventory", "trigger_rows", "version", "watermark_groups",
    "stopped_captures", "watermark_status", "watermarks", "worker_checks"), "()"))
DEFINES = {"validate_query", "alter_stream_table", "create_stream_table", "create_stream_table_if_not_exists",
           "create_or_replace_stream_table", "bulk_create"}
KEPT = {"refresh_stream_table", "wait_until_fresh", "get_staleness", "validate_query", "explain_st"}
AGGREGATES = {"any_one", "extremum", "ties_of_extremum", "inserted_extremum", "inserted_ties", "retracted_extremum", "retracted_ties"}
# One call of these in each run: they concern all stream tables of the database.
WHOLE = {"prepare_upgrade", "finish_upgrade", "drain"}
# Objects that must exist before.
BEFORE = {"drop_watermark_group": "create_watermark_group", "drop_refresh_group": "create_refresh_group", "ungate_source": "gate_source",
          "resume_scheduler": "pause_scheduler", "allow_capture": "stop_capture"}
SUITS = {"create_refresh_group": "^(?!cast$)", "drop_refresh_group": "^(?!cast$)"}
for function, arguments in CALLS.items():
    if function not in WHOLE:
        before = [f"SELECT pgtrickle.{BEFORE[function]}{CALLS[BEFORE[function]]}"] if function in BEFORE else []
        call = f"pgtrickle.{function}{arguments}"
        action("call " + function, "define" if function in DEFINES else "call", *before,
               "SELECT " + call if function in AGGREGATES else "SELECT * FROM " + call,
               is_rolled_back=function not in KEPT and "'" in arguments, only=SUITS.get(function, ""))
# Statements that this version refuses to all roles.
REFUSED = {"call drop_partition", "call stream_table_to_publication", "call drop_stream_table_publication", "call pgt_capture", "call pgt_note_stopped_capture", "call pgt_restore", "call pgt_restore_row", "call pgt_refuse_replication", "call pgt_check_group_member", "call pgtrickle_fdw_handler", "exact read", "consistent read",
           "COPY the stream table", "add a CHECK to it", "add a column to it", "ALTER DOMAIN"}

# Reads, on both routes.
for route in ("on", "off"):
    text = f"SET LOCAL pg_trickle.enable_expansion = {route}; SET LOCAL pg_trickle.max_staleness = 0; "
    action(f"SELECT, expansion {route}", "read", text + "SELECT * FROM NAME", is_rolled_back=True)
    action(f"join, expansion {route}", "read", text + "SELECT * FROM NAME a NATURAL JOIN NAME b", is_rolled_back=True)
    action(f"EXPLAIN, expansion {route}", "read", text + "EXPLAIN (VERBOSE) SELECT * FROM NAME", is_rolled_back=True)
    action(f"EXPLAIN ANALYZE, expansion {route}", "read", text + "EXPLAIN (ANALYZE, VERBOSE, BUFFERS) SELECT count(*) FROM NAME", is_rolled_back=True)
    action(f"read after own write, expansion {route}", "write", text + "INSERT INTO SOURCE (id) VALUES (900); SELECT * FROM NAME", is_rolled_back=True)
    action(f"read after own refresh, expansion {route}", "call", text + "SELECT pgtrickle.refresh_stream_table('NAME')", "SELECT * FROM NAME",
           is_rolled_back=True)
action("exact read", "read", "SET LOCAL pg_trickle.read_mode = exact; SELECT * FROM NAME", is_rolled_back=True)
action("parallel read", "read", "SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; "
       "SELECT count(*) FROM NAME", is_rolled_back=True)
action("cursor that is held", "read", "BEGIN", "DECLARE held CURSOR WITH HOLD FOR SELECT * FROM NAME", "COMMIT", "FETCH ALL FROM held", "CLOSE held")
for text in ("SELECT pgtrickle.refresh_stream_table(''NAME'')", "SELECT count(*) FROM NAME", "SELECT count(*) FROM pgtrickle.explain_st(''NAME'')"):
    action(f"in a function of a superuser: {text[:25]}", "call", f"SELECT canary.as_superuser('{text}')",
           is_rolled_back=True, is_superusers=True)
action("SET ROLE", "call", "SET LOCAL ROLE canary_reader", "SET LOCAL pg_trickle.max_staleness = 0", "SELECT * FROM NAME",
       "SELECT * FROM pgtrickle.explain_refresh_mode('NAME')", is_rolled_back=True)
action("cursor", "read", "DECLARE c CURSOR FOR SELECT * FROM NAME", "FETCH ALL FROM c", is_rolled_back=True)
action("PREPARE and EXECUTE", "read", "PREPARE p AS SELECT * FROM NAME", "EXECUTE p", "DEALLOCATE p", is_rolled_back=True)
action("COPY a query", "read", "COPY (SELECT * FROM NAME) TO STDOUT")
action("COPY the stream table", "read", "COPY NAME TO STDOUT")
action("CREATE TABLE AS", "read", "CREATE TEMP TABLE made AS SELECT * FROM NAME", is_rolled_back=True)
action("LOCK", "ddl", "LOCK TABLE NAME IN ACCESS SHARE MODE", is_rolled_back=True)
action("whole row", "read", "SELECT x FROM NAME x")
action("first rows", "read", "SELECT * FROM NAME ORDER BY 1 LIMIT 1")
action("consistent read", "read", "SET LOCAL pg_trickle.consistent_reads = on; SELECT * FROM NAME", is_rolled_back=True)
action("leaky operator", "read",
       "CREATE FUNCTION pg_temp.peek(a text, b text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'seen: %', a; RETURN false; END $$",
       "CREATE OPERATOR pg_temp.<<<< (leftarg = text, rightarg = text, procedure = pg_temp.peek, restrict = scalarltsel)",
       "SELECT * FROM NAME WHERE town OPERATOR(pg_temp.<<<<) 'x'", is_rolled_back=True, only="^big_towns$")
action("leaky operator on a hidden column", "read",
       "CREATE FUNCTION pg_temp.peek(a text, b text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'seen: %', a; RETURN false; END $$",
       "CREATE OPERATOR pg_temp.<<<< (leftarg = text, rightarg = text, procedure = pg_temp.peek, restrict = scalarltsel)",
       "EXPLAIN SELECT id FROM NAME WHERE account OPERATOR(pg_temp.<<<<) 'x'", is_rolled_back=True, only="^payroll$")
action("a column that is granted", "read", "SELECT id FROM NAME", only="^payroll$")
action("columns by name", "read", "SELECT account FROM NAME", only="^payroll$")
action("statistics views", "call", "SELECT * FROM pg_stats", "SELECT * FROM pg_stats_ext", "SELECT * FROM pg_stats_ext_exprs")
action("activity", "call", "SELECT query FROM pg_stat_activity", "SELECT * FROM pg_locks", "SELECT * FROM pg_prepared_xacts")
action("system catalogs", "call", "SELECT * FROM pg_foreign_table", "SELECT * FROM pg_foreign_server",
       "SELECT pg_catalog.pg_get_expr(adbin, adrelid) FROM pg_attrdef",
       "SELECT pg_catalog.pg_get_indexdef(indexrelid) FROM pg_index", "SELECT * FROM pg_statistic")
