#!/usr/bin/python3 -B
"""Shows that values that contain rows (whole rows, composites, arrays of these, domains over both) are found again when
they are retracted, however PostgreSQL has stored their fields: compressed, out of line, with a short header, from before
ADD COLUMN or with a column that was dropped. A value that is not found is a wrong row, or has the rows filled again."""

import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

db = Database()

# Texts of all the forms in which a field is stored.
TEXTS = ("NULL", "''", "'short'", "repeat('x', 125)", "repeat('x', 126)", "repeat('x', 127)", "repeat('by', 1500)", "repeat('long ', 40000)",
         "(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 60) g)", "(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 400) g)")

QUERIES = {
    "whole_row": "SELECT n FROM n",
    "whole_row_and_key": "SELECT id, n AS c FROM n",
    "composite": "SELECT ROW(p, t)::comp AS c FROM n",
    "composite_and_key": "SELECT id, ROW(p, t)::comp AS c FROM n",
    "nested": "SELECT ROW(id, ROW(p, t)::comp)::outer_comp AS c FROM n",
    "domain": "SELECT ROW(p, t)::comp::checked_comp AS c FROM n",
    "of_array": "SELECT ARRAY[ROW(p, t)::comp, NULL, ROW(id, t)::comp] AS c FROM n",
    "array_in_composite": "SELECT ROW(id, ARRAY[ROW(p, t)::comp])::comp_with_array AS c FROM n",
    "stored": "SELECT c FROM n",
    "joined": "SELECT a.id, b AS c FROM n a LEFT JOIN n b ON b.p = a.id",
    "full_join": "SELECT a, b.t FROM n a FULL JOIN n b ON b.p = a.id AND b.id > a.id",
    "semi": "SELECT n FROM n WHERE EXISTS (SELECT FROM n o WHERE o.p = n.id)",
    "union_all": "SELECT n FROM n WHERE p > 2 UNION ALL SELECT n FROM n WHERE id > 2",
    "union_of": "SELECT ROW(p, t)::comp AS c FROM n UNION SELECT ROW(id, t)::comp FROM n",
    "except_all": "SELECT ROW(p, t)::comp AS c FROM n EXCEPT ALL SELECT ROW(id, t)::comp FROM n",
    "distinct_of": "SELECT DISTINCT ROW(p % 2, t)::comp AS c FROM n",
    "grouped": "SELECT ROW(p % 2, t)::comp AS c, count(*) AS k FROM n GROUP BY 1",
    "collected": "SELECT p, array_agg(ROW(id, t)::comp ORDER BY id) AS c FROM n GROUP BY p",
    "windowed": "SELECT n AS c, row_number() OVER (PARTITION BY p ORDER BY id) AS k FROM n",
    "lagged": "SELECT id, lag(ROW(p, t)::comp) OVER (ORDER BY id) AS c FROM n",
    "first_rows": "SELECT n AS c FROM n ORDER BY id DESC LIMIT 3",
    "unnested": "SELECT id, u.b FROM n, LATERAL unnest(ARRAY[ROW(p, t)::comp, ROW(id, t)::comp]) u",
    "set_returning": "SELECT id, unnest(ARRAY[ROW(p, t)::comp]) AS c FROM n",
    "recursive": "WITH RECURSIVE r AS (SELECT id, n AS c FROM n WHERE p = 0 UNION ALL SELECT n.id, n FROM n JOIN r ON n.p = r.id) SELECT id, (c).p, c FROM r",
    "recursive_composite": "WITH RECURSIVE r AS (SELECT id, ROW(p, t)::comp AS c FROM n WHERE p = 0 UNION ALL SELECT n.id, ROW(n.p, n.t)::comp FROM n JOIN r ON n.p = r.id) SELECT id, c FROM r",
    "recursive_array": "WITH RECURSIVE r AS (SELECT id, ARRAY[ROW(p, t)::comp] AS c FROM n WHERE p = 0 UNION ALL SELECT n.id, r.c || ROW(n.p, n.t)::comp FROM n JOIN r ON n.p = r.id) SELECT id, c FROM r",
    "above": "SELECT c FROM composite WHERE (c).a > 1",
    "by_full_refreshes": "SELECT n AS c FROM n",
}


def set_up():
    db.run("""SET client_min_messages = warning; CREATE TYPE comp AS (a int, b text); CREATE TYPE outer_comp AS (a int, c comp); CREATE DOMAIN checked_comp AS comp CHECK ((value).a > -100);
        CREATE TYPE comp_with_array AS (a int, c comp[]);
        CREATE TABLE n (gone text, id int PRIMARY KEY, p int, t text, c comp);""")
    for number, text in enumerate(TEXTS):
        db.run(f"INSERT INTO n VALUES ('dropped', {number}, {max(number - 1, 0) // 2}, {text}, ROW({number}, {text}))")
    db.run("UPDATE n SET p = -1 WHERE id = 0; UPDATE n SET p = 0 WHERE id IN (1, 2); ALTER TABLE n DROP gone; ALTER TABLE n ADD added text DEFAULT 'added', ADD more int")
    for name, query in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', %s)", name, query, "FULL" if name == "by_full_refreshes" else "DIFFERENTIAL")


def change(random):
    one, other, text = random.randrange(14), random.randrange(14), random.choice(TEXTS)
    return random.choice((f"UPDATE n SET p = {other} % id WHERE id = {one} AND id > 0", f"UPDATE n SET p = 0 WHERE id = {one} AND id > 0", f"UPDATE n SET t = {text} WHERE id = {one}",
                          f"UPDATE n SET t = t || 'x' WHERE id = {one}", f"UPDATE n SET more = {other} WHERE id = {one}",
                          f"DELETE FROM n WHERE id = {one}", f"UPDATE n SET c = ROW({other}, {text}) WHERE id = {one}",
                          f"INSERT INTO n VALUES ({one}, {one} / 2 - (CASE {one} WHEN 0 THEN 1 ELSE 0 END), {text}, ROW({other}, {text})) ON CONFLICT DO NOTHING",
                          f"ALTER TABLE n ALTER t SET STORAGE {random.choice(('EXTERNAL', 'EXTENDED', 'MAIN'))}", "VACUUM FULL n"))


def rows_of(statement):
    return Counter(text for text, in db.run(f"SELECT md5(x::text) FROM ({statement}) x"))


def follow(number):
    random, done = dice(number), []
    for _ in range(60):
        done += [change(random) for _ in range(random.choice((1, 1, 3)))]
        for statement in done[-3:]:
            db.run(statement)
        for name, query in QUERIES.items():
            db.session.notices.clear()
            if random.random() < 0.2:
                db.run("SET pg_trickle.read_mode = exact")
                assert rows_of(f"SELECT * FROM {name}") == rows_of(query), f"{name}, read exactly\n" + ";\n".join(done[-9:])
                db.run("RESET pg_trickle.read_mode")
            db.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
            assert not any("inconsistent" in notice for notice in db.session.notices), f"{name}: {db.session.notices}\n" + ";\n".join(done[-9:])
            assert rows_of(f"SELECT * FROM {name}") == rows_of(query), f"{name}\n" + ";\n".join(done[-9:])


def rows_are_found_again():
    follow(0)


def after_other_changes():
    follow(1)


def it_is_the_delta_that_keeps_them():
    refreshes = db.run("SELECT DISTINCT s.pgt_name FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables s USING (pgt_id) WHERE h.action = 'REINITIALIZE'")
    assert refreshes == [], refreshes


try:
    set_up()
    run_cases([rows_are_found_again, after_other_changes, it_is_the_delta_that_keeps_them])
finally:
    db.drop()
