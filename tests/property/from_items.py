"""Items of FROM: relations, joins of all kinds nested in any order, sub-queries, LATERAL, VALUES, functions.

Each function returns the item's SQL and its scope, and, if it is LATERAL, may read the scope so far.
"""
import expressions
import kinds
import selects


def subselect(query, depth, outer=()):
    """Returns a sub-query as (sql, [(name, kind)]); columns of `outer` that it reads make it correlated."""
    saved = query.outer
    query.outer = list(outer)
    query.nesting += 1
    sql, columns = selects.with_own_clause(query, lambda: selects.select(query, depth))
    query.nesting -= 1
    query.outer = saved
    return sql, columns


def item(query, depth):
    choices = query.choices
    if query.outside and choices.chance(12):
        return lateral(query, query.outside, depth)
    form = choices.weighted((55, "relation"), (22, "join"), (15, "sub-query"), (3, "values"), (4, "function"))
    if form == "join" and depth > 0 and query.fuel > 0:
        return join(query, depth - 1)
    if form == "sub-query" and depth > 0 and query.fuel > 0:
        sql, columns = subselect(query, depth - 1)
        alias = query.fresh("q")
        return "(%s) %s" % (sql, alias), [("%s.%s" % (alias, name), kind) for name, kind in columns]
    if form == "values":
        return values(query, [])
    if form == "function":
        return function(query, [])
    return query.relation()


def values(query, scope):
    alias = query.fresh("w")
    columns = query.choices.some(["int", "text", "numeric"], 1)
    rows = []
    for _ in range(1 + query.choices.below(4)):
        rows.append("(%s)" % ", ".join(
            expressions.of_kind(query, scope, "int", expressions.NEST) if kind == "int" and scope
            else kinds.constant(query.choices, kind) for kind in columns))
    if "int" in columns and not scope:
        at = columns.index("int")
        rows[0] = "(%s)" % ", ".join("1" if n == at else kinds.constant(query.choices, k) for n, k in enumerate(columns))
    names = ["v%d" % n for n in range(len(columns))]
    sql = "(VALUES %s) %s(%s)" % (", ".join(rows), alias, ", ".join(names))
    return sql, [("%s.%s" % (alias, name), kind) for name, kind in zip(names, columns)]


def one_function(query, scope):
    choices = query.choices
    form = choices.pick(["series", "unnest", "unnest column", "json", "text", "one value"])
    ints, objects = expressions.columns_of(scope, ("ints",)), expressions.columns_of(scope, ("jsonb",))
    if form == "unnest column" and ints:
        return "unnest(%s)" % choices.pick(ints), "int"
    if form == "json" and objects:
        sql = choices.pick(objects)
        return "jsonb_array_elements(CASE jsonb_typeof(%s) WHEN 'array' THEN %s END)" % (sql, sql), "jsonb"
    if form == "one value":
        text, number = (expressions.of_kind(query, scope, kind, expressions.NEST) for kind in ("text", "int"))
        return choices.pick([("coalesce(%s, 'z')" % text, "text"), ("greatest(%s, 'b')" % text, "text"), ("CAST(%s AS bigint)" % number, "bigint"),
                             ("json_to_record(json_build_object('v', %s)) AS (v int)" % number, "int")])
    if form == "text":
        return "string_to_table('x,y,' || coalesce(%s, 'z'), ',')" % expressions.of_kind(query, scope, "text", expressions.NEST), "text"
    number = expressions.of_kind(query, scope, "int", expressions.NEST) if scope else str(choices.below(4))
    if form == "unnest":
        return "unnest(ARRAY[%s, 1, NULL])" % number, "int"
    return "generate_series(%d, least(%s, 4))" % (choices.below(2), number), "int"


def function(query, scope):
    alias, ordinality = query.fresh("f"), query.choices.chance(25)
    calls = [one_function(query, scope)]
    is_of_record = " AS (" in calls[0][0]
    if is_of_record or query.choices.chance(20):
        calls.append(one_function(query, scope))
        sql = "ROWS FROM (%s)" % ", ".join(call for call, _ in calls)
    else:
        sql = calls[0][0]
    columns = [("v%d" % n, kind) for n, (_, kind) in enumerate(calls)] + ([("ord", "bigint")] if ordinality else [])
    sql = "%s%s %s(%s)" % (sql, " WITH ORDINALITY" if ordinality else "", alias, ", ".join(name for name, _ in columns))
    return sql, [("%s.%s" % (alias, name), kind) for name, kind in columns]


def lateral(query, scope, depth):
    if query.choices.chance(40) or depth <= 0 or query.fuel <= 0:
        sql, columns = function(query, scope) if query.choices.chance(75) else values(query, scope)
        return "LATERAL " + sql, columns
    sql, columns = subselect(query, depth - 1, scope + query.outer[:3])
    alias = query.fresh("l")
    return "LATERAL (%s) %s" % (sql, alias), [("%s.%s" % (alias, name), kind) for name, kind in columns]


def equality(query, left, right):
    pairs = [(kinds.operand(a, ka), kinds.operand(b, kb), ka, kb) for a, ka in left for b, kb in right
             if (ka == kb and ka in kinds.STORED) or (ka in kinds.INTEGERS and kb in kinds.INTEGERS)]
    if query.choices.chance(40) or not pairs:
        pairs = [(a, b, ka, kb) for a, ka in left for b, kb in right if query.may_compare(ka, kb) or query.may_compare(kb, ka)] or pairs
    if not pairs:
        return "true"
    one, other, *compared = query.choices.pick(pairs)
    query.compared(*compared)
    return "%s = %s" % (one, other)


def lateral_condition(query, left, right):
    """May compare the right side with an outer query only."""
    if query.choices.chance(40):
        return "true"
    if query.outer and query.choices.chance(50):
        return equality(query, query.outer, right)
    return expressions.condition(query, left + right, 2)


def join(query, depth):
    outside = query.outside
    try:
        return join_of_items(query, depth)
    finally:
        query.outside = outside


def join_of_items(query, depth):
    """The sides may read the FROM items before the join, and the right one the left one, where that is not padded. A
    function on a side of a FULL JOIN reads nothing outside of it."""
    choices = query.choices
    kind = choices.weighted((40, "JOIN"), (25, "LEFT JOIN"), (8, "RIGHT JOIN"), (12, "FULL JOIN"), (5, "CROSS JOIN"),
                            (10, "LATERAL"))
    if kind == "FULL JOIN":
        query.outside = []
    left, left_scope = item(query, depth)
    if kind == "LATERAL":
        right, right_scope = lateral(query, left_scope, depth)
        kind = choices.pick(["CROSS JOIN", "LEFT JOIN"])
        on = "" if kind == "CROSS JOIN" else " ON " + lateral_condition(query, left_scope, right_scope)
        return "(%s %s %s%s)" % (left, kind, right, on), left_scope + right_scope
    if kind not in ("RIGHT JOIN", "FULL JOIN"):
        query.outside = query.outside + left_scope
    right, right_scope = item(query, depth)
    scope = left_scope + right_scope
    if kind == "CROSS JOIN":
        return "(%s CROSS JOIN %s)" % (left, right), scope
    on = equality(query, left_scope, right_scope)
    if kind == "FULL JOIN":
        if on == "true":
            kind = "LEFT JOIN"
        elif choices.chance(20):
            on += " AND " + equality(query, left_scope, right_scope)
        elif choices.chance(20):
            on += " AND " + expressions.condition(query, choices.pick([left_scope, right_scope, scope]), 2)
    elif choices.chance(25):
        on = "%s AND %s" % (on, expressions.condition(query, scope, 1))
    elif choices.chance(8):
        on = expressions.condition(query, scope, 1)
    return "(%s %s %s ON %s)" % (left, kind, right, on), scope


def using(query):
    """Returns a join by USING or NATURAL over two relations that share a column of one kind."""
    choices = query.choices
    pairs = [(one, other, name, kind) for one in query.relations for other in query.relations
             for name, kind in query.relations[one]
             if (name, kind) in query.relations[other] and kind not in kinds.AMBIGUOUS + tuple(kinds.COMPARED_AS)
             and kind in kinds.STORED]
    if not pairs:
        return None
    one, other, name, kind = choices.pick(pairs)
    query.fuel -= 2
    left, right = query.fresh("x"), query.fresh("x")
    scope = [("%s.%s" % (alias, column), k) for alias, relation in ((left, one), (right, other))
             for column, k in query.relations[relation] if column != name]
    word = choices.pick(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
    alias = query.fresh("u")
    shared = [("%s.%s" % (alias, name), kind)]
    if choices.chance(30):
        left_sql, right_sql = ("(SELECT %s, %s AS %s FROM %s) %s" % (
            name, choices.pick(query.relations[relation])[0], own, relation, side)
            for relation, side, own in ((one, left, "on_left"), (other, right, "on_right")))
        return "(%s NATURAL %s %s) AS %s" % (left_sql, word, right_sql, alias), shared
    return "(%s %s %s %s %s USING (%s) AS %s)" % (one, left, word, other, right, name, alias), scope + shared


def with_collated(query, name):
    """Returns the relation, sometimes with texts whose collation, which is that of a column, is computed."""
    if query.choices.chance(40):
        return name
    shown = ["%s COLLATE \"default\" AS %s" % (column, column) if kind == "text" else column
             for column, kind in query.relations[name]]
    return "(SELECT %s FROM %s)" % (", ".join(shown), name)


def of_two_kinds(query):
    """Returns a join of two relations by columns of two kinds, or of a relation and those rows of it that match another
    one; None if there are no such columns."""
    choices = query.choices
    pairs = [(one, name, other, coarser, kind, other_kind) for one in query.relations for other in query.relations
             for name, kind in query.relations[one] for coarser, other_kind in query.relations[other]
             if query.may_compare(kind, other_kind)]
    if not pairs:
        return None
    one, name, other, coarser, *compared = choices.pick(pairs)
    query.compared(*compared)
    query.fuel -= 2
    left, right = query.fresh("x"), query.fresh("x")
    scopes = [[("%s.%s" % (alias, column), kind) for column, kind in query.relations[relation]]
              for alias, relation in ((left, one), (right, other))]
    on = "%s.%s = %s.%s" % (left, name, right, coarser)
    one_item, other_item = with_collated(query, one), with_collated(query, other)
    if choices.chance(40):
        alias, (kept, mine, item_kept), (_, its, tested) = query.fresh("q"), *choices.some([(one, left, one_item), (other, right, other_item)], 2)
        test = "%sEXISTS (SELECT FROM %s %s WHERE %s)" % (choices.pick(["", "NOT "]), tested, its, on)
        return "(SELECT %s.* FROM %s %s WHERE %s) %s" % (mine, item_kept, mine, test, alias), [
            ("%s.%s" % (alias, column), kind) for column, kind in query.relations[kept]]
    word = choices.pick(["LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
    return "(%s %s %s %s %s ON %s)" % (one_item, left, word, other_item, right, on), scopes[0] + scopes[1]


def from_clause(query, depth):
    """Returns (sql, scope, conditions): several items, joined by conditions that belong in WHERE."""
    choices = query.choices
    items, scope, conditions = [], [], []
    outside, query.outside = query.outside, []
    for number in range(choices.weighted((60, 1), (28, 2), (12, 3))):
        if number and query.fuel <= 0 and not choices.chance(30):
            break
        if number and choices.chance(28):
            sql, columns = lateral(query, scope, depth)
        else:
            found = using(query) if choices.chance(5) else of_two_kinds(query) if choices.chance(15) else None
            sql, columns = found or item(query, depth)
            if items:
                conditions.append(equality(query, scope, columns))
        items.append(sql)
        scope = scope + columns
        query.outside = scope
    query.outside = outside
    return ", ".join(items), scope, [condition for condition in conditions if condition != "true"]
