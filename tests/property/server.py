"""The database the property test plays in, and the comparison of a stream table with its defining query."""
import time

import psycopg2
import psycopg2.extensions

import kinds

SETTINGS = ("SET client_min_messages = warning; SET pg_trickle.on_stale = 'error'; SET statement_timeout = '6s'; "
            "SET pg_trickle.scan_refresh_timeout = '60s'; SET search_path = play, public; SET timezone = 'Europe/Berlin'")


class Database:
    """A database of its own; renewed after a crash of the server."""

    def __init__(self, name):
        self.name, self.connection = name, None

    def admin(self, statement):
        session = psycopg2.connect("")
        session.autocommit = True
        session.cursor().execute(statement)
        session.close()

    def renew(self):
        self.close()
        for _ in range(100):
            try:
                self.admin("DROP DATABASE IF EXISTS %s WITH (FORCE)" % self.name)
                break
            except psycopg2.OperationalError:
                time.sleep(0.3)
        self.admin("CREATE DATABASE %s" % self.name)
        self.connect()
        self.run("CREATE EXTENSION pg_trickle; CREATE EXTENSION citext")

    def connect(self):
        self.connection = psycopg2.connect("dbname=%s" % self.name)
        self.connection.autocommit = True
        self.run("SET client_min_messages = error")

    def close(self):
        if self.connection is not None:
            self.connection.close()

    def drop(self):
        self.close()
        self.admin("DROP DATABASE IF EXISTS %s WITH (FORCE)" % self.name)

    def renew_schema(self):
        if self.connection.closed:
            self.renew()
        self.leave_transaction()
        self.run("RESET ALL; DEALLOCATE ALL; SET client_min_messages = error")
        self.run("DROP SCHEMA IF EXISTS play CASCADE; CREATE SCHEMA play")
        self.run(SETTINGS)
        self.run(kinds.TYPES_DDL)

    def is_in_transaction(self):
        return self.connection.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_IDLE

    def leave_transaction(self):
        if self.is_in_transaction():
            self.run("ROLLBACK")

    def run(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def fetch(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def warnings(self):
        """Returns warnings since the last call, except that of prepare_upgrade() about a stream table that the manager has
        suspended: its query may fail."""
        found = [notice.strip() for notice in self.connection.notices
                 if notice.startswith("WARNING") and "will have no rows after the upgrade" not in notice]
        del self.connection.notices[:]
        return found


def compared_rows(relation, built):
    """Returns a query for the rows of the relation in the form in which they are compared."""
    outputs = ", ".join("%s AS %s" % (kinds.compared(column, kind, built.images), column) for column, kind in built.columns)
    return "SELECT %s FROM %s" % (outputs, relation)


def comparison(name, built):
    """Returns a query for rows that are in only one of stream table and defining query, as multisets."""
    kept, true = compared_rows(name, built), compared_rows("(%s) q" % built.sql, built)
    return ("(SELECT 'only kept', d::text FROM (%s EXCEPT ALL %s) d LIMIT 3) UNION ALL "
            "(SELECT 'only true', d::text FROM (%s EXCEPT ALL %s) d LIMIT 3)" % (kept, true, true, kept))
