"""A schema with generated rows, queries over it that are kept as stream tables, and changes: the folders tpch
and tpcds.

schema.sql and generate.sql (which reads the setting of the folder's name, `.scale`) create the sources;
queries.sql has a comment `-- NAME` before each query; changes.sql and upheaval.sql change rows, different
ones in each round.
"""
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Warehouse:
    def __init__(self, cursor, folder, scale):
        self.cursor, self.folder, self.scale = cursor, HERE / folder, scale
        cursor.execute(f"SET {folder}.scale = {scale}")

    def text(self, name, **values):
        text = (self.folder / f"{name}.sql").read_text()
        for word, value in values.items():
            text = text.replace("{%s}" % word, str(value))
        return text

    def load(self):
        self.cursor.execute(self.text("schema"))
        self.cursor.execute(self.text("generate"))
        self.cursor.execute("VACUUM ANALYZE")

    def queries(self):
        """Returns {name: sql}."""
        text = self.text("queries", fraction=f"{0.0001 / self.scale:f}", quantity=300 if self.scale >= 0.1 else 240)
        return dict((name.lower(), sql) for name, sql in re.findall(r"^-- (Q\w+).*\n((?:(?!--).*\n)*?(?!--).*);$", text, re.M))

    def change(self, turn, name="changes"):
        self.cursor.execute(self.text(name, turn=turn))

    def add_missing_indexes(self, stream_table):
        """Creates the indexes on sources that the stream table suggests. Returns their statements."""
        self.cursor.execute("SELECT value FROM pgtrickle.explain_st(%s) WHERE property = 'missing index'", (stream_table,))
        statements = [value for (value,) in self.cursor.fetchall()]
        for statement in statements:
            self.cursor.execute(statement)
        return statements

    def differences(self, stream_table, sql):
        """Returns how many rows are in only one of stream table and query, as multisets."""
        self.cursor.execute(f"""SELECT (SELECT count(*) FROM (SELECT q::text FROM {stream_table} q EXCEPT ALL SELECT q::text FROM ({sql}) q) x)
          + (SELECT count(*) FROM (SELECT q::text FROM ({sql}) q EXCEPT ALL SELECT q::text FROM {stream_table} q) x)""")
        return self.cursor.fetchone()[0]

    def other_actions(self, stream_table):
        """Returns the refreshes since the first that were not made by a delta."""
        self.cursor.execute("""SELECT DISTINCT action FROM (SELECT action FROM pgtrickle.get_refresh_history(%s, 1000) ORDER BY refresh_id OFFSET 1) x
          WHERE action NOT IN ('DIFFERENTIAL', 'NO_DATA')""", (stream_table,))
        return [action for (action,) in self.cursor.fetchall()]
