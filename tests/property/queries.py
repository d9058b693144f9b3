"""Random defining queries over small tables.

Values are few, so that joins match, groups merge and rows repeat; a third are NULL. Every query
has exactly one answer: a numeric, whose equal values can look different, is never a key, nor under
min or max.
"""

from dataclasses import dataclass

TABLES = ("t0", "t1", "t2")
TABLE_COLUMNS = (("id", "int"), ("k", "int"), ("v", "int"), ("n", "numeric"), ("s", "text"))


@dataclass
class Item:
    """Something a FROM clause can hold: its SQL with alias, and its columns as (reference, type)."""
    sql: str
    columns: list


class Generator:
    def __init__(self, random, readable):
        self.random = random
        self.readable = readable  # name -> columns: the tables, and stream tables made earlier
        self.aliases = 0

    def query(self, depth=2):
        """A SELECT, and its output columns as (name, type)."""
        kinds = [self.plain, self.grouped, self.grouped, self.distinct]
        if depth > 0:
            kinds += [self.union_all]
        return self.random.choice(kinds)(depth)

    def alias(self):
        self.aliases += 1
        return f"a{self.aliases}"

    def item(self, depth):
        alias = self.alias()
        if depth > 0 and self.random.random() < 0.35:
            sql, columns = self.query(depth - 1)
            return Item(f"({sql}) {alias}", [(f"{alias}.{name}", kind) for name, kind in columns])
        name = self.random.choice(list(self.readable))
        return Item(f"{name} {alias}", [(f"{alias}.{column}", kind) for column, kind in self.readable[name]])

    def of_type(self, columns, *kinds):
        return [name for name, kind in columns if kind in kinds]

    def join_condition(self, left, right, equality_only):
        """A condition between two lists of columns; None if they have no type in common."""
        parts = []
        for kind in ("int", "text"):
            mine, theirs = self.of_type(left, kind), self.of_type(right, kind)
            if mine and theirs and (not parts or self.random.random() < 0.2):
                parts.append(f"{self.random.choice(mine)} = {self.random.choice(theirs)}")
        if not parts:
            return None
        if not equality_only and self.random.random() < 0.3:
            mine, theirs = self.of_type(left, "int"), self.of_type(right, "int")
            if mine and theirs:
                extra = f"{self.random.choice(mine)} {self.random.choice(['<', '>=', '<>'])} {self.random.choice(theirs)}"
                parts = [extra] if self.random.random() < 0.2 else parts + [extra]
        return " AND ".join(parts)

    def from_clause(self, depth):
        first = self.item(depth)
        sql, columns = first.sql, first.columns
        for _ in range(self.random.choice([0, 0, 1, 1, 1, 2])):
            kind = self.random.choice(["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
            other = self.item(depth)
            condition = self.join_condition(columns, other.columns, kind == "FULL JOIN")
            if condition is None:
                continue
            sql += f" {kind} {other.sql} ON {condition}"
            columns = columns + other.columns
        return sql, columns

    def predicate(self, columns):
        ints, texts = self.of_type(columns, "int"), self.of_type(columns, "text")
        choices = [f"{self.random.choice([name for name, _ in columns])} IS {self.random.choice(['', 'NOT '])}NULL"]
        if ints:
            choices += [f"{self.random.choice(ints)} {self.random.choice(['<', '>', '=', '<>'])} {self.random.randint(0, 4)}",
                        f"{self.random.choice(ints)} + {self.random.choice(ints)} > {self.random.randint(0, 6)}",
                        f"coalesce({self.random.choice(ints)}, 0) % 2 = 0"]
        if texts:
            choices += [f"{self.random.choice(texts)} IN ('a', 'b')"]
        return self.random.choice(choices)

    def where(self, columns):
        if self.random.random() < 0.6:
            return ""
        sql = self.predicate(columns)
        if self.random.random() < 0.4:
            sql += self.random.choice([" AND ", " OR "]) + self.predicate(columns)
        return f" WHERE {sql}"

    def named(self, expressions):
        """Select list and output columns of (expression, type) pairs."""
        sql = ", ".join(f"{expression} AS c{number}" for number, (expression, _) in enumerate(expressions))
        return sql, [(f"c{number}", kind) for number, (_, kind) in enumerate(expressions)]

    def expressions(self, columns, count):
        chosen = []
        for _ in range(count):
            name, kind = self.random.choice(columns)
            if kind == "int" and self.random.random() < 0.3:
                name = self.random.choice([f"{name} * 2", f"coalesce({name}, -1)", f"CASE WHEN {name} > 2 THEN 1 END"])
            chosen.append((name, kind))
        return chosen

    def plain(self, depth):
        sql, columns = self.from_clause(depth)
        outputs, out_columns = self.named(self.expressions(columns, self.random.randint(1, 4)))
        return f"SELECT {outputs} FROM {sql}{self.where(columns)}", out_columns

    def distinct(self, depth):
        sql, columns = self.from_clause(depth)
        keys = [column for column in columns if column[1] != "numeric"]
        if not keys:
            return self.plain(depth)
        outputs, out_columns = self.named(self.expressions(keys, self.random.randint(1, 3)))
        return f"SELECT DISTINCT {outputs} FROM {sql}{self.where(columns)}", out_columns

    def aggregate(self, columns):
        ints, numbers = self.of_type(columns, "int"), self.of_type(columns, "numeric")
        ordered = ints + self.of_type(columns, "text")
        choices = [("count(*)", "bigint"), (f"count({self.random.choice(columns)[0]})", "bigint")]
        if ints:
            choices += [(f"sum({self.random.choice(ints)})", "bigint"), (f"avg({self.random.choice(ints)})", "numeric")]
        if numbers:
            choices += [(f"{self.random.choice(['sum', 'avg'])}({self.random.choice(numbers)})", "numeric")]
        if ordered:
            name = self.random.choice(ordered)
            choices += [(f"{self.random.choice(['min', 'max'])}({name})", dict(columns)[name])]
        sql, kind = self.random.choice(choices)
        if self.random.random() < 0.2:
            sql += f" FILTER (WHERE {self.predicate(columns)})"
        return sql, kind

    def grouped(self, depth):
        sql, columns = self.from_clause(depth)
        keys = [column for column in columns if column[1] != "numeric"]
        keys = self.random.sample(keys, min(len(keys), self.random.choice([0, 1, 1, 2])))
        calls = [self.aggregate(columns) for _ in range(self.random.randint(1, 3))]
        outputs, out_columns = self.named(keys + calls)
        text = f"SELECT {outputs} FROM {sql}{self.where(columns)}"
        if keys:
            text += " GROUP BY " + ", ".join(name for name, _ in keys)
        if self.random.random() < 0.25:
            text += f" HAVING count(*) {self.random.choice(['>', '<', '<>'])} {self.random.randint(0, 3)}"
        return text, out_columns

    def union_all(self, depth):
        left, columns = self.query(depth - 1)
        alias = self.alias()
        other = self.item(0)
        outputs = []
        for _, kind in columns:
            names = self.of_type(other.columns, kind)
            outputs.append(self.random.choice(names) if names and self.random.random() < 0.8 else f"NULL::{kind}")
        names = ", ".join(name for name, _ in columns)
        return (f"SELECT {names} FROM ({left}) {alias} UNION ALL SELECT {', '.join(outputs)} FROM {other.sql}", columns)
