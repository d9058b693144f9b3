"""Expressions over a scope, which is a list of (sql, kind): the columns of a row of the FROM clause, or of a
grouping.

Columns of outer queries are in `query.outer`: code that chooses from a scope sometimes chooses from there
instead, which makes a sub-query correlated.
"""
import re

import kinds
import subqueries

NEST = 3
COLUMN = re.compile(r"\w+\.\w+")


def columns_of(scope, wanted):
    return [sql for sql, kind in scope if kind in wanted]


def column(query, scope, wanted):
    """Returns a column of the kinds, or None."""
    found = columns_of(scope, wanted)
    outside = columns_of(query.outer, wanted)
    if outside and (not found or query.choices.chance(query.correlation)):
        return query.choices.pick(outside)
    return query.choices.pick(found) if found else None


def integer(query, scope, depth=0):
    choices = query.choices
    found = column(query, scope, ("int", "small", "bigint"))
    form = choices.weighted((60, "column"), (12, "constant"), (10, "sum"), (6, "coalesce"), (5, "case"), (4, "of other"),
                            (2, "scalar"), (4, "function"))
    if form == "scalar" and query.may_nest():
        return subqueries.scalar(query, scope, "int")
    if depth >= NEST or form in ("column", "scalar"):
        return found or str(choices.below(5))
    if form == "constant":
        return str(choices.below(5))
    if form == "function":  # of a user; NULL has a value
        return "tripled(%s)" % of_kind(query, scope, "int", depth + 1)
    if form == "sum":
        return "(%s %s %s)" % (integer(query, scope, NEST), choices.pick("+-"), integer(query, scope, depth + 1))
    if form == "coalesce":
        return "coalesce(%s, %d)" % (integer(query, scope, depth + 1), choices.below(4))
    if form == "case":
        return "CASE WHEN %s THEN %s ELSE %s END" % (
            condition(query, scope, depth + 1), integer(query, scope, depth + 1), integer(query, scope, depth + 1))
    return integer_of_other(query, scope)


def integer_of_other(query, scope):
    """Returns an integer computed from a value of another kind, the same for equal values."""
    forms = {"text": "length(%s)", "ints": "coalesce(array_length(%s, 1), 0)", "timestamp": "extract(day FROM %s)::int",
             "jsonb": "(%s->>'k')::int", "range": "upper(%s)", "bool": "(%s)::int", "date": "(%s - date '2024-01-01')",
             "money2": "round(%s)::int", "mood": "(CASE %s WHEN 'sad' THEN 0 WHEN 'ok' THEN 1 END)",
             "pair": "(%s).x", "bits": "(%s)::int", "nums": "array_length(%s, 1)", "loose": "((%s).x)::int",
             "vector": "length(%s)", "feeling": "(CASE (%s)::mood WHEN 'sad' THEN 0 WHEN 'ok' THEN 1 END)",
             "domain_ints": "coalesce(array_length(%s, 1), 0)", "domain_range": "upper(%s)", "xid": "(%s)::text::int"}
    found = [(sql, kind) for sql, kind in scope if kind in forms]
    if not found:
        return str(query.choices.below(5))
    sql, kind = query.choices.pick(found)
    if kind == "jsonb":
        return "(CASE jsonb_typeof(%s) WHEN 'object' THEN (%s->>'k')::int END)" % (sql, sql)
    return forms[kind] % sql


# Conditions on one value, with the same result for equal values.
TESTS = {
    "jsonb": ["%s @> '{\"k\": 1}'", "jsonb_path_exists(%s, '$.l[*] ? (@ > 1)')", "%s ? 'k'", "%s @@ '$.k == 1'"],
    "json": ["%s ->> 'k' = '1'", "json_typeof(%s) = 'array'"],
    "ints": ["%s @> ARRAY[1]", "%s && ARRAY[1, 3]", "2 = ANY (%s)", "0 <> ALL (%s)"],
    "nums": ["1 = ANY (%s)", "%s && ARRAY[1.0, 3]"],
    "range": ["%s && int4range(1, 3)", "%s @> 2", "isempty(%s)", "%s -|- int4range(3, 5)"],
    "vector": ["%s @@ 'x'::tsquery", "%s @@ to_tsquery('simple', 'y & !zz')"],
    "text": ["%s LIKE 'x%%%%'", "%s ~ '^[xy]'", "%s BETWEEN 'a' AND 'y'", "nullif(%s, 'x') IS NULL", "%s COLLATE \"C\" > 'b'"],
    "ci": ["%s = 'X'", "%s IN ('x', 'yY')", "%s LIKE 'x%%%%'", "nullif(%s, 'X') IS NULL", "%s BETWEEN 'W' AND 'Y'"],
    "icu": ["%s = 'X'", "%s IN ('x', 'yY')", "%s IS DISTINCT FROM 'x'"],
    "timestamp": ["%s BETWEEN '2024-01-02' AND '2024-01-04'", "(%s, interval '1 day') OVERLAPS ('2024-01-02', interval '2 days')"],
    "date": ["%s + 1 > '2024-01-03'", "extract(dow FROM %s) < 3"],
    "int": ["%s === 2", "%s = ANY ('{1,2}')", "%s <> ALL (ARRAY[1, NULL])", "%s BETWEEN SYMMETRIC 3 AND 1", "nullif(%s, 2) IS NULL",
            "(%s < 2) IS NOT TRUE", "(%s > 1) IS UNKNOWN", "greatest(%s, 2) = 2", "CASE %s WHEN 1 THEN true WHEN 2 THEN NULL ELSE false END"],
    "numeric": ["%s BETWEEN 0 AND 2", "%s IN (1, 7.125)", "width_bucket(%s, ARRAY[0, 2]::numeric[]) = 1"],
    "interval": ["%s > '1 day'", "%s IN ('24 hours', '1 mon')"],
    "pair": ["(%s).y = 'x'", "%s = ROW(1, 'x')::pair", "%s IS NOT NULL"],
    "loose": ["(%s).y = 'X'", "%s = ROW(1, 'x')::loose", "%s < '(2,)'"],
    "mood": ["%s > 'sad'", "%s IN ('sad', 'happy')"],
    "feeling": ["(%s)::mood > 'sad'", "%s IS NOT NULL", "(%s)::mood IN ('sad', 'happy')"],
    "domain_ints": ["%s @> ARRAY[1]", "2 = ANY (%s)", "%s < '{2}'"], "domain_range": ["%s && int4range(1, 3)", "%s > 'empty'"],
    "xid": ["%s = '2'", "%s IN ('1', '3')"], "hashed": ["%s <> '2'", "%s IN ('1', '3')"],
    "spot": ["%s <@ box '((0,0),(2,2))'", "%s ~= point '(1,2)'"],
    "bits": ["%s & B'0100' = B'0100'"], "small": ["%s + 1 < 4"], "float8": ["%s > 'Infinity'", "%s = 0"], "bool": ["%s IS TRUE", "NOT %s"],
}


def test(query, scope):
    """Returns a condition on one value by the operators of its type, or None."""
    found = [(sql, kind) for sql, kind in scope if kind in TESTS]
    if not found:
        return None
    sql, kind = query.choices.pick(found)
    return "(%s)" % (query.choices.pick(TESTS[kind]) % sql).replace("%%", "%")


def of_kind(query, scope, kind, depth=0):
    """Returns an expression of exactly this kind."""
    choices = query.choices
    if kind == "int":
        found = integer(query, scope, depth)
        is_int = found in columns_of(scope + query.outer, ("int",)) or found.isdigit()
        return found if is_int else "(%s)::int" % found
    found = column(query, scope, (kind,))
    form = choices.weighted((75, "column"), (10, "constant"), (6, "coalesce"), (5, "case"), (4, "function"))
    if form == "constant" or not found or depth >= NEST:
        if found and form != "constant":
            return found
        if kind in ("numeric", "bigint"):
            other = column(query, scope, kinds.INTEGERS)
            return "(%s)::%s" % (other, kind) if other else kinds.constant(choices, kind)
        return kinds.constant(choices, kind)
    if form == "coalesce":
        return "coalesce(%s, %s)" % (found, kinds.constant(choices, kind))
    if form == "case":
        return "CASE WHEN %s THEN %s ELSE %s END" % (condition(query, scope, depth + 1), found, kinds.constant(choices, kind))
    if form == "function":
        if kind == "text" and choices.chance(60):
            return "(%s COLLATE \"default\")" % found
        return {"text": "upper(%s)", "numeric": "(%s + 1)", "money2": "(%s * 2)::numeric(8,2)", "float8": "(%s * 2)",
                "bigint": "(%s - 1)", "timestamp": "date_trunc('day', %s)", "ints": "(%s || 1)", "bool": "(NOT %s)",
                "range": "(%s * int4range(0, 4))", "plain_numeric": "trim_scale(abs(%s))"}.get(kind, "%s") % found
    return found


def that_may_fail(query, scope):
    """Returns (sql, kind) of an expression that fails for some values."""
    query.may_fail = True
    if query.choices.chance(50):
        return "(12 / (%s - 6))::int" % integer(query, scope, NEST), "int"
    return subqueries.of_one_row(query, scope), "int"


def any_of(query, scope, wanted=None):
    """Returns (sql, kind) of any kind, or of one that `wanted` accepts."""
    fitting = [(sql, kind) for sql, kind in scope if wanted is None or wanted(kind)]
    form = query.choices.weighted((62, "column"), (15, "integer"), (8, "text"), (8, "of kind"), (4, "nested"), (3, "row"))
    if form == "column" and fitting:
        return query.choices.pick(fitting)
    if form == "text":
        return of_kind(query, scope, "text"), "text"
    if form == "row" and (wanted is None or wanted("pair")):
        return "ROW(%s, %s)::pair" % (of_kind(query, scope, "int"), of_kind(query, scope, "text")), "pair"
    if form == "of kind" and fitting:
        kind = query.choices.pick(fitting)[1]
        if kind in kinds.STORED:
            return of_kind(query, scope, kind), kind
    if form == "nested" and query.may_nest():
        return subqueries.any_value(query, scope)
    if form == "text" or not columns_of(scope, kinds.INTEGERS):
        return of_kind(query, scope, "text"), "text"
    return of_kind(query, scope, "int"), "int"


def with_coarser(query, scope):
    """Returns a comparison of columns of two kinds, or None. It is that of the coarser equality, which a collation
    that is not that of a column would replace."""
    pairs = [(one, other, kind, coarser) for one, kind in scope + query.outer for other, coarser in scope + query.outer
             if query.may_compare(kind, coarser) and COLUMN.fullmatch(one) and COLUMN.fullmatch(other)]
    if not pairs:
        return None
    left, right, *compared = query.choices.pick(pairs)
    query.compared(*compared)
    return "%s %s %s" % (left, query.choices.pick(["=", "=", "<>"]), right)


def condition(query, scope, depth=0):
    choices = query.choices
    form = choices.weighted((34, "integers"), (8, "test"), (14, "same kind"), (8, "null"), (6, "in list"), (5, "not"), (10, "and or"),
                            (4, "row"), (12, "other kind"), (3, "distinct"), (2, "bool"), (16 if depth < 2 else 4, "sub-query"))
    if form == "sub-query" and query.may_nest():
        return subqueries.condition(query, scope)
    if form in ("not", "and or") and depth < NEST:
        if form == "not":
            return "NOT (%s)" % condition(query, scope, depth + 1)
        return "(%s %s %s)" % (condition(query, scope, depth + 1), choices.pick(["AND", "OR"]), condition(query, scope, depth + 1))
    if form == "test":
        found = test(query, scope)
        if found:
            return found
    if form == "null" and scope:
        return "%s IS %sNULL" % (choices.pick(scope)[0], choices.pick(["", "NOT "]))
    if form == "in list":
        return "%s %sIN (0, 1, %s)" % (integer(query, scope, NEST), choices.pick(["", "NOT "]), choices.pick(["2", "NULL"]))
    if form == "row":
        return "(%s, %s) %s (%s, %s)" % (integer(query, scope, NEST), integer(query, scope, NEST),
                                         choices.pick(["=", "<", ">=", "IS DISTINCT FROM"]),
                                         integer(query, scope, NEST), integer(query, scope, NEST))
    if form == "other kind":
        found = with_coarser(query, scope)
        if found:
            return found
    if form in ("same kind", "distinct"):
        found = [(sql, kind) for sql, kind in scope if kind in kinds.STORED]
        if found:
            sql, kind = choices.pick(found)
            operators = ["=", "<>"] if kind in kinds.UNORDERED else ["=", "<>", "<", ">="]
            operator = "IS NOT DISTINCT FROM" if form == "distinct" else choices.pick(operators)
            other = of_kind(query, scope, kind, NEST)
            other = other if other != sql else kinds.constant(choices, kind, 0)
            return "%s %s %s" % (kinds.operand(sql, kind), operator, kinds.operand(other, kind))
    if form == "bool":
        found = column(query, scope, ("bool",))
        if found:
            return found
    left, operator = integer(query, scope, depth + 1), choices.pick(["=", "<>", "<", ">="])
    right = str(choices.below(5)) if choices.chance(40) else integer(query, scope, depth + 1)
    return "%s %s %s" % (left, operator, right if right != left else str(choices.below(4)))
