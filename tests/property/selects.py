"""SELECT: plain, grouped with grouping sets, with windows, DISTINCT ON, LIMIT, set operations, WITH.

`select` returns (sql, [(name, kind)]); columns are called c0, c1 …. With `wanted`, the columns are of those kinds.
"""
import re

import aggregates
import expressions
import failing
import first_rows
import from_items
import kinds
import recursion
import subqueries
import windows


def output_list(outputs):
    return ", ".join("%s AS c%d" % (sql, number) for number, (sql, _) in enumerate(outputs))


def columns(outputs):
    return [("c%d" % number, kind) for number, (_, kind) in enumerate(outputs)]


def where(query, scope, conditions, percent=40):
    conditions = list(conditions)
    if query.choices.chance(percent):
        conditions.append(expressions.condition(query, scope))
    return " WHERE " + " AND ".join("(%s)" % condition for condition in conditions) if conditions else ""


def outputs_of(query, scope, wanted, most=4):
    if wanted:
        return [(expressions.of_kind(query, scope, kind), kind) for kind in wanted]
    found = []
    for _ in range(1 + query.choices.below(most)):
        with query.choices.span("output"):
            found.append(expressions.any_of(query, scope))
    return found


def select(query, depth, wanted=None, plain=False):
    """With `plain`, the caller adds an ORDER BY or LIMIT of its own."""
    with query.choices.span("select"):
        is_whole = query.nesting == 0 and not (wanted or plain)
        form = query.choices.weighted((50, core), (20, grouped), (10, windowed), (6, first_of_partitions), (6, extrema_of_groups), (6, ordered), (4, of_sorted), (8, set_operation), (6, distinct_on),
                                      (10 if is_whole else 0, failing.or_core), (1 if is_whole and query.images else 0, distinct_images))
        if plain and form in (ordered, of_sorted, distinct_on, set_operation):
            form = core
        if depth <= 0 and form is set_operation:
            form = core
        sql, names = form(query, depth, wanted)
        if not plain and form in (core, grouped, windowed) and query.choices.chance(4):
            sql += query.choices.pick([" OFFSET 0", " LIMIT ALL", " LIMIT NULL OFFSET 0"])
        return sql, names


def core(query, depth, wanted):
    from_sql, scope, conditions = from_items.from_clause(query, depth)
    if query.choices.chance(2) and not query.outer:
        from_sql, scope, conditions = "", [], []
    filter_sql = where(query, scope, conditions) if from_sql else ""
    outputs = outputs_of(query, scope, wanted)
    if not wanted and query.images and scope and query.choices.chance(8):
        alias = query.choices.pick(scope)[0].split(".")[0]
        if alias.isalnum() and alias[0] in "xql":
            outputs.append(("%s::text" % alias, "text"))
    is_distinct = query.choices.chance(15)
    if is_distinct and not wanted:
        outputs = [query.grouped(*output) for output in outputs]
    elif is_distinct and any(query.grouped(*output) != output for output in outputs):
        is_distinct = False
    if not wanted and query.nesting == 0 and scope and query.choices.chance(10):
        outputs.append(expressions.that_may_fail(query, scope))
    if not wanted and not is_distinct and scope and query.choices.chance(4):
        outputs.append(("generate_series(1, least(%s, 3))" % expressions.of_kind(query, scope, "int", expressions.NEST), "int"))
    return "SELECT %s%s%s%s" % ("DISTINCT " if is_distinct else "", output_list(outputs), from_sql and " FROM " + from_sql,
                                filter_sql), columns(outputs)


def distinct_images(query, depth, wanted):
    """Returns DISTINCT or GROUP BY of values that are equal and look different, by an operator of ORDER BY
    under which they differ."""
    from_sql, scope, conditions = from_items.from_clause(query, depth)
    found = aggregates.loose(query, scope) or "'(1.0,X)'::loose"
    form = query.choices.pick(["SELECT DISTINCT %s AS c0 FROM %s%s %s", "SELECT %s AS c0 FROM %s%s GROUP BY 1 %s"])
    sql = form % (found, from_sql, where(query, scope, conditions), "ORDER BY 1 USING OPERATOR(pg_catalog.*<)")
    return "SELECT * FROM (%s) %s" % (sql, query.fresh("i")), [("c0", "loose")]


def group_keys(query, scope):
    keys = []
    for _ in range(query.choices.weighted((35, 1), (20, 0), (30, 2), (15, 3))):
        sql, kind = query.grouped(*expressions.any_of(query, scope))
        is_constant = not any(column in sql for column, _ in scope) or sql[:1] == "'"
        if not is_constant and "(SELECT" not in sql and "EXISTS" not in sql and sql not in [k for k, _ in keys]:
            keys.append((sql, kind))
    return keys


def grouping(query, keys, may_have_sets, is_by_number):
    """Returns GROUP BY …, with the plain keys for which `grouping()` is allowed. Sets consist of keys of
    different kinds, or of equal keys: two columns of a sub-query may be one column of a table, and before
    version 18 PostgreSQL's HAVING confuses them. ROW() is not used: before version 18 PostgreSQL takes a field
    of it from the row's expression, which is no key of the set."""
    names = [str(number) for number, _ in enumerate(keys, 1)] if is_by_number else [sql for sql, _ in keys]
    form = query.choices.weighted((10 if is_by_number else 70, "plain"), (9, "rollup"), (7, "cube"), (9, "sets"), (5, "mixed"))
    is_plain_only = not may_have_sets or len({kind for _, kind in keys}) < len(set(keys)) or any(sql.startswith("ROW(") for sql, _ in keys)
    if form == "plain" or not names or is_plain_only:
        return " GROUP BY " + ", ".join(names) if names else query.choices.pick(["", "", "", " GROUP BY ()"]), []
    plain = [sql for sql, _ in keys]
    if form == "rollup":
        return " GROUP BY ROLLUP (%s)" % ", ".join(names), plain
    if form == "cube":
        return " GROUP BY CUBE (%s)" % ", ".join(names), plain
    if form == "mixed" and len(names) > 1:
        return " GROUP BY %s, ROLLUP (%s)" % (names[0], ", ".join(names[1:])), plain
    sets = ["(%s)" % ", ".join(query.choices.some(names)) for _ in range(1 + query.choices.below(3))]
    return " GROUP BY GROUPING SETS ((%s), %s)" % (", ".join(names), ", ".join(sets)), plain


def with_equal_keys(query, keys):
    """Returns the keys, one of them twice, and sometimes a constant. Before version 18 PostgreSQL takes a key of an
    operand of a set operation for a constant in the sets without it, too."""
    keys = keys + [query.choices.pick(keys)]
    if not query.is_operand and query.choices.chance(30):
        keys = [("'all'::text", "text")] + [key for key in keys if key[1] != "text"]
    return query.choices.some(keys, len(keys))


def grouped_scope(query, depth, is_below_windows=False, may_be_by_number=False):
    """Returns (FROM … GROUP BY … HAVING …, the columns of the groups): keys and aggregates. Before version 18
    PostgreSQL takes a key that WHERE sets equal to a constant for a constant in the sets without it, too, and
    sorts the rows of windows without it."""
    from_sql, scope, conditions = from_items.from_clause(query, depth)
    filter_sql = where(query, scope, conditions)
    keys = group_keys(query, scope)
    if not is_below_windows and choices_of_key(query, scope):
        return grouped_by_key(query, from_sql, filter_sql, scope)
    is_by_number = may_be_by_number and bool(keys) and query.choices.chance(20)
    if is_by_number:
        keys = with_equal_keys(query, keys)
    group_sql, sets = grouping(query, keys, not (is_below_windows and " = " in filter_sql), is_by_number)
    found = []
    for _ in range(1 + query.choices.below(3)):
        with query.choices.span("aggregate"):
            found.append(aggregates.aggregate(query, scope))
    if query.may_nest() and query.choices.chance(8):
        found += filter(None, [subqueries.of_aggregate(query, scope)])
    if sets:
        found.append(("grouping(%s)" % ", ".join(sets), "int"))
    offered = keys + found
    sql = "FROM " + from_sql + filter_sql + group_sql
    if query.choices.chance(25):
        sql += " HAVING " + having(query, offered)
    return sql, offered


KEY = re.compile(r"x\d+\.id")


def choices_of_key(query, scope):
    """Returns whether to group by a primary key, if the scope has one."""
    return any(KEY.fullmatch(sql) for sql, _ in scope) and query.choices.chance(15)


def grouped_by_key(query, from_sql, filter_sql, scope):
    """Returns groups by a primary key, which determines the other columns of its table."""
    choices = query.choices
    key = choices.pick([column for column in scope if KEY.fullmatch(column[0])])
    table = key[0].split(".")[0] + "."
    determined = [column for column in scope if column[0].startswith(table) and column != key
                  and kinds.groupable(column[1]) and column[1] not in kinds.UNORDERED]
    more = [column for column in group_keys(query, scope) if column[0] != key[0]][:1] if choices.chance(20) else []
    found = [aggregates.aggregate(query, scope) for _ in range(1 + choices.below(2))]
    offered = [key] + more + choices.some(determined, min(len(determined), 1)) + found
    names = ", ".join(sql for sql, _ in [key] + more)
    sql = "FROM %s%s GROUP BY %s" % (from_sql, filter_sql, names)
    if choices.chance(25):
        sql += " HAVING " + having(query, offered)
    return sql, offered


def having(query, offered):
    if query.choices.chance(50):
        return "count(*) %s %d" % (query.choices.pick([">", "<", "<>"]), query.choices.below(4))
    return expressions.condition(query, offered, 1)


def grouped(query, depth, wanted):
    is_all = not wanted and not query.choices.chance(25)
    sql, offered = grouped_scope(query, depth, may_be_by_number=is_all)
    if wanted:
        outputs = outputs_of(query, offered, wanted)
    else:
        outputs = offered if is_all else outputs_of(query, offered, None)
        if is_all and query.choices.chance(10):
            outputs = outputs + [("'all'::text", "text")]
    return "SELECT %s %s" % (output_list(outputs), sql), columns(outputs)


def windowed(query, depth, wanted):
    """Returns windows over rows or over groups; half of them filtered outside."""
    if query.choices.chance(25):
        sql, scope = grouped_scope(query, depth, True)
    else:
        from_sql, scope, conditions = from_items.from_clause(query, depth)
        sql = "FROM " + from_sql + where(query, scope, conditions)
    outputs, saved = [], query.positional
    query.positional = None
    for _ in range(1 + query.choices.below(3)):
        with query.choices.span("window"):
            outputs.append(windows.window(query, scope))
    query.positional = saved
    outputs += outputs_of(query, scope, None, 2)
    inner = "SELECT %s %s" % (output_list(outputs), sql)
    if not wanted and query.choices.chance(60):
        return inner, columns(outputs)
    alias = query.fresh("n")
    outside = [("%s.%s" % (alias, name), kind) for name, kind in columns(outputs)]
    outer_outputs = outputs_of(query, outside, wanted)
    condition = " WHERE " + expressions.condition(query, outside, 1) if query.choices.chance(60) else ""
    return "SELECT %s FROM (%s) %s%s" % (output_list(outer_outputs), inner, alias, condition), columns(outer_outputs)


def first_of_partitions(query, depth, wanted):
    sql, scope = first_rows.from_first_rows(query, depth)
    outputs = outputs_of(query, scope, wanted)
    return "SELECT %s %s" % (output_list(outputs), sql), columns(outputs)


def extrema_of_groups(query, depth, wanted):
    sql, scope = first_rows.from_extrema(query, depth)
    outputs = outputs_of(query, scope, wanted) if wanted or query.choices.chance(20) else scope
    return "SELECT %s %s" % (output_list(outputs), sql), columns(outputs)


def ordered(query, depth, wanted):
    """Returns ORDER BY … LIMIT: by all columns, or WITH TIES by some of them. Other expressions beside them
    may fail. A computed limit of what may fail is not 0, at which PostgreSQL evaluates nothing."""
    inner, names = select(query, depth - 1, wanted, plain=True)
    choices = query.choices
    alias, late = query.fresh("o"), []
    if not wanted and query.nesting == 0 and choices.chance(20):
        late = [expressions.that_may_fail(query, [("%s.%s" % (alias, name), kind) for name, kind in names])]
    sql = "SELECT *%s FROM (%s) %s" % ("".join(", %s AS late" % value for value, _ in late), inner, alias)
    shown = names + [("late", kind) for _, kind in late]
    if choices.chance(30) and any(kind not in kinds.NOT_COMPARED for _, kind in names):
        order = query.order([column for column in names if column[1] not in kinds.NOT_COMPARED], False)
        limit = str(1 + choices.below(6))
        if not late and choices.chance(25):
            limit = "(SELECT 1 + count(*) %% 5 FROM %s)" % query.relation()[0]
        return "%s ORDER BY %s FETCH FIRST %s ROWS WITH TIES" % (sql, order, limit), shown
    limit = " LIMIT %d" % (1 + choices.below(8)) if choices.chance(85) else ""
    if limit and choices.chance(4):
        limit = " LIMIT 0"
    elif limit and choices.chance(8):
        least = int(query.may_fail or "(SELECT" in sql)
        limit = " LIMIT (SELECT %d + count(*) %% 7 FROM %s)" % (least, query.relation()[0])
    skipped = " OFFSET %d" % (choices.below(5) or not limit) if choices.chance(35) or not limit else ""
    return "%s ORDER BY %s%s%s" % (sql, query.order(names), limit, skipped), shown


def numbers_of_sorted(query, scope, values):
    """Returns (outputs, a WINDOW clause): row numbers, and windows beside them that an order would change."""
    choices = query.choices
    outputs, window = scope + [("row_number() OVER ()", "bigint")], ""
    if choices.chance(50):
        outputs.append((choices.pick(["count(*) OVER ()", "count(*) OVER (ROWS UNBOUNDED PRECEDING)", "rank() OVER ()", "cume_dist() OVER ()::bigint"]), "bigint"))
    if values and choices.chance(40):
        outputs.append((choices.pick(["array_agg(%s) OVER ()", "first_value(%s) OVER ()", "(max(%s::text) OVER (ROWS 1 PRECEDING))"])
                        % choices.pick(values)[0], None))
        outputs[-1] = ("(%s)::text" % outputs[-1][0], "text")
    if choices.chance(25):
        window = " WINDOW w AS ()"
        outputs += [("ntile(2) OVER w", "int"), ("count(*) OVER (w ROWS 1 PRECEDING)", "bigint")]
    return outputs, window


def of_sorted(query, depth, wanted):
    """Returns lists, row numbers or first rows in the order of the sub-query or CTE that they read, directly or through a
    sub-query. PostgreSQL keeps that order, unless it groups the rows, or sorts them for another aggregate or window."""
    if wanted:
        return core(query, depth, wanted)
    inner, names = select(query, depth - 1, plain=True)
    choices, inside, alias = query.choices, query.fresh("o"), query.fresh("o")
    shown = choices.some(names, len(names))[1:] if choices.chance(30) else names  # the others are keys only
    unfit = kinds.NOT_COMPARED + kinds.UNORDERED + (kinds.AMBIGUOUS if query.images else ())  # sorted by what they do not return
    is_cte = shown == names and not any(kind in unfit for _, kind in names) and choices.chance(25)
    firsts = [name for name, kind in shown if kind in ("int", "bigint")] if choices.chance(25) else []
    first = choices.pick(firsts) if firsts else None
    sorted_rows = "(SELECT %s FROM (%s) %s ORDER BY %s%s%s)" % (
        ", ".join(name for name, _ in shown) or "1 AS one", inner, inside, "%s.%s, " % (inside, first) if first else "",
        query.order(names), choices.pick(["", "", " LIMIT 6"]))
    scope = [("%s.%s" % (alias, name), kind) for name, kind in shown]
    values = [column for column in scope if column[1] in ("int", "text", "bigint", "timestamp", "bool")]
    window = ""
    if first and choices.chance(60):  # equal rows have numbers in any order
        outputs = scope + [(choices.pick(["count(*) OVER ()", "rank() OVER ()"]), "bigint")]
    elif values and choices.chance(60):
        first, outputs = None, [(choices.pick(["array_agg(%s)::text", "string_agg(%s::text, ',')", "json_agg(%s)::text", "(SELECT array_agg(%s))::text"]) % sql, "text")
                               for sql, _ in choices.some(values, 1)]
        outputs.append(("count(*)", "bigint"))
    else:
        first = None
        outputs, window = numbers_of_sorted(query, scope, values)
    source = alias if is_cte else "%s %s" % (sorted_rows, alias)
    if scope and choices.chance(25):
        source = "(SELECT * FROM %s%s) %s" % (source, where(query, scope, [], 20), alias)
    source += where(query, scope, [], 20) if scope else ""
    sql = "SELECT %s%s FROM %s%s" % ("DISTINCT ON (%s.%s) " % (alias, first) if first else "",
                                     output_list(outputs), source, window)
    if values and choices.chance(20):
        sql, outputs = "SELECT ARRAY(SELECT %s FROM %s)::text AS c0" % (choices.pick(values)[0], source), [("", "text")]
    elif scope and not any(kind in kinds.AMBIGUOUS + unfit for _, kind in names) and choices.chance(20):
        sql = "SELECT * FROM (SELECT %s FROM %s LIMIT %d) %s" % (output_list(scope), source, 1 + choices.below(5), query.fresh("o"))
        outputs = scope
    return "SELECT * FROM (WITH %s AS %s %s) %s" % (alias, sorted_rows, sql, query.fresh("o")) if is_cte else sql, columns(outputs)


def distinct_on(query, depth, wanted):
    inner, names = select(query, depth - 1, wanted, plain=True)
    keys = [name for name, kind in names if kinds.groupable(kind) and kind not in kinds.UNORDERED
            and not (query.images and kind in kinds.AMBIGUOUS)]
    keys = query.choices.some(keys, 1)[:2] if keys else []
    if not keys:
        return inner, names
    rest = query.order(names)
    first = ", ".join(key + query.choices.pick(["", " DESC", " NULLS FIRST"]) for key in keys)
    alias, sets, shown = query.fresh("o"), "", names
    if not wanted and query.choices.chance(20):
        scope = [("%s.%s" % (alias, name), kind) for name, kind in names]
        sets = ", generate_series(1, least(%s, 3)) AS made" % expressions.of_kind(query, scope, "int", expressions.NEST)
        shown = names + [("made", "int")]
    if not sets and query.choices.chance(25):
        return "SELECT DISTINCT ON (%s) * FROM (SELECT * FROM (%s) %s ORDER BY %s, %s) %s" % (
            ", ".join(keys), inner, alias, ", ".join(keys), rest, query.fresh("o")), shown
    return "SELECT DISTINCT ON (%s) *%s FROM (%s) %s ORDER BY %s, %s" % (
        ", ".join(keys), sets, inner, alias, first, rest), shown


def set_operation(query, depth, wanted):
    choices, is_inner, query.is_operand = query.choices, query.is_operand, True
    left, names = select(query, depth - 1, wanted, plain=True)
    word = choices.weighted((30, "UNION ALL"), (20, "UNION"), (15, "EXCEPT"), (12, "INTERSECT"), (12, "EXCEPT ALL"),
                            (11, "INTERSECT ALL"))
    kinds_of = [kind for _, kind in names]
    is_fit = all(kind in kinds.STORED for kind in kinds_of) if word != "UNION ALL" else all(
        kind in kinds.STORED or kind == "plain_numeric" for kind in kinds_of)
    query.is_operand = is_inner
    if not is_fit or (query.images and word != "UNION ALL" and any(kind in kinds.AMBIGUOUS for kind in kinds_of)):
        return left, names
    right, _ = select(query, depth - 1, kinds_of, plain=True)  # has no keys by number
    sql = "(%s) %s (%s)" % (left, word, right)
    if choices.chance(20):
        third, _ = select(query, 0, kinds_of, plain=True)
        sql = "(%s) %s (%s)" % (sql, choices.pick(["UNION ALL", "EXCEPT ALL"]), third)
    return sql, names


def with_clause(query):
    """Returns WITH of one or two queries, which those after them may read several times."""
    parts, word = [], "WITH "
    for _ in range(1 + query.choices.below(2)):
        name = query.fresh("w")
        if query.choices.chance(25):
            found = recursion.recursive(query, name)
            if found:
                word = "WITH RECURSIVE "
                sql, names = found
                given = [column for column, _ in names if column != "is_cycle"]
                parts.append("%s(%s) AS %s" % (name, ", ".join(given), sql))
                query.relations[name] = names
                continue
        query.nesting += 1
        sql, names = select(query, 1)
        query.nesting -= 1
        parts.append("%s AS %s(%s)" % (name, query.choices.pick(["", "MATERIALIZED ", "NOT MATERIALIZED "]), sql))
        query.relations[name] = names
        for _ in range(query.choices.weighted((85, 0), (5, 2), (10, 3))):
            sql, last, name = doubled(query, name), name, query.fresh("w")
            parts.append("%s AS %s(%s)" % (name, query.choices.pick(["", "", "MATERIALIZED ", "NOT MATERIALIZED "]), sql))
            query.relations[name] = query.relations.pop(last)
    return word + ", ".join(parts) + " "


def doubled(query, name):
    """Returns a query over an entry of WITH that reads the entry twice and has no more rows: what reads its last one
    in a chain reads many relations, so the entries are copied."""
    scope = {alias: [("%s.%s" % (alias, column), kind) for column, kind in query.relations[name]] for alias in "xy"}
    if query.choices.chance(70):
        condition = expressions.condition(query, scope["x"] + scope["y"], 1)
        return "SELECT * FROM %s x WHERE %sEXISTS (SELECT FROM %s y WHERE %s)" % (name, query.choices.pick(["", "NOT "]), name, condition)
    condition = expressions.condition(query, scope["x"], 1)
    return "SELECT * FROM %s x WHERE %s UNION ALL SELECT * FROM %s x WHERE (%s) IS NOT TRUE" % (name, condition, name, condition)


def with_own_clause(query, build):
    """Returns the result of `build`, sometimes after a WITH of its own, which may be correlated."""
    if query.fuel < 2 or query.nesting > 2 or not query.choices.chance(5):
        return build()
    known = dict(query.relations)
    prefix = with_clause(query)
    sql, names = build()
    query.relations = known
    return prefix + sql, names


def top(query):
    depth = query.choices.pick([0, 1, 1, 2, 2, 3])
    if query.choices.chance(15):
        known = list(query.relations)
        prefix = with_clause(query)
        own = {name: names for name, names in query.relations.items() if name not in known}
        if query.choices.chance(70):
            query.relations = {**own, **{name: query.relations[name] for name in query.choices.some(known, 1)[:2]}}
        query.fuel = max(query.fuel, 2)
        sql, names = select(query, depth)
        return prefix + sql, names
    return select(query, depth)
