"""The places of user code inside a defining query; see places.py."""

from places import GROUPS, NUMBER, ROWS, place

OPERATOR = """
CREATE FUNCTION own.PLACE_g(a int, b int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN PERFORM canary.note('PLACE'); RETURN true; END $$;
"""


def aggregate(name, where, noted, definition, query=None):
    """Returns an aggregate, one of whose functions is a canary."""
    functions = {"s": ("a int, b int", "coalesce(a, 0) + coalesce(b, 0)"), "c": ("a int, b int", "coalesce(a, 0) + coalesce(b, 0)"),
                 "m": ("a int, b int", "coalesce(a, 0) - coalesce(b, 0)"), "e": ("a int", "a")}
    make = ""
    for letter, (arguments, result) in functions.items():
        note = "PERFORM canary.note('PLACE'); " if letter == noted else ""
        make += (f"CREATE FUNCTION own.PLACE_{letter}({arguments}) RETURNS int LANGUAGE plpgsql IMMUTABLE AS "
                 f"$$ BEGIN {note}RETURN {result}; END $$;\n")
    place(name, where, make + f"CREATE AGGREGATE own.PLACE_a(int) ({definition});", query or "SELECT g, own.PLACE_a(v) AS a FROM own.PLACE_t GROUP BY g")


# Functions.
place("immutable_of_constant", "IMMUTABLE function of a constant, which planning evaluates", query=ROWS + " WHERE own.PLACE_f(3)")
place("immutable_of_column", "IMMUTABLE function of a column", query=ROWS + " WHERE own.PLACE_f(v)")
place("immutable_in_targets", "IMMUTABLE function in the select list", query="SELECT id, own.PLACE_f(v) AS b FROM own.PLACE_t")
place("immutable_key", "IMMUTABLE function as a group's key", NUMBER,
      "SELECT own.PLACE_i(g) AS k, count(*) AS n FROM own.PLACE_t GROUP BY 1")
place("immutable_join_key", "IMMUTABLE function as a join's key", NUMBER,
      "SELECT a.id, b.v FROM own.PLACE_t a JOIN own.PLACE_t b ON own.PLACE_i(a.id) = own.PLACE_i(b.id)")
place("immutable_in_having", "IMMUTABLE function in HAVING", query=GROUPS + " GROUP BY g HAVING own.PLACE_f(count(*)::int)")
place("immutable_in_limit", "IMMUTABLE function in ORDER BY with LIMIT", query=ROWS + " ORDER BY own.PLACE_f(v), id LIMIT 2")
place("immutable_in_window", "IMMUTABLE function in a window", NUMBER,
      "SELECT id, rank() OVER (PARTITION BY own.PLACE_i(g) ORDER BY own.PLACE_i(v)) AS r FROM own.PLACE_t")
place("stable_function", "STABLE function", "ALTER FUNCTION own.PLACE_f(int) STABLE;", ROWS + " WHERE own.PLACE_f(v)", mode="FULL")
place("volatile_function", "VOLATILE function", "ALTER FUNCTION own.PLACE_f(int) VOLATILE;", ROWS + " WHERE own.PLACE_f(v)", mode="FULL")
place("sql_function", "SQL function, which planning inlines",
      "CREATE FUNCTION own.PLACE_g(v int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT own.PLACE_f(v)';", ROWS + " WHERE own.PLACE_g(v)")
place("atomic_function", "SQL function with a parsed body",
      "CREATE FUNCTION own.PLACE_g(v int) RETURNS bool LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT own.PLACE_f(v); END;",
      ROWS + " WHERE own.PLACE_g(v)")
place("default_argument", "default of a function's argument",
      "CREATE FUNCTION own.PLACE_g(v int, b bool DEFAULT own.PLACE_f(1)) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT b';",
      ROWS + " WHERE own.PLACE_g(v)")
place("function_in_from", "set-returning function in FROM",
      "CREATE FUNCTION own.PLACE_g() RETURNS SETOF int LANGUAGE plpgsql IMMUTABLE AS "
      "$$ BEGIN PERFORM canary.note('PLACE'); RETURN NEXT 1; END $$;", "SELECT t.id, x FROM own.PLACE_t t, own.PLACE_g() x")
place("lateral_function", "set-returning function in LATERAL",
      "CREATE FUNCTION own.PLACE_g(v int) RETURNS SETOF int LANGUAGE plpgsql IMMUTABLE AS "
      "$$ BEGIN PERFORM canary.note('PLACE'); RETURN NEXT v; END $$;", "SELECT t.id, x FROM own.PLACE_t t, LATERAL own.PLACE_g(t.v) x")
place("function_in_values", "function in VALUES", NUMBER,
      "SELECT t.id, x.a FROM own.PLACE_t t JOIN (VALUES (own.PLACE_i(1)), (2)) x (a) ON x.a = t.id")
place("function_in_subquery", "function in a subquery",
      query=ROWS + " t WHERE v >= (SELECT min(u.v) FROM own.PLACE_t u WHERE u.g = t.g AND own.PLACE_f(u.v))")
place("function_with_path", "function with a search_path of its own", "ALTER FUNCTION own.PLACE_f(int) SET search_path = own, pg_temp;",
      ROWS + " WHERE own.PLACE_f(v)")

# Views.
VIEW = "AS SELECT id, g, v FROM own.PLACE_t WHERE own.PLACE_f(v);"
place("plain_view", "view", f"CREATE VIEW own.PLACE_w {VIEW}", "SELECT id, v FROM own.PLACE_w")
place("barrier_view", "view with security_barrier", f"CREATE VIEW own.PLACE_w WITH (security_barrier) {VIEW}", "SELECT id, v FROM own.PLACE_w")
place("invoker_view", "view with security_invoker", f"CREATE VIEW own.PLACE_w WITH (security_invoker) {VIEW}", "SELECT id, v FROM own.PLACE_w")
place("materialized_view", "materialized view as a source", f"CREATE MATERIALIZED VIEW own.PLACE_w {VIEW}", "SELECT id, v FROM own.PLACE_w")

# Operators and casts.
place("operator", "operator", OPERATOR + "CREATE OPERATOR own.<##> (leftarg = int, rightarg = int, procedure = own.PLACE_g);",
      ROWS + " WHERE v OPERATOR(own.<##>) 3")
place("operator_selectivity", "operator whose selectivity function calls it",
      OPERATOR + "CREATE OPERATOR own.<#&> (leftarg = int, rightarg = int, procedure = own.PLACE_g, restrict = scalarltsel); "
      "ANALYZE own.PLACE_t;", ROWS + " WHERE v OPERATOR(own.<#&>) 3")
place("operator_join_selectivity", "operator with a selectivity function for joins",
      OPERATOR + "CREATE OPERATOR own.<#|> (leftarg = int, rightarg = int, procedure = own.PLACE_g, join = eqjoinsel); ANALYZE own.PLACE_t;",
      "SELECT a.id, b.v FROM own.PLACE_t a JOIN own.PLACE_t b ON a.v OPERATOR(own.<#|>) b.v AND a.id = b.id")
CAST = ("CREATE TYPE own.PLACE_c AS (a int); CREATE FUNCTION own.PLACE_g(v int) RETURNS own.PLACE_c LANGUAGE plpgsql IMMUTABLE AS "
        "$$ BEGIN PERFORM canary.note('PLACE'); RETURN ROW(v); END $$; CREATE CAST (int AS own.PLACE_c) WITH FUNCTION own.PLACE_g(int)")
place("cast", "cast by a function", CAST + ";", "SELECT id, v::own.PLACE_c AS c FROM own.PLACE_t")
place("implicit_cast", "implicit cast by a function", CAST + " AS IMPLICIT; CREATE FUNCTION own.PLACE_k(c own.PLACE_c) RETURNS int "
      "LANGUAGE sql IMMUTABLE AS 'SELECT (c).a';", "SELECT id, own.PLACE_k(v) AS c FROM own.PLACE_t")

# Aggregates.
aggregate("aggregate_transition", "transition function of an aggregate", "s", "sfunc = own.PLACE_s, stype = int")
aggregate("aggregate_final", "final function of an aggregate", "e", "sfunc = own.PLACE_s, stype = int, finalfunc = own.PLACE_e")
aggregate("aggregate_combine", "combine function of an aggregate", "c",
          "sfunc = own.PLACE_s, stype = int, combinefunc = own.PLACE_c, parallel = safe")
aggregate("aggregate_inverse", "inverse transition function of an aggregate", "m",
          "sfunc = own.PLACE_s, stype = int, msfunc = own.PLACE_s, minvfunc = own.PLACE_m, mstype = int",
          "SELECT id, own.PLACE_a(v) OVER (ORDER BY id ROWS 1 PRECEDING) AS a FROM own.PLACE_t")
aggregate("aggregate_in_window", "aggregate as a window function", "s",
          "sfunc = own.PLACE_s, stype = int, msfunc = own.PLACE_s, minvfunc = own.PLACE_m, mstype = int",
          "SELECT id, own.PLACE_a(v) OVER (ORDER BY id ROWS 1 PRECEDING) AS a FROM own.PLACE_t")
place("aggregate_initial_value", "initial value of an aggregate: text of an array of a domain",
      "CREATE DOMAIN own.PLACE_d AS int CHECK (own.PLACE_f(VALUE)); CREATE FUNCTION own.PLACE_s(a own.PLACE_d[], b int) RETURNS own.PLACE_d[] "
      "LANGUAGE sql IMMUTABLE AS 'SELECT a'; CREATE AGGREGATE own.PLACE_a(int) (sfunc = own.PLACE_s, stype = own.PLACE_d[], initcond = '{1}');",
      "SELECT g, own.PLACE_a(v)::int[] AS a FROM own.PLACE_t GROUP BY g")
