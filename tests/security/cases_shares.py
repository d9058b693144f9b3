"""Named cases: effects of one role on the writers, the workers and the storage of others."""

import time

import psycopg2
from roles import text_of

SLOW = """
CREATE FUNCTION cre.slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep(20); RETURN $1; END $$;
"""


class Shares:
    def __init__(self, arena):
        self.arena = arena

    def cases(self):
        return [getattr(self, name) for name in vars(Shares) if not name.startswith("_") and name != "cases"]

    def _source(self, name, privileges):
        self.arena.run("keeper", f"CREATE TABLE keep.{name} (id int PRIMARY KEY, v int)", f"INSERT INTO keep.{name} VALUES (1, 1)",
                       f"GRANT {privileges} ON keep.{name} TO canary_creator")

    def _writes(self, name):
        """Returns the error of the keeper's writer; None if it succeeds."""
        keeper = self.arena.fresh_session("keeper")
        keeper.run("SET lock_timeout = '1s'")
        error = keeper.attempt(f"INSERT INTO keep.{name} SELECT max(id) + 1, 1 FROM keep.{name}")
        keeper.close()
        return error

    # 7: writers that wait.
    def uncommitted_creation_with_select_blocks_no_writer(self):
        self._source("read_only", "SELECT")
        creator = self.arena.fresh_session("creator")
        creator.run("BEGIN")
        creator.run("CREATE FOREIGN TABLE cre.of_read_only () SERVER pgtrickle OPTIONS (query 'SELECT id, v FROM keep.read_only', schedule '520w')")
        error = self._writes("read_only")
        creator.run("ROLLBACK")
        creator.close()
        assert error is None, error

    def capture_needs_the_trigger_privilege(self):
        self._source("not_captured", "SELECT")
        error = self.arena.attempt("creator", "CREATE FOREIGN TABLE cre.of_not_captured () SERVER pgtrickle "
                                   "OPTIONS (query 'SELECT id, v FROM keep.not_captured', schedule '520w', refresh_mode 'DIFFERENTIAL')")
        assert isinstance(error, psycopg2.Error) and error.pgcode == "42501", f"it is accepted: {error}"
        assert "not_captured" in text_of(error) and "TRIGGER" in text_of(error), text_of(error)

    def capture_of_a_partition_needs_the_privilege_on_its_root(self):
        self.arena.run("keeper", "CREATE TABLE keep.root (id int, v int) PARTITION BY RANGE (id)",
                       "CREATE TABLE keep.part PARTITION OF keep.root FOR VALUES FROM (0) TO (100)",
                       "GRANT SELECT, TRIGGER ON keep.part TO canary_creator")
        error = self.arena.attempt("creator", "CREATE FOREIGN TABLE cre.of_part () SERVER pgtrickle "
                                   "OPTIONS (query 'SELECT id, v FROM keep.part', schedule '520w', refresh_mode 'DIFFERENTIAL')")
        assert isinstance(error, psycopg2.Error) and error.pgcode == "42501", f"it is accepted: {error}"
        assert "root" in text_of(error), text_of(error)

    def writers_do_not_wait_for_a_fill(self):
        self._source("filled", "SELECT, TRIGGER")
        self.arena.run("creator", SLOW, "SELECT pgtrickle.create_stream_table('cre.of_filled', 'SELECT id, cre.slow(v) AS v FROM keep.filled', "
                       "'1s', 'AUTO', false)")
        filling = "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND wait_event = 'PgSleep'"
        self.arena.wait_until(lambda: self.arena.db.value(filling), "the fill")
        error = self._writes("filled")
        self._end(["cre.of_filled"])
        assert error is None, error

    def owner_of_a_source_lists_and_stops_its_capture(self):
        self._source("stopped", "SELECT, TRIGGER")
        self.arena.run("creator", "CREATE FOREIGN TABLE cre.of_stopped () SERVER pgtrickle OPTIONS (query 'SELECT id, v FROM keep.stopped', schedule '520w')")
        listed = self.arena.run("keeper", "SELECT * FROM pgtrickle.trigger_inventory()")
        assert any("stopped" in str(row) for row in listed), "the source's owner does not see that it is captured"
        self.arena.run("keeper", "SELECT pgtrickle.stop_capture('keep.stopped')")
        self.arena.run("keeper", "INSERT INTO keep.stopped VALUES (2, 2)")
        self.arena.run("creator", "SELECT pgtrickle.refresh_stream_table('cre.of_stopped')")
        rows = self.arena.run("creator", "SELECT id FROM cre.of_stopped ORDER BY 1")
        assert rows == [(1,), (2,)], rows

    # 8: workers.
    def _end(self, stream_tables):
        """Drops stream tables whose refreshes sleep."""
        self.arena.db.run("SELECT pgtrickle.pause_scheduler(%s)", stream_tables)
        self.arena.db.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                          "WHERE backend_type = 'pg_trickle refresh worker' AND wait_event = 'PgSleep'")
        self.arena.db.run("DROP FOREIGN TABLE " + ", ".join(stream_tables))

    def endless_stream_tables_of_one_owner_leave_workers_to_others(self):
        self._source("healthy", "SELECT, TRIGGER")
        self.arena.run("keeper", "CREATE FOREIGN TABLE keep.of_healthy () SERVER pgtrickle OPTIONS (query 'SELECT id, v FROM keep.healthy', schedule '1s')")
        for number in range(6):
            self._source(f"endless_{number}", "SELECT, TRIGGER")
            self.arena.run("creator", f"SELECT pgtrickle.create_stream_table('cre.endless_{number}', "
                           f"'SELECT id, pg_sleep(40)::text AS z FROM keep.endless_{number}', '1s', 'AUTO', false)")
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND wait_event = 'PgSleep'"
        self.arena.wait_until(lambda: self.arena.db.value(sleeping) >= 4, None, 5)
        assert self.arena.db.value(sleeping) > 0, "no endless refresh runs"
        refreshed = "SELECT last_refresh_at FROM pgtrickle.pgt_state WHERE relid = 'keep.of_healthy'::regclass"
        before = self.arena.db.value(refreshed)
        self.arena.db.run("INSERT INTO keep.healthy VALUES (2, 2)")
        begun = time.monotonic()
        is_refreshed = self.arena.wait_until(lambda: self.arena.db.value(refreshed) != before, None, 30)
        took_s = time.monotonic() - begun
        self._end([f"cre.endless_{number}" for number in range(6)])
        assert is_refreshed, f"not refreshed within {took_s:.0f} s, schedule 1 s"

    # Hidden rows and stored expressions.
    def hidden_groups_are_not_evaluated(self):
        owner = self.arena.session("owner")
        owner.run("CREATE TABLE own.divided (id int PRIMARY KEY, k int, s int); CREATE TABLE own.divided_q (k int PRIMARY KEY); "
                  "INSERT INTO own.divided VALUES (1, 1, 6), (2, 2, 7); INSERT INTO own.divided_q VALUES (2)")
        owner.run("SELECT pgtrickle.create_stream_table('own.quotient', 'SELECT 12 / (x.s - 6) AS d, array_agg(x.k ORDER BY x.k) AS ks "
                  "FROM (SELECT k, sum(s) AS s FROM own.divided GROUP BY k) x JOIN own.divided_q USING (k) GROUP BY 1')")
        rows = owner.run("SELECT d::int, ks FROM own.quotient")
        assert rows == [(12, [2])], rows

    def no_index_is_advised_that_would_fail_a_writer(self):
        owner = self.arena.session("owner")
        owner.run("CREATE TABLE own.failing_t (id int PRIMARY KEY, s int); CREATE TABLE own.failing_q (k int PRIMARY KEY); "
                  "INSERT INTO own.failing_t VALUES (1, 7), (2, 8); INSERT INTO own.failing_q VALUES (6)")
        owner.text()
        owner.run("CREATE FOREIGN TABLE own.failing () SERVER pgtrickle OPTIONS (query 'SELECT t.id, q.k FROM own.failing_t t "
                  "JOIN own.failing_q q ON q.k = 12 / (t.s - 6)', schedule '520w')")
        owner.run("SELECT * FROM pgtrickle.explain_st('own.failing')")
        owner.run("SELECT * FROM pgtrickle.health_check()")
        advised = [line for line in owner.text().splitlines() if "CREATE INDEX" in line and " / " in line.split("CREATE INDEX")[1]]
        assert not advised, advised

    # Storage that was damaged.
    def repair_mends_or_refuses_dropped_and_retyped_columns(self):
        """Afterwards reads are correct, or they fail by an error with a hint."""
        db, wrong = self.arena.db, []
        db.run("SET allow_system_table_mods = on")
        damages = ("DROP COLUMN a", "ALTER b TYPE text", "ALTER a TYPE text USING 'x'", "DROP COLUMN a, ADD COLUMN a int",
                   "DROP COLUMN a, DROP COLUMN b, ADD COLUMN b int, ADD COLUMN a int", "DROP COLUMN id")
        cases = [(damage, key) for damage in damages for key in ("", "PRIMARY KEY")]
        cases.remove(("DROP COLUMN id", "PRIMARY KEY"))  # PostgreSQL refuses to drop a column by which rows are found
        for number, (damage, key) in enumerate(cases):
            name = f"own.mended_{number}"
            self.arena.run("owner", f"CREATE TABLE {name}_t (id int {key}, a int, b int); INSERT INTO {name}_t VALUES (1, 10, 100); "
                           f"CREATE FOREIGN TABLE {name} () SERVER pgtrickle OPTIONS (query 'SELECT id, a, b FROM {name}_t', schedule '520w')")
            heap = db.value("SELECT c.oid::regclass::text FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND "
                            "d.objid = c.oid WHERE d.refobjid = %s::regclass AND c.relkind = 'r' AND "
                            "c.relnamespace = 'pg_trickle_storage'::regnamespace", name)
            db.run(f"ALTER TABLE {heap} {damage}")
            read = f"SELECT id, a, b FROM {name}"
            reads = (read, "SET pg_trickle.enable_expansion = off", read, "RESET pg_trickle.enable_expansion")
            for statement in (*reads, f"SELECT pgtrickle.repair_stream_table('{name}')", *reads):
                rows = self.arena.attempt("owner", statement)
                is_error = isinstance(rows, psycopg2.Error)
                if is_error and rows.pgcode.startswith("XX") or not is_error and statement == read and rows != [(1, 10, 100)]:
                    wrong.append(f"{damage}; {statement}: {rows}")
        assert not wrong, "; ".join(wrong)

    def own_functions_are_not_compiled(self):
        """auto_explain shows of each statement, also of one in a function, whether it was compiled."""
        session = self.arena.fresh_session("superuser")
        session.run("LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on; "
                    "SET auto_explain.log_level = notice; SET jit = on; SET jit_above_cost = 0")
        can_compile = session.run("SELECT pg_jit_available()") == [(True,)]
        function = "SELECT pgtrickle.blocked_refreshes()"
        session.text()
        session.run(function)
        plans = [heard for heard in session.hear() if "Query Text:" in heard]
        session.close()
        outer = [plan for plan in plans if f"Query Text: {function}" in plan]
        nested = [plan for plan in plans if plan not in outer]
        assert outer and nested, plans
        assert not can_compile or "JIT:" in outer[0], "the statement itself was not compiled, which shows nothing"
        compiled = [plan for plan in nested if "JIT:" in plan]
        assert not compiled, compiled[0]
