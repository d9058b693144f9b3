"""Sessions that read, and compare each answer with the promises.

An answer with a WARNING is served although it exceeds its maximum staleness, and an error is no answer:
neither promises an age. But no answer ever goes back in time, contains uncommitted changes, or mixes two
states.
"""

import collections
import time

import psycopg2

from .session import Session
from .world import CLOCKS, COLUMNS, OVER_ANOTHER, OVER_SCHEDULED, PASSING, TOTAL, UNIONS, WRITERS

STALE = "exceeds its maximum staleness"
# The setting, and its seconds; none: as the schedule says.
STALENESS = (("0", 0), ("0", 0), ("0", 0), ("1s", 1), ("1s", 1), ("3s", 3), ("-1", None), ("-1", None), ("1h", 3600))

View = collections.namedtuple("View", "table column")  # a column of clocks


class Reader(Session):
    reads_exactly = False  # then it may read exactly what no refresh has brought to one state

    def prepare(self):
        self.reads_exactly |= self.random.random() < 0.4
        self.run("CREATE OR REPLACE FUNCTION pg_temp.look(query text) RETURNS TABLE (view text, writer int, n bigint) "
                 "LANGUAGE plpgsql AS 'BEGIN RETURN QUERY EXECUTE query; END'")
        # The read route, and whether parallel workers read.
        self.run(f"SET pg_trickle.enable_expansion = {self.random.choice(['on', 'on', 'off'])}")
        if self.random.random() < 0.4:
            self.run("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0")
        self.prepared = {}
        self.last = {}  # the clocks last seen in each stream table

    # ---- the statement

    def choose(self):
        """Returns stream tables to be read in one statement."""
        chance = self.random.random()
        if chance < 0.2:
            return list(UNIONS["diamond"])[:self.random.choice([2, 3, 3])]
        if chance < 0.3:
            return self.random.choice((["c1", "c2"], ["t_max", "up"], ["c1", "c2", "mixed"]))
        names = list(CLOCKS) * 2 + PASSING
        return list(set(self.random.sample(names, self.random.choice([1, 1, 2, 2, 3, 6]))))

    @staticmethod
    def text(tables, has_source, writers=None):
        """Returns a query of all rows, or of the rows of some writers, which are looked up."""
        rows = "" if writers is None else f" WHERE writer IN ({', '.join(map(str, writers))})"
        views = [View(table, column) for table in tables for column in COLUMNS.get(table, ["n"])]
        views += [View("marks", "n")] if has_source else []
        return " UNION ALL ".join(f"SELECT '{table}.{column}' AS view, writer, {column} AS n FROM {table}{rows}"
                                  for table, column in views)

    def joined(self, tables):
        """Returns a query of them as a join: a row for each writer, unfolded."""
        views = [View(table, column) for table in tables for column in COLUMNS.get(table, ["n"])]
        unfolded = ", ".join(f"('{view.table}.{view.column}', {view.table}.{view.column})" for view in views)
        source = tables[0] + "".join(f" JOIN {table} ON {table}.writer = {tables[0]}.writer" for table in tables[1:])
        return f"SELECT v.view, {tables[0]}.writer, v.n FROM {source}, LATERAL (VALUES {unfolded}) v (view, n)"

    def ask(self, query):
        """Runs the query in one of several ways."""
        way = self.random.random()
        if way < 0.5:
            return self.run(query)
        if way < 0.6:
            return self.among(query, "BEGIN READ ONLY")
        if way < 0.75:
            return self.run("SELECT * FROM pg_temp.look($q$" + query + "$q$)")
        if way < 0.85:
            return self.among("FETCH ALL FROM c", "BEGIN", f"DECLARE c CURSOR FOR {query}")
        name = self.prepared.get(query)
        if name is None:
            name = f"p{len(self.prepared)}"
            self.run(f"PREPARE {name} AS {query}")
            self.prepared[query] = name
        return self.run(f"EXECUTE {name}")

    def among(self, query, *before):
        """Runs it in a transaction, with the warnings of all statements."""
        warnings = []
        for statement in before:
            self.run(statement)
            warnings += self.warnings
        rows = self.run(query)
        warnings += self.warnings
        self.run("COMMIT")
        self.warnings = warnings
        return rows

    # ---- promises

    def fault(self, what, query, promised, clocks):
        found = "\n".join(f"    {view}: {dict(sorted(seen.items()))}" for view, seen in clocks.items())
        self.world.fault(f"{self.who}: {what}\n  {query}\n  settings: {self.setting}\n  promised: {promised}\n  found:\n{found}")

    @staticmethod
    def clocks_of(rows):
        clocks = {}
        for view, writer, number in rows:
            clocks.setdefault(view, collections.Counter())
            clocks[view][writer] = -1 if writer in clocks[view] else number  # -1: two rows of one writer
        return clocks

    def promise(self, table, seconds, begun):
        return seconds if seconds is not None else self.world.promises.within(table, begun, time.time())

    def check(self, query, tables, rows, begun, seconds, is_stale, writers=range(WRITERS)):
        """`begun`: when the statement was sent, or the transaction whose snapshot it reads under."""
        clocks = self.clocks_of(rows)
        self.world.count("answers")
        for view, seen in clocks.items():
            if set(seen) != set(writers) or min(seen.values()) < 0:
                self.fault("a writer lacks a row, or has two", query, "one row each", clocks)
        self.check_order(query, clocks)
        if seconds is None:
            tables = [table for table in tables if table not in OVER_SCHEDULED]
        self.check_state(query, tables, clocks, begun, seconds, is_stale)
        if is_stale:
            self.world.count("answers with a warning")
            return
        for table in tables:
            allowed = self.promise(table, seconds, begun)
            if allowed is None:
                continue
            expected = {writer: number for writer, number in self.world.ledger.before(begun - allowed).items() if writer in writers}
            for view, seen in clocks.items():
                if view.startswith(table + ".") and any(seen[writer] < number for writer, number in expected.items()):
                    self.fault(f"{table} is older than {allowed} s", query, expected, clocks)
        if seconds == 0 and not self.reads_exactly:
            self.world.unions.have_been_read_fresh(tables, begun)

    def check_order(self, query, clocks):
        for view, seen in clocks.items():
            # A stream table that was created again may read an older one.
            last = self.last.get(view, {}) if view.split(".")[0] not in PASSING else {}
            if any(seen[writer] < last.get(writer, 0) for writer in seen):
                self.fault(f"{view} went back in time", query, dict(last), clocks)
            self.last[view] = {**self.last.get(view, {}), **seen}
        source = clocks.get("marks.n")
        if source and any(seen[writer] > source[writer] for seen in clocks.values() for writer in seen):
            self.fault("a stream table is ahead of its source", query, dict(source), clocks)

    def check_state(self, query, tables, clocks, begun, seconds, is_stale):
        """Checks that views that must be of one state show the same clocks: those of one stream table, and of
        stream tables that one refresh includes."""
        groups = [[view for view in clocks if view.startswith(table + ".")] for table in tables if table not in OVER_ANOTHER]
        views = [view for view in clocks if view.split(".")[0] in tables]
        if len(tables) > 1 and seconds == 0 and not is_stale:
            groups.append(views)
        union = [table for table in tables if table in UNIONS["diamond"]]
        if len(union) > 1 and self.world.unions.is_one(union, begun):
            groups.append([view for view in views if view.split(".")[0] in union])
            self.world.count("answers of a diamond")
        for group in groups:
            if any(clocks[view] != clocks[group[0]] for view in group[1:]):
                self.fault("torn: " + ", ".join(group), query, "one state", clocks)

    # ---- kinds of reads

    def set_staleness(self):
        text, seconds = self.random.choice(STALENESS)
        on_stale = self.random.choice(["serve", "error"])
        self.run(f"SET pg_trickle.max_staleness = '{text}'")
        self.run(f"SET pg_trickle.on_stale = {on_stale}")
        self.setting = f"max_staleness {text}, on_stale {on_stale}"
        return seconds

    def is_stale(self):
        return any(STALE in warning for warning in self.warnings)

    def read(self):
        seconds = self.set_staleness()
        tables = self.choose()
        is_joined = len(tables) > 1 and self.random.random() < 0.4
        query = self.joined(tables) if is_joined else self.text(tables, self.random.random() < 0.3)
        begun = time.time()
        rows = self.ask(query)
        self.check(query, tables, rows, begun, seconds, self.is_stale())

    def read_exactly(self):
        """Nothing that was committed before is missing, whatever is held."""
        self.run("SET pg_trickle.read_mode = exact")
        self.setting = "read_mode exact"
        for _ in range(self.random.choice([1, 1, 4])):
            tables = self.choose()[:2]
            writers = sorted(self.random.sample(range(WRITERS), self.random.choice([1, 1, 2, WRITERS])))
            query = self.text(tables, self.random.random() < 0.3, writers)
            begun = time.time()
            rows = self.ask(query)
            self.check(query, tables, rows, begun, 0, self.is_stale(), writers)
            self.world.count("exact answers")

    @staticmethod
    def is_of_one_snapshot(first, rows):
        """Whether the rows are those of before, but for rows that a schedule had let stand: they may become those of the snapshot,
        which another stream table showed before (manager/decisions/open.md)."""
        newest = collections.Counter()
        for _, writer, number in first:
            newest[writer] = max(newest[writer], number)
        before, after = ({(view, writer): number for view, writer, number in some} for some in (first, rows))
        return len(first) == len(rows) and before.keys() == after.keys() and all(
            number == before[key] or before[key] < number <= newest[key[1]] for key, number in after.items())

    def read_repeatably(self):
        """All answers under one snapshot are of one moment."""
        seconds = self.set_staleness()
        tables = self.choose()
        self.run("BEGIN ISOLATION LEVEL " + self.random.choice(["REPEATABLE READ", "SERIALIZABLE"]) +
                 self.random.choice(["", " READ ONLY"]))
        begun = time.time()
        is_locked = self.random.random() < 0.6
        if is_locked:
            self.run(f"LOCK TABLE {', '.join(tables)} IN ACCESS SHARE MODE")
        first, is_stale = None, False
        for number in range(self.random.choice([1, 2, 3])):
            query = self.text(tables, False)
            if number == 0 and not is_locked:
                begun = time.time()
            rows = self.run(query)
            # The error that its snapshot is too old occurs once in a transaction.
            is_stale = is_stale or self.is_stale()
            self.check(query, tables, rows, begun, seconds, is_stale)
            if first is not None and not self.is_of_one_snapshot(first, rows):
                self.fault("a snapshot has changed", query, first, self.clocks_of(rows))
            first = sorted(rows)
            self.pause(0.3)
        self.run("COMMIT")
        self.world.count("repeatable reads")

    def read_bank(self):
        seconds = self.set_staleness()
        tables = self.random.choice((["bank_total"], ["branch_sums", "vault_sums"], ["branch_sums", "vault_sums", "bank_total"]))
        sums = [f"(SELECT sum(total) FROM {table})" for table in tables if table != "bank_total"]
        totals = ([" + ".join(sums)] if sums else []) + ["(SELECT total FROM bank_total)"] * ("bank_total" in tables)
        query = "SELECT " + ", ".join(totals)
        begun = time.time()
        found, = self.run(query)
        is_fresh = seconds == 0 and not self.is_stale()
        is_one = self.world.unions.is_one(tables[:2], begun)
        if is_one and sums:
            self.world.count("answers of a refresh group")
        if ("bank_total" in tables or is_fresh) and found[-1] != TOTAL or (is_fresh or is_one) and found[0] != TOTAL:
            self.fault(f"the bank has {found}", query, TOTAL, {})
        if is_fresh:
            self.world.unions.have_been_read_fresh(tables, begun)

    def read_bank_repeatably(self):
        """A snapshot shows a refresh group in one state, whichever member is read first, and whatever their schedules."""
        self.set_staleness()
        members = self.random.sample(UNIONS["bank"], 2)
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
        begun = time.time()
        if self.random.random() < 0.7:
            self.run("SELECT count(*) FROM vault")
        found = [self.run(f"SELECT sum(total) FROM {name}")[0][0] for name in members]
        self.run("COMMIT")
        if self.world.unions.is_one(members, begun):
            self.world.count("repeatable answers of a refresh group")
            if sum(found) != TOTAL:
                self.fault(f"the bank has {found} of {members} under one snapshot", "SELECT sum(total)", TOTAL, {})

    def read_age(self):
        """All changes committed before the reported time are in the rows, which are read later."""
        table = self.random.choice(list(CLOCKS))
        self.run("SET pg_trickle.max_staleness = '1h'")
        self.run("SET pg_trickle.on_stale = serve")
        self.setting = "max_staleness 1h"
        query = self.random.choice((
            f"SELECT extract(epoch FROM data_timestamp) FROM pgtrickle.pgt_status() WHERE name LIKE '%{table}'",
            f"SELECT extract(epoch FROM data_timestamp) FROM pgtrickle.pgt_stream_tables WHERE pgt_name = '{table}'",
            f"SELECT extract(epoch FROM pgtrickle.data_timestamp('{table}'))",
            f"SELECT extract(epoch FROM statement_timestamp()) - pgtrickle.get_staleness('{table}')",
            "SELECT extract(epoch FROM statement_timestamp() - staleness) FROM pgtrickle.pgt_status() "
            f"WHERE name LIKE '%{table}'"))
        rows = self.run(query)
        reported = rows[0][0] if rows else None
        if reported is None:  # just renamed
            return
        statement = self.text([table], False)
        begun = time.time()
        rows = self.run(statement)
        self.check(statement, [table], rows, begun, 3600, False)
        self.world.count("ages")
        # Rounding of floats.
        expected = self.world.ledger.before(float(reported) - 0.00001)
        for seen in self.clocks_of(rows).values():
            if any(seen[writer] < number for writer, number in expected.items()):
                self.fault(f"{table} is older than reported: {reported}", query, expected, self.clocks_of(rows))

    def act(self):
        kinds = ((self.read, 10), (self.read_exactly, 4 if self.reads_exactly else 0), (self.read_bank, 3), (self.read_bank_repeatably, 2),
                 (self.read_repeatably, 2), (self.read_age, 3))
        if self.reads_exactly:
            self.run("RESET pg_trickle.read_mode")
        try:
            self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]()
        except psycopg2.Error as error:
            if STALE in str(error):
                detail = (error.diag.message_detail or "").split(".")[0]
                self.world.count("errors of the stale: " + detail.replace(self.world.database, ""))
            if error.pgcode in ("0A000", "26000", "42P05"):
                # The result type of a prepared statement has changed, or its name outlived a rollback.
                self.run("ROLLBACK")
                self.run("DEALLOCATE ALL")
                self.prepared.clear()
            raise
