-- The graph of stream tables and their sources, as text and as a drawing.

CREATE FUNCTION pgtrickle.dependency_tree(
    OUT tree_line text, OUT node text, OUT node_type text, OUT depth int, OUT status text, OUT refresh_mode text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_dependency_tree';
COMMENT ON FUNCTION pgtrickle.dependency_tree()
  IS 'dependency tree: stream tables that no other stream table reads, each followed by its sources';

CREATE FUNCTION pgtrickle.explain_dag(format text DEFAULT 'mermaid') RETURNS text
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_explain_dag';
COMMENT ON FUNCTION pgtrickle.explain_dag(text)
  IS 'graph of stream tables with their states and ages, in Mermaid or DOT format (''dot'')';

CREATE FUNCTION pgtrickle.diamond_groups(
    OUT pgt_schema text, OUT member_name text, OUT group_id int, OUT is_convergence bool, OUT diamond_consistency text,
    OUT schedule_policy text
  ) RETURNS SETOF record
  LANGUAGE c VOLATILE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'pgtrickle_diamond_groups';
COMMENT ON FUNCTION pgtrickle.diamond_groups()
  IS 'members of diamonds: stream tables that read one source through several paths (is_convergence), and the stream tables on these paths';
