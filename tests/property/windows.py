"""Window functions with any partition, order and frame.

A function that depends on the position of a row among its peers gets an order over the whole scope, so that
peers agree in all columns; others may have any order. All such functions of a SELECT share partition and
order: which of two equal rows is first in one order and which in another is not determined.
"""
import aggregates
import expressions
import kinds


def partition(query, scope):
    keys = [query.grouped(sql, kind) for sql, kind in query.choices.some(scope, 0)[:query.choices.weighted((55, 1), (25, 0), (20, 2))]]
    return "PARTITION BY " + ", ".join(kinds.sorted_as(*key) for key in keys) if keys else ""


def bounds(query, units, offset):
    start = query.choices.pick(["UNBOUNDED PRECEDING", "CURRENT ROW", offset + " PRECEDING", offset + " FOLLOWING"])
    ends = ["CURRENT ROW", "UNBOUNDED FOLLOWING", offset + " FOLLOWING", offset + " PRECEDING"]
    if start.endswith("FOLLOWING"):
        ends = ends[1:3]
    elif start == "CURRENT ROW":
        ends = ends[:3]
    end = query.choices.pick(ends)
    exclude = query.choices.weighted((70, ""), (10, " EXCLUDE CURRENT ROW"), (10, " EXCLUDE GROUP"), (10, " EXCLUDE TIES"))
    return " %s BETWEEN %s AND %s%s" % (units, start, end, exclude)


def over(query, scope, is_positional):
    choices = query.choices
    if is_positional:
        if query.positional is None:
            query.positional = "%s ORDER BY %s" % (partition(query, scope), query.order(scope))
        frame = bounds(query, choices.pick(["ROWS", "GROUPS"]), "1") if choices.chance(40) else ""
        return "OVER (%s%s)" % (query.positional, frame)
    part = partition(query, scope)
    form = choices.weighted((35, "plain"), (20, "none"), (20, "range"), (25, "groups"))
    sortable = [(sql, kind) for sql, kind in scope if kind not in kinds.NOT_COMPARED]
    if form == "none" or not sortable:
        return "OVER (%s)" % part
    if form == "range":
        found = aggregates.pick(query, scope, ("int", "bigint", "numeric", "timestamp"))
        if found:
            offset = "'1 day'" if found[1] == "timestamp" else str(choices.below(3))
            return "OVER (%s ORDER BY %s%s%s)" % (part, found[0], choices.pick(["", " DESC", " NULLS FIRST"]),
                                                  bounds(query, "RANGE", offset))
    frame = bounds(query, "GROUPS", str(choices.below(3))) if form == "groups" else ""
    return "OVER (%s ORDER BY %s%s)" % (part, query.order(sortable[:], False), frame)


def window(query, scope):
    """Returns (sql, kind)."""
    choices = query.choices
    form = choices.weighted((20, "row_number"), (12, "rank"), (40, "aggregate"), (28, "value"))
    if form == "row_number":
        if choices.chance(20):
            return "ntile(%d) %s" % (1 + choices.below(4), over(query, scope, True)), "int"
        return "row_number() " + over(query, scope, True), "bigint"
    if form == "rank":
        name = choices.pick(["rank", "dense_rank", "percent_rank", "cume_dist"])
        return "%s() %s" % (name, over(query, scope, False)), "bigint" if name.endswith("k") and "percent" not in name else "inexact"
    fitting = [(sql, kind) for sql, kind in scope if kind in kinds.STORED]
    if form == "value" and fitting:
        return value(query, scope, choices.pick(fitting))
    found = aggregates.pick(query, scope, kinds.NUMBERS)
    name = choices.pick(["count", "sum", "avg", "min", "max", "array_agg"])
    if not found or name == "count":
        return "count(*) " + over(query, scope, False), "bigint"
    sql, kind = found
    if name in ("min", "max") and not (query.images and kind in kinds.AMBIGUOUS) and kind != "small":
        return "%s(%s) %s" % (name, sql, over(query, scope, False)), kind
    if name == "array_agg" and kind == "int":
        return "array_agg(%s) %s" % (sql, over(query, scope, True)), "ints"
    if name == "avg":
        return "avg(%s) %s" % (sql, over(query, scope, False)), "inexact" if kind == "float8" else "numeric"
    return "sum(%s) %s" % (sql, over(query, scope, query.choices.chance(20))), aggregates.SUMS[kind]


def value(query, scope, found):
    sql, kind = found
    call = query.choices.pick(["lag(%s)", "lead(%s, 2)", "first_value(%s)", "last_value(%s)", "nth_value(%s, 2)",
                               "lag(%s, 1, %s)"])
    arguments = (sql, sql) if call.count("%s") == 2 else sql
    return "%s %s" % (call % arguments, over(query, scope, True)), kind
