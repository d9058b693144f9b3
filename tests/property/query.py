"""A random query and the state that its parts share during construction.

Every query has one answer as a multiset: where an order decides, rows are ordered by all columns that
distinguish them, no volatile function is called, and no value is computed from the images of equal values
that look different.
"""
import kinds
import selects


class Query:
    """`relations` maps names to lists of (column, kind). `fuel` bounds the number of relations read."""

    def __init__(self, choices, relations, may_mix_times=True):
        self.choices, self.relations = choices, dict(relations)
        self.may_mix_times = may_mix_times
        self.names, self.nesting, self.outer = 0, 0, []
        self.outside = []  # columns of FROM items that a join beside them may read by LATERAL
        self.correlation = 35
        self.positional = None  # partition and order of the windows in which the position of a row decides
        self.fuel = choices.pick([1, 2, 2, 3, 3, 4, 5, 6])
        self.images = choices.chance(30)
        self.is_operand = False  # of a set operation
        self.may_fail = False  # the query fails for some values

    def may_compare(self, kind, coarser):
        """Whether the kinds differ, and a column of the one is compared with one of the other. A clock change makes two local
        times equal to one instant. PostgreSQL concludes from two such equalities that the local times are equal to each other, or
        does not, as it plans each statement: so a query has one of them."""
        return kinds.COARSER.get(kind) == coarser and (self.may_mix_times or kind != "instant")

    def compared(self, kind, other):
        """Notes that columns of these kinds are compared."""
        if {kind, other} == {"instant", "timestamp"}:
            self.may_mix_times = False

    def fresh(self, prefix):
        self.names += 1
        return "%s%d" % (prefix, self.names)

    def may_nest(self):
        return self.fuel > 0 and self.nesting < 3

    def grouped(self, sql, kind):
        """Returns an expression for GROUP BY: unchanged, or made plain where images matter."""
        if not kinds.groupable(kind) or (self.images and kind in kinds.AMBIGUOUS):
            return kinds.plain(sql, kind)
        return sql, kind

    def order(self, columns, total=True):
        """Returns ORDER BY over all columns, which distinguishes all rows that differ; or over some of them."""
        terms = []
        for sql, kind in self.choices.some(columns, len(columns) if total else 1):
            direction = self.choices.pick(["", " DESC", " NULLS FIRST", " DESC NULLS LAST"])
            if kind not in kinds.NOT_COMPARED:
                terms.append(kinds.sorted_as(sql, kind) + direction)
            if total and (kind in kinds.NOT_COMPARED or (self.images and kind in kinds.AMBIGUOUS)):
                terms.append(kinds.compared(sql, kind, True) + direction)
        return ", ".join(terms)

    def relation(self):
        """Returns one of the relations by name, and its columns as seen through a new alias."""
        self.fuel -= 1
        name = self.choices.pick(list(self.relations))
        alias = self.fresh("x")
        return "%s %s" % (name, alias), [("%s.%s" % (alias, column), kind) for column, kind in self.relations[name]]


class Built:
    """A query, its columns (name, kind), and whether it is compared by images."""

    def __init__(self, choices, relations, may_mix_times=True):
        query = Query(choices, relations, may_mix_times)
        self.sql, self.columns = selects.top(query)
        self.images, self.may_fail = query.images, query.may_fail
