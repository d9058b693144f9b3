"""The constructs whose refresh is measured, one line each: its name, its query over the tables of SETUP, and
whether it is global by nature, so that its cost may grow with the tables. `fact` is the table that changes;
at {n} rows a group has 10 rows, a part 100, and a link's closure 10."""

SETUP = """
CREATE TABLE fact (id int PRIMARY KEY, grp int NOT NULL, part int NOT NULL, amount int, price numeric(10,2), name text);
INSERT INTO fact SELECT g, g % ({n} / 10), g % ({n} / 100), g % 997, (g % 1000) / 10.0, 'n' || g % 7 FROM generate_series(1, {n}) g;
CREATE INDEX ON fact (grp);
CREATE INDEX ON fact (part);
CREATE TABLE dim AS SELECT g AS id, g % 50 AS kind, 'd' || g AS label FROM generate_series(0, {n} / 10 - 1) g;
ALTER TABLE dim ADD PRIMARY KEY (id);
CREATE TABLE other AS SELECT g AS id, (g * 7) % ({n} / 10) AS grp, g % 997 AS amount FROM generate_series(1, {n} / 2) g;
ALTER TABLE other ADD PRIMARY KEY (id);
CREATE INDEX ON other (grp);
CREATE TABLE link AS SELECT g AS id, g AS start, g + 1 AS finish FROM generate_series(1, {n} / 10) g WHERE g % 10 <> 0;
ALTER TABLE link ADD PRIMARY KEY (id);
CREATE INDEX ON link (start);
CREATE INDEX ON link (finish);
"""

# Changes {count} rows from number {first} on, and back. A link is removed and restored: if it was moved on by
# one, ten thousand links would join the chains, and the closure would have millions of rows.
CHANGE = "UPDATE fact SET amount = (amount + 1) % 997, price = price + 0.1 WHERE id >= {first} AND id < {first} + {count}"
CHANGE_LINK = "UPDATE link SET finish = CASE WHEN finish = start + 1 THEN -start ELSE start + 1 END WHERE id >= {first} AND id < {first} + {count}"

GLOBAL = "global by nature"
CONSTRUCTS = [
    ("filter and expression", "SELECT id, amount * 2 AS twice FROM fact WHERE amount % 3 = 0"),
    ("inner join", "SELECT f.id, d.label, f.amount FROM fact f JOIN dim d ON d.id = f.grp"),
    ("left join", "SELECT d.id, f.id AS fact, f.amount FROM dim d LEFT JOIN fact f ON f.grp = d.id AND f.amount > 500"),
    ("full join", "SELECT f.id, o.id AS other, f.amount, o.amount AS b FROM fact f FULL JOIN other o ON o.id = f.id"),
    ("lateral function", "SELECT f.id, s.n FROM fact f CROSS JOIN LATERAL generate_series(1, f.amount % 3) s(n)"),
    ("lateral sub-query, the best two of a group",
     "SELECT d.id, t.id AS fact, t.amount FROM dim d CROSS JOIN LATERAL (SELECT f.id, f.amount FROM fact f WHERE f.grp = d.id ORDER BY f.amount DESC, f.id LIMIT 2) t"),
    ("sum and count per group", "SELECT grp, sum(amount) AS total, count(*) AS n FROM fact GROUP BY grp"),
    ("min and max per group", "SELECT grp, min(amount) AS least, max(price) AS most FROM fact GROUP BY grp"),
    ("count(DISTINCT) per group", "SELECT grp, count(DISTINCT amount) AS n FROM fact GROUP BY grp"),
    ("string_agg with an order", "SELECT grp, string_agg(name, ',' ORDER BY amount, name) AS names FROM fact GROUP BY grp"),
    ("percentile_cont per group", "SELECT grp, percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) AS median FROM fact GROUP BY grp"),
    ("stddev per group", "SELECT grp, stddev(amount) AS deviation FROM fact GROUP BY grp"),
    ("ROLLUP", "SELECT part, name, sum(amount) AS total FROM fact GROUP BY ROLLUP (part, name)"),
    ("global aggregate", "SELECT count(*) AS n, sum(amount) AS total, avg(price) AS mean FROM fact"),
    ("global median", "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY amount) AS median FROM fact", GLOBAL),
    ("HAVING", "SELECT grp, sum(amount) AS total FROM fact GROUP BY grp HAVING sum(amount) > 5000"),
    ("aggregate of an aggregate", "SELECT n, count(*) AS groups FROM (SELECT grp, sum(amount) / 1000 AS n FROM fact GROUP BY grp) g GROUP BY n"),
    ("join of two aggregates",
     "SELECT a.grp, a.total, b.n FROM (SELECT grp, sum(amount) AS total FROM fact GROUP BY grp) a JOIN (SELECT grp, count(*) AS n FROM other GROUP BY grp) b USING (grp)"),
    ("EXISTS", "SELECT d.id FROM dim d WHERE EXISTS (SELECT 1 FROM fact f WHERE f.grp = d.id AND f.amount > 950)"),
    ("NOT EXISTS", "SELECT d.id FROM dim d WHERE NOT EXISTS (SELECT 1 FROM fact f WHERE f.grp = d.id AND f.amount > 950)"),
    ("IN, under OR", "SELECT f.id, f.amount FROM fact f WHERE f.amount = 5 OR f.grp IN (SELECT o.grp FROM other o WHERE o.amount = 7)"),
    ("NOT IN", "SELECT d.id FROM dim d WHERE d.id NOT IN (SELECT f.grp FROM fact f WHERE f.amount > 950)"),
    ("scalar sub-query, correlated", "SELECT f.id, f.amount FROM fact f WHERE f.amount > (SELECT avg(g.amount) FROM fact g WHERE g.grp = f.grp)"),
    ("scalar sub-query, compared with all rows", "SELECT f.id, f.amount FROM fact f WHERE f.amount > (SELECT avg(g.amount) FROM fact g)"),
    ("scalar sub-query in SELECT", "SELECT d.id, (SELECT max(f.amount) FROM fact f WHERE f.grp = d.id) AS most FROM dim d"),
    ("row_number, partitioned", "SELECT id, part, row_number() OVER (PARTITION BY part ORDER BY amount, id) AS n FROM fact"),
    ("first of each partition", "SELECT * FROM (SELECT id, part, amount, row_number() OVER (PARTITION BY part ORDER BY amount DESC, id) AS n FROM fact) w WHERE n = 1"),
    ("running sum, partitioned", "SELECT id, sum(amount) OVER (PARTITION BY part ORDER BY id) AS running FROM fact"),
    ("moving average and lag", "SELECT id, avg(amount) OVER w AS mean, lag(amount) OVER (PARTITION BY part ORDER BY id) AS before FROM fact "
     "WINDOW w AS (PARTITION BY part ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)"),
    ("window over an aggregate", "SELECT part, name, sum(amount) AS total, rank() OVER (PARTITION BY part ORDER BY sum(amount) DESC) AS place FROM fact GROUP BY part, name"),
    ("window without PARTITION BY", "SELECT grp, rank() OVER (ORDER BY total DESC) AS place FROM (SELECT grp, sum(amount) AS total FROM fact GROUP BY grp) g", GLOBAL),
    ("DISTINCT", "SELECT DISTINCT part, amount % 20 AS digit FROM fact"),
    ("DISTINCT ON", "SELECT DISTINCT ON (part) part, id, amount FROM fact ORDER BY part, amount DESC, id"),
    ("UNION", "SELECT grp, amount FROM fact UNION SELECT grp, amount FROM other"),
    ("INTERSECT", "SELECT grp, amount FROM fact INTERSECT SELECT grp, amount FROM other"),
    ("EXCEPT ALL", "SELECT grp, amount FROM fact EXCEPT ALL SELECT grp, amount FROM other"),
    ("ORDER BY … LIMIT 100", "SELECT id, amount FROM fact ORDER BY amount DESC, id LIMIT 100"),
    ("ORDER BY … LIMIT 100 of an aggregate", "SELECT grp, sum(amount) AS total FROM fact GROUP BY grp ORDER BY total DESC, grp LIMIT 100"),
    ("WITH used twice", "WITH g AS (SELECT grp, sum(amount) AS total FROM fact GROUP BY grp) SELECT a.grp, a.total, b.total AS next FROM g a JOIN g b ON b.grp = a.grp + 1"),
    ("WITH RECURSIVE, closure", "WITH RECURSIVE c(a, b) AS (SELECT start, finish FROM link UNION SELECT c.a, l.finish FROM c JOIN link l ON l.start = c.b) SELECT a, b FROM c"),
]


def change_of(query):
    return CHANGE_LINK if " link" in query else CHANGE
