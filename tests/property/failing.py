"""Expressions that fail for some values, over rows and groups from which a condition, a join or HAVING
removes those values.

PostgreSQL evaluates them for the remaining rows: the select list after WHERE and HAVING, a condition on keys
below the grouping, one on a set operation above it. A stream table must do the same wherever it stores
values: in arrangements, in their indexes, in recomputed rows. Only columns of tables and stream tables are
used: if a view or WITH has a constant as a column, PostgreSQL's planner folds the expression, and fails,
unless it cannot inline the query, for example because of an unused WITH beside it.
"""
import re

import selects

LOOKED_THROUGH = re.compile(r"[vw]\d")

# Expressions that fail, and the values for which they do not.
PARTIAL = (("12 / (%(x)s - 6)", "%(x)s <> 6"), ("1 / %(x)s", "%(x)s <> 0"), ("sqrt(%(x)s)::int", "%(x)s >= 0"),
           ("(%(x)s || CASE WHEN %(x)s < 2 THEN 'x' ELSE '' END)::int", "%(x)s >= 2"))
AGGREGATES = ("sum(%s)::int", "max(%s)", "min(%s)", "count(%s)::int")


def integers(scope):
    return [sql for sql, kind in scope if kind == "int"]


def relation(query):
    """Returns a relation that has an integer, or None."""
    for _ in range(3):
        sql, scope = query.relation()
        if integers(scope) and not LOOKED_THROUGH.match(sql):
            return sql, integers(scope)
    return None


def partial(query, value):
    expression, guard = query.choices.pick(PARTIAL)
    return expression % {"x": value}, guard % {"x": value}


def selection(query, depth):
    """Returns (sql, [(name, kind)]), or None if there is no integer."""
    found = relation(query)
    if not found:
        return None
    query.may_fail = True
    form = query.choices.weighted((35, over_groups), (20, below_a_filter), (15, over_removed_rows), (15, over_rows), (15, behind_a_case),
                                  (15, in_a_branch), (4, of_no_rows))
    return form(query, *found)


def over_groups(query, source, columns):
    choices, alias = query.choices, query.fresh("g")
    key, aggregate = choices.pick(columns), choices.pick(AGGREGATES) % choices.pick(columns)
    removal = choices.weighted((40, "join"), (30, "filter"), (30, "having"))
    expression, guard = partial(query, alias + ".v")
    having = " HAVING " + guard.replace(alias + ".v", aggregate) if removal == "having" else ""
    groups = "(SELECT %s AS k, %s AS v FROM %s GROUP BY 1%s) %s" % (key, aggregate, source, having, alias)
    other = relation(query) if removal == "join" else None
    if other:
        groups += " JOIN %s ON %s = %s.k" % (other[0], choices.pick(other[1]), alias)
    condition = " WHERE " + guard if removal == "filter" else ""
    return used(query, expression, groups, condition, alias + ".k", removal != "join")


def over_rows(query, source, columns):
    expression, guard = partial(query, query.choices.pick(columns))
    return used(query, expression, source, " WHERE " + guard, query.choices.pick(columns), True)


def used(query, expression, source, condition, other, is_guarded):
    """Uses the expression in each place whose values are stored. A side of a join is computed before the join
    removes rows."""
    choices = query.choices
    place = choices.weighted((40, "key"), (15, "list"), (15, "side"), (10, "distinct"), (10, "argument"), (10, "partition"))
    if place == "side" and is_guarded:
        joined = relation(query)
        if joined:
            return ("SELECT %s AS c0, %s AS c1 FROM %s JOIN %s ON %s = %s%s" % (
                other, joined[1][0], source, joined[0], choices.pick(joined[1]), expression, condition),
                [("c0", "int"), ("c1", "int")])
    source += condition
    if place == "key":
        return ("SELECT %s AS c0, array_agg(%s ORDER BY %s) AS c1 FROM %s GROUP BY 1" % (expression, other, other, source),
                [("c0", "int"), ("c1", "ints")])
    if place == "distinct":
        return "SELECT DISTINCT %s AS c0 FROM %s" % (expression, source), [("c0", "int")]
    if place == "argument":
        return "SELECT %s AS c0, max(%s) AS c1 FROM %s GROUP BY 1" % (other, expression, source), [("c0", "int"), ("c1", "int")]
    if place == "partition":
        return ("SELECT %s AS c0, rank() OVER (PARTITION BY %s ORDER BY %s) AS c1 FROM %s" % (other, expression, other, source),
                [("c0", "int"), ("c1", "bigint")])
    return "SELECT %s AS c0, %s AS c1 FROM %s" % (other, expression, source), [("c0", "int"), ("c1", "int")]


def below_a_filter(query, source, columns):
    """Returns a sub-query that computes the expression, and from which a condition on its keys selects a
    part."""
    choices, alias = query.choices, query.fresh("g")
    key, expression = choices.pick(columns), partial(query, choices.pick(columns))[0]
    inner = choices.pick(["SELECT %s AS k, sum(%s)::int AS v FROM %s GROUP BY 1", "SELECT DISTINCT %s AS k, %s AS v FROM %s",
                          "SELECT %s AS k, sum(%s) OVER (PARTITION BY %s)::int AS v FROM %s",
                          "SELECT %s AS k, %s AS v FROM %s UNION SELECT 1, 1"])
    parts = (key, expression, key, source) if "OVER" in inner else (key, expression, source)
    condition = choices.pick(["%s.k = 3", "%s.k < 2", "%s.k IN (2, 4)", "NOT %s.k > 3"]) % alias
    outer = choices.pick(["SELECT %(g)s.k AS c0, %(g)s.v AS c1", "SELECT DISTINCT %(g)s.k AS c0, %(g)s.v AS c1"]) % {"g": alias}
    return "%s FROM (%s) %s WHERE %s" % (outer, inner % parts, alias, condition), [("c0", "int"), ("c1", "int")]


def over_removed_rows(query, source, columns):
    """Returns a condition so cheap that PostgreSQL evaluates it first in any WHERE, on the rows that a set
    operation returns."""
    choices, alias = query.choices, query.fresh("g")
    value = choices.pick(columns)
    rows = "SELECT %s AS v FROM %s EXCEPT %sSELECT %s FROM %s WHERE NOT %s <> 6" % (
        value, source, choices.pick(["", "ALL "]), value, source, value)
    if choices.chance(30):
        rows = "(%s) UNION ALL SELECT 3" % rows
    other = relation(query) if choices.chance(40) else None
    join = " %s %s ON %s = %s.v" % (choices.pick(["JOIN", "LEFT JOIN"]), other[0], choices.pick(other[1]), alias) if other else ""
    return "SELECT %s.v AS c0 FROM (%s) %s%s WHERE is_not_six(%s.v)" % (alias, rows, alias, join, alias), [("c0", "int")]


def of_no_rows(query, source, columns):
    """Returns one row or none, for which PostgreSQL reads no rows: there are no keys and no aggregates."""
    condition = "%s > 0" % partial(query, query.choices.pick(columns))[0]
    single = query.choices.pick([" HAVING true", " GROUP BY ()", " HAVING (SELECT count(*) > 3 FROM %s)" % query.relation()[0]])
    return "SELECT 1 AS c0 FROM %s WHERE %s%s" % (source, condition, single), [("c0", "int")]


def behind_a_case(query, source, columns):
    """Returns a sub-query that computes the expression for all rows, and uses it for those for which it has a value:
    PostgreSQL inlines the sub-query, whatever reads it."""
    choices, alias, value = query.choices, query.fresh("g"), query.choices.pick(columns)
    expression, guard = partial(query, value)
    key = choices.pick(columns)
    if choices.chance(50):
        expression += " + " + key
    rows = "(SELECT %s AS k, %s AS v, %s AS d FROM %s) %s" % (key, value, expression, source, alias)
    if choices.chance(30):
        rows += " WHERE %s.k > 0" % alias
    elif choices.chance(40):
        rows += " WHERE " + compared_with_values(query, alias + ".k")
    elif choices.chance(40) and (other := relation(query)):
        rows += choices.pick([" JOIN %s ON %s = %s.k", " LEFT JOIN %s ON %s = %s.k", " RIGHT JOIN %s ON %s = %s.k", " FULL JOIN %s ON %s = %s.k",
                              " WHERE EXISTS (SELECT FROM %s WHERE %s = %s.k)", " WHERE NOT EXISTS (SELECT FROM %s WHERE %s = %s.k)"]) % (
                                  other[0], choices.pick(other[1]), alias)
    used_value = "CASE WHEN %s THEN %s.d END" % (guard.replace(value, alias + ".v"), alias)
    form = choices.pick([
        "SELECT %(g)s.k AS c0, %(d)s AS c1, rank() OVER (PARTITION BY %(g)s.k ORDER BY %(g)s.v)::int AS c2 FROM %(rows)s",
        "SELECT %(g)s.k AS c0, lag(%(d)s) OVER (PARTITION BY %(g)s.k ORDER BY %(g)s.v) AS c1, sum(%(g)s.v) OVER (ORDER BY %(g)s.k)::int AS c2 FROM %(rows)s",
        "SELECT %(g)s.k AS c0, sum(%(d)s)::int AS c1, max(%(d)s) AS c2 FROM %(rows)s GROUP BY 1",
        "SELECT DISTINCT %(g)s.k AS c0, %(d)s AS c1, 1 AS c2 FROM %(rows)s"])
    return form % {"g": alias, "d": used_value, "rows": rows}, [("c0", "int"), ("c1", "int"), ("c2", "int")]


def in_a_branch(query, source, columns):
    """Returns a sub-query that fails for rows which take another branch of the expression around it."""
    other = relation(query)
    if not other:
        return over_rows(query, source, columns)
    choices, key, value = query.choices, query.choices.pick(columns), query.choices.pick(columns)
    expression, guard = partial(query, value)
    parts = {"e": expression, "k": key, "g": guard, "o": other[0], "i": choices.pick(other[1]), "j": choices.pick(other[1])}
    parts["s"] = choices.pick(["(SELECT max(%(i)s + (%(e)s)) FROM %(o)s WHERE %(j)s = %(k)s)", "(SELECT count(*)::int + (%(e)s) FROM %(o)s WHERE %(j)s < %(k)s)",
                               "(SELECT %(i)s + (%(e)s) FROM %(o)s WHERE %(j)s = %(k)s ORDER BY 1 LIMIT 1)",
                               "(SELECT sum(v) FROM (SELECT DISTINCT %(i)s + (%(e)s) AS v FROM %(o)s WHERE %(j)s = %(k)s) d)::int"]) % parts
    parts["b"] = choices.pick(["EXISTS (SELECT FROM %(o)s WHERE %(j)s = %(k)s AND %(i)s > (%(e)s))", "%(k)s IN (SELECT %(i)s + (%(e)s) FROM %(o)s WHERE %(j)s > %(k)s)",
                               "%(k)s > ALL (SELECT %(i)s + (%(e)s) FROM %(o)s WHERE %(j)s = %(k)s)", "%(s)s > %(k)s",
                               "%(s)s IN (SELECT %(j)s FROM %(o)s)", "%(s)s <= ALL (SELECT %(i)s FROM %(o)s WHERE %(j)s = %(k)s)"]) % parts
    is_correlated = choices.chance(65)
    if not is_correlated:
        parts |= {"e": partial(query, parts["j"])[0], "g": choices.pick(["%(k)s > 5", "%(k)s IS NULL", "%(k)s = 2"]) % parts}
        parts["s"] = choices.pick(["(SELECT max(%(e)s) FROM %(o)s)", "(SELECT %(e)s FROM %(o)s WHERE %(i)s > 1 ORDER BY 1 LIMIT 1)",
                                   "(SELECT count(*)::int FROM %(o)s WHERE (%(e)s) > 1)", "(ARRAY(SELECT %(e)s FROM %(o)s ORDER BY 1))[1]",
                                   "(SELECT sum(v)::int FROM (SELECT %(i)s AS k, max(%(e)s) AS v FROM %(o)s GROUP BY 1) d)",
                                   "(SELECT max(%(i)s + (SELECT max(%(e)s) FROM %(o)s)) FROM %(o)s WHERE %(j)s >= %(k)s)"]) % parts
        parts["b"] = choices.pick(["EXISTS (SELECT FROM %(o)s WHERE (%(e)s) > 1)", "%(k)s IN (SELECT %(e)s FROM %(o)s)",
                                   "%(k)s > ALL (SELECT %(e)s FROM %(o)s WHERE %(i)s > 0)", "%(s)s > %(k)s"]) % parts
    used_value = choices.pick(["CASE WHEN %(g)s THEN %(s)s END", "CASE WHEN NOT (%(g)s) THEN 0 WHEN %(g)s THEN %(s)s ELSE 1 END",
                               "coalesce(CASE WHEN %(g)s THEN NULL ELSE 0 END, %(s)s)",
                               "CASE (%(g)s)::int WHEN 0 THEN -1 WHEN 1 THEN (%(b)s)::int END", "CASE WHEN %(g)s THEN CASE WHEN %(b)s THEN %(s)s END END",
                               "CASE WHEN %(k)s > 1 THEN ((%(k)s, CASE WHEN %(g)s THEN %(s)s END) NOT IN (SELECT %(j)s, %(i)s FROM %(o)s))::int END",
                               *(["CASE WHEN %(g)s AND %(s)s > %(k)s THEN 1 END", "(NOT (%(g)s) OR %(s)s < %(k)s)::int"] if is_correlated else [])]) % parts
    form = choices.pick(["SELECT %(k)s AS c0, %(u)s AS c1 FROM %(f)s", "SELECT %(k)s AS c0, sum(%(u)s)::int AS c1 FROM %(f)s GROUP BY 1",
                         "SELECT %(k)s AS c0, 1 AS c1 FROM %(f)s WHERE (%(u)s) > 0", "SELECT %(k)s AS c0, max(%(u)s) OVER (PARTITION BY %(k)s) AS c1 FROM %(f)s"])
    return form % {"k": key, "u": used_value, "f": source}, [("c0", "int"), ("c1", "int")]


def compared_with_values(query, column):
    """Returns a comparison, from either end, with values that are the same for all rows."""
    choices = query.choices
    found = [relation(query) for _ in range(1 + choices.below(2))]
    values = ["(SELECT %s FROM %s)" % (choices.pick(AGGREGATES) % choices.pick(one[1]), one[0]) for one in found if one] or ["(SELECT 3)"]
    sides = [column, choices.pick([" + ", " - "]).join(values)]
    return choices.pick([" < ", " <= ", " > ", " >= "]).join(choices.pick([sides, sides[::-1]]))


def or_core(query, depth, wanted):
    return selection(query, depth) or selects.core(query, depth, wanted)
