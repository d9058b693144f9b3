"""Named cases: user code runs with its owner's rights only. A case is a violation that was found once."""

from judge import OWNER, demand
from places import PLACES


class Rights:
    """The cases; each creates the objects it needs in the arena, under names of its own."""

    def __init__(self, arena):
        self.arena = arena

    def cases(self):
        return [getattr(self, name) for name in vars(Rights) if not name.startswith("_") and name != "cases"]

    def _made(self, name, schedule="520w"):
        """Returns a place, created once; earlier events are discarded."""
        place, owner = PLACES[name], self.arena.session("owner")
        if owner.value(f"SELECT to_regclass('own.{name}') IS NULL"):
            place.prepare(owner.run)
            self.arena.log.events()
            place.create(owner.run, schedule)
        else:
            self.arena.log.events()
        return place

    def _created(self, *names):
        """Asserts that the owner created, filled and refreshed it."""
        for name in names:
            self._made(name)
            self.arena.run("owner", f"INSERT INTO own.{name}_t (id, g, v) VALUES (7, 1, 7)",
                           f"SELECT pgtrickle.refresh_stream_table('own.{name}')", f"SELECT count(*) FROM own.{name}")
            demand(self._some(name))

    def _some(self, name):
        """Returns the messages of a place's canary, of which there must be some, or the case shows nothing."""
        events = [event for event in self.arena.log.events() if event.place == name]
        assert events, f"the canary of {name} has not run at all"
        return events

    # 1: literals parsed as the superuser.
    def literal_of_array_of_domain_runs_as_owner(self):
        self._created("array_of_domain")

    def literal_of_composite_of_domain_runs_as_owner(self):
        self._created("composite_of_domain")

    def literal_of_range_of_domain_runs_as_owner(self):
        self._created("range_of_domain", "domain_in_multirange")

    def literal_of_nested_domain_runs_as_owner(self):
        self._created("nested_domain")

    def literal_in_groups_runs_as_owner(self):
        self._created("literal_in_having", "literal_in_aggregate")

    def literal_runs_as_owner_in_a_refresh_worker(self):
        found = []
        for name in ("literal_in_join", "immutable_of_column"):
            self._made(name, "1s")
            self.arena.refreshed_by_manager("own." + name, f"INSERT INTO own.{name}_t (id, g, v) VALUES (8, 1, 8)")
            found += [event for event in self.arena.log.events() if not event.is_of_client]
        assert found, "no worker has run a canary"
        demand(found)

    def literal_in_index_runs_as_owner(self):
        self._created("literal_in_index")

    def literal_in_index_predicate_runs_as_owner(self):
        self._created("literal_in_index_predicate")

    def literal_after_an_upgrade_runs_as_owner(self):
        """prepare_upgrade() and finish_upgrade() by a superuser define all stream tables again."""
        for name in ("array_of_domain", "literal_in_having", "literal_in_index", "immutable_of_constant"):
            self._made(name)
        self.arena.log.events()
        self.arena.run("superuser", "SELECT pgtrickle.prepare_upgrade()", "SELECT pgtrickle.finish_upgrade()")
        self.arena.wait_until(lambda: self.arena.db.value("SELECT bool_and(is_populated) FROM pgtrickle.pgt_state"), "filling again")
        demand(self.arena.log.events())

    def restored_stream_table_is_not_filled_as_the_restoring_superuser(self):
        """A dump creates the stream table, and sets its owner by a separate statement; a worker may be
        faster."""
        place = self._made("immutable_of_constant")
        populated = "SELECT is_populated FROM pgtrickle.pgt_state WHERE relid = 'own.restored'::regclass"
        session = self.arena.fresh_session("superuser")
        session.run(f"CREATE FOREIGN TABLE own.restored (id int, g int, v int) SERVER pgtrickle OPTIONS (query $q${place.text(place.query)}$q$, "
                    f"original_query $q${place.text(place.query)}$q$, schedule '1s')")
        self.arena.wait_until(lambda: self.arena.db.run(populated) == [(True,)], None, 4)
        session.run("ALTER FOREIGN TABLE own.restored OWNER TO canary_owner")
        session.close()
        self.arena.wait_until(lambda: self.arena.db.run(populated) == [(True,)], "filling the restored stream tables")
        demand([event for event in self._some(place.name) if not event.is_of_client])

    def settings_that_no_expression_depends_on_are_refused(self):
        """A definition contains settings, as a dump has them; a worker sets them."""
        accepted = []
        for setting in ("role = canary_owner", "session_authorization = canary_owner", "search_path = own", "row_security = off",
                        "default_tablespace = pg_default", "session_replication_role = replica"):
            name, value = setting.split(" = ")
            error = self.arena.attempt("owner", f"CREATE FOREIGN TABLE own.with_{name} () SERVER pgtrickle "
                                       f"OPTIONS (query 'SELECT 1 AS one', original_query 'SELECT 1 AS one', setting_{name} '{value}')")
            if error is None:
                accepted.append(setting)
        assert not accepted, f"{accepted} are accepted"

    # 2: user code runs as the caller.
    def _by_others(self, statement, *kinds):
        """Runs the statement for several stream tables, as roles that may read them."""
        found = []
        for name in ("array_of_domain", "immutable_of_constant", "literal_in_having", "plain_view"):
            self._made(name)
            for kind in kinds or ("superuser", "creator", "reader", "monitor"):
                session = self.arena.fresh_session(kind)
                session.attempt(statement.replace("NAME", f"own.{name}"))
                session.close()
                found += self.arena.log.events()
        demand(found)

    def recommend_refresh_mode_runs_nothing_as_the_caller(self):
        self._by_others("SELECT * FROM pgtrickle.recommend_refresh_mode()")

    def explain_refresh_mode_runs_nothing_as_the_caller(self):
        self._by_others("SELECT * FROM pgtrickle.explain_refresh_mode('NAME')")

    def explain_st_runs_nothing_as_the_caller(self):
        self._by_others("SELECT * FROM pgtrickle.explain_st('NAME')")

    def a_superusers_refresh_runs_nothing_as_the_superuser(self):
        self._by_others("SELECT pgtrickle.refresh_stream_table('NAME')", "superuser")

    def a_read_in_a_refreshing_transaction_runs_nothing_as_the_reader(self):
        """The reader's transaction has changed the source, so its read computes by itself what the owner's functions
        return: by SET ROLE, a member of the owner has them run in its session."""
        found = []
        self.arena.run("superuser", "GRANT canary_owner TO canary_creator")
        for name in ("array_of_domain", "immutable_of_column"):
            self._made(name)
            self.arena.run("owner", f"GRANT INSERT, UPDATE ON own.{name}_t TO canary_creator")
            session = self.arena.fresh_session("creator")
            self.arena.log.events()
            session.run("SET ROLE canary_owner")
            session.run("SET pg_trickle.max_staleness = 0")
            session.run(f"BEGIN; INSERT INTO own.{name}_t (id, g, v) VALUES (100, 1, 1)")
            session.run(f"SELECT count(*) FROM own.{name}")
            session.run("ROLLBACK")
            session.close()
            found += self.arena.log.events()
        self.arena.run("superuser", "REVOKE canary_owner FROM canary_creator")
        assert found, "the read has run no canary"
        demand(found)

    def creation_on_top_runs_nothing_as_the_creator(self):
        """A refresh of the new stream table refreshes its upstream, if its role may lock the source of that."""
        found = []
        for name in ("array_of_domain", "immutable_of_column"):
            self._made(name)
            self.arena.run("owner", f"GRANT UPDATE ON own.{name}_t TO canary_creator")
            self.arena.run("owner", f"INSERT INTO own.{name}_t (id, g, v) VALUES (9, 1, 9)")
            session = self.arena.fresh_session("creator")
            session.run(f"CREATE FOREIGN TABLE cre.on_{name} () SERVER pgtrickle OPTIONS (query 'SELECT id, v FROM own.{name}', schedule '520w')")
            session.run(f"SELECT pgtrickle.refresh_stream_table('cre.on_{name}')")
            session.close()
            found += self.arena.log.events()
        assert found, "the refresh has run no canary"
        demand(found)

    # 3: event triggers.
    def _event_trigger(self, *statements):
        """Creates an audit trigger as a DBA writes them; the statements are the owner's."""
        db = self.arena.db
        db.run("CREATE TABLE public.audit (who text, tag text)")
        db.run("GRANT INSERT ON public.audit TO PUBLIC")
        db.run("CREATE FUNCTION public.audit_note(tag text) RETURNS void LANGUAGE sql AS 'SELECT'")
        db.run("""CREATE FUNCTION public.audit() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO audit VALUES (current_user, tg_tag);
            PERFORM audit_note(tg_tag);
            EXCEPTION WHEN undefined_function OR undefined_table THEN NULL; END $$""")
        db.run("CREATE EVENT TRIGGER canary_audit ON ddl_command_end EXECUTE FUNCTION public.audit()")
        try:
            session = self.arena.fresh_session("owner")
            for statement in statements:
                session.run(statement)
            session.close()
            return db.run("SELECT DISTINCT who FROM public.audit")
        finally:
            db.run("DROP EVENT TRIGGER canary_audit")
            db.run("DROP FUNCTION public.audit(); DROP FUNCTION public.audit_note(text); DROP TABLE public.audit")

    def event_trigger_runs_as_the_user(self):
        who = self._event_trigger(
            "CREATE TABLE own.audited_t (id int, g int)",
            "CREATE FOREIGN TABLE own.audited () SERVER pgtrickle OPTIONS (query 'SELECT id, g FROM own.audited_t', schedule '520w')",
            "CREATE INDEX audited_i ON own.audited (g)", "ALTER FOREIGN TABLE own.audited RENAME g TO h", "DROP INDEX own.audited_i",
            "CREATE FOREIGN TABLE own.audited_2 () SERVER pgtrickle OPTIONS (query 'SELECT g, count(*) FROM own.audited_t GROUP BY g', schedule '520w')",
            "DROP FOREIGN TABLE own.audited, own.audited_2")
        assert who == [(OWNER,)], f"the audit table names {who}"

    def event_trigger_under_the_users_search_path_runs_as_the_user(self):
        self.arena.run("owner", "CREATE FUNCTION own.audit_note(tag text) RETURNS void LANGUAGE plpgsql AS "
                                "$$ BEGIN PERFORM canary.note('event_trigger'); END $$")
        self.arena.log.events()
        self._event_trigger(
            "SET search_path = own, public", "CREATE TABLE own.by_path_t (id int, g int)",
            "CREATE FOREIGN TABLE own.by_path () SERVER pgtrickle OPTIONS (query 'SELECT id, g FROM own.by_path_t', schedule '520w')",
            "CREATE INDEX ON own.by_path (g)")
        self.arena.run("owner", "DROP FUNCTION own.audit_note(text)")
        demand(self._some("event_trigger"))

    def event_trigger_beside_temporary_objects_runs_as_the_user(self):
        self.arena.log.events()
        self._event_trigger(
            "CREATE TEMP TABLE audit (who text, tag text)",
            "CREATE FUNCTION pg_temp.t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM canary.note('temporary'); RETURN new; END $$",
            "CREATE TRIGGER t BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION pg_temp.t()",
            "CREATE TABLE own.by_temp_t (id int, g int)",
            "CREATE FOREIGN TABLE own.by_temp () SERVER pgtrickle OPTIONS (query 'SELECT g, count(*) FROM own.by_temp_t GROUP BY g', schedule '520w')")
        demand(self._some("temporary"))
