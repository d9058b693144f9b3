"""Named cases: a role sees no data that a plain view would not show it."""

import os
import subprocess

import psycopg2
from marks import FAILING, SALARIES, SALARY_VIEWS, TOWNS, demand_none
from roles import role_of, text_of

STORAGE_COLUMNS = """SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace = 'pg_trickle_storage'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
  GROUP BY 1"""
TELL = """CREATE FUNCTION own.tell(text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RAISE NOTICE 'seen: %', $1; RETURN 0; END $$"""
PEEK = """CREATE FUNCTION pg_temp.peek(a text, b text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RAISE NOTICE 'seen: %', a; RETURN false; END $$;
CREATE OPERATOR pg_temp.<<<< (leftarg = text, rightarg = text, procedure = pg_temp.peek, restrict = scalarltsel)"""


class Secrets:
    def __init__(self, arena):
        self.arena, self.made = arena, set()

    def cases(self):
        return [getattr(self, name) for name in vars(Secrets) if not name.startswith("_") and name != "cases"]

    def _once(self, *kinds_and_texts):
        for kind, text in kinds_and_texts:
            if text not in self.made:
                self.made.add(text)
                self.arena.run(kind, text)

    def _over_views(self):
        """Creates stream tables of the owner over the keeper's views."""
        self._once(("keeper", SALARIES), *(
            ("owner", f"CREATE FOREIGN TABLE own.of_{name} () SERVER pgtrickle OPTIONS (query 'SELECT * FROM keep.{name}', schedule '1s'); "
                      f"ANALYZE own.of_{name}") for name in SALARY_VIEWS))

    # 4: alerts.
    def alert_quotes_no_data(self):
        self._once(("owner", FAILING))
        listener = self.arena.fresh_session("unprivileged")
        listener.run("LISTEN pg_trickle_alert")
        self.arena.refreshed_by_manager("own.numbers", "INSERT INTO own.texts VALUES (4, 'SECRET_4')")
        self.arena.wait_until(lambda: listener.listen() or "refresh_failed" in "\n".join(listener.heard), "the alert")
        self.arena.db.run("DELETE FROM own.texts WHERE id = 4")
        demand_none(listener.text(), "an alert")
        listener.close()

    # 5: columns that a view hides.
    def owner_sees_no_hidden_column_in_pg_stats(self):
        self._over_views()
        self.arena.session("owner").text()
        self.arena.run("owner", "SELECT * FROM pg_stats", "SELECT * FROM pg_stats_ext", "SELECT * FROM pg_stats_ext_exprs")
        demand_none(self.arena.session("owner").text(), "pg_stats", "owner")

    def index_on_hidden_columns_is_refused(self):
        self._over_views()
        self._once(("owner", TELL))
        owner = self.arena.session("owner")
        owner.text()
        made = []
        for name in SALARY_VIEWS:
            declared = {row[0] for row in owner.run(f"SELECT attname FROM pg_attribute WHERE attrelid = 'own.of_{name}'::regclass")}
            for (column,) in self.arena.db.run(STORAGE_COLUMNS):
                if column not in declared:
                    for target in (f'("{column}")', f'((own.tell("{column}"::text)))', f'(own.tell(\'x\')) WHERE "{column}" IS NOT NULL'):
                        if owner.attempt(f"CREATE INDEX ON own.of_{name} {target}") is None:
                            made.append(f"of_{name} {target}")
        demand_none(owner.text(), "CREATE INDEX", "owner")
        assert not made, f"indexes on hidden columns: {made}"

    def index_evaluates_nothing_over_hidden_groups(self):
        self._once(("owner", TOWNS), ("owner", TELL))
        self.arena.session("owner").text()
        self.arena.attempt("owner", "CREATE INDEX ON own.big_towns (own.tell(town))")
        demand_none(self.arena.session("owner").text(), "CREATE INDEX")

    # 6: groups that HAVING hides.
    def leaky_operator_sees_no_hidden_groups(self):
        self._once(("owner", TOWNS))
        reader = self.arena.fresh_session("reader")
        reader.run(PEEK)
        for statement in ("SELECT * FROM own.big_towns WHERE town OPERATOR(pg_temp.<<<<) 'x'",
                          "SELECT a.n FROM own.big_towns a JOIN own.big_towns b USING (town) WHERE a.town OPERATOR(pg_temp.<<<<) 'x'"):
            reader.run("EXPLAIN " + statement)
            reader.run(statement)
        demand_none(reader.text(), "a leaky operator")
        reader.close()

    def explain_analyze_shows_no_number_of_hidden_groups(self):
        self._once(("owner", TOWNS))
        plan = str(self.arena.run("reader", "EXPLAIN (ANALYZE, TIMING off) SELECT * FROM own.big_towns"))
        assert "Rows Removed" not in plan, plan

    # 9: settings of the session.
    def storage_ignores_default_tablespace_and_access_method(self):
        db = self.arena.db
        db.run("SET allow_in_place_tablespaces = on")
        db.run("CREATE TABLESPACE canary_space LOCATION ''")
        db.run("CREATE ACCESS METHOD canary_method TYPE TABLE HANDLER heap_tableam_handler")
        try:
            for number, setting in enumerate(("default_tablespace = canary_space", "default_table_access_method = canary_method")):
                owner = self.arena.fresh_session("owner")
                owner.run(f"CREATE TABLE own.placed_t{number} (id int PRIMARY KEY, g int)")
                owner.run("SET " + setting)
                owner.attempt(f"CREATE FOREIGN TABLE own.placed_{number} () SERVER pgtrickle "
                              f"OPTIONS (query 'SELECT g, count(*) FROM own.placed_t{number} GROUP BY g', schedule '520w')")
                owner.attempt(f"CREATE INDEX ON own.placed_{number} (count)")
                owner.close()
            found = db.run("SELECT c.relname FROM pg_class c LEFT JOIN pg_am a ON a.oid = c.relam "
                           "WHERE c.reltablespace = (SELECT oid FROM pg_tablespace WHERE spcname = 'canary_space') OR a.amname = 'canary_method'")
        finally:
            db.run("DROP FOREIGN TABLE IF EXISTS own.placed_0, own.placed_1")
            db.run("DROP TABLE IF EXISTS own.placed_t0, own.placed_t1")
            db.run("DROP ACCESS METHOD canary_method CASCADE")
            db.run("DROP TABLESPACE canary_space")
        assert not found, f"{found} obey the session's settings"

    # 10: errors of others.
    def own_refresh_shows_no_error_of_other_owners(self):
        self._once(("owner", FAILING), ("creator", "CREATE FOREIGN TABLE cre.over () SERVER pgtrickle "
                                                   "OPTIONS (query 'SELECT id, n FROM own.numbers', schedule '520w')"))
        self.arena.run("owner", "INSERT INTO own.texts VALUES (10, 'SECRET_10')")
        creator = self.arena.fresh_session("creator")
        # A role that may lock the source refreshes the other owner's in its own transactions.
        for privilege in "SELECT (id)", "UPDATE":
            self.arena.run("owner", f"GRANT {privilege} ON own.texts TO canary_creator")
            for statement in ("SET pg_trickle.max_staleness = 0", "SELECT * FROM own.numbers", "SELECT pgtrickle.refresh_stream_table('cre.over')",
                              "BEGIN", "SELECT pgtrickle.refresh_stream_table('cre.over')", "SELECT * FROM own.numbers", "ROLLBACK",
                              "SELECT * FROM pgtrickle.pgt_stream_tables", "SELECT * FROM pgtrickle.pgt_refresh_history",
                              "CREATE FOREIGN TABLE cre.over_2 () SERVER pgtrickle OPTIONS (query 'SELECT n FROM own.numbers', schedule '520w')",
                              "DROP FOREIGN TABLE IF EXISTS cre.over_2"):
                creator.attempt(statement)
        self.arena.run("owner", "DELETE FROM own.texts WHERE id = 10")
        text = creator.text()
        creator.close()
        demand_none(text, "another owner's refresh")
        assert "own.texts" not in text, "another owner's query is quoted"

    # 11: dumps.
    def database_owner_dumps_its_database(self):
        name = self.arena.db.name + "_dump"
        self.arena.db.admin(f"CREATE DATABASE {name} OWNER canary_dba")
        session = self.arena.db.connect(name)
        session.cursor().execute("CREATE EXTENSION pg_trickle; GRANT USAGE ON FOREIGN SERVER pgtrickle TO canary_dba")
        session.close()
        dba = psycopg2.connect(host=self.arena.db.host, user=role_of("dba"), dbname=name)
        dba.autocommit = True
        dba.cursor().execute("CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, g int); "
                             "CREATE FOREIGN TABLE s.st () SERVER pgtrickle OPTIONS (query 'SELECT g, count(*) AS n FROM s.t GROUP BY g', schedule '520w')")
        dba.close()
        found = subprocess.run(["pg_dump", "-h", self.arena.db.host, "-U", role_of("dba"), name], capture_output=True, text=True,
                               env=os.environ)
        self.arena.db.admin(f"DROP DATABASE {name} WITH (FORCE)")
        assert found.returncode == 0, found.stderr
        assert "CREATE FOREIGN TABLE s.st" in found.stdout, "the stream table is missing"

    # Refusals of DML name sources.
    def refused_dml_names_no_source_to_the_unprivileged(self):
        self._once(("owner", TOWNS))
        for statement in ("INSERT INTO own.big_towns VALUES ('x', 1)", "UPDATE own.big_towns SET n = 1", "DELETE FROM own.big_towns",
                          "TRUNCATE own.big_towns", "COPY own.big_towns FROM STDIN", "SELECT * FROM own.big_towns FOR UPDATE"):
            for kind in ("unprivileged", "reader"):
                if kind == "reader" and "FOR UPDATE" in statement:
                    continue
                error = self.arena.attempt(kind, statement)
                assert isinstance(error, psycopg2.Error), f"{statement} is not refused"
                assert "visits" not in text_of(error), f"{statement} by {kind}: {text_of(error)}"
                assert error.pgcode == "42501", f"{statement} by {kind}: {error.pgcode}"
