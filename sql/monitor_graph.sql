-- The graph of sources and stream tables: as a tree, as a drawing, and its diamonds.
CREATE SCHEMA gr;
SET search_path = gr;
CREATE TABLE base (id int PRIMARY KEY, n int);
CREATE TABLE other (id int PRIMARY KEY);
CREATE MATERIALIZED VIEW mat AS SELECT 1 AS one;
CREATE FOREIGN TABLE a () SERVER pgtrickle OPTIONS (query 'SELECT id, n FROM base', schedule '520w', refresh_mode 'DIFFERENTIAL');
CREATE FOREIGN TABLE b () SERVER pgtrickle OPTIONS (query 'SELECT id, n + 1 AS m FROM base', schedule '520w', refresh_mode 'DIFFERENTIAL');
CREATE FOREIGN TABLE d () SERVER pgtrickle OPTIONS (query 'SELECT a.n, b.m FROM a JOIN b USING (id)', schedule '520w',
  refresh_mode 'DIFFERENTIAL', diamond_consistency 'none', diamond_schedule_policy 'slowest');
CREATE FOREIGN TABLE e () SERVER pgtrickle OPTIONS (query 'SELECT n FROM d', schedule '520w', refresh_mode 'FULL');
CREATE FOREIGN TABLE f () SERVER pgtrickle OPTIONS (query 'SELECT id, one FROM other CROSS JOIN mat', schedule '520w', refresh_mode 'DIFFERENTIAL');

CREATE ROLE gr_reader;
GRANT USAGE ON SCHEMA gr TO gr_reader;
GRANT SELECT ON a, b, d, e, f TO gr_reader;
SET ROLE gr_reader;
SELECT tree_line, node, node_type, depth, status, refresh_mode FROM pgtrickle.dependency_tree();
SELECT * FROM pgtrickle.diamond_groups();

-- nodes and edges; a state has its colour, a source its shape
SELECT pgtrickle.explain_dag();
SELECT pgtrickle.explain_dag('dot');
SELECT pgtrickle.explain_dag('svg');
SELECT pgtrickle.explain_dag(NULL);
RESET ROLE;
SELECT pgtrickle.alter_stream_table('a', status => 'SUSPENDED');
INSERT INTO base VALUES (1, 1);
SET ROLE gr_reader;
SELECT regexp_replace(line, '\d+ m?s behind', '… behind') AS line FROM regexp_split_to_table(pgtrickle.explain_dag(), '\n') line WHERE line ~ 'gr\.(a|f)';
SELECT tree_line, status FROM pgtrickle.dependency_tree() WHERE node = 'gr.a';
RESET ROLE;

-- an upstream without SELECT privilege is shown by its name alone
REVOKE SELECT ON a, b, d, f FROM gr_reader;
SET ROLE gr_reader;
SELECT * FROM pgtrickle.dependency_tree();
SELECT regexp_replace(line, '\d+ m?s behind', '… behind') AS line FROM regexp_split_to_table(pgtrickle.explain_dag(), '\n') line WHERE line !~ 'classDef';
SELECT * FROM pgtrickle.diamond_groups();
RESET ROLE;
-- an atomic set: without a side of another owner, with both of its apexes, also for a role that sees a part of it
CREATE ROLE gr_other;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO gr_other;
GRANT ALL ON SCHEMA gr TO gr_other;
CREATE FOREIGN TABLE c () SERVER pgtrickle OPTIONS (query 'SELECT id, n + 2 AS l FROM base', schedule '520w');
CREATE FOREIGN TABLE g () SERVER pgtrickle OPTIONS (query 'SELECT n, m, l FROM a JOIN b USING (id) JOIN c USING (id)', schedule '520w');
CREATE FOREIGN TABLE h () SERVER pgtrickle OPTIONS (query 'SELECT n, l FROM a JOIN c USING (id)', schedule '520w', diamond_schedule_policy 'slowest');
SELECT * FROM pgtrickle.diamond_groups();
ALTER FOREIGN TABLE b OWNER TO gr_other;
SELECT * FROM pgtrickle.diamond_groups();
GRANT SELECT ON c TO gr_reader;
SET ROLE gr_reader;
SELECT * FROM pgtrickle.diamond_groups();
RESET ROLE;
DROP OWNED BY gr_reader;
DROP ROLE gr_reader;

-- names are text, whatever they contain
CREATE SCHEMA "%%{init: x}%%";
CREATE FOREIGN TABLE "%%{init: x}%%"."q""]; n1 --> n2 <script>&amp; #35; `\N` $$x$$
style:x" () SERVER pgtrickle OPTIONS (query 'SELECT id FROM gr.other', schedule '520w', refresh_mode 'DIFFERENTIAL');
SELECT line FROM regexp_split_to_table(pgtrickle.explain_dag(), '\n') line WHERE line ~ 'script';
SELECT line FROM regexp_split_to_table(pgtrickle.explain_dag('dot'), '\n') line WHERE line ~ 'script';
-- each line matches the grammar, whatever the names are
SELECT line FROM regexp_split_to_table(rtrim(pgtrickle.explain_dag(), E'\n'), '\n') line
  WHERE line !~ '^(flowchart LR|  n\d+(\["[^"`%{}\\$]*"\]|\[\("[^"`%{}\\$]*"\)\]):::[a-z]+|  n\d+ --> n\d+|  classDef [a-z]+ [a-z#0-9,:]+)$';
SELECT line FROM regexp_split_to_table(rtrim(pgtrickle.explain_dag('dot'), E'\n'), '\n') line
  WHERE line !~ '^(digraph stream_tables \{|  rankdir=.*|  (node|edge) \[.*\];|  n\d+ \[label="([^"\\]|\\.)*"(, [a-z]+=("[#a-z0-9]+"|[a-z]+))+\];|  n\d+ -> n\d+;|\})$';
SET client_min_messages = warning;
DROP SCHEMA "%%{init: x}%%", gr CASCADE;
DROP OWNED BY gr_other;
DROP ROLE gr_other;
