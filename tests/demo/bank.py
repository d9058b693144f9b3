"""The bank of pgbench, and its stream tables.

All five are connected: each shares a source with another or reads it. They have one schedule, so each refresh
brings all of them to one frontier, and one statement over them sees one state of the bank. TPC-B adds the
same amount to an account, a teller, a branch and the history, so in every such state the four sums agree.
"""

from dataclasses import dataclass

SCHEDULE = "1s"


@dataclass(frozen=True)
class StreamTable:
    name: str
    about: str
    query: str


STREAM_TABLES = [
    StreamTable("branch_balance", "a branch's accounts, by a join", """
        SELECT b.bid, count(*) AS accounts, sum(a.abalance) AS balance
        FROM pgbench_accounts a JOIN pgbench_branches b ON b.bid = a.bid
        GROUP BY b.bid"""),
    StreamTable("teller_total", "what each teller moved", """
        SELECT t.tid, t.bid, count(*) AS transactions, sum(h.delta) AS total
        FROM pgbench_history h JOIN pgbench_tellers t ON t.tid = h.tid
        GROUP BY t.tid, t.bid"""),
    StreamTable("bank_total", "the whole bank in one row", """
        SELECT sum(balance) FILTER (WHERE is_branch) AS branches,
               sum(balance) FILTER (WHERE NOT is_branch) AS tellers
        FROM (SELECT true AS is_branch, bbalance AS balance FROM pgbench_branches
              UNION ALL
              SELECT false, tbalance FROM pgbench_tellers) money"""),
    StreamTable("in_the_red", "accounts below zero", """
        SELECT aid, bid, abalance FROM pgbench_accounts WHERE abalance < 0"""),
    StreamTable("red_by_branch", "debt by branch, reads in_the_red", """
        SELECT bid, count(*) AS accounts, sum(abalance) AS debt
        FROM in_the_red GROUP BY bid"""),
]

# All values that must agree, in one statement over the stream tables.
INVARIANT = """
    SELECT coalesce((SELECT sum(balance) FROM branch_balance), 0) AS accounts,
           coalesce((SELECT sum(total) FROM teller_total), 0) AS history,
           coalesce((SELECT tellers FROM bank_total), 0) AS tellers,
           coalesce((SELECT branches FROM bank_total), 0) AS branches,
           coalesce((SELECT sum(abalance) FROM in_the_red), 0) AS red,
           coalesce((SELECT sum(debt) FROM red_by_branch), 0) AS red_by_branch"""


def holds(row):
    accounts, history, tellers, branches, red, red_by_branch = row
    return accounts == history == tellers == branches and red == red_by_branch


def create_stream_tables(cursor):
    cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trickle")
    for table in STREAM_TABLES:
        cursor.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'DIFFERENTIAL')",
                       (table.name, table.query, SCHEDULE))


def drop_stream_tables(cursor):
    for table in reversed(STREAM_TABLES):
        cursor.execute("SELECT pgtrickle.drop_stream_table(%s)", (table.name,))


def compare(cursor, table):
    """Returns the number of rows, and how many are in only one of the stream table and its query, as
    multisets."""
    cursor.execute("SET pg_trickle.max_staleness = 0")
    cursor.execute(f"""
        WITH kept AS (SELECT * FROM {table.name}), truth AS ({table.query})
        SELECT (SELECT count(*) FROM truth),
               (SELECT count(*) FROM (TABLE kept EXCEPT ALL TABLE truth) x),
               (SELECT count(*) FROM (TABLE truth EXCEPT ALL TABLE kept) x)""")
    return cursor.fetchone()
