"""The first rows of each partition, and the extrema of groups: an index of a table may have their order.

row_number() has an order that distinguishes all rows; rank() and count() may have any.
"""
import expressions
import from_items
import kinds

DIRECTIONS = ["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]


def over(query, scope, is_total):
    """Returns a partition by columns, and an order that begins with one."""
    choices = query.choices
    plain = [(sql, kind) for sql, kind in scope if kind in ("int", "text", "bigint", "numeric")]
    keys = choices.some(plain, 0)[:choices.weighted((60, 1), (10, 0), (30, 2))] if plain else []
    keys = [query.grouped(sql, kind)[0] for sql, kind in keys]
    order = query.order(scope, is_total)
    first = choices.pick(plain)[0] + choices.pick(DIRECTIONS) if plain else ""
    terms = ", ".join(term for term in (first, order) if term)
    return "%sORDER BY %s" % ("PARTITION BY %s " % ", ".join(keys) if keys else "", terms)


def from_clause(query, depth):
    if query.choices.chance(60):
        name, scope = query.relation()
        return name, scope, []
    return from_items.from_clause(query, depth)


def bound(choices, number):
    form = choices.pick(["%s <= %d", "%s <= %d", "%s < %d", "%s = %d", "%s BETWEEN 1 AND %d", "NOT %s > %d"])
    return form % (number, 1 + choices.below(4)) if choices.chance(90) else "%d >= %s" % (1 + choices.below(4), number)


def from_first_rows(query, depth):
    """Returns (FROM … WHERE …, its columns). A row without columns that are sorted has no window."""
    choices = query.choices
    from_sql, scope, conditions = from_clause(query, depth)
    if choices.chance(30):
        conditions = conditions + [expressions.condition(query, scope, 1)]
    function = choices.weighted((55, "row_number()"), (25, "rank()"), (20, "count(*)"))
    window = over(query, scope, function == "row_number()") if scope else ""
    shown = scope + [("%s OVER (%s)" % (function, window), "bigint")]
    alias = query.fresh("f")
    inner = "SELECT %s FROM %s%s" % (", ".join("%s AS v%d" % (sql, i) for i, (sql, _) in enumerate(shown)), from_sql,
                                     " WHERE " + " AND ".join("(%s)" % one for one in conditions) if conditions else "")
    outside = [("%s.v%d" % (alias, i), kind) for i, (_, kind) in enumerate(shown)]
    conditions = [bound(choices, outside[-1][0])] if scope else []
    if choices.chance(30):
        conditions.append(expressions.condition(query, outside, 1))
    return "FROM (%s) %s%s" % (inner, alias, " WHERE " + " AND ".join("(%s)" % one for one in conditions) if conditions else ""), outside


def from_extrema(query, depth):
    """Returns (FROM … GROUP BY …, its columns): groups by columns, with min() and max() of columns, and what is added
    up beside them."""
    choices = query.choices
    from_sql, scope, conditions = from_clause(query, depth)
    plain = [(sql, kind) for sql, kind in scope if kind in ("int", "text", "bigint", "numeric", "float8", "date")]
    if choices.chance(20):
        conditions = conditions + [expressions.condition(query, scope, 1)]
    by_a = [column for column in plain if column[0].endswith(".a")]
    keys = by_a[:1] if by_a and choices.chance(60) else choices.some(plain, 0)[:choices.below(3)] if plain else []
    keys = [query.grouped(sql, kind) for sql, kind in keys]
    shown = list(keys)
    for _ in range(1 + choices.below(2) if plain else 0):
        sql, kind = choices.pick(plain)
        if not (query.images and kind in kinds.AMBIGUOUS):
            shown += [("%s(%s)" % (name, sql), kind) for name in choices.pick([["min"], ["max"], ["min", "max"]])]
    shown.append(("count(*)", "bigint"))
    if choices.chance(40) and any(kind == "int" for _, kind in plain):
        shown.append(("sum(%s)" % choices.pick([sql for sql, kind in plain if kind == "int"]), "bigint"))
    return "FROM %s%s%s" % (from_sql, " WHERE " + " AND ".join("(%s)" % one for one in conditions) if conditions else "",
                            " GROUP BY " + ", ".join(sql for sql, _ in keys) if keys else ""), shown
