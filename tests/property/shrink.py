"""Reduces a failing case: fewer statements, a simpler query, fewer rows; and writes it as a psql script."""
import re
import time

import psycopg2

import choices as choosing
import kinds
import play
import query
import server


def alone(units, stream_table):
    """Returns the history as far as it concerns this stream table, its INSERTs row by row."""
    shorter = []
    for unit in units:
        if isinstance(unit[0], play.StreamTable):
            if unit[0] is stream_table or re.search(r"\b%s\b" % unit[0].name, stream_table.built.sql):
                shorter.append(unit)
        elif unit[0] is None:
            shorter.append(unit)
        else:
            shorter += single_rows(unit)
    return shorter + [[None]]


def single_rows(unit):
    if len(unit) > 1 or not unit[0].startswith("INSERT"):
        return [unit]
    head, _, rows = unit[0].partition(" VALUES ")
    return [["%s VALUES %s" % (head, row if row.startswith("(") else "(" + row)]
            for row in re.sub(r"\), \(", ")\n(", rows).split("\n")]


def run_unit(database, unit, stream_table):
    """Raises Failure if the stream table is wrong afterwards; statements that fail are skipped."""
    for statement in unit:
        if isinstance(statement, play.StreamTable):
            is_own = statement.name == stream_table.name
            try:
                database.run((stream_table if is_own else statement).create())
                if is_own:
                    database.run(stream_table.prepare())
            except psycopg2.Error as error:
                if is_own and error.pgcode != "0A000":
                    raise play.Failure("creation fails %s" % error.pgcode, str(error)) from error
                raise
        elif statement is None:
            play.refresh_and_compare(database, stream_table)
        elif statement not in ("COMMIT", "ROLLBACK") or database.is_in_transaction():
            database.run(statement)


def failure_of(database, units, stream_table):
    """Returns the class of the failure in which the history ends, or None."""
    try:
        database.renew_schema()
        for unit in units:
            try:
                run_unit(database, unit, stream_table)
            except psycopg2.Error:
                if isinstance(unit[0], play.StreamTable):
                    return None
                database.leave_transaction()
        database.leave_transaction()
        if database.fetch("SELECT count(*) FROM pgtrickle.get_refresh_history('%s', 1000) WHERE action = 'REINITIALIZE'"
                          % stream_table.name)[0][0] and "TRUNCATE" not in str(units):
            return "reinitialized"
    except play.Failure as failure:
        if failure.what.startswith(("comparison", "refresh")) and not database.connection.closed:
            try:
                database.fetch(stream_table.built.sql)
            except psycopg2.Error:
                return None  # PostgreSQL itself has no answer
        return failure.what
    except (psycopg2.OperationalError, psycopg2.InterfaceError):
        return "the server died" if database.connection.closed else None
    except psycopg2.Error:
        return None
    return None


class Shrinker:
    def __init__(self, database, units, stream_table, what, seconds):
        self.database, self.what, self.end_at = database, what, time.monotonic() + seconds
        self.units, self.stream_table = alone(units, stream_table), stream_table
        self.relations = stream_table.relations

    def still_fails(self, units, stream_table):
        return time.monotonic() < self.end_at and failure_of(self.database, units, stream_table) == self.what

    def fewer_units(self):
        size = max(len(self.units) // 2, 1)
        while size:
            at = len(self.units) - size
            while at >= 0 and time.monotonic() < self.end_at:
                fewer = self.units[:at] + self.units[at + size:]
                if self.still_fails(fewer, self.stream_table):
                    self.units = fewer
                at -= size
            size //= 2

    def fewer_statements(self):
        for number, unit in enumerate(self.units):
            for at in range(len(unit) - 2, 0, -1):
                fewer = self.units[:number] + [self.units[number][:at] + self.units[number][at + 1:]] + self.units[number + 1:]
                if self.still_fails(fewer, self.stream_table):
                    self.units = fewer

    def simpler_query(self):
        """Returns True if a simpler query still fails."""
        was, tried = self.stream_table, {self.stream_table.built.sql}
        for made in choosing.simpler(was.made, was.spans):
            own = choosing.Choices(replayed=made)
            built = query.Built(own, self.relations)
            if built.sql in tried or len(own.made) > len(was.made) or len(built.sql) > len(was.built.sql) + 20:
                continue
            tried.add(built.sql)
            simple = play.StreamTable(was.name, built, own.made, own.spans, was.mode, self.relations)
            if time.monotonic() > self.end_at:
                return False
            if self.still_fails(self.units, simple):
                self.stream_table = simple
                return True
        return False

    def run(self):
        if not self.still_fails(self.units, self.stream_table):
            return False
        self.fewer_units()
        while self.simpler_query():
            pass
        self.fewer_units()
        self.fewer_statements()
        return True

    def script(self, title):
        lines = ["-- " + title.replace("\n", "\n-- "), "CREATE EXTENSION IF NOT EXISTS pg_trickle;", "CREATE SCHEMA play;",
                 "SET search_path = play, public;"]
        text = str([unit for unit in self.units]) + self.stream_table.built.sql
        if "citext" in text:
            lines.append("CREATE EXTENSION IF NOT EXISTS citext;")
        lines += [statement + ";" for statement in kinds.TYPES_DDL.strip().split(";\n")
                  if any(word in text for word in re.findall(r"(?:TYPE|DOMAIN|AGGREGATE) (\w+)", statement)) or ("COLLATION" in statement and "icu_text" in text)]
        for unit in self.units:
            for statement in unit:
                if isinstance(statement, play.StreamTable):
                    own = statement.name == self.stream_table.name
                    lines.append((self.stream_table if own else statement).create() + ";")
                elif statement is None:
                    lines += [self.stream_table.refresh() + ";",
                              server.comparison(self.stream_table.name, self.stream_table.built) + ";"]
                else:
                    lines.append(statement.strip().rstrip(";").replace(";;", ";") + ";")
        return "\n".join(lines).replace(";;", ";") + "\n"
