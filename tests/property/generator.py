"""Random SELECTs that can be kept incrementally, over a small random schema.

Every query has one answer: no ordering, no ties, no volatile functions. Values are few, so
that groups merge, joins match and rows repeat; NULLs, NaN, infinities, and numerics
that are equal but look different (1.0, 1.00) occur on purpose.
"""
import random

TABLES = {
    "r": [("id", "int"), ("a", "int"), ("b", "int"), ("c", "text"), ("n", "numeric")],
    "s": [("k", "int"), ("a", "int"), ("v", "bigint"), ("c", "text"), ("p", "money2")],
    "t": [("a", "int"), ("b", "int"), ("n", "numeric"), ("f", "float8")],
    "u": [("id", "int"), ("w", "int"), ("c", "text"), ("d", "timestamp"), ("g", "bool")],
}

DDL = """
CREATE TABLE r (id int PRIMARY KEY, a int, b int, c text, n numeric);
CREATE TABLE s (k int, a int NOT NULL, v bigint, c text, p numeric(8,2));
CREATE INDEX ON s (a);
CREATE TABLE t (a int, b int, n numeric, f float8);
CREATE INDEX ON t (a);
CREATE TABLE u (id int PRIMARY KEY, w int, c text, d timestamp, g bool);
"""

SQL_TYPE = {"int": "int", "bigint": "bigint", "text": "text", "numeric": "numeric", "money2": "numeric(8,2)",
            "float8": "float8", "timestamp": "timestamp", "bool": "bool"}


def value(rng, kind):
    if rng.random() < 0.15:
        return "NULL"
    if kind in ("int", "bigint"):
        return str(rng.randint(-2, 5))
    if kind == "text":
        return "'" + rng.choice(["", "x", "y", "zz", "ä'"]).replace("'", "''") + "'"
    if kind == "numeric":
        return rng.choice(["0", "1", "1.0", "1.00", "-2.5", "7.125", "100", "'NaN'", "'Infinity'"]
                          if rng.random() < 0.2 else ["0", "1", "1.0", "1.00", "-2.5", "7.125"])
    if kind == "money2":
        return rng.choice(["0.00", "1.25", "-3.10", "99.99"])
    if kind == "float8":
        return rng.choice(["0", "1.5", "-2.25", "1e10"])
    if kind == "timestamp":
        return "'2024-01-0%d 00:00'" % rng.randint(1, 5)
    return rng.choice(["true", "false"])


def row(rng, table, key):
    values = [value(rng, kind) for _, kind in TABLES[table]]
    if table in ("r", "u"):
        values[0] = str(key)
    if table == "s":
        values[1] = str(rng.randint(-2, 5))
    return "(" + ", ".join(values) + ")"


def statement(rng, keys):
    """One random INSERT, UPDATE, DELETE, rarely TRUNCATE."""
    table = rng.choice(list(TABLES))
    columns = TABLES[table]
    action = rng.random()
    if action < 0.45:
        rows = []
        for _ in range(rng.choice([1, 1, 2, 5])):
            keys[0] += 1
            rows.append(row(rng, table, keys[0]))
        sql = "INSERT INTO %s VALUES %s" % (table, ", ".join(rows))
        if table in ("r", "u") and rng.random() < 0.3:
            name, kind = rng.choice(columns[1:])
            old = row(rng, table, rng.randint(101, keys[0]))
            sql = "INSERT INTO %s VALUES %s ON CONFLICT (id) DO UPDATE SET %s = excluded.%s" % (table, old, name, name)
        return sql
    condition_column, condition_kind = rng.choice(columns)
    condition = "%s %s %s" % (condition_column, rng.choice(["=", "=", "<", ">"]), value(rng, condition_kind))
    if action < 0.75:
        first = 1 if table in ("r", "u") else 0
        column, kind = rng.choice(columns[first:])
        new = value(rng, kind)
        if table == "s" and column == "a" and new == "NULL":
            new = "0"
        if kind in ("int", "bigint") and rng.random() < 0.4:
            new = "%s + 1" % column
        return "UPDATE %s SET %s = %s WHERE %s" % (table, column, new, condition)
    if action < 0.99:
        return "DELETE FROM %s WHERE %s" % (table, condition)
    return "TRUNCATE %s" % table


class Query:
    """Builds one query; `relations` maps names to columns (name, kind)."""

    def __init__(self, rng, relations):
        self.rng = rng
        self.relations = relations
        self.names = 0
        self.groups_by_numeric = False

    def fresh(self, prefix):
        self.names += 1
        return "%s%d" % (prefix, self.names)

    # ---- expressions: scope is a list of (sql, kind) ----

    def columns_of(self, scope, kinds):
        return [sql for sql, kind in scope if kind in kinds]

    def integer(self, scope, depth=0):
        found = self.columns_of(scope, ("int", "bigint"))
        choice = self.rng.random()
        if found and (choice < 0.6 or depth > 2):
            return self.rng.choice(found)
        if choice < 0.7 or depth > 2:
            return str(self.rng.randint(-2, 4))
        if choice < 0.85:
            return "(%s %s %s)" % (self.integer(scope, depth + 1), self.rng.choice("+-*"), self.integer(scope, depth + 1))
        if choice < 0.93:
            return "coalesce(%s, %d)" % (self.integer(scope, depth + 1), self.rng.randint(0, 3))
        return "CASE WHEN %s THEN %s ELSE %s END" % (
            self.condition(scope, depth + 1), self.integer(scope, depth + 1), self.integer(scope, depth + 1))

    def text(self, scope):
        found = self.columns_of(scope, ("text",))
        if found and self.rng.random() < 0.8:
            column = self.rng.choice(found)
            return column if self.rng.random() < 0.7 else "upper(%s)" % column
        return self.rng.choice(["'x'::text", "'it''s $1'::text"])

    def condition(self, scope, depth=0):
        choice = self.rng.random()
        if choice < 0.5 or depth > 2:
            return "%s %s %s" % (self.integer(scope, depth + 1), self.rng.choice(["=", "<>", "<", ">="]),
                                 self.integer(scope, depth + 1))
        if choice < 0.6:
            return "%s = %s" % (self.text(scope), self.text(scope))
        if choice < 0.7:
            sql, _ = self.rng.choice(scope)
            return "%s IS %sNULL" % (sql, self.rng.choice(["", "NOT "]))
        if choice < 0.76:
            return "%s IN (0, 1, NULL)" % self.integer(scope, depth + 1)
        if choice < 0.82:
            return "NOT (%s)" % self.condition(scope, depth + 1)
        return "(%s %s %s)" % (self.condition(scope, depth + 1), self.rng.choice(["AND", "OR"]),
                               self.condition(scope, depth + 1))

    def any_expression(self, scope):
        if scope and self.rng.random() < 0.65:
            return self.rng.choice(scope)
        if self.rng.random() < 0.7:
            return self.integer(scope), "int"
        return self.text(scope), "text"

    # ---- relations: each returns (from-item sql, scope) ----

    def relation(self, depth):
        if depth <= 0 or self.rng.random() < 0.45:
            table = self.rng.choice(list(self.relations))
            alias = self.fresh("x")
            return "%s %s" % (table, alias), [("%s.%s" % (alias, c), k) for c, k in self.relations[table]]
        if self.rng.random() < 0.45:
            return self.outer_or_inner_join(depth - 1)
        sql, columns = self.select(depth - 1)
        alias = self.fresh("q")
        return "(%s) %s" % (sql, alias), [("%s.%s" % (alias, c), k) for c, k in columns]

    def equality(self, left, right):
        pairs = [(a, b) for a, ka in left for b, kb in right
                 if ka == kb or {ka, kb} <= {"int", "bigint"}]
        return "%s = %s" % self.rng.choice(pairs) if pairs else "true"

    def outer_or_inner_join(self, depth):
        left, left_scope = self.relation(depth)
        right, right_scope = self.relation(depth)
        kind = self.rng.choice(["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        condition = self.equality(left_scope, right_scope)
        if kind != "FULL JOIN" and self.rng.random() < 0.3:
            condition += " AND " + self.condition(left_scope + right_scope)
        if kind != "FULL JOIN" and self.rng.random() < 0.07:
            condition = self.condition(left_scope + right_scope)
        if kind == "FULL JOIN" and condition == "true":
            kind = "LEFT JOIN"
        return "(%s %s %s ON %s)" % (left, kind, right, condition), left_scope + right_scope

    def from_clause(self, depth):
        items, scope, joins = [], [], []
        for _ in range(self.rng.choice([1, 1, 1, 2, 2, 3])):
            sql, columns = self.relation(depth)
            if items:
                joins.append(self.equality(scope, columns))
            items.append(sql)
            scope = scope + columns
        return ", ".join(items), scope, joins

    def aggregate(self, scope):
        kind = self.rng.choice(["count*", "count", "sum", "avg", "min", "max"])
        suffix = " FILTER (WHERE %s)" % self.condition(scope, 2) if self.rng.random() < 0.15 else ""
        if kind == "count*":
            return "count(*)" + suffix, "bigint"
        if kind == "count":
            return "count(%s)%s" % (self.rng.choice(scope)[0], suffix), "bigint"
        if kind in ("sum", "avg"):
            candidates = [(s, k) for s, k in scope if k in ("int", "bigint", "numeric", "money2", "float8")]
            sql, from_kind = self.rng.choice(candidates) if candidates else (self.integer(scope, 2), "int")
            result = {"int": "bigint", "float8": "float8"}.get(from_kind, "numeric") if kind == "sum" else (
                "float8" if from_kind == "float8" else "numeric")
            return "%s(%s)%s" % (kind, sql, suffix), result
        candidates = [(s, k) for s, k in scope if k not in ("bool",)]
        sql, from_kind = self.rng.choice(candidates) if candidates else (self.integer(scope, 2), "int")
        if from_kind == "numeric":
            self.groups_by_numeric = True  # min/max may show either image of equal values
        return "%s(%s)%s" % (kind, sql, suffix), from_kind

    def grouped(self, from_sql, scope, where):
        keys = []
        for _ in range(self.rng.choice([0, 1, 1, 2])):
            sql, kind = self.any_expression(scope)
            if kind in ("float8",):
                continue
            if kind == "numeric":
                self.groups_by_numeric = True
            if not sql.lstrip("-").isdigit() and "'" not in sql[:1]:
                keys.append((sql, kind))
        outputs = list(keys) + [self.aggregate(scope) for _ in range(self.rng.choice([1, 2, 3]))]
        if keys and self.rng.random() < 0.2:
            self.rng.shuffle(outputs)
        sql = "SELECT %s FROM %s%s" % (self.output_list(outputs), from_sql, where)
        if keys:
            sql += " GROUP BY " + ", ".join(k for k, _ in keys)
        if self.rng.random() < 0.3:
            sql += " HAVING count(*) %s %d" % (self.rng.choice([">", "<", "<>"]), self.rng.randint(0, 3))
        return sql, [("c%d" % i, kind) for i, (_, kind) in enumerate(outputs)]

    def output_list(self, outputs):
        return ", ".join("%s AS c%d" % (sql, i) for i, (sql, _) in enumerate(outputs))

    def select(self, depth):
        if depth > 0 and self.rng.random() < 0.12:
            return self.union(depth - 1)
        from_sql, scope, joins = self.from_clause(depth)
        conditions = [j for j in joins if j != "true"]
        if self.rng.random() < 0.4:
            conditions.append(self.condition(scope))
        where = " WHERE " + " AND ".join("(%s)" % c for c in conditions) if conditions else ""
        if self.rng.random() < 0.4:
            return self.grouped(from_sql, scope, where)
        outputs = [self.any_expression(scope) for _ in range(self.rng.choice([1, 2, 3, 4]))]
        is_distinct = self.rng.random() < 0.15 and all(k != "float8" for _, k in outputs)
        if is_distinct and any(k == "numeric" for _, k in outputs):
            self.groups_by_numeric = True
        sql = "SELECT %s%s FROM %s%s" % ("DISTINCT " if is_distinct else "", self.output_list(outputs), from_sql, where)
        return sql, [("c%d" % i, kind) for i, (_, kind) in enumerate(outputs)]

    def union(self, depth):
        left, columns = self.select(depth)
        kinds = [k for _, k in columns]
        table = self.rng.choice(list(TABLES))
        alias = self.fresh("x")
        scope = [("%s.%s" % (alias, c), k) for c, k in TABLES[table]]
        outputs = []
        for kind in kinds:
            same = self.columns_of(scope, (kind,))
            outputs.append((self.rng.choice(same) if same and self.rng.random() < 0.8
                            else "NULL::%s" % SQL_TYPE[kind], kind))
        if not outputs:
            return left, columns
        right = "SELECT %s FROM %s %s" % (self.output_list(outputs), table, alias)
        return "(%s) UNION ALL (%s)" % (left, right), columns

    def top(self):
        depth = self.rng.choice([0, 1, 1, 2, 2, 3])
        if self.rng.random() < 0.12:
            inner, columns = self.select(max(depth - 1, 0))
            self.relations = dict(self.relations)
            self.relations["w"] = columns
            sql, columns = self.select(depth)
            return "WITH w AS (%s) %s" % (inner, sql), columns
        return self.select(depth)


def query(rng, relations):
    """(sql, columns, groups_by_numeric): the last says that equal numerics may show either image."""
    builder = Query(rng, relations)
    sql, columns = builder.top()
    return sql, columns, builder.groups_by_numeric
