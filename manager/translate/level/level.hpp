/*
 * Translation of one query level, and what its files share.
 *
 *   query.cpp      a level: what is refused, SELECT as FROM, WHERE, grouping, targets, DISTINCT
 *   targets.cpp    what is computed of the rows
 *   from.cpp       FROM items, joins, and which condition belongs where
 *   grouping.cpp   GROUP BY, aggregates, HAVING
 *   grouping_sets.cpp   GROUPING SETS, ROLLUP, CUBE as a union of groupings
 *   aggregate_call.cpp   an aggregate: by what it is kept
 *   set_operation.cpp   trees of set operations; counted_operation.cpp: INTERSECT and EXCEPT
 *   computed_rows.cpp   FROM items that read no relation: VALUES
 *   recursion.cpp  recursive CTEs
 *   domain.cpp     correlated subqueries, by the values they read of the rows outside
 *   domain_images.cpp   … where equal ones of these look different
 *   preserved_rows.cpp   outer joins as pairs and what is in none
 *   lateral.cpp    subqueries of FROM that read what is beside them
 *   sublink.cpp    subqueries in expressions; sublink_filter.cpp: conjuncts with scalar ones
 *
 * All of it are C++ frames. Trees live in the memory context of the caller.
 */
#pragma once

#include "translate/expression/expression.hpp"
#include "translate/check/refusal.hpp"
#include "translate/level/shared_query.hpp"
#include "translate/level/source.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <set>

namespace pgtrickle::translate {

/* What a correlated subquery reads of the queries around it (domain.hpp): a relation without
 * duplicates, whose columns stand for the Params of `scope` in the subquery. */
struct Domain {
    engine::PlanPtr plan;
    Scope scope;
};

/* A query and the queries around it, which CTE references go up through. The plan of a level
 * with a domain has, after the columns asked for, all of the domain's. */
struct Level {
    const Query *query;
    const Level *parent;
    const Domain *domain = nullptr;
    bool is_copy = false; /* made anew in each pass, so that what it holds cannot be shared by address */
};

/* Result of a FROM item or of a grouping: what each column of `plan` stands for. */
struct Input {
    engine::PlanPtr plan;
    Scope scope;
};

/* An inner join: items are RangeTblRefs and outer JoinExprs; conjuncts are true of every row. */
struct InnerJoin {
    std::vector<Node *> items;
    std::vector<Node *> conjuncts;
};

/* Range table numbers read, or offered; 0 is the domain. */
using Relids = std::set<int>;

/* A Var, Aggref or GroupingFunc of the level outside (or a Param of a level further out, which
 * then stands for itself), and the Param that the subquery reads instead. */
struct Reference {
    Node *outer;
    Node *param;
};

struct Detached {
    Query *query; /* Params in place of the references */
    std::vector<Reference> references; /* each once */
};

/* An input of an inner join that is being put together. */
struct Part {
    Input input;
    Relids relids;
};

/* Rows that outer rows select some of: what is not correlated, the conjuncts that are, and the
 * targets, over the columns of both. */
struct PlainRows {
    Input input;
    std::vector<Node *> conjuncts;
    std::vector<Node *> targets;
};

class Translator {
  public:
    Translator(Sources &sources, SharedQueries &shared) : sources_(sources), shared_(shared) {}

    /* The columns `needed` (numbers of targets that are not junk, ascending; none only if there is none). */
    engine::PlanPtr query(const Level &level, const std::vector<int> &needed);

    /* The FROM and WHERE of a flattened level, with what `read` and they read. */
    Input from(const Level &level, const std::vector<Node *> &read);
    /* The rows for which every conjunct is true, subqueries in them included. */
    Input filtered(const Level &level, Input input, const std::vector<Node *> &conjuncts);
    /* Rewrites `nodes`: a subquery in them becomes an expression over new columns of `input`. */
    void evaluate_sublinks(const Level &level, Input &input, std::vector<Node *> &nodes);
    /* The same for the targets `numbers` of `query`, the one of `level`. */
    void evaluate_targets(const Level &level, Input &input, Query *query, const std::vector<int> &numbers);
    /* The same for grouping keys, and for the arguments of aggregates in `read` and HAVING. */
    void evaluate_before_grouping(const Level &level, Input &input, Query *query, const std::vector<Node *> &read);
    /* FROM and WHERE of a flattened level whose WHERE alone is correlated. */
    std::optional<PlainRows> plain_from(const Level &level, const std::vector<Node *> &read);
    /* The same of a detached subquery that is no more than that; the targets are what it selects. */
    std::optional<PlainRows> plain_rows(const Level &parent, const Query *subquery, const std::vector<int> &needed,
                                        bool is_set);
    /* The rows of a correlated level that makes one row of none: each combination of the domain has one
     * at least. The aggregates in `query` skip those that were made up. */
    Input rows_to_count(const Level &level, Query *query, const std::vector<Node *> &read);
    int &next_param() { return next_param_; }

  private:
    friend class FromClause;

    /* The rows of a recursive CTE of this level; inside of its own recursive term, the reference to them. */
    engine::PlanPtr recursive_cte(const CommonTableExpr *cte, const Level &level);
    engine::PlanPtr select(const Level &level, const std::vector<int> &needed);
    Input grouped(const Level &level, Input input, Query *query,
                  const std::function<std::vector<Node *>()> &outputs, const Domain *made_up);
    engine::PlanPtr set_operation(const Level &level, const std::vector<int> &needed);
    engine::PlanPtr set_operand(const Level &level, Node *node, const std::vector<int> &needed,
                                std::vector<ValueType> &types, const SetOperationStmt *above = nullptr);

    /* A CTE, which other references may share. */
    engine::PlanPtr shared_query(const Level &level, const std::vector<int> &needed);
    void count_levels(int more);

    static constexpr int max_levels = 1000;

    Sources &sources_;
    SharedQueries &shared_;
    /* No plan: its base is being translated. */
    std::map<const CommonTableExpr *, std::pair<const Domain *, engine::PlanPtr>> recursions_;
    int levels_ = 0;
    int next_param_ = 1;
};

/* The FROM clause of one level. `used` are the columns that the level reads, by range table number. */
class FromClause {
  public:
    using UsedColumns = std::map<int, std::map<AttrNumber, Node *>>;

    FromClause(Translator &translator, const Level &level, const UsedColumns &used)
        : translator_(translator), level_(level), used_(used), domain_(level.domain)
    {
    }

    Input build(Node *jointree);
    /* Takes the inner joins of `node` apart. */
    static void collect(Node *node, InnerJoin &into);

  private:
    Relids relids_of_item(Node *node) const;
    /* With all of the domain's columns, if it `carries` them: an item that reads the domain brings
     * them, otherwise the domain itself is one more input. */
    Input build(const InnerJoin &join, bool carries);
    Input build_item(Node *item, const std::vector<Node *> &conjuncts);
    Input outer_join(JoinExpr *join, const std::vector<Node *> &conjuncts);
    engine::PlanPtr joined(const std::vector<Part> &parts, const std::vector<Node *> &conjuncts,
                           Scope &scope) const;
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
    /* `level`: the one that the query, or the CTE, is part of. */
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
    Input build_right(const InnerJoin &right, bool carries, const std::vector<Reference> &beside,
                      const Input &left);

    Input leaf(int number);
    /* `input` with the whole row of the FROM item, if that is read. */
    Input with_whole(int number, Input input) const;
    Input relation(int number, const RangeTblEntry *entry);
    Input subquery(int number, const RangeTblEntry *entry, const Level &inner);
    Input recursive_cte(int number, const CommonTableExpr *cte, const Level &holder);
    Input values(int number, const RangeTblEntry *entry);
    Input computed_alone(int number, const RangeTblEntry *entry);
    /* The FROM item, which is computed, with its subqueries as new columns of `outer`. */
    const RangeTblEntry *without_sublinks(const RangeTblEntry *entry, Input &outer);
    engine::Condition condition(const std::vector<Node *> &conjuncts, const std::vector<Relids> &sides,
                                const Scope &scope) const;

    Translator &translator_;
    const Level &level_;
    const UsedColumns &used_;
    const Domain *domain_;                /* of the rows being built */
    std::vector<Reference> outside_ = {}; /* what the right side of a LEFT JOIN reads of the left */
};

/* The rows of a correlated level, and one made up for each combination of the domain that has none: `marker`
 * is true of the others (subquery.cpp). */
Input with_made_up_rows(const Domain &domain, Input rows, Node *marker);
/* The aggregate over the others. */
Node *without_made_up_rows(Node *aggregate, Node *marker);

/* A grouping set without a key shows a NULL in its place. Where the key is a column of the domain, which every set
 * has, `query` gets a column of its own for it. The domain's own targets are the last of `query`. */
Input with_own_keys(Query *query, Input input, const Domain &domain, int &next_param);

/* What gives the empty grouping set of a correlated level its rows. */
struct EmptySet {
    const Domain *domain; /* none if the level is not correlated, or has that row already */
    Node *marker;
};

/* GROUP BY, aggregates, HAVING over `from`; outputs are the needed targets. */
Input group(const Query *query, const std::vector<Node *> &outputs, Input from, const EmptySet &empty);

/* One set of groups: keys, then aggregates. A key is any expression over `from`. */
Input groups_of(Input from, const std::vector<Node *> &keys, const std::vector<Node *> &aggregates);

/* What is read of groups beside the grouping expressions. */
struct GroupedReads {
    std::vector<Node *> determined; /* Vars that a grouped primary key determines */
    std::vector<Node *> aggregates;
    std::vector<Node *> groupings;  /* GroupingFuncs */
};
/* GROUPING SETS, ROLLUP, CUBE and HAVING over `from` (grouping_sets.cpp). */
Input grouping_sets(const Query *query, const GroupedReads &reads, const Input &from, const EmptySet &empty);

int position_in(const Scope &scope, const Node *node);

/* The pairs of a join, and, beside NULLs, the rows of those sides given that are in none of them
 * (preserved_rows.cpp). The columns of `left` are the first ones of `pairs`, those of `right` the last. */
Input with_unmatched(Input pairs, const Input *left, const Input *right, int &next_param);
/* The columns that stand for something, those of `first` first. */
Input arranged(const Input &input, const Scope &first);

/* Whole rows (whole_row.cpp), which `used` has as column 0. They read all columns. */
void add_columns_of_whole_rows(const Query *query, std::map<int, std::map<AttrNumber, Node *>> &used);
/* `input`, which has all columns of the FROM item, with its whole row, the Var `whole`. */
Input with_whole_row(int number, const RangeTblEntry *entry, Input input, Node *whole);

/* Computed from what is beside it alone: VALUES, functions, XMLTABLE (computed_rows.cpp). */
bool is_computed(const RangeTblEntry *entry);
/* What its rows are computed by. */
Node *computation_of(const RangeTblEntry *entry);
/* What it reads of this level. */
std::vector<Var *> vars_of_entry(const RangeTblEntry *entry);
/* `outer` with the rows of such a FROM item; left: a row stays for which none meets the condition. */
Input computed_beside(int number, const RangeTblEntry *entry, Input outer);
Input computed_left(int number, const RangeTblEntry *entry, Input outer, const std::vector<Node *> &on);

/* The targets, junk ones included, that return sets (target_sets.cpp). */
std::vector<Node *> set_targets(const Query *query);
/* Each row of `input` with the rows of those of `nodes` that return sets: new columns. */
Input with_sets(Input input, const std::vector<Node *> &nodes);

/* INTERSECT or EXCEPT of plans with the same columns (counted_operation.cpp). */
engine::PlanPtr counted_operation(SetOperation operation, bool all, engine::PlanPtr left, engine::PlanPtr right);

/* The arguments, if the node is an equality that can drive a merge or hash join. */
std::pair<Node *, Node *> equality_arguments(Node *node);

/* A shallow copy of the level whose expressions see through the columns of JOINs. */
Query *flattened(const Query *query);
/* Refuses what a level as a whole may not have. */
void check_level(const Query *query);

bool has_sublink(Node *node);
/* The outermost subqueries in the expressions of a tree. */
std::vector<Node *> sublinks_of(Node *node);

/* One aggregate over `scope` (aggregate_call.cpp): the calls that the engine keeps, and the answer
 * as an expression over them; none: it is the only call's. */
struct KeptCall {
    std::vector<engine::AggregateCall> calls;
    std::optional<engine::Expression> answer;
};
KeptCall aggregate_call(const Aggref *aggregate, const Scope &scope);

/* The pieces of a conjunction, an empty list for none. */
std::vector<Node *> conjuncts_of(Node *condition);
engine::PlanPtr filtered(const Input &input, const std::vector<Node *> &conjuncts);

/* The Vars of this level in `node`. */
std::vector<Var *> vars_of(Node *node);
/* These, and what stands for columns of outer queries and for subqueries. */
std::vector<Node *> columns_read(Node *node);
Relids relids_of(Node *node);

/* The targets that are not junk, by number. */
TargetEntry *target(const Query *query, int number);
bool has_targets(const Query *query);
/* Refuses a query that has none. */
std::vector<int> all_targets(const Query *query);

/* `plan`, the columns `needed` of which have the types `present`, with the types `wanted`; both
 * list all columns, numbered from 1. */
engine::PlanPtr cast_columns(engine::PlanPtr plan, const std::vector<int> &needed,
                             const std::vector<ValueType> &present, const std::vector<ValueType> &wanted);

/* The columns of `plan`, numbered `present`, that are in `wanted`; and all beyond these. */
engine::PlanPtr narrowed(engine::PlanPtr plan, const std::vector<int> &present,
                         const std::vector<int> &wanted);

/* `names` made different from one another by suffixes. */
std::vector<std::string> distinct_names(std::vector<std::string> names);

} // namespace pgtrickle::translate
