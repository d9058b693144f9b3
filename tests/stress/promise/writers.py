"""Sessions that write: each transaction gives the writer's next number to both clocks, and moves money
without changing its sum."""

import psycopg2

from .session import Session, Undo
from .world import ACCOUNTS


class Writer(Session):
    """Keeps the number that it has committed last; `pending` is the name of a prepared transaction."""

    def __init__(self, world, writer):
        self.writer = writer
        self.number = 0
        self.pending = None
        super().__init__(world, f"writer {writer}", 10 + writer)

    def committed(self, number):
        self.number = number
        self.world.ledger.enter(self.writer, number)
        self.world.count("transactions")

    def put_right(self):
        """Finds out whether the last transaction was committed, as the reply to its COMMIT was lost."""
        if self.pending:
            if self.run("SELECT 1 FROM pg_prepared_xacts WHERE gid = %s", self.pending):
                self.run(f"COMMIT PREPARED '{self.pending}'")
            self.pending = None
        (number,), = self.run("SELECT n FROM marks WHERE writer = %s", self.writer)
        if number != self.number:
            self.committed(number)

    # ---- statements

    def change(self, statement, rows, *values):
        """The row may be missing after waiting for a transaction, and a rewritten table is empty to an older
        snapshot."""
        self.run(statement, *values)
        if self.cursor.rowcount != rows:
            raise Undo

    def tick(self, number):
        self.run("INSERT INTO ticks (writer, n) VALUES (%s, %s)", self.writer, number)
        if self.random.random() < 0.3:
            self.run("DELETE FROM ticks WHERE writer = %s AND n < %s", self.writer, number - 20)

    def mark(self, number):
        self.change(self.random.choice(("UPDATE marks SET n = %s WHERE writer = %s",
                                        "INSERT INTO marks (n, writer) VALUES (%s, %s) "
                                        "ON CONFLICT (writer) DO UPDATE SET n = excluded.n")),
                    1, number, self.writer)

    def transfer(self):
        one, other = self.random.choice((("accounts", "accounts"), ("accounts", "vault"), ("vault", "accounts")))
        giver, taker, amount = self.random.randint(1, ACCOUNTS), self.random.randint(1, ACCOUNTS), self.random.randint(1, 9)
        self.change(f"UPDATE {one} SET balance = balance - {amount} WHERE id = {giver}", 1)
        self.change(f"UPDATE {other} SET balance = balance + {amount} WHERE id = {taker}", 1)

    def shuffle(self):
        """Changes many rows at once."""
        table = self.random.choice(("accounts", "vault"))
        self.change(self.random.choice((
            f"UPDATE {table} SET branch = (branch + 1) % 4",
            f"UPDATE {table} SET balance = balance + CASE WHEN id <= {ACCOUNTS // 2} THEN 1 ELSE -1 END",
            f"UPDATE {table} SET note = md5(random()::text)")), ACCOUNTS)

    def move(self):
        """The balance of an account moves to the vault with its row, and the row returns with a balance of
        zero."""
        number = self.random.randint(1, ACCOUNTS)
        self.change(f"WITH gone AS (DELETE FROM accounts WHERE id = {number} RETURNING *) "
                    "UPDATE vault v SET balance = v.balance + gone.balance FROM gone WHERE v.id = gone.id", 1)
        self.change(f"INSERT INTO accounts (id, branch, balance) VALUES ({number}, {number % 4}, 0)", 1)

    def reload(self):
        table, what, key = self.random.choice((("ticks", "writer, max(n) AS n", " GROUP BY writer"),
                                               ("accounts", "id, branch, balance", "")))
        self.run(f"LOCK TABLE {table}")
        self.run(f"CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT {what} FROM {table}{key}")
        self.run(f"TRUNCATE {table}")
        if self.random.random() < 0.3:
            self.pause(0.3)
        columns = what.replace("max(n) AS n", "n")
        self.run(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM kept")

    def in_vain(self, number):
        """Changes that are rolled back to a savepoint must never be visible."""
        self.run("SAVEPOINT s")
        try:
            self.run("UPDATE marks SET n = n + 1000000 WHERE writer = %s", self.writer)
            self.run("INSERT INTO ticks (writer, n) VALUES (%s, %s)", self.writer, number + 1000000)
            self.run("UPDATE accounts SET balance = balance + 1")
        except psycopg2.Error as error:
            if self.has_ended(error) or not self.is_expected(error):
                raise
        self.run("ROLLBACK TO s")

    def read_own(self, number):
        """A session that reads fresh data sees its own changes, and all of one state."""
        self.run("SET LOCAL pg_trickle.max_staleness = 0")
        self.run("SET LOCAL pg_trickle.on_stale = error")
        if self.random.random() < 0.2:
            self.run("SET TRANSACTION READ ONLY")
        names = self.random.sample(("t_max", "m_rows", "paired", "d_left"), self.random.choice((1, 2, 2, 3)))
        rows = self.run(" UNION ALL ".join(f"SELECT '{name}', writer, n FROM {name}" for name in names))
        clocks = [{writer: n for view, writer, n in rows if view == name} for name in names]
        if any(clock != clocks[0] or clock.get(self.writer) != number for clock in clocks):
            self.world.fault(f"{self.who} has written {number} in this transaction and reads {clocks} from {names}")

    # ---- transactions

    def write(self, number):
        steps = [lambda: self.tick(number), lambda: self.mark(number), self.transfer]
        chance = self.random.random()
        if chance < 0.05:
            steps.insert(0, self.reload)
        elif chance < 0.15:
            steps.append(self.shuffle)
        elif chance < 0.2:
            steps.append(self.move)
        elif chance < 0.3:
            steps.insert(self.random.randrange(3), lambda: self.in_vain(number))
        elif chance < 0.34:
            steps.append(lambda: self.read_own(number))
        for step in steps:
            step()
            if self.random.random() < 0.02:
                self.pause(1)
        return chance >= 0.05  # whether it may be prepared

    def act(self):
        if self.pending is not None:
            self.put_right()
        number = self.number + 1
        self.run("BEGIN ISOLATION LEVEL " + self.random.choice(["READ COMMITTED"] * 6 + ["REPEATABLE READ", "SERIALIZABLE"]))
        may_prepare = self.write(number)
        if may_prepare and self.random.random() < 0.05:
            self.commit_in_two_phases(number)
        elif self.random.random() < 0.05:
            self.run("ROLLBACK")
        else:
            self.run("COMMIT")
            self.committed(number)
        if self.random.random() < 0.5:
            self.pause(0.05)

    def commit_in_two_phases(self, number):
        self.pending = f"{self.world.database}_{self.writer}_{number}_{self.random.random()}"
        self.run(f"PREPARE TRANSACTION '{self.pending}'")
        self.pause(1)
        if self.random.random() < 0.3:
            self.run(f"ROLLBACK PREPARED '{self.pending}'")
            self.pending = None
            return
        self.run(f"COMMIT PREPARED '{self.pending}'")
        self.pending = None
        self.committed(number)
