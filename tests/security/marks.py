"""Marked secrets: values that a role may not see, in a form that is found in any text."""

import re

# SECRET_ belongs to the owner, HIDDEN_ and numbers that begin with 7700 to the keeper.
MARK = re.compile(r"(?:SECRET|HIDDEN)_\w+|\b7700\d{5}\b")
# Roles that may see secrets, by the beginning of their marks. pg_monitor reads error texts and queries.
KNOWS = {"superuser": ("",), "monitor": ("",), "owner": ("SECRET_",), "keeper": ("HIDDEN_", "7700")}


def marks_in(text):
    return sorted(set(MARK.findall(text)))


def is_known(kind, mark):
    return mark.startswith(KNOWS.get(kind, ()))


def demand_none(text, what, kind=None):
    found = [mark for mark in marks_in(text) if not is_known(kind, mark)]
    assert not found, f"{what} shows {', '.join(found[:5])}" + (f" and {len(found) - 5} more" if len(found) > 5 else "")


# Views of the keeper that hide a column of its table, and rows beyond a LIMIT, from roles that may read them;
# a policy hides rows.
SALARIES = """
CREATE TABLE keep.emp (id int PRIMARY KEY, name text, dept int, salary int);
INSERT INTO keep.emp SELECT i, CASE WHEN i <= 240 THEN 'HIDDEN_' ELSE 'name' END || i, i % 7, 770000000 + i FROM generate_series(1, 300) i;
CREATE VIEW keep.top AS SELECT id, name FROM keep.emp ORDER BY salary DESC LIMIT 60;
CREATE VIEW keep.ranked AS SELECT id, rank() OVER (PARTITION BY dept ORDER BY salary) AS r FROM keep.emp;
CREATE VIEW keep.top_barrier WITH (security_barrier) AS SELECT id, name FROM keep.emp ORDER BY salary DESC LIMIT 60;
CREATE VIEW keep.rich_depts AS SELECT dept FROM keep.emp GROUP BY dept, id HAVING sum(salary) > 760000000;
CREATE VIEW keep.maxes AS SELECT dept, count(*) AS n FROM keep.emp GROUP BY dept HAVING max(salary) > 0;
CREATE VIEW keep.shown AS SELECT id, name FROM keep.emp WHERE id > 240;
CREATE TABLE keep.letters (id int PRIMARY KEY, addressee name, code int);
INSERT INTO keep.letters SELECT i, CASE WHEN i < 5 THEN 'canary_owner' ELSE 'canary_keeper' END, CASE WHEN i < 5 THEN i ELSE 770010000 + i END
  FROM generate_series(1, 200) i;
CREATE POLICY addressed ON keep.letters USING (addressee = current_user);
ALTER TABLE keep.letters ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON keep.top, keep.ranked, keep.top_barrier, keep.rich_depts, keep.maxes, keep.shown, keep.letters TO canary_owner;
GRANT TRIGGER ON keep.emp, keep.letters TO canary_owner;
"""
SALARY_VIEWS = ("top", "ranked", "top_barrier", "rich_depts", "maxes", "shown", "letters")

# A column that a grant hides.
PAYROLL = """
CREATE TABLE own.payroll_t (id int PRIMARY KEY, name text, account text);
INSERT INTO own.payroll_t SELECT i, 'name' || i, 'SECRET_account_' || i FROM generate_series(1, 100) i;
CREATE FOREIGN TABLE own.payroll (id int, name text, account text) SERVER pgtrickle
  OPTIONS (query 'SELECT id, name, account FROM own.payroll_t', schedule '1s');
REVOKE ALL ON own.payroll_t, own.payroll FROM canary_reader, canary_creator;
GRANT SELECT (id, name) ON own.payroll TO canary_reader, canary_creator;
ANALYZE own.payroll;
"""

# Groups that HAVING hides: the towns with one visit.
TOWNS = """
CREATE TABLE own.visits (id serial PRIMARY KEY, town text);
INSERT INTO own.visits (town) SELECT 'T' || (i % 150) FROM generate_series(1, 1500) i;
INSERT INTO own.visits (town) SELECT 'SECRET_' || i FROM generate_series(1, 150) i;
REVOKE ALL ON own.visits FROM canary_reader, canary_creator;
CREATE FOREIGN TABLE own.big_towns (town text, n bigint) SERVER pgtrickle
  OPTIONS (query 'SELECT town, count(*) FROM own.visits GROUP BY 1 HAVING count(*) >= 3', schedule '1s');
ANALYZE own.big_towns;
"""

# A cast that fails quotes the value; the source belongs to the owner only.
FAILING = """
CREATE TABLE own.texts (id int PRIMARY KEY, t text);
INSERT INTO own.texts VALUES (1, '12');
REVOKE ALL ON own.texts FROM canary_reader, canary_creator;
CREATE FOREIGN TABLE own.numbers (id int, n int) SERVER pgtrickle OPTIONS (query 'SELECT id, t::int FROM own.texts', schedule '1s');
"""
