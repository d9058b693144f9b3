"""Random tables and their changes: NULLs, duplicates, tables without keys, empty ones, skew, partitions."""
import kinds


class Table:
    def __init__(self, name, columns, has_key, attributes):
        self.name, self.columns, self.has_key, self.attributes = name, columns, has_key, attributes

    def is_unlogged(self):
        """PostgreSQL 18 has no unlogged partitioned tables."""
        return self.attributes.get("is unlogged") and not self.attributes.get("is partitioned")

    def ddl(self):
        parts = ["%s %s%s" % (name, kinds.SQL_TYPE[kind], " NOT NULL" if name in self.attributes.get("not null", ()) else "")
                 for name, kind in self.columns]
        if self.has_key:
            parts[0] += " PRIMARY KEY"
        text = "CREATE %sTABLE %s (%s)" % ("UNLOGGED " if self.is_unlogged() else "", self.name, ", ".join(parts))
        statements = [text]
        if self.attributes.get("has child"):
            statements.append("CREATE TABLE %s_child (more int) INHERITS (%s)" % (self.name, self.name))
        if self.attributes.get("is partitioned"):
            statements = [text + " PARTITION BY HASH (%s)" % self.columns[0][0]] + [
                "CREATE TABLE %s_%d PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER %d)" % (self.name, n, self.name, n)
                for n in (0, 1)]
        statements += ["CREATE INDEX ON %s (%s)" % (self.name, name) for name in self.attributes.get("indexes", ())]
        return statements


def tables(choices):
    made = []
    two_kinds = choices.weighted((60, "icu"), (25, "instant"), (15, "timestamp"))
    for name in ("r", "s", "t", "u")[:2 + choices.below(3)]:
        has_key = choices.chance(50)
        columns = [("id", choices.weighted((70, "int"), (30, "text")))] if has_key else []
        for letter in "abcdef"[:3 + choices.below(4)]:
            columns.append((letter, "int" if letter == "a" else choices.pick(kinds.COLUMN_KINDS)))
        if choices.chance(40):
            columns.append(("y", choices.pick([two_kinds, kinds.COARSER[two_kinds]])))
        plain = [column for column, kind in columns if kind in ("int", "text", "bigint", "numeric")]
        indexes = choices.some(plain)[:2]
        for _ in range(choices.weighted((50, 0), (30, 1), (20, 2))):
            names = choices.some(plain, 1)[:3]
            indexes.append(", ".join(names[:-1] + [names[-1] + choices.pick(["", " DESC", " NULLS FIRST", " DESC NULLS LAST"])]))
        if choices.chance(40):
            indexes.append("a, %s%s" % (choices.pick([column for column in plain if column != "a"] or ["a"]), choices.pick(["", " DESC"])))
        attributes = {"indexes": indexes, "not null": choices.some(plain)[:choices.below(2)],
                      "is partitioned": choices.chance(8), "has child": False, "is unlogged": choices.chance(4)}
        if not attributes["is partitioned"] and not has_key:
            attributes["has child"] = choices.chance(6)
        made.append(Table(name, columns, has_key, attributes))
    return made


class Changes:
    """Random statements that change the tables. Keys are counted, so that inserts do not collide."""

    def __init__(self, choices, tables):
        self.choices, self.tables, self.key = choices, tables, 0
        self.materialized = []
        self.skew = choices.pick([10, 10, 40])

    def key_literal(self, table, number):
        return "'k%d'" % number if table.columns[0] == ("id", "text") else str(number)

    def other_key(self, table):
        return "id || '_%d'" if table.columns[0] == ("id", "text") else "id + %d"

    def row(self, table, key=None):
        values = []
        for name, kind in table.columns:
            is_needed = name in table.attributes["not null"] or (table.has_key and name == "id")
            values.append(kinds.literal(self.choices, kind, 0 if is_needed else self.skew))
        if table.has_key:
            self.key += 1
            values[0] = self.key_literal(table, key or self.key)
        return "(%s)" % ", ".join(values)

    def rows(self, table, count):
        rows = [self.row(table) for _ in range(count)]
        if rows and not table.has_key and self.choices.chance(30):
            rows.append(rows[0])
        name = table.name
        if table.attributes["has child"] and self.choices.chance(40):
            name += "_child"
        return "INSERT INTO %s VALUES %s" % (name, ", ".join(rows)) if rows else None

    def condition(self, table):
        if self.choices.chance(4):
            return "true"
        name, kind = self.choices.pick([column for column in table.columns if column[1] in ("int", "text", "numeric", "bigint")])
        if table.has_key and self.choices.chance(40):
            return "id = " + self.key_literal(table, 1 + self.choices.below(max(self.key, 1)))
        return "%s %s %s" % (name, self.choices.pick(["=", "=", "<", ">"]), kinds.literal(self.choices, kind))

    def update(self, table):
        name, kind = self.choices.pick([column for column in table.columns if column[0] != "id"])
        new = kinds.literal(self.choices, kind, 0 if name in table.attributes["not null"] else self.skew)
        if kind in ("int", "bigint") and self.choices.chance(30):
            new = "least(%s + 1, 6)" % name
        if kind in kinds.SAME_IN_OTHERS and self.choices.chance(50):
            return "UPDATE %s SET %s = %s" % (table.name, name, kinds.SAME_IN_OTHERS[kind].format(name))
        if table.has_key and self.choices.chance(10):
            self.key += 100
            return "UPDATE %s SET id = %s WHERE %s" % (table.name, self.other_key(table) % self.key, self.condition(table))
        return "UPDATE %s SET %s = %s WHERE %s" % (table.name, name, new, self.condition(table))

    def statement(self, may_truncate):
        if self.materialized and self.choices.chance(15):
            return "REFRESH MATERIALIZED VIEW %s" % self.choices.pick(self.materialized)
        table = self.choices.pick(self.tables)
        form = self.choices.weighted((42, "insert"), (30, "update"), (22, "delete"), (5, "upsert"), (1, "truncate"))
        if form == "upsert" and table.has_key:
            name = self.choices.pick(table.columns[1:])[0]
            return "INSERT INTO %s VALUES %s ON CONFLICT (id) DO UPDATE SET %s = excluded.%s" % (
                table.name, self.row(table, 1 + self.choices.below(max(self.key, 1))), name, name)
        if form == "update":
            return self.update(table)
        if form == "delete":
            return "DELETE FROM %s WHERE %s" % (table.name, self.condition(table))
        if form == "truncate" and may_truncate:
            return "TRUNCATE %s" % table.name
        return self.rows(table, self.choices.pick([1, 1, 2, 4]))

    def back_and_forth(self):
        """Returns a statement that logs hundreds of changed rows and leaves the table as it is."""
        return "DO $$ BEGIN FOR i IN 1..40 LOOP UPDATE %s SET a = a + 1; UPDATE %s SET a = a - 1; END LOOP; END $$" % (
            (self.choices.pick(self.tables).name,) * 2)

    def transaction(self, may_truncate=False):
        """Returns statements from BEGIN to its end, over several tables, with savepoints; some are rolled
        back."""
        statements = [self.back_and_forth()] if self.choices.chance(15) else []
        for _ in range(self.choices.pick([1, 2, 2, 4])):
            statement = self.statement(may_truncate)
            if self.choices.chance(15):
                statements += ["SAVEPOINT a", statement, self.choices.pick(["ROLLBACK TO a", "RELEASE a"])]
            else:
                statements.append(statement)
        return ["BEGIN", *statements, self.choices.pick(["COMMIT"] * 6 + ["ROLLBACK"])]
