"""Aggregates of all kinds: with DISTINCT, ORDER BY and FILTER inside, ordered-set and hypothetical ones.

Their arguments come from the scope alone: an aggregate that reads only columns of the outer query would
belong to that query.
"""
import expressions
import kinds

SUMS = {"int": "bigint", "small": "bigint", "bigint": "numeric", "numeric": "numeric", "money2": "plain_numeric",
        "float8": "float8"}


def pick(query, scope, wanted):
    found = [(sql, kind) for sql, kind in scope if kind in wanted]
    return query.choices.pick(found) if found else None


def filtered(query, scope):
    return " FILTER (WHERE %s)" % expressions.condition(query, scope, 2) if query.choices.chance(15) else ""


def aggregate(query, scope, wanted=None):
    """Returns (sql, kind); of exactly the kind `wanted` if that is given."""
    if wanted:
        return of_kind(query, scope, wanted) + (wanted,)
    family = query.choices.weighted((14, count), (16, number), (10, extremum), (6, boolean), (4, bits), (8, list_of),
                                    (6, ordered_set), (4, json), (4, statistics), (2, hypothetical), (2, ranges), (2, own), (1, xml))
    found = family(query, scope)
    return found or count(query, scope)


def of_kind(query, scope, wanted):
    """Returns an aggregate with values of this kind: an extremum if there is such a column."""
    found = pick(query, scope, (wanted,))
    if wanted == "bigint" or not found:
        sql = count(query, scope)[0] if wanted == "bigint" else "max(%s)" % kinds.constant(query.choices, wanted, 0)
        return ("(%s)::%s" % (sql, kinds.SQL_TYPE[wanted]),)
    if wanted in ("int", "text", "numeric", "money2", "timestamp", "date", "mood") and not (
            query.images and wanted in kinds.AMBIGUOUS):
        return ("%s(%s)::%s" % (query.choices.pick(["min", "max"]), found[0], kinds.SQL_TYPE[wanted]),)
    return ("(array_agg(%s ORDER BY %s))[1]" % (found[0], query.order([found])),)


def loose(query, scope):
    """Returns a row of values that may be equal and look different."""
    found = pick(query, scope, ("loose", "numeric"))
    return found and (found[0] if found[1] == "loose" else "ROW(%s, 'x')::loose" % found[0])


def count(query, scope):
    form = query.choices.weighted((50, "*"), (20, ""), (30, "DISTINCT "))
    if form == "*":
        outer, query.outer = query.outer, []
        suffix, query.outer = filtered(query, scope), outer
        return "count(*)" + suffix, "bigint"
    found = loose(query, scope) if query.images and query.choices.chance(20) else None
    if found:
        return "count(DISTINCT %s ORDER BY %s USING OPERATOR(pg_catalog.*<))%s" % (found, found, filtered(query, scope)), "bigint"
    found = pick(query, scope, kinds.STORED)
    if not found:
        return "count(*)", "bigint"
    if form == "DISTINCT " and query.choices.chance(25):
        other = pick(query, scope, kinds.STORED)
        if not {found[1], other[1]} & set(kinds.UNORDERED):
            return "count(DISTINCT (%s, %s))%s" % (found[0], other[0], filtered(query, scope)), "bigint"
    if form and found[1] in kinds.UNORDERED:
        form = ""
    return "count(%s%s)%s" % (form, found[0], filtered(query, scope)), "bigint"


def number(query, scope):
    found = pick(query, scope, kinds.NUMBERS)
    if not found:
        return None
    sql, kind = found
    if kind == "money2" and query.choices.chance(40):
        sql = computed_money(query, scope, sql)
    name = query.choices.pick(["sum", "avg"])
    distinct = "DISTINCT " if query.choices.chance(12) and not (query.images and kind in kinds.AMBIGUOUS) else ""
    result = SUMS[kind] if name == "sum" else "inexact" if kind == "float8" else "numeric"
    return "%s(%s%s)%s" % (name, distinct, sql, filtered(query, scope)), result


def computed_money(query, scope, sql):
    """Returns a value of which the number of digits after the point may be known, or differ from row to row."""
    form = query.choices.pick(["-%s", "abs(%s)", "%s * 1.5", "(%s + 0.125)", "%s * %s", "coalesce(%s, 0)", "greatest(%s, 1.50)", "least(%s, 2)",
                               "CASE WHEN {0} THEN %s END", "CASE WHEN {0} THEN %s ELSE 0 END", "CASE WHEN {0} THEN %s ELSE 0.00 END",
                               "%s - 3::int", "round(%s, 1)", "(%s)::numeric(5,1)", "nullif(%s, 1.25)"])
    outer, query.outer = query.outer, []
    form = form.replace("{0}", expressions.condition(query, scope, 2).replace("%", "%%")) if "{0}" in form else form
    query.outer = outer
    return form % ((sql,) * (form.replace("%%", "").count("%s")))


def extremum(query, scope):
    found = pick(query, scope, ("int", "bigint", "text", "numeric", "money2", "timestamp", "date", "mood", "ints", "float8",
                                "ci", "interval"))
    if not found or (query.images and found[1] in kinds.AMBIGUOUS):
        return None
    return "%s(%s)%s" % (query.choices.pick(["min", "max"]), found[0], filtered(query, scope)), found[1]


def boolean(query, scope):
    name = query.choices.pick(["bool_and", "bool_or", "every"])
    outer, query.outer = query.outer, []
    argument = expressions.condition(query, scope, 2)
    query.outer = outer
    return "%s(%s)%s" % (name, argument, filtered(query, scope)), "bool"


def bits(query, scope):
    found = pick(query, scope, ("int", "bigint"))
    return found and ("%s(%s)%s" % (query.choices.pick(["bit_and", "bit_or", "bit_xor"]), found[0], filtered(query, scope)), found[1])


def list_of(query, scope):
    """Returns array_agg or string_agg, in an order that distinguishes their values."""
    found = pick(query, scope, ("int", "text", "bigint", "timestamp", "bool"))
    if not found:
        return None
    sql, kind = found
    is_distinct = query.choices.chance(30)
    order = sql
    if not is_distinct and query.choices.chance(40):
        order = "%s, %s" % (query.order([query.choices.pick([c for c in scope if c[1] in kinds.STORED])], False), sql)
    elif query.choices.chance(50):
        order = sql + " DESC"
    distinct = "DISTINCT " if is_distinct else ""
    if kind == "text" and query.choices.chance(60):
        return "string_agg(%s%s, ',' ORDER BY %s)%s" % (distinct, sql, order, filtered(query, scope)), "text"
    array = {"int": "ints", "text": "texts"}.get(kind, "texts")
    cast = "" if kind in ("int", "text") else "::text[]"
    return "(array_agg(%s%s ORDER BY %s)%s)%s" % (distinct, sql, order, filtered(query, scope), cast), array


def ordered_set(query, scope):
    form = query.choices.pick(["percentile_disc", "mode", "percentile_cont"])
    if form == "percentile_cont":
        found = pick(query, scope, ("int", "float8"))
        return found and ("percentile_cont(%s) WITHIN GROUP (ORDER BY %s)%s" % (
            query.choices.pick(["0.5", "0.25"]), found[0], filtered(query, scope)), "inexact")
    found = pick(query, scope, ("int", "text", "bigint", "timestamp", "money2"))
    call = "mode()" if form == "mode" else "percentile_disc(%s)" % query.choices.pick(["0.5", "0.9", "0"])
    return found and ("%s WITHIN GROUP (ORDER BY %s%s)%s" % (
        call, found[0], query.choices.pick(["", " DESC"]), filtered(query, scope)), found[1])


def json(query, scope):
    found = pick(query, scope, ("int", "text", "bool", "bigint"))
    if not found:
        return None
    form = query.choices.pick(["jsonb_agg", "json_agg", "jsonb_object_agg"])
    if form == "jsonb_object_agg":
        return "jsonb_object_agg(coalesce(%s::text, '-'), 1)%s" % (found[0], filtered(query, scope)), "jsonb"
    return "%s(%s ORDER BY %s)%s" % (form, found[0], found[0], filtered(query, scope)), form[:-4]


def statistics(query, scope):
    found = pick(query, scope, ("int", "bigint", "money2"))
    if not found:
        return None
    form = query.choices.pick(["stddev", "variance", "var_pop", "corr", "regr_slope", "covar_pop", "regr_count"])
    if form in ("stddev", "variance", "var_pop"):
        return "%s(%s)%s" % (form, found[0], filtered(query, scope)), "plain_numeric"
    other = pick(query, scope, ("int", "bigint", "money2"))
    return "%s(%s, %s)%s" % (form, found[0], other[0], filtered(query, scope)), "bigint" if form == "regr_count" else "inexact"


def hypothetical(query, scope):
    found = pick(query, scope, ("int", "bigint"))
    form = query.choices.pick(["rank", "dense_rank", "cume_dist", "percent_rank"])
    return found and ("%s(%d) WITHIN GROUP (ORDER BY %s)" % (form, query.choices.below(4), found[0]),
                      "bigint" if form in ("rank", "dense_rank") else "inexact")


def own(query, scope):
    """Returns a user's aggregate; its values are few and small."""
    found = pick(query, scope, ("int",))
    return found and ("total(%s)%s" % (found[0], filtered(query, scope)), "int")


def xml(query, scope):
    found = pick(query, scope, ("int", "text"))
    return found and ("xmlagg(xmlelement(name x, %s) ORDER BY %s)::text" % (found[0], found[0]), "text")


def ranges(query, scope):
    found = pick(query, scope, ("range",))
    if not found:
        return None
    if query.choices.chance(50):
        return "range_agg(%s)%s" % (found[0], filtered(query, scope)), "multirange"
    return "range_intersect_agg(%s)%s" % (found[0], filtered(query, scope)), "range"
