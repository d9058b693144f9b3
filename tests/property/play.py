"""Plays with one random database: tables and views, stream tables over them, transactions, and ten refreshes
of each.

A stream table that fails is reported and dropped from the test; the others continue. The seed determines all
actions.
"""
import collections
import random
import re
import zlib

import psycopg2

import choices as choosing
import kinds
import query
import schema
import server

STREAM_TABLES, ROUNDS, MOST_ROWS = 40, 10, 3000
# Methods that the planner may not use.
PLANNINGS = ((), ("hashjoin", "mergejoin"), ("hashjoin", "mergejoin", "hashagg", "sort", "material"))


class Failure(Exception):
    """A failure: its class (which shrinking must keep), and the details."""

    def __init__(self, what, details):
        super().__init__("%s: %s" % (what, details))
        self.what = what


def random_partitioning(choices, columns):
    """Returns a partition_by that has the form of one, for about a third of all stream tables; else 'none'."""
    column, kind = choices.pick(columns)
    if choices.chance(65):
        return "none"
    if kind in ("timestamp", "date"):
        return "%s(%s)" % (choices.pick(["day", "month"]), column)
    if kind in ("int", "bigint"):
        return choices.pick(["RANGE (%s, 2)", "LIST (%s, 1, 2)", "HASH (%s, 3)"]) % column
    return "HASH (%s, 3)" % column


class StreamTable:
    def __init__(self, name, built, made, spans, mode, relations, partition_by="none"):
        self.name, self.built, self.made, self.spans, self.mode = name, built, made, spans, mode
        self.relations, self.partition_by = relations, partition_by

    def create(self):
        return ("CREATE FOREIGN TABLE %s () SERVER pgtrickle OPTIONS (query $query$%s$query$, schedule '520w', refresh_mode '%s', "
                "refresh_timeout '6s', partition_by '%s')" % (self.name, self.built.sql, self.mode, self.partition_by))

    def refresh(self):
        return "SELECT pgtrickle.refresh_stream_table('%s')" % self.name

    def is_read_exactly(self):
        """A third of all stream tables is also compared before each refresh, by exact reads."""
        return zlib.crc32(self.built.sql.encode()) % 3 == 0

    def prepare(self):
        return "PREPARE check_%s AS %s" % (self.name, server.comparison(self.name, self.built))


RESUME_ALL = ("SELECT pgtrickle.resume_stream_table(pgt_schema || '.' || pgt_name) FROM pgtrickle.pgt_stream_tables "
              "WHERE status = 'SUSPENDED'")


def read_exactly(database, stream_table):
    database.run("SET pg_trickle.read_mode = exact")
    try:
        return database.fetch("EXECUTE check_%s" % stream_table.name)
    finally:
        if not database.connection.closed and database.connection.info.transaction_status != 3:
            database.run("RESET pg_trickle.read_mode")


def refresh_and_compare(database, stream_table, is_by_read=False):
    """Raises Failure unless the stream table can be refreshed and then equals its query. The refresh is
    requested by a read, unless its last refresh failed, which a read does not repeat. Stream tables that failures
    have suspended, which may be upstreams, are resumed."""
    what = "exact read"
    is_inside = database.is_in_transaction()
    if is_inside:
        database.run("SAVEPOINT before")
    try:
        wrong = read_exactly(database, stream_table) if stream_table.is_read_exactly() else None
        if wrong:
            raise Failure("wrong rows of an exact read", wrong)
        what = "refresh"
        if is_by_read:
            database.run("SET pg_trickle.max_staleness = 0")
        else:
            database.run(stream_table.refresh())
        what = "comparison"
        wrong = database.fetch("EXECUTE check_%s" % stream_table.name)
    except psycopg2.Error as error:
        if is_inside and not database.connection.closed:
            database.run("ROLLBACK TO before")
        if is_by_read and error.pgcode == "55000" and "last refresh failed" in str(error):
            database.run("RESET pg_trickle.max_staleness")
            return refresh_and_compare(database, stream_table)
        if error.pgcode == "55000" and database.fetch(RESUME_ALL):
            return refresh_and_compare(database, stream_table)
        text = str(error).strip() or "the server closed the connection"
        raise Failure("%s fails %s" % (what, error.pgcode), text) from error
    finally:
        if is_by_read and not database.connection.closed and database.connection.info.transaction_status != 3:
            database.run("RESET pg_trickle.max_staleness")
    warnings = database.warnings()
    if warnings:
        raise Failure("warning", "\n".join(warnings))
    if wrong:
        raise Failure("wrong rows", wrong)


class Play:
    """`units` is the history: lists of statements that are meaningful only together; None refreshes and
    compares."""

    def __init__(self, database, seed):
        self.database, self.seed = database, seed
        self.choices = choosing.Choices(random.Random(seed))
        self.units, self.kept, self.failures, self.refusals, self.made = [], [], [], [], 0
        self.failed_with_query = 0  # number of refreshes
        self.without_answer, self.slow = [], []  # slow: cross products behind a DISTINCT, mostly

    def do(self, *statements):
        self.units.append(list(statements))
        for statement in statements:
            self.database.run(statement)

    def transact(self, statements):
        """Returns whether the statements succeeded: a change that violates a key ends the transaction."""
        try:
            self.do(*statements)
            return True
        except psycopg2.IntegrityError:
            self.database.leave_transaction()
            return False

    def set_up(self):
        self.database.renew_schema()
        self.tables = schema.tables(self.choices)
        self.changes = schema.Changes(self.choices, self.tables)
        self.may_truncate = self.choices.chance(30)
        for table in self.tables:
            for statement in table.ddl():
                self.do(statement)
            rows = self.changes.rows(table, self.choices.pick([8, 0, 3, 15, 22]))
            if rows:
                self.do(rows)
        relations = {table.name: table.columns for table in self.tables}
        for number in range(self.choices.below(3)):
            self.view("v%d" % number, relations)
        for number in range(2 * STREAM_TABLES):
            if self.made < STREAM_TABLES:
                self.create("st%d" % number, relations)

    def generate(self, number, relations, may_mix_times=True):
        own = choosing.Choices(random.Random(self.seed * 1000 + number))
        return query.Built(own, relations, may_mix_times), own

    def has_answer(self, sql):
        is_inside = self.database.is_in_transaction()
        if is_inside:
            self.database.run("SAVEPOINT question")
        try:
            self.database.run("SET statement_timeout = '1s'")
            return self.database.fetch("SELECT count(q) FROM (%s) q" % sql)[0][0] <= MOST_ROWS
        except psycopg2.Error as error:
            self.without_answer.append("%s: %s" % (str(error).splitlines()[0], sql))
            if is_inside:
                self.database.run("ROLLBACK TO question")
            return False
        finally:
            self.database.run("SET statement_timeout = '6s'")

    def has_one_answer(self, built):
        """Returns False if PostgreSQL's own answer depends on the plan, as in merge joins and unique joins by an
        equality that is not transitive (a timestamp, and the two of other types that a clock change makes equal)."""
        answers = []
        for settings in PLANNINGS:
            for name in ("hashjoin", "mergejoin", "nestloop", "hashagg", "sort", "material"):
                self.database.run("SET enable_%s = %s" % (name, "off" if name in settings else "on"))
            answers.append(collections.Counter(map(str, self.database.fetch(server.compared_rows("(%s) q" % built.sql, built)))))
        return all(answer == answers[0] for answer in answers)

    def view(self, name, relations):
        built, _ = self.generate(900 + int(name[1:]), relations, may_mix_times=False)
        if not built.may_fail and self.has_answer(built.sql):
            is_materialized = self.choices.chance(15)
            self.do("CREATE %sVIEW %s AS %s" % ("MATERIALIZED " if is_materialized else "", name, built.sql))
            if is_materialized:
                self.changes.materialized.append(name)
            if readable(built):
                relations[name] = built.columns

    def create(self, name, relations):
        built, own = self.generate(int(name[2:]), relations)
        if not self.has_answer(built.sql) or (built.may_fail and any(one.name in built.sql for one in self.kept)):
            return  # an atomic set is not refreshed while one of its members fails
        choices = choosing.Choices(random.Random("%d %s" % (self.seed, name)))
        stream_table = StreamTable(name, built, own.made, own.spans, "DIFFERENTIAL", dict(relations),
                                   random_partitioning(choices, built.columns))
        self.made += 1
        try:
            self.create_as_partitioned(stream_table)
        except psycopg2.errors.FeatureNotSupported as error:
            self.refusals.append((error.diag.message_primary, error.diag.message_detail, built.sql))
            return
        except psycopg2.Error as error:
            self.fail(stream_table, Failure("creation fails %s" % error.pgcode, str(error).strip()))
            return
        self.units.append([stream_table])
        try:
            self.database.run(stream_table.prepare())
        except psycopg2.Error as error:
            self.fail(stream_table, Failure("comparison fails %s" % error.pgcode, str(error).strip()))
            return
        self.kept.append(stream_table)
        if self.choices.chance(8) and readable(built):
            relations[name] = built.columns

    def create_as_partitioned(self, stream_table):
        """A column by which the storage cannot be partitioned leaves it as one heap."""
        try:
            self.database.run(stream_table.create())
        except psycopg2.Error as error:
            if "cannot partition" not in str(error):
                raise
            stream_table.partition_by = "none"
            self.database.run(stream_table.create())

    def fail(self, stream_table, failure):
        """If the query itself fails, the stream table must follow when the query has an answer again."""
        if stream_table in self.kept:
            if not self.database.connection.closed and not self.has_answer(stream_table.built.sql):
                self.failed_with_query += 1
                return
            self.kept.remove(stream_table)
        if failure.what.startswith("wrong rows") and not self.has_one_answer(stream_table.built):
            self.without_answer.append("two answers: " + stream_table.built.sql)
            return
        if failure.what.endswith("57014") or (failure.what.endswith("55000") and self.is_too_slow(stream_table)):
            self.slow.append("seed %d, %s: %s: %s" % (self.seed, stream_table.name, failure.what, stream_table.built.sql))
            return
        self.failures.append((stream_table, failure, list(self.units)))
        if self.database.connection.closed:
            raise failure

    def is_too_slow(self, stream_table):
        """Returns whether a refresh of the manager has just taken longer than it may."""
        found = not self.database.connection.closed and not self.database.is_in_transaction() and self.database.fetch(
            "SELECT error_message FROM pgtrickle.get_refresh_history('%s', 1)" % stream_table.name)
        return bool(found) and "took longer than the refresh_timeout" in (found[0][0] or "")

    def check_all(self):
        self.units.append([None])
        for stream_table in list(self.kept):
            try:
                refresh_and_compare(self.database, stream_table, self.choices.chance(4))
            except Failure as failure:
                self.fail(stream_table, failure)

    def check_inside(self):
        """Checks inside of a transaction that sees its own changes."""
        transaction = self.changes.transaction(self.may_truncate)
        if not self.transact(transaction[:-1]):
            return
        self.units.append([None])
        for stream_table in list(self.kept):
            try:
                refresh_and_compare(self.database, stream_table)
            except Failure as failure:
                self.fail(stream_table, failure)
        self.do(transaction[-1])

    def rounds(self):
        self.set_up()
        for number in range(ROUNDS if self.kept else 0):
            for _ in range(1 + self.choices.below(2)):
                self.transact(self.changes.transaction(self.may_truncate))
            if number % 5 == 3:
                self.check_inside()
            self.check_all()
        if self.kept and self.choices.chance(30):
            self.upgrade()

    def upgrade(self):
        """Shows that the text of each query is read again as the query that it was printed from."""
        try:
            self.do("BEGIN", "SELECT pgtrickle.prepare_upgrade()", "SELECT pgtrickle.finish_upgrade()", "COMMIT")
        except psycopg2.Error as error:
            self.database.run("ROLLBACK")
            named = re.search(r"^play\.(\w+): ", error.diag.message_detail or "", re.M)
            stream_table = next((one for one in self.kept if named and one.name == named[1]), self.kept[0])
            if self.is_printed(stream_table.built.sql):
                self.fail(stream_table, Failure("upgrade fails %s" % error.pgcode, str(error).strip()))
            return
        for stream_table in list(self.kept):
            try:
                self.do(stream_table.refresh())  # the first fill
            except psycopg2.errors.QueryCanceled as error:
                self.fail(stream_table, Failure("refresh fails %s" % error.pgcode, str(error).strip()))
            except psycopg2.Error:
                continue  # reported by the check, unless the query fails as well
        self.check_all()

    def is_printed(self, sql):
        """Returns whether PostgreSQL can read what it prints of the query: a name that USING has merged is printed without that
        of the join, so that it may be that of another column in a sub-query."""
        self.database.run("BEGIN")
        try:
            self.database.run("CREATE VIEW printed AS " + sql)
            self.database.run("CREATE VIEW read_again AS " + self.database.fetch("SELECT pg_get_viewdef('printed'::regclass)")[0][0])
            return True
        except psycopg2.Error:
            self.without_answer.append("not printed: " + sql)
            return False
        finally:
            self.database.run("ROLLBACK")

    def actions(self):
        """Returns {action: count} of all refreshes; a reinitialisation without a cause fails its stream
        table."""
        found = {}
        for stream_table in self.kept:
            for action, count in self.database.fetch(
                    "SELECT action, count(*) FROM pgtrickle.get_refresh_history('%s', 1000) GROUP BY 1" % stream_table.name):
                found[action] = found.get(action, 0) + count
                if action == "REINITIALIZE" and not any("TRUNCATE" in str(unit) for unit in self.units):
                    self.failures.append((stream_table, Failure("reinitialized", "without a TRUNCATE"), list(self.units)))
        return found


def readable(built):
    """Returns True if a query over it still has only one correct answer."""
    undetermined = kinds.AMBIGUOUS + ("inexact", "json")
    return not built.may_fail and bool(built.columns) and all(kind not in undetermined for _, kind in built.columns)
