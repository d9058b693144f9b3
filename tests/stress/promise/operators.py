"""Sessions that alter and operate: definitions, holds, locks, and processes that are terminated."""

import contextlib
import os
import signal

from .session import Session
from .world import CLOCKS, COLUMNS, FIRST_SCHEDULE, PASSING, QUERIES, SCHEDULES, SOURCES, UNIONS


class Definer(Session):
    """Alters sources and stream tables; a renamed object gets its name back before the next action."""

    def act(self):
        self.random.choice((self.alter_source, self.alter_query, self.alter_schedule, self.alter_mode, self.make_another,
                            self.make_another, self.drop, self.rename, self.rename, self.index))()
        self.pause(0.4)

    def put_right(self):
        """Restores the names of renamed objects."""
        for relation, away in [(name, f"{name}_away") for name in SOURCES + tuple(CLOCKS)]:
            if self.run(f"SELECT to_regclass('{away}')")[0][0]:
                self.rename_back(relation, away)
        if self.run("SELECT 1 FROM pg_attribute WHERE attrelid = 'marks'::regclass AND attname = 'm'"):
            self.run("ALTER TABLE marks RENAME COLUMN m TO n")

    def rename_back(self, relation, away):
        kind = "FOREIGN TABLE" if relation in CLOCKS else "TABLE"
        self.run(f"ALTER {kind} {away} RENAME TO {relation}")

    def parting(self, names, statement, *values):
        """Runs a statement that refreshes these, and not the other members of their sets."""
        self.world.unions.begin_to_part(names)
        try:
            self.run(statement, *values)
        finally:
            self.world.unions.have_parted(names)

    def alter_source(self):
        table = self.random.choice(SOURCES)
        self.run(self.random.choice((
            f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS extra int DEFAULT 1",
            f"ALTER TABLE {table} DROP COLUMN IF EXISTS extra",
            f"ALTER TABLE {table} ALTER note TYPE varchar(100)", f"ALTER TABLE {table} ALTER note TYPE text",
            f"ALTER TABLE {table} REPLICA IDENTITY FULL", f"VACUUM FULL {table}", f"VACUUM {table}", f"ANALYZE {table}",
            f"REINDEX TABLE {table}", f"CREATE INDEX IF NOT EXISTS {table}_extra ON {table} (note)",
            f"DROP INDEX IF EXISTS {table}_extra")))

    def alter_query(self):
        name = self.random.choice(list(QUERIES))
        query = self.random.choice(QUERIES[name])
        self.parting([name], "SELECT pgtrickle.alter_stream_table(%s, query => %s)", name, query)

    def alter_schedule(self):
        name = self.random.choice([name for name in QUERIES if name not in FIRST_SCHEDULE])
        schedule = self.random.choice([schedule for schedule in SCHEDULES if schedule != "calculated"])
        promise = SCHEDULES[schedule]
        self.world.promises.weaken(name, promise)
        self.run("SELECT pgtrickle.alter_stream_table(%s, schedule => %s)", name, schedule)
        self.world.promises.tell(name, promise)

    def alter_mode(self):
        name = self.random.choice(list(QUERIES))
        mode = self.random.choice(["AUTO", "DIFFERENTIAL", "FULL", "IMMEDIATE"])
        self.parting([name], "SELECT pgtrickle.alter_stream_table(%s, refresh_mode => %s)", name, mode)

    def make_another(self):
        name = self.random.choice(PASSING)
        one, other = self.random.choices(["marks", "ticks", "t_max", "c2", "paired", "d_join", *PASSING], k=2)
        latest = "SELECT writer, max(n) AS n FROM {} GROUP BY writer".format
        query = self.random.choice((
            latest(one), f"SELECT a.writer, least(a.n, b.n) AS n FROM ({latest(one)}) a JOIN ({latest(other)}) b USING (writer)",
            f"SELECT writer, max(n) AS n FROM (SELECT writer, n FROM {one} UNION ALL SELECT writer, n FROM {other}) x "
            "GROUP BY writer"))
        self.run(self.random.choice(("SELECT pgtrickle.create_stream_table(%s, %s, %s, %s)",
                                     "SELECT pgtrickle.create_or_replace_stream_table(%s, %s, %s, %s)")),
                 name, query, self.random.choice(["calculated", "1s", "0s", "1h"]), self.random.choice(["AUTO", "IMMEDIATE", "FULL"]))

    def drop(self):
        name = self.random.choice(PASSING)
        self.run(self.random.choice((f"DROP FOREIGN TABLE IF EXISTS {name}", f"DROP FOREIGN TABLE IF EXISTS {name} CASCADE")))

    def rename(self):
        relation, kind = self.random.choice([(name, "TABLE") for name in SOURCES] + [("marks", "COLUMN")] +
                                            [(name, "FOREIGN TABLE") for name in ("t_max", "c1", "d_left")])
        self.is_put_right = False  # whatever happens in between
        if kind == "COLUMN":
            self.run("ALTER TABLE marks RENAME COLUMN n TO m")
            self.pause(0.2)
            self.run("ALTER TABLE marks RENAME COLUMN m TO n")
        else:
            self.run(f"ALTER {kind} {relation} RENAME TO {relation}_away")
            self.pause(0.2)
            self.rename_back(relation, f"{relation}_away")
        self.is_put_right = True

    def index(self):
        name = self.random.choice(list(CLOCKS))
        self.run(f"DROP INDEX IF EXISTS {name}_extra")
        self.run(f"CREATE INDEX {name}_extra ON {name} ({COLUMNS[name][-1]})")


class Operator(Session):
    """Holds stream tables, and lifts the hold after a moment; refreshes and repairs manually."""

    is_group_parted = False
    has_hold = False  # also while it could not be lifted

    def act(self):
        self.random.choice((self.pause_some, self.gate, self.drain, self.suspend, self.repair, self.group,
                            self.refresh, self.refresh, self.refresh_and_wait, self.refresh_and_wait))()
        self.pause(0.5)

    def put_right(self):
        """Lifts all holds. Stream tables in error stay as they are."""
        self.run("SELECT pgtrickle.resume_scheduler()")
        for (name,) in self.run("SELECT DISTINCT relation::text FROM pgtrickle.pgt_hold WHERE kind = 'pause' AND relation <> 0"):
            self.run("SELECT pgtrickle.resume_scheduler(ARRAY[%s])", name)
        for (name,) in self.run("SELECT DISTINCT relation::text FROM pgtrickle.pgt_hold WHERE kind = 'gate'"):
            self.run("SELECT pgtrickle.ungate_source(%s)", name)
        for (name,) in self.run("SELECT pgt_name FROM pgtrickle.pgt_stream_tables WHERE status = 'SUSPENDED'"):
            self.run("SELECT pgtrickle.resume_stream_table(%s)", name)
        self.end_hold()
        self.make_group()

    def any_name(self):
        return self.random.choice(list(QUERIES) + PASSING)

    def holding(self, names, hold, lift):
        """A union of which a part is held may be of several states until all of it has been read fresh."""
        self.is_put_right = False  # whatever happens in between
        self.begin_hold()
        self.world.unions.begin_to_part(names)
        try:
            self.run(hold)
            self.pause(1.5)
            self.run(lift)
            self.end_hold()
            self.is_put_right = True
        finally:
            self.world.unions.have_parted(names)

    def begin_hold(self):
        if not self.has_hold:
            self.world.unions.begin_to_hold()
        self.has_hold = True

    def end_hold(self):
        if self.has_hold:
            self.world.unions.have_held()
        self.has_hold = False

    def pause_some(self):
        names = [self.any_name() for _ in range(self.random.choice([1, 2]))]
        listed = "" if self.random.random() < 0.2 else f"ARRAY[{', '.join(repr(name) for name in names)}]"
        parted = [name for name in names if name in UNIONS["bank"]]
        self.holding(parted, f"SELECT pgtrickle.pause_scheduler({listed})", f"SELECT pgtrickle.resume_scheduler({listed})")

    def gate(self):
        source = self.random.choice(SOURCES + ("t_max",))
        parted = UNIONS["bank"] if source in ("accounts", "vault") else []
        self.holding(parted, f"SELECT pgtrickle.gate_source('{source}')", f"SELECT pgtrickle.ungate_source('{source}')")

    def drain(self):
        self.holding([], "SELECT pgtrickle.drain(3)", "SELECT pgtrickle.resume_scheduler()")

    def suspend(self):
        name = self.any_name()
        self.holding([name] if name in UNIONS["bank"] else [],
                     f"SELECT pgtrickle.alter_stream_table('{name}', status => 'SUSPENDED')",
                     self.random.choice((f"SELECT pgtrickle.alter_stream_table('{name}', status => 'ACTIVE')",
                                         f"SELECT pgtrickle.resume_stream_table('{name}')")))

    def repair(self):
        name = self.any_name()
        self.world.unions.begin_to_part([name])
        try:
            self.run(f"SELECT pgtrickle.repair_stream_table('{name}')")
        finally:
            self.world.unions.have_parted([name])

    def group(self):
        self.is_put_right = False  # whatever happens in between
        self.world.unions.begin_to_part(UNIONS["bank"])
        self.is_group_parted = True
        self.run("SELECT pgtrickle.drop_refresh_group('bank')")
        self.pause(0.5)
        self.make_group()
        self.is_put_right = True

    def make_group(self):
        if not self.run("SELECT 1 FROM pgtrickle.refresh_groups()"):
            self.run("SELECT pgtrickle.create_refresh_group('bank', %s)", list(UNIONS["bank"]))
        if self.is_group_parted:
            self.is_group_parted = False
            self.world.unions.have_parted(UNIONS["bank"])

    def refresh(self):
        self.run(f"SELECT pgtrickle.refresh_stream_table('{self.any_name()}')")

    def refresh_and_wait(self):
        """Refreshes in a transaction that continues, and may be rolled back."""
        self.run("BEGIN")
        self.refresh()
        self.pause(1)
        self.run(self.random.choice(["COMMIT", "ROLLBACK"]))


class Locker(Session):
    """Holds a lock for a moment."""

    def act(self):
        mode = self.random.choice(["ACCESS SHARE", "ROW EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE",
                                   "ACCESS EXCLUSIVE"])
        self.run("BEGIN")
        if self.random.random() < 0.3:
            self.run(f"LOCK TABLE {self.random.choice(list(QUERIES))} IN ACCESS SHARE MODE")
        else:
            self.run(f"LOCK TABLE {self.random.choice(SOURCES)} IN {mode} MODE")
        self.pause(0.8)
        self.run(self.random.choice(["COMMIT", "ROLLBACK"]))
        self.pause(1)


class Killer(Session):
    """Cancels and terminates, especially the manager and its workers; crashes the server if requested."""

    def __init__(self, world, number, crashes):
        self.crashes = crashes
        super().__init__(world, "killer", number)

    def act(self):
        self.pause(1)
        kind = self.random.choice(["pg_trickle refresh worker", "pg_trickle manager", "pg_trickle %", "client backend"])
        how = self.random.choice(["cancel", "terminate"])
        ended = self.run(f"SELECT pid, backend_type, pg_{how}_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                         "AND datname = current_database() AND backend_type LIKE %s ORDER BY random() LIMIT 1", kind)
        self.world.count(f"{how} of {ended[0][1] if ended else 'no process'}")
        if self.crashes and self.random.random() < 0.05:
            pid, = self.random.choice(self.run("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"))
            self.note(0, f"kill -9 {pid}", "")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self.world.count("crashes")
