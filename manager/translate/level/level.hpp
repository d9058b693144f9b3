/*
 * Translation of one query level, and declarations that its files share.
 *
 *   level.cpp      conjuncts, columns and targets
 *   query.cpp      a level: constructs that are refused, SELECT as FROM, WHERE, grouping, targets, DISTINCT
 *   targets.cpp    expressions computed from the rows
 *   from.cpp       FROM items, joins, and the place of each condition
 *   filtered_join.cpp   inner joins, and the place of each condition with a subquery
 *   grouping.cpp   GROUP BY, aggregates, HAVING
 *   grouping_sets.cpp   GROUPING SETS, ROLLUP, CUBE as a union of groupings; own_keys.cpp: keys that are equal
 *   aggregate_call.cpp   an aggregate: the calls by which it is maintained
 *   set_operation.cpp   trees of set operations; counted_operation.cpp: INTERSECT and EXCEPT
 *   computed_rows.cpp   FROM items that read no relation: VALUES
 *   recursion.cpp  recursive CTEs
 *   domain.cpp     correlated subqueries, by the values they read of the outer rows
 *   domain_images.cpp   domains whose values may be equal and look different
 *   preserved_rows.cpp   outer joins as pairs and the rows that are in no pair
 *   lateral.cpp    subqueries of FROM that read other FROM items
 *   sublink.cpp    subqueries in expressions; sublink_filter.cpp: conjuncts with scalar ones
 *
 * All functions are C++ frames. Trees live in the memory context of the caller.
 */
#pragma once

#include "translate/check/refusal.hpp"
#include "translate/expression/expression.hpp"
#include "translate/level/shared_query.hpp"
#include "translate/level/source.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <set>

namespace pgtrickle::translate {

/* The values that a correlated subquery reads of the queries around it (domain.hpp): a relation without
 * duplicates, whose columns represent the Params of `scope` in the subquery. */
struct Domain {
    engine::PlanPtr plan;
    Scope scope;
};

/* A query and the queries around it, to which CTE references of outer levels refer. The plan of a level with
 * a domain has the requested columns, followed by all columns of the domain. */
struct Level {
    const Query *query;
    const Level *parent;
    const Domain *domain = nullptr;
    bool is_copy = false; /* the query is copied in each pass, so its CTEs cannot be shared by address */
};

/* Result of a FROM item or of a grouping: scope[i] is the node that column i of `plan` represents. */
struct Input {
    engine::PlanPtr plan;
    Scope scope;
};

/* An inner join: `items` are RangeTblRefs and outer JoinExprs; `conjuncts` are true of every row. */
struct InnerJoin {
    std::vector<Node *> items;
    std::vector<Node *> conjuncts;
};

/* Range table indexes that are read, or provided; 0 is the domain. */
using Relids = std::set<int>;

/* A Var, Aggref or GroupingFunc of the level outside (or a Param of a level further out, in which case both
 * are that Param), and the Param that the subquery reads instead. */
struct Reference {
    Node *outer;
    Node *param;
};

struct Detached {
    Query *query;                      /* has Params in place of the references */
    std::vector<Reference> references; /* each once */
};

/* Subqueries, and the expressions that replace them. */
struct SublinkValues {
    std::vector<Node *> links, values;
};

/* An input of an inner join under construction. */
struct Part {
    Input input;
    Relids relids;
};

/* A subquery as a join with the outer rows: its uncorrelated part, the correlated conjuncts, and the targets,
 * over the columns of both. */
struct PlainRows {
    Input input;
    std::vector<Node *> conjuncts;
    std::vector<Node *> targets;
};

/* Which subqueries of an expression are meant: all, or those that can be evaluated before the window functions of the
 * level. The others are compared with the value of one, whose arguments may contain subqueries. */
enum class SublinkMoment { before_windows, at_end };

class Translator {
  public:
    Translator(Sources &sources, SharedQueries &shared) : sources_(sources), shared_(shared) {}

    /* Translates a query. Returns the columns `needed` (numbers of targets that are not junk, ascending;
     * empty only if there is no target). */
    engine::PlanPtr query(const Level &level, const std::vector<int> &needed);

    /* Translates FROM and WHERE of a flattened level; the result has the columns that `read` and the
     * conditions read. */
    Input from(const Level &level, const std::vector<Node *> &read);
    /* Returns the rows for which every conjunct is true; conjuncts may contain subqueries. */
    Input filtered(const Level &level, Input input, const std::vector<Node *> &conjuncts);
    /* Whether the rows of the subquery depend on a column of a level outside. */
    bool is_correlated(const SubLink *link);
    /* Rewrites `nodes`: each subquery in them becomes an expression over new columns of `input`. The values of the
     * nodes are read only of rows that meet `guard_of_nodes`; null: of all. */
    void evaluate_sublinks(const Level &level, Input &input, std::vector<Node *> &nodes,
                           SublinkMoment moment = SublinkMoment::at_end, Node *guard_of_nodes = nullptr);
    /* Returns the subqueries in `nodes`, which may also be lists, with those expressions. */
    SublinkValues sublink_values(const Level &level, Input &input, const std::vector<Node *> &nodes,
                                 SublinkMoment moment = SublinkMoment::at_end, Node *guard_of_nodes = nullptr);
    /* Applies evaluate_sublinks() to the targets `numbers` of `query`, which is the query of `level`. */
    void evaluate_targets(const Level &level, Input &input, Query *query, const std::vector<int> &numbers,
                          SublinkMoment moment = SublinkMoment::at_end);
    /* Applies evaluate_sublinks() to grouping keys, and to the arguments of aggregates in `read` and
     * HAVING. */
    void evaluate_before_grouping(const Level &level, Input &input, Query *query, const std::vector<Node *> &read);
    /* Translates FROM and WHERE of a flattened level; returns nothing if more than its WHERE is
     * correlated. */
    std::optional<PlainRows> plain_from(const Level &level, const std::vector<Node *> &read);
    /* Applies plain_from() to a detached subquery that consists of FROM and WHERE; `targets` are its target
     * expressions. */
    std::optional<PlainRows> plain_rows(const Level &parent, const Query *subquery, const std::vector<int> &needed,
                                        bool is_set);
    /* Returns the rows to aggregate in a correlated level that returns one row for no input: each combination
     * of the domain has at least one row. The aggregates in `query` are made to skip the rows that were added
     * for that. */
    Input rows_to_count(const Level &level, Query *query, const std::vector<Node *> &read);
    int &next_param() { return next_param_; }

  private:
    friend class FromClause;

    /* Translates a recursive CTE of this level; within its own recursive term, returns the reference to
     * it. */
    engine::PlanPtr recursive_cte(const CommonTableExpr *cte, const Level &level);
    engine::PlanPtr select(const Level &level, const std::vector<int> &needed);
    Input grouped(const Level &level, Input input, Query *query, const std::function<std::vector<Node *>()> &outputs,
                  const Domain *made_up);
    engine::PlanPtr set_operation(const Level &level, const std::vector<int> &needed);
    engine::PlanPtr set_operand(const Level &level, Node *node, const std::vector<int> &needed,
                                std::vector<ValueType> &types, const SetOperationStmt *above = nullptr);

    /* Translates a CTE, whose plan other references may share. One that PostgreSQL computes once is copied if it
     * reads many relations. */
    engine::PlanPtr shared_query(const Level &level, const std::vector<int> &needed);
    void count_levels(int more);

    static constexpr int max_levels = 1000;
    /* A shared query that reads more relations is copied: its text would be repeated for each reference. */
    static constexpr int most_reads_of_shared = 8;

    Sources &sources_;
    SharedQueries &shared_;
    /* The plan is null while the base term is translated. */
    std::map<const CommonTableExpr *, std::pair<const Domain *, engine::PlanPtr>> recursions_;
    int levels_ = 0;
    int next_param_ = 1;
};

/* Translates the FROM clause of one level. `used` are the columns that the level reads, by range table
 * index. */
class FromClause {
  public:
    using UsedColumns = std::map<int, std::map<AttrNumber, Node *>>;

    FromClause(Translator &translator, const Level &level, const UsedColumns &used)
        : translator_(translator), level_(level), used_(used), domain_(level.domain)
    {
    }

    Input build(Node *jointree);
    /* Adds the items and conditions of the inner joins in `node` to `into`. */
    static void collect(Node *node, InnerJoin &into);

  private:
    Relids relids_of_item(Node *node) const;
    /* Builds a join. If it `carries` the domain, the result has all columns of the domain: they come from an
     * item that reads the domain, or from the domain itself as a further input. */
    Input build(const InnerJoin &join, bool carries);
    Input build_item(Node *item, const std::vector<Node *> &conjuncts);
    Input outer_join(JoinExpr *join, const std::vector<Node *> &conjuncts);
    Input joined(const std::vector<Part> &parts, const std::vector<Node *> &conjuncts) const;
    Part merged(std::vector<Part> parts, std::vector<Node *> &conjuncts);
    Input computed_left_join(JoinExpr *join, const std::vector<Node *> &conjuncts);
    Input paired_left_join(const InnerJoin &left, const InnerJoin &right, const std::vector<Node *> &on, bool carries);
    bool has_function_beside(JoinExpr *join) const;
    InnerJoin with_inputs_inside(InnerJoin join) const;
    std::vector<Node *> items_read(Node *item, const std::vector<Node *> &others) const;
    Input outer_joined(engine::OuterKind kind, Part left, Part right, const std::vector<Reference> &beside,
                       const std::vector<Node *> &on);

    /* lateral.cpp */
    Detached detached_item(const RangeTblEntry *entry) const;
    /* `level` is the level to which the query, or the CTE, belongs. */
    const Domain *domain_if_read(const Query *query, const Level &level) const;
    std::vector<Reference> references_of(const Node *item) const;
    bool reads_domain(Node *item) const;
    bool is_lateral(Node *item) const;
    bool is_computed_lateral(Node *item) const;
    void add_lateral(std::vector<Part> &parts, Node *item, const std::vector<Node *> &own,
                     std::vector<Node *> &conjuncts);
    Input lateral(int number, Input outer, const Detached &subquery, const std::vector<Node *> &own);
    Input joined_plainly(const Input &outer, const Detached &subquery, const PlainRows &rows,
                         const std::vector<Node *> &vars) const;
    std::vector<Reference> references_beside(JoinExpr *join, const Input &left) const;
    Input build_right(const InnerJoin &right, bool carries, const std::vector<Reference> &beside, const Input &left);

    Input leaf(int number);
    /* Adds the whole row of the FROM item to `input`, if it is read. */
    Input with_whole(int number, Input input) const;
    Input relation(int number, const RangeTblEntry *entry);
    Input subquery(int number, const RangeTblEntry *entry, const Level &inner);
    Input recursive_cte(int number, const CommonTableExpr *cte, const Level &holder);
    Input values(int number, const RangeTblEntry *entry);
    Input computed_alone(int number, const RangeTblEntry *entry);
    /* Returns a computed FROM item in which subqueries are replaced by new columns of `outer`. */
    const RangeTblEntry *without_sublinks(const RangeTblEntry *entry, Input &outer);

    Translator &translator_;
    const Level &level_;
    const UsedColumns &used_;
    const Domain *domain_;                /* domain of the rows being built */
    std::vector<Reference> outside_ = {}; /* columns of the left side that the right side of a LEFT JOIN reads */
};

/* Returns the rows of a correlated level, and one added row for each combination of the domain that has no
 * row: `marker` is true for all rows but the added ones (subquery.cpp). */
Input with_made_up_rows(const Domain &domain, Input rows, Node *marker);
/* Returns the aggregate restricted to rows that were not added. */
Node *without_made_up_rows(Node *aggregate, Node *marker);

/* Returns `rows` with one more column, which `node` represents. */
Input with_column(Input rows, engine::Expression value, Node *node);

/* Gives keys of grouping sets that cannot be found by their expressions columns of their own (own_keys.cpp). `domain`
 * is null if the level is not correlated; else its targets are the last of `query`. */
Input with_own_keys(Query *query, Input input, const Domain *domain, int &next_param);

/* How the empty grouping set of a correlated level gets its rows. */
struct EmptySet {
    const Domain *domain; /* null if the level is not correlated, or has that row already */
    Node *marker;
};

/* Translates GROUP BY, aggregates and HAVING over `from`; `outputs` are the needed targets. */
Input group(const Query *query, const std::vector<Node *> &outputs, Input from, const EmptySet &empty);

/* Returns one set of groups: keys, then aggregates. A key is any expression over `from`. */
Input groups_of(Input from, const std::vector<Node *> &keys, const std::vector<Node *> &aggregates);

/* Expressions that are read of groups in addition to the grouping expressions. */
struct GroupedReads {
    std::vector<Node *> determined; /* Vars that a grouped primary key determines */
    std::vector<Node *> aggregates;
    std::vector<Node *> groupings; /* GroupingFuncs */
};
/* Translates GROUPING SETS, ROLLUP, CUBE and HAVING over `from` (grouping_sets.cpp). */
Input grouping_sets(const Query *query, const GroupedReads &reads, const Input &from, const EmptySet &empty);

int position_in(const Scope &scope, const Node *node);

/* Returns the pairs of a join, and those rows of the given sides that are in no pair, extended by NULLs
 * (preserved_rows.cpp). The columns of `left` are the first of `pairs`, those of `right` the last. */
Input with_unmatched(Input pairs, const Input *left, const Input *right, int &next_param);
/* Returns the columns of `input` that represent a node, those of `first` first. */
Input arranged(const Input &input, const Scope &first);

/* Adds the columns that whole rows read (whole_row.cpp), which are all of them; `used` has a whole row as
 * column 0. */
void add_columns_of_whole_rows(const Query *query, std::map<int, std::map<AttrNumber, Node *>> &used);
/* Adds the whole row of the FROM item, the Var `whole`, to `input`, which has all columns of the item. */
Input with_whole_row(int number, const RangeTblEntry *entry, Input input, Node *whole);

/* Whether the item is computed only from other FROM items: VALUES, functions, XMLTABLE
 * (computed_rows.cpp). */
bool is_computed(const RangeTblEntry *entry);
/* Returns the names and Vars of the columns that a FROM item has today, with constants for dropped ones. The row type
 * of a function may have more columns than when the query was analyzed: a Var without FROM item represents each of
 * them, unless the whole row of the item has it, too. PostgreSQL frame. */
void present_columns(int number, const RangeTblEntry *entry, List **names, List **vars);
/* Returns the expressions that compute the item's rows. */
Node *computation_of(const RangeTblEntry *entry);
/* Returns the Vars of this level that the item reads. */
std::vector<Var *> vars_of_entry(const RangeTblEntry *entry);
/* Return `outer` joined with the rows of a computed item; computed_left() also keeps a row for which no row
 * of the item meets the condition. */
Input computed_beside(int number, const RangeTblEntry *entry, Input outer);
Input computed_left(int number, const RangeTblEntry *entry, Input outer, const std::vector<Node *> &on);

/* Returns the targets, including junk ones, that return sets (target_sets.cpp). */
std::vector<Node *> set_targets(const Query *query);
/* Returns each row of `input` with the rows of those of `nodes` that return sets, as new columns. */
Input with_sets(Input input, const std::vector<Node *> &nodes);

/* Returns INTERSECT or EXCEPT of plans with the same columns (counted_operation.cpp). */
engine::PlanPtr counted_operation(SetOperation operation, bool all, engine::PlanPtr left, engine::PlanPtr right);

/* Returns the arguments if the node is the own equality of both and can drive a merge or hash join, else nulls. */
std::pair<Node *, Node *> equality_arguments(Node *node);

/* Returns a shallow copy of the level in whose expressions Vars of JOINs are replaced. */
Query *flattened(const Query *query);
/* Refuses a level with clauses that cannot be translated. */
void check_level(const Query *query);

bool has_sublink(Node *node);
/* Returns the outermost subqueries in the expressions of a tree. */
std::vector<Node *> sublinks_of(Node *node, SublinkMoment moment = SublinkMoment::at_end);

/* An aggregate (aggregate_call.cpp): the calls that the engine maintains, and its value as an expression over
 * them; without `answer`, the value is that of the only call. */
struct KeptCall {
    std::vector<engine::AggregateCall> calls;
    std::optional<engine::Expression> answer;
};
KeptCall aggregate_call(const Aggref *aggregate, const Scope &scope);
/* Whether the aggregate is one of pg_catalog. */
bool is_builtin(const Aggref *aggregate);
/* Whether the aggregate's DISTINCT, if it has one, is by the equality of the types of its arguments. */
bool has_plain_distinct(const Aggref *aggregate);

/* Returns the parts of a conjunction; an empty list for no condition. What all alternatives of an OR have in common
 * becomes parts of their own: a join finds its keys there, and a scan its filters. */
std::vector<Node *> conjuncts_of(Node *condition);
engine::PlanPtr filtered(const Input &input, const std::vector<Node *> &conjuncts);

/* Returns the Vars of this level in `node`. */
std::vector<Var *> vars_of(Node *node);
/* As vars_of(), with the nodes that represent columns of outer queries and subqueries. */
std::vector<Node *> columns_read(Node *node);
Relids relids_of(Node *node);
/* Whether there are some, and all are of `outer`. */
bool is_within(const Relids &inner, const Relids &outer);

/* Returns the target with that number, which is not junk. */
TargetEntry *target(const Query *query, int number);
bool has_targets(const Query *query);
/* Returns the numbers of all targets that are not junk. Refuses a query without targets. */
std::vector<int> all_targets(const Query *query);

/* Returns `plan`, whose columns are the `needed` ones, with the types `wanted`. `present` and `wanted` list
 * the types of all columns, numbered from 1. */
engine::PlanPtr cast_columns(engine::PlanPtr plan, const std::vector<int> &needed,
                             const std::vector<ValueType> &present, const std::vector<ValueType> &wanted);

/* Returns those columns of `plan` whose numbers in `present` are also in `wanted`, and all columns beyond
 * `present`. */
engine::PlanPtr narrowed(engine::PlanPtr plan, const std::vector<int> &present, const std::vector<int> &wanted);

/* Whether each heap has a column of this name, which no other column of it can have. */
bool is_name_of_heaps(const std::string &name);
/* Makes the names distinct by suffixes, from each other and from those of heaps. */
std::vector<std::string> distinct_names(std::vector<std::string> names);

} // namespace pgtrickle::translate
