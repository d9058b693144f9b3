"""Sub-queries in expressions: EXISTS, IN, ANY and ALL, scalar ones, ARRAY, of rows; correlated or not, nested."""
import re

import aggregates
import expressions
import from_items
import kinds
import selects


# Columns of a query that inner queries may read: its columns, plain keys, and aggregates that clearly belong
# to it.
OFFERED = re.compile(r"(?:(?:sum|min|max|avg|count)\()?\w+\.\w+\)?")


COMPARED = kinds.NUMBERS + ("text", "timestamp", "date", "mood", "interval", "ci", "bits")


class Inside:
    """Context while a sub-query is built that reads columns of `scope`, and of outer queries."""

    def __init__(self, query, scope):
        self.query, self.scope = query, scope

    def __enter__(self):
        self.saved = self.query.outer, self.query.nesting
        self.query.outer = [column for column in self.scope if OFFERED.fullmatch(column[0])] + self.saved[0][:4]
        self.query.nesting += 1

    def __exit__(self, *_):
        self.query.outer, self.query.nesting = self.saved


def condition(query, scope):
    choices = query.choices
    form = choices.weighted((30, "exists"), (30, "in"), (12, "any"), (18, "scalar"), (6, "rows"), (4, "array"),
                            (14, "one value"))
    with choices.span("sub-query condition"):
        if form == "exists":
            with Inside(query, scope):
                inner = selects.with_own_clause(query, lambda: selects.select(query, 1))[0]
                return "%sEXISTS (%s)" % (choices.pick(["", "NOT "]), inner)
        if form == "scalar":
            return "%s %s %s" % (expressions.integer(query, scope, 2), choices.pick(["=", "<", ">="]), scalar(query, scope, "int"))
        if form == "one value":
            return with_one_value(query, scope)
        if form == "array":
            return "%s = ANY (%s)" % (expressions.of_kind(query, scope, "int", 2), array(query, scope))
        if form == "rows":
            wanted = choices.pick([["int", "text"], ["int", "text"], ["int", "text", "int"]])
            left = "(%s)" % ", ".join(expressions.of_kind(query, scope, kind, 2) for kind in wanted)
            with Inside(query, scope):
                inner = selects.select(query, 1, wanted)[0]
            return "%s %s (%s)" % (left, choices.pick(["IN", "NOT IN", "= ANY", "<> ALL"]), inner)
        fitting = [kind for _, kind in scope if kind in kinds.STORED and kind not in kinds.COMPARED_AS
                   and (form == "in" or kind not in kinds.UNORDERED)]
        kind = choices.pick(["int", "int", "text"] + fitting)
        left = expressions.of_kind(query, scope, kind, 2)
        if kind in kinds.COARSER and query.may_compare(kind, kinds.COARSER[kind]) and choices.chance(50):
            query.compared(kind, kinds.COARSER[kind])
            kind = kinds.COARSER[kind]
        with Inside(query, scope):
            inner = selects.select(query, 1, [kind])[0]
        if form == "in":
            return "%s %s (%s)" % (left, choices.pick(["IN", "NOT IN"]), inner)
        return "%s %s %s (%s)" % (left, choices.pick(["=", "<", ">", "<>"]), choices.pick(["ANY", "ALL"]), inner)


def with_one_value(query, scope):
    """Returns a comparison with a value that is the same for all rows, from either end, also of another type."""
    choices = query.choices
    if choices.chance(30) and expressions.columns_of(scope, ("instant",)):
        return with_local_time(query, scope)
    kind = choices.pick(["int", "text"] + [kind for _, kind in scope if kind in COMPARED])
    left = expressions.of_kind(query, scope, kind, 2)
    outer, query.outer = query.outer, []
    right = scalar(query, [], choices.pick(kinds.NUMBERS) if kind in kinds.NUMBERS else kind)
    query.outer = outer
    sides = (left, right) if choices.chance(70) else (right, left)
    return "%s %s %s" % (sides[0], choices.pick(["<", "<=", ">", ">=", "=", "<>"]), sides[1])


def with_local_time(query, scope):
    """Returns a comparison with a local time near the beginning of summer time, when later ones are earlier instants."""
    left = query.choices.pick(expressions.columns_of(scope, ("instant",)))
    outer, query.outer = query.outer, []
    right = scalar(query, [], "int")
    query.outer = outer
    return "%s %s timestamp '2024-03-31 01:30' + (%s %% 5) * interval '30 minutes'" % (
        left, query.choices.pick(["<", "<=", ">", ">=", "="]), right)


def array(query, scope):
    with Inside(query, scope):
        sql = selects.select(query, 0, ["int"], plain=True)[0]
        if query.choices.chance(20) and not sql.startswith("SELECT DISTINCT"):
            sql = "SELECT DISTINCT" + sql.removeprefix("SELECT")
        return "ARRAY(%s ORDER BY 1)" % sql


def scalar(query, scope, kind):
    """Returns one value at most: an aggregate over everything, or the first in a total order."""
    choices = query.choices
    with choices.span("scalar"), Inside(query, scope):
        if choices.chance(60):
            from_sql, inner, conditions = from_items.from_clause(query, 1)
            sql = aggregates.aggregate(query, inner, kind)[0]
            return "(SELECT %s FROM %s%s)" % (sql, from_sql, selects.where(query, inner, conditions, 75))
        sql = selects.select(query, 1, [kind], plain=True)[0]
        return "(%s ORDER BY 1%s LIMIT 1)" % (sql, choices.pick(["", " DESC", " NULLS FIRST"]))


def of_aggregate(query, scope):
    """Returns a sub-query that reads an aggregate of this level, which contains another sub-query; or None."""
    found = aggregates.pick(query, scope, kinds.INTEGERS)
    if not found:
        return None
    with query.choices.span("of aggregate"):
        inside = query.choices.pick(["max({0}) FILTER (WHERE {1})", "count({0}) FILTER (WHERE {1})", "sum({0} * ({1})::int)",
                                     "(array_agg({0} ORDER BY {1}, {0}))[1]"]).format(found[0], condition(query, scope))
        with Inside(query, []):
            relation, inner = query.relation()
        ints = [sql for sql, kind in inner if kind in kinds.INTEGERS] or ["1"]
        return "(SELECT count(*) FROM %s WHERE %s <= %s)" % (relation, query.choices.pick(ints), inside), "bigint"


def of_one_row(query, scope):
    """Returns the value of a sub-query that may have several rows, which is an error."""
    with query.choices.span("scalar"), Inside(query, scope):
        relation, inner = query.relation()
        ints = [sql for sql, kind in inner if kind in kinds.INTEGERS] or ["1"]
        outside = expressions.columns_of(query.outer, kinds.INTEGERS) or ["2"]
        return "(SELECT (%s)::int FROM %s WHERE %s = %s AND %s = %s)" % (
            query.choices.pick(ints), relation, ints[0], query.choices.pick(outside), query.choices.pick(ints), query.choices.pick(outside))


def any_value(query, scope):
    """Returns (sql, kind)."""
    form = query.choices.weighted((60, "scalar"), (15, "array"), (25, "condition"))
    if form == "array":
        return array(query, scope), "ints"
    if form == "condition":
        return "(%s)" % condition(query, scope), "bool"
    kind = query.choices.pick(["int", "bigint", "text", "numeric", "timestamp", "money2", "bits"])
    if query.images and kind in kinds.AMBIGUOUS:
        kind = "int"
    return scalar(query, scope, kind), kind
