#!/usr/bin/python3 -B
"""Shows that the stored rows of random queries in mode IMMEDIATE are PostgreSQL's own answer after each commit.

Databases are those of random_stream_tables.py, but three quarters of the stream tables are in mode IMMEDIATE, among them
some over stream tables in other modes, and the transactions are of all isolation levels. After each transaction, and
for some in it, the stream tables are compared: those in mode IMMEDIATE as they are stored, while nothing refreshes when
it is read, and then as they are read if something was pending that the commit had left to the manager.

QUERIES, SEED and DURATION_S are those of random_stream_tables.py.
"""
import os
import random
import sys

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.dirname(sys.path[0]))
import play  # noqa: E402
import random_stream_tables  # noqa: E402

NO_ANSWER = (psycopg2.errors.DataError, psycopg2.errors.CardinalityViolation)
LEVELS = ["READ COMMITTED"] * 3 + ["REPEATABLE READ", "SERIALIZABLE"]


class StreamTable(play.StreamTable):
    def __init__(self, name, *others):
        super().__init__(name, *others)
        if random.Random(name + self.built.sql).random() < 0.75:
            self.mode = "IMMEDIATE"

    def is_read_exactly(self):
        return self.mode == "IMMEDIATE" or super().is_read_exactly()


def differences(database, stream_table):
    """Reads the stream table beside its query. Returns nothing where the manager keeps it from being read: by rows that
    it has replaced since the transaction's snapshot, or as it has not tried again since the query had no answer."""
    is_inside = database.is_in_transaction()
    if is_inside:
        database.run("SAVEPOINT before")
    try:
        return database.fetch("EXECUTE check_%s" % stream_table.name)
    except psycopg2.Error as error:
        if is_inside and not database.connection.closed:
            database.run("ROLLBACK TO before")
        if error.pgcode == "40001" or "last refresh failed" in str(error) or (is_inside and "suspended" in str(error)):
            return []
        if error.pgcode == "55000" and database.fetch(play.RESUME_ALL):
            return differences(database, stream_table)
        text = str(error).strip() or "the server closed the connection"
        raise play.Failure("read fails %s" % error.pgcode, text) from error


def compare_as_stored(database, stream_table):
    database.run("SET pg_trickle.enabled = off")
    try:
        wrong = differences(database, stream_table)
    finally:
        if not database.connection.closed:
            database.run("RESET pg_trickle.enabled")
    # Functions and types of users, TRUNCATE and others are left to the manager. What a commit has applied wrongly stays.
    if wrong and (wrong := differences(database, stream_table)):
        raise play.Failure("wrong rows as stored", wrong)


def compare_inside(database, stream_table):
    """The read of a session in its own transaction, however it is answered. Its query may read stream tables in other modes,
    whose schedules would let it have older rows of them."""
    database.run("SET LOCAL pg_trickle.max_staleness = 0")
    wrong = differences(database, stream_table)
    if warnings := database.warnings():
        raise play.Failure("warning inside", "\n".join(warnings))
    if wrong:
        raise play.Failure("wrong rows inside", wrong)


class Play(play.Play):
    def set_up(self):
        play.StreamTable = StreamTable
        super().set_up()

    def transact(self, statements):
        if statements[0] == "BEGIN":
            statements = ["BEGIN ISOLATION LEVEL " + self.choices.pick(LEVELS), *statements[1:]]
        try:
            return super().transact(statements)
        except (psycopg2.errors.SerializationFailure, *NO_ANSWER):
            self.database.leave_transaction()
            return False

    def check_immediate(self, compare):
        self.units.append([None])
        for stream_table in [one for one in self.kept if one.mode == "IMMEDIATE"]:
            try:
                compare(self.database, stream_table)
            except play.Failure as failure:
                self.fail(stream_table, failure)

    def check_all(self):
        self.check_immediate(compare_as_stored)
        for stream_table in [one for one in self.kept if one.mode != "IMMEDIATE"]:
            try:
                play.refresh_and_compare(self.database, stream_table, self.choices.chance(4))
            except play.Failure as failure:
                self.fail(stream_table, failure)

    def check_inside(self):
        transaction = self.changes.transaction(self.may_truncate)
        if self.transact(transaction[:-1]):
            self.check_immediate(compare_inside)
            self.transact(transaction[-1:])


if __name__ == "__main__":
    random_stream_tables.play.Play = Play
    random_stream_tables.main()
