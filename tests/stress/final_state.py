"""Conditions that must hold once all sessions have ended, for tests that do many things at once.

Each function takes a cursor and `fault`, which it calls with a sentence for each violated condition.
"""

import psycopg2


def check_leftovers(cursor, fault):
    """Checks that dropped stream tables leave no objects."""
    cursor.execute("""
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'pg_trickle_storage'::regnamespace AND c.relkind IN ('r', 'v')
          AND NOT EXISTS (SELECT 1 FROM pgtrickle.pgt_state s WHERE c.relname ~ ('_' || s.relid || '(_|$)'))""")
    for (name,) in cursor.fetchall():
        fault(f"{name} was left behind")
    cursor.execute("SELECT s.relid FROM pgtrickle.pgt_state s LEFT JOIN pg_class c ON c.oid = s.relid WHERE c.oid IS NULL")
    for (relid,) in cursor.fetchall():
        fault(f"the state of {relid} was left behind")
    cursor.execute("SELECT pid, wait_event, query FROM pg_stat_activity WHERE datname = current_database() "
                   "AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'")
    for row in cursor.fetchall():
        fault(f"still running: {row}")


def check_equality(cursor, fault):
    """Compares by a plain read, which the manager must serve, and again after a refresh. Returns the number
    of stream tables."""
    cursor.execute("SET statement_timeout = '60s'; SET client_min_messages = error; SET pg_trickle.max_staleness = 0; "
                   "SET pg_trickle.scan_refresh_timeout = '30s'; SET pg_trickle.on_stale = error")
    cursor.execute("SELECT pgt_name, defining_query, status FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id")
    found = cursor.fetchall()
    for when in ("by a read", "after a refresh"):
        for name, query, status in found:
            query = query.rstrip("; \n")
            try:
                if when == "after a refresh":
                    cursor.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
                cursor.execute(f"SELECT (SELECT count(*) FROM (({query}) EXCEPT ALL TABLE {name}) x), "
                               f"(SELECT count(*) FROM (TABLE {name} EXCEPT ALL ({query})) x)")
                lost, doubled = cursor.fetchone()
                if lost or doubled:
                    fault(f"{when}: {name} lacks {lost} rows and has {doubled} too many: {query}")
            except psycopg2.Error as error:
                fault(f"{when}: {name} ({status}): {error.pgcode} {error} {query}")
    cursor.execute("SELECT pgt_name, status, last_error_message FROM pgtrickle.pgt_stream_tables WHERE status <> 'ACTIVE'")
    for row in cursor.fetchall():
        fault(f"not active in the end: {row}")
    return len(found)


def check_history(cursor, fault):
    """Checks that no refresh has found unexpected rows."""
    cursor.execute("SELECT s.pgt_name, h.start_time, h.action, h.status, h.reason, h.error_message "
                   "FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables s USING (pgt_id) "
                   "WHERE concat(h.reason, h.error_message) ~ 'was not found|inconsistent with its query|internal error' "
                   "ORDER BY h.refresh_id LIMIT 10")
    for row in cursor.fetchall():
        fault(f"history: {row}")
