"""Random places: user code of several kinds in one defining query, on a source and a stream table with
further user code."""

from places import DOMAIN, LITERAL, NUMBER, TRIGGER, Place

TYPES = DOMAIN + NUMBER + """
CREATE TYPE own.PLACE_c AS (a own.PLACE_d, b text);
CREATE TYPE own.PLACE_r AS RANGE (subtype = own.PLACE_d, multirange_type_name = own.PLACE_m);
CREATE FUNCTION own.PLACE_s(a int, b int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN PERFORM canary.note('PLACE'); RETURN coalesce(a, 0) + coalesce(b, 0); END $$;
CREATE AGGREGATE own.PLACE_a(int) (sfunc = own.PLACE_s, stype = int);
CREATE FUNCTION own.PLACE_q(v int, b bool DEFAULT own.PLACE_f(1)) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT b AND own.PLACE_f(v)';
CREATE FUNCTION own.PLACE_l(v int) RETURNS SETOF int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM canary.note('PLACE'); RETURN NEXT v; END $$;
"""
# Conditions on an integer x.
CONDITIONS = (
    "own.PLACE_f(x)", "own.PLACE_f(3)", f"x = ANY ({LITERAL})", "x >= (('(1,x)'::own.PLACE_c).a)::int", "x >= lower('[1,5]'::own.PLACE_r)::int",
    "x >= lower('{[1,5]}'::own.PLACE_m)::int", "x OPERATOR(own.<##>) 3", "own.PLACE_i(x) > 0", "(x)::own.PLACE_d IS NOT NULL", "own.PLACE_q(x)",
    f"CASE WHEN x > 0 THEN x = ANY ({LITERAL}) ELSE own.PLACE_f(x) END", "x IN (SELECT u.v FROM own.PLACE_t u WHERE own.PLACE_f(u.v))",
    f"x <= (SELECT max(u.v) + ({LITERAL})[1] FROM own.PLACE_t u)", "x IS DISTINCT FROM own.PLACE_i(-1)",
)
# Queries with the columns id and v on FROM, a table with id, g and v; C(x) is a condition.
SHAPES = (
    "SELECT id, g, v FROM FROM t WHERE C(v)", "SELECT id, C(v) AS b, own.PLACE_i(v) AS v, g FROM FROM t",
    "SELECT g AS id, g, count(*) FILTER (WHERE C(v)) AS n, sum(v) AS v FROM FROM t GROUP BY g HAVING C(count(*)::int)",
    "SELECT own.PLACE_i(g) AS id, max(g) AS g, own.PLACE_a(v) AS v FROM FROM t GROUP BY 1",
    "SELECT a.id, b.g, b.v FROM FROM a JOIN own.PLACE_t b ON a.id = b.id AND C(b.v)",
    "SELECT a.id, b.g, b.v FROM FROM a LEFT JOIN own.PLACE_t b ON own.PLACE_i(a.id) = b.id AND C(b.v)",
    "SELECT id, g, v FROM FROM t ORDER BY C(v), id LIMIT 2", "SELECT DISTINCT g AS id, g, C(g) AS b, 1 AS v FROM FROM t",
    "SELECT id, g, sum(v) OVER (PARTITION BY C(g) ORDER BY own.PLACE_i(id)) AS v FROM FROM t",
    "SELECT id, g, v FROM FROM t WHERE C(v) UNION ALL SELECT id, g, v FROM own.PLACE_t WHERE C(g)",
    "SELECT id, g, v FROM FROM t WHERE C(v) EXCEPT SELECT id, g, v FROM own.PLACE_t u WHERE C(id)",
    "SELECT id, g, v FROM FROM t WHERE EXISTS (SELECT FROM own.PLACE_t u WHERE u.g = t.g AND C(u.v))",
    "SELECT t.id, t.g, x AS v FROM FROM t, LATERAL own.PLACE_l(t.v) x WHERE C(x)",
    "SELECT t.id, t.g, x.a AS v FROM FROM t JOIN (VALUES (own.PLACE_i(1)), (2)) x (a) ON x.a = t.id AND C(t.v)",
    "WITH c AS (SELECT id, g, v FROM FROM t WHERE C(v)) SELECT c.id, d.g, d.v FROM c JOIN c d ON c.id = d.id",
)
SOURCES = (
    "", "", "ALTER TABLE own.PLACE_t ADD CHECK (own.PLACE_f(v));", "ALTER TABLE own.PLACE_t ALTER v SET DEFAULT own.PLACE_i(1);",
    "CREATE INDEX ON own.PLACE_t (own.PLACE_i(v));", "CREATE INDEX ON own.PLACE_t (v) WHERE own.PLACE_f(v);",
    "ALTER TABLE own.PLACE_t ALTER v TYPE own.PLACE_d;",
    "CREATE STATISTICS own.PLACE_x ON g, (own.PLACE_i(v)) FROM own.PLACE_t; ANALYZE own.PLACE_t;",
    "CREATE POLICY p ON own.PLACE_t USING (own.PLACE_f(v)); ALTER TABLE own.PLACE_t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;",
    TRIGGER + "CREATE TRIGGER t AFTER INSERT OR UPDATE ON own.PLACE_t FOR EACH ROW EXECUTE FUNCTION own.PLACE_g();",
    "CREATE RULE r AS ON UPDATE TO own.PLACE_t DO ALSO SELECT own.PLACE_f(1);",
    "ALTER TABLE own.PLACE_t ADD z int GENERATED ALWAYS AS (own.PLACE_i(v)) STORED;",
)
VIEWS = ("", "", "WITH (security_barrier)", "WITH (security_invoker)", "MATERIALIZED")
AFTER = ("", "", "CREATE INDEX ON own.PLACE (own.PLACE_i(id::int))", "CREATE INDEX ON own.PLACE (id) WHERE own.PLACE_f(v::int)",
         f"CREATE INDEX ON own.PLACE ((id = ANY ({LITERAL})))", "CREATE STATISTICS own.PLACE_y ON (own.PLACE_i(v::int)), id FROM own.PLACE")
MODES = ("AUTO", "AUTO", "DIFFERENTIAL", "FULL")


def condition(random, argument):
    """Returns one condition, or two of them."""
    text = random.choice(CONDITIONS)
    if random.random() < 0.3:
        text = f"({text} {random.choice(('AND', 'OR'))} {random.choice(CONDITIONS)})"
    return _with_argument(text, argument)


def _with_argument(text, argument):
    """Returns the condition on that argument instead of x, which is a separate word."""
    result, word = "", ""
    for letter in text + " ":
        if letter.isalnum() or letter in "_'":
            word += letter
            continue
        result += (argument if word == "x" else word) + letter
        word = ""
    return result[:-1].replace("'(1," + argument + ")'", "'(1,x)'")


def query_on(random, relation):
    text = random.choice(SHAPES).replace("FROM FROM", "FROM " + relation)
    while "C(" in text:
        begin = text.index("C(")
        end, depth = begin + 2, 1
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        text = text[:begin] + "(" + condition(random, text[begin + 2:end - 1]) + ")" + text[end:]
    return text


def random_place(random, name):
    make = TYPES + random.choice(SOURCES)
    relation = "own.PLACE_t"
    if random.random() < 0.4:
        options = random.choice(VIEWS)
        inner = query_on(random, relation)
        make += (f"\nCREATE MATERIALIZED VIEW own.PLACE_w AS {inner};" if options == "MATERIALIZED" else f"\nCREATE VIEW own.PLACE_w {options} AS {inner};")
        relation = "own.PLACE_w"
    return Place(name, "random", make, query_on(random, relation), random.choice(AFTER), frozenset({"write", "ddl"}), random.choice(MODES))
