"""WITH RECURSIVE that terminates: closures under UNION, and depths or counters with a limit."""


def recursive(query, name):
    """Returns (sql, columns) of the recursive query called `name`, or None if no relation has two integer
    columns. The SQL may end in the clauses SEARCH and CYCLE, which follow its parenthesis."""
    choices = query.choices
    edges = [(relation, [column for column, kind in columns if kind == "int"]) for relation, columns in query.relations.items()]
    edges = [(relation, columns) for relation, columns in edges if len(columns) > 1]
    form = choices.weighted((38, "closure"), (18, "depth"), (14, "paths"), (12, "reached"), (8, "counter"), (10, "marked"))
    if form == "counter":
        return "(SELECT 1 UNION ALL SELECT n + 1 FROM %s WHERE n < %d)" % (name, 2 + choices.below(5)), [("n", "int")]
    if not edges:
        return None
    relation, columns = choices.pick(edges)
    start, end = choices.some(columns, 2)[:2]
    query.fuel -= 2
    seed = "WHERE e.%s %s %d" % (start, choices.pick(["=", "<", "<>"]), choices.below(4)) if choices.chance(50) else ""
    stop = " AND e.%s <> %d" % (end, choices.below(4)) if choices.chance(30) else ""
    if form == "marked":
        sql = "(SELECT e.%s, e.%s, 1 FROM %s e %s UNION ALL SELECT e.%s, e.%s, w.depth + 1 FROM %s e, %s w WHERE e.%s = w.b AND w.depth < 3%s)" % (
            start, end, relation, seed, start, end, relation, name, start, stop)
        if choices.chance(30):
            return sql + " SEARCH %s FIRST BY %s SET place" % (choices.pick(["DEPTH", "BREADTH"]), choices.pick(["a", "b, a"])), [
                ("a", "int"), ("b", "int"), ("depth", "int")]
        return sql + " CYCLE %s SET is_cycle USING way" % choices.pick(["a", "a, b", "b"]), [
            ("a", "int"), ("b", "int"), ("depth", "int"), ("is_cycle", "bool")]
    if form == "closure":
        return ("(SELECT e.%s, e.%s FROM %s e %s UNION SELECT w.a, e.%s FROM %s w JOIN %s e ON e.%s = w.b%s)" % (
            start, end, relation, seed, end, name, relation, start, stop), [("a", "int"), ("b", "int")])
    if form == "reached":
        return ("(SELECT e.%s FROM %s e %s UNION SELECT e.%s FROM %s e, %s w WHERE e.%s = w.a%s)" % (
            start, relation, seed, end, relation, name, start, stop), [("a", "int")])
    union, limit = ("UNION", 4) if form == "depth" else ("UNION ALL", 2)
    return ("(SELECT e.%s, 1 FROM %s e %s %s SELECT e.%s, w.depth + 1 FROM %s w, %s e WHERE e.%s = w.a AND w.depth < %d%s)" % (
        end, relation, seed, union, end, name, relation, start, limit, stop), [("a", "int"), ("depth", "int")])
