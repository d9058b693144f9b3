"""Kinds of values: the types of columns, and the operations on them that keep a single correct answer.

Values are few, so that groups merge, joins match and rows repeat; NULLs, NaN, infinities, -0, and values that
are equal but look different (1.0 and 1.00, 'x' and 'X' of citext, '1 day' and '24 hours') occur on purpose.

A kind is *ambiguous* if equal values may look different: which of them a DISTINCT or GROUP BY shows is not
determined, so such columns are compared by their type's equality, and no value is computed from their images.
A query about images (`images`) instead makes ambiguous values plain before it groups by them.
"""

SQL_TYPE = {
    "int": "int", "bigint": "bigint", "numeric": "numeric", "money2": "numeric(8,2)", "float8": "float8",
    "inexact": "float8", "text": "text", "bool": "bool", "timestamp": "timestamp", "interval": "interval",
    "ints": "int[]", "jsonb": "jsonb", "json": "json", "mood": "mood", "range": "int4range", "ci": "citext",
    "icu": "icu_text", "bytea": "bytea", "pair": "pair", "small": "small", "bits": "bit(4)", "date": "date",
    "multirange": "int4multirange", "texts": "text[]", "nums": "numeric[]", "loose": "loose", "vector": "tsvector",
    "spot": "point", "instant": "timestamptz", "feeling": "feeling", "domain_ints": "domain_ints",
    "domain_range": "domain_range", "xid": "xid", "hashed": "hashed",
}
TYPES_DDL = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE COLLATION without_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN icu_text AS text COLLATE without_case;
CREATE DOMAIN small AS int CHECK (VALUE < 100000);
CREATE DOMAIN feeling AS mood;
CREATE DOMAIN domain_ints AS int[];
CREATE DOMAIN domain_range AS int4range;
CREATE TYPE hashed;
CREATE FUNCTION hashed_in(cstring) RETURNS hashed IMMUTABLE STRICT LANGUAGE internal AS 'int4in';
CREATE FUNCTION hashed_out(hashed) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'int4out';
CREATE TYPE hashed (input = hashed_in, output = hashed_out, like = int4);
CREATE FUNCTION hashed_eq(hashed, hashed) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'int4eq';
CREATE FUNCTION hashed_hash(hashed) RETURNS int IMMUTABLE STRICT LANGUAGE internal AS 'hashint4';
CREATE FUNCTION hashed_ne(hashed, hashed) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'int4ne';
CREATE OPERATOR = (FUNCTION = hashed_eq, LEFTARG = hashed, RIGHTARG = hashed, COMMUTATOR = =, HASHES);
CREATE OPERATOR <> (FUNCTION = hashed_ne, LEFTARG = hashed, RIGHTARG = hashed, COMMUTATOR = <>, NEGATOR = =);
CREATE OPERATOR CLASS hashed_ops DEFAULT FOR TYPE hashed USING hash AS OPERATOR 1 =, FUNCTION 1 hashed_hash(hashed);
CREATE TYPE pair AS (x int, y text);
CREATE TYPE loose AS (x numeric, y citext);
CREATE FUNCTION is_near(int, int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT abs($1 - $2) < 2';
CREATE FUNCTION is_not_six(int) RETURNS bool IMMUTABLE COST 0.0001 LANGUAGE plpgsql AS 'BEGIN RETURN 1 / ($1 - 6) IS NOT NULL; END';
CREATE FUNCTION tripled(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN coalesce($1, 5) * 3 % 8; END';
CREATE OPERATOR === (FUNCTION = is_near, LEFTARG = int, RIGHTARG = int, COMMUTATOR = ===);
CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int, initcond = '0');
"""
INTEGERS = ("int", "bigint", "small")
NUMBERS = ("int", "bigint", "small", "numeric", "money2", "float8")
AMBIGUOUS = ("numeric", "float8", "interval", "ci", "icu", "nums", "loose")
NOT_COMPARED = ("inexact", "json", "spot")  # no equality, or an unreliable one
STORED = ("int", "bigint", "numeric", "money2", "float8", "text", "bool", "timestamp", "interval", "ints", "jsonb",
          "mood", "range", "ci", "icu", "pair", "small", "bits", "date", "nums", "loose", "vector", "instant",
          "feeling", "domain_ints", "domain_range", "xid", "hashed")
UNORDERED = ("xid", "hashed")  # compared and hashed; sorted as texts
# Kinds that are grouped and sorted by operators which are written with the base type only.
COMPARED_AS = {"feeling": "mood"}
# Kinds that are compared with another one. Several values of the other one may be equal to one value.
COARSER = {"icu": "text", "instant": "timestamp", "timestamp": "date"}
# Changes of a value after which it is equal to the same values of another kind; summer time begins on that day.
SAME_IN_OTHERS = {
    "text": "translate({0}, 'xyzXYZ', 'XYZxyz')", "icu": "translate({0}, 'xyXY', 'XYxy')", "ci": "translate({0}::text, 'xyXY', 'XYxy')",
    "timestamp": "CASE {0} WHEN '2024-03-31 02:30' THEN '2024-03-31 03:30' WHEN '2024-03-31 03:30' THEN '2024-03-31 02:30' ELSE {0} END",
}
# Kinds of columns, the frequent ones more often.
COLUMN_KINDS = ("int", "int", "int", "int", "text", "text", "numeric", "numeric", "bigint", "money2", "float8", "bool",
                "timestamp", "date", "ints", "jsonb", "mood", "range", "ci", "interval", "icu", "pair", "small", "bits",
                "nums", "loose", "vector", "spot", "json", "instant", "instant", "icu", "icu", "feeling", "feeling",
                "domain_ints", "domain_range", "xid", "hashed")
LITERALS = {
    "text": ["'x'", "'y'", "''", "'zz'", "'ä'''", "repeat('y', 3000)"],  # the last one is compressed in a table
    "instant": ["'2024-03-31 01:30+00'", "'2024-03-31 01:15+00'", "'2024-01-02 23:00+00'"],
    "ci": ["'x'", "'X'", "'y'", "'yY'"],
    "icu": ["'x'", "'X'", "'y'", "'yY'"],
    "money2": ["0.00", "1.25", "-3.10", "99.99"],
    "float8": ["0", "1.5", "-2.25", "'-0'", "1", "1.5", "2", "'NaN'", "'Infinity'"],
    "interval": ["'1 day'", "'24 hours'", "'2 hours'", "'1 mon'", "'30 days'"],
    "ints": ["'{}'", "'{1,2}'", "'{1,2}'", "'{2,NULL}'", "'{3}'"],
    "jsonb": ["'{}'", "'{\"k\": 1}'", "'{\"k\": 1, \"l\": [1, 2]}'", "'[1, 2, 2]'", "'\"x\"'"],
    "mood": ["'sad'", "'ok'", "'happy'"],
    "range": ["'empty'", "'[1,3)'", "'[2,5)'", "'[2,)'"],
    "bool": ["true", "false"],
    "pair": ["'(1,x)'", "'(2,y)'", "'(1,)'"],
    "bits": ["B'0000'", "B'0101'", "B'1101'"],
    "nums": ["'{}'", "'{1,2}'", "'{1.0,2}'", "'{1,2.00}'", "'{NULL,3}'", "'{NaN}'", "'{{{{{{1}}}}}}'"],
    "loose": ["'(1,x)'", "'(1.0,X)'", "'(1.00,x)'", "'(,y)'", "'(2,)'"],
    "vector": ["'x y'", "'x'", "'y:1,3 zz:2'", "''"],
    "spot": ["'(1,2)'", "'(1,2)'", "'(0,-1)'"],
    "json": ["'{}'", "'{\"k\": 1}'", "'{\"k\":1}'", "'[1, 2, 2]'"],
    "xid": ["'1'", "'2'", "'3'"],
    "hashed": ["'1'", "'2'", "'3'"],
}
LITERALS.update(feeling=LITERALS["mood"], domain_ints=LITERALS["ints"], domain_range=LITERALS["range"])
TYPE_OF_LITERAL = {"money2": "numeric", "small": "small", "bits": "bit(4)"}


def literal(choices, kind, nulls=12):
    """Returns a value as it is written in an INSERT."""
    if choices.chance(nulls):
        return "NULL"
    if kind in INTEGERS:
        return choices.pick(["1", "2", "3", "0", "-1", "4", "5", "1", "2"])
    if kind == "numeric":
        if choices.chance(6):
            return choices.pick(["'NaN'", "'Infinity'", "100", "'-Infinity'"])
        return choices.pick(["1", "1.0", "1.00", "0", "-2.5", "7.125", "2", "2.000"])
    if kind == "timestamp" and choices.chance(25):
        return "'2024-03-31 02:30'"
    if kind in ("timestamp", "date"):
        return "'2024-01-0%d%s'" % (1 + choices.below(5), choices.pick(["", " 12:00"]) if kind == "timestamp" else "")
    if kind == "float8":
        return choices.pick(LITERALS[kind] if choices.chance(15) else LITERALS[kind][:7])
    return choices.pick(LITERALS[kind])


def constant(choices, kind, nulls=5):
    """Returns a value as it is written in a query."""
    value = literal(choices, kind, nulls) if kind in LITERALS or kind in STORED else "NULL"
    if kind == "int" and value != "NULL":
        return value
    return "%s::%s" % (value if value[:1] != "-" else "(%s)" % value, SQL_TYPE[kind])


def plain(sql, kind):
    """Returns the value in a form in which equal values look the same, and its kind."""
    if kind == "numeric":
        return "trim_scale(%s)" % sql, "plain_numeric"
    if kind == "float8":
        return "(%s + 0.0)::text" % sql, "text"
    if kind == "nums":
        return "(%s)::float8[]::text" % sql, "text"
    if kind == "loose":
        return "trim_scale((%s).x)" % sql, "plain_numeric"
    if kind in ("ci", "icu"):
        return "lower(%s::text COLLATE \"default\")" % sql, "text"
    if kind in NOT_COMPARED or kind == "interval":
        return "(%s IS NULL)" % sql, "bool"
    return sql, kind


SQL_TYPE["plain_numeric"] = "numeric"


def operand(sql, kind):
    """Returns the value as an operand of a comparison."""
    return "(%s)::%s" % (sql, COMPARED_AS[kind]) if kind in COMPARED_AS else sql


def sorted_as(sql, kind):
    """Returns the value in a form that has an order."""
    return "(%s)::text" % sql if kind in UNORDERED else sql


def groupable(kind):
    return kind not in NOT_COMPARED


def compared(column, kind, images):
    """Returns the column as the comparison with the defining query shows it, or an order over all columns
    shown. Float sums in another order differ in the last bits; equal values of an ambiguous kind may look
    different."""
    if kind == "inexact":
        return "round((%s)::numeric, 4)" % column
    if kind in NOT_COMPARED + UNORDERED or images:
        return "(%s)::text" % column
    return column
