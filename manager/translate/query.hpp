/*
 * Translation of one query level, and what its files share.
 *
 *   query.cpp      a level: what is refused, SELECT as FROM, WHERE, grouping, targets, DISTINCT
 *   from.cpp       FROM items, joins, and which condition belongs where
 *   grouping.cpp   GROUP BY, aggregates, HAVING
 *   grouping_sets.cpp   GROUPING SETS, ROLLUP, CUBE as a union of groupings
 *   aggregate_call.cpp   an aggregate: by what it is kept
 *   set_operation.cpp   trees of set operations; counted_operation.cpp: INTERSECT and EXCEPT
 *   computed_rows.cpp   FROM items that read no relation: VALUES
 *
 * All of it are C++ frames. Trees live in the memory context of the caller.
 */
#pragma once

#include "translate/expression.hpp"
#include "translate/refusal.hpp"
#include "translate/shared_query.hpp"
#include "translate/source.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <set>

namespace pgtrickle::translate {

/* A query and the queries around it, which CTE references go up through. */
struct Level {
    const Query *query;
    const Level *parent;
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

/* Range table numbers read, or offered. */
using Relids = std::set<int>;

class Translator {
  public:
    Translator(Sources &sources, SharedQueries &shared) : sources_(sources), shared_(shared) {}

    /* The columns `needed` (numbers of targets that are not junk, ascending; none only if there is none). */
    engine::PlanPtr query(const Level &level, const std::vector<int> &needed);

  private:
    friend class FromClause;

    engine::PlanPtr select(const Level &level, const std::vector<int> &needed);
    engine::PlanPtr set_operation(const Level &level, const std::vector<int> &needed);
    engine::PlanPtr set_operand(const Level &level, Node *node, const std::vector<int> &needed,
                                std::vector<ValueType> &types, const SetOperationStmt *above = nullptr);

    /* A CTE, which other references may share. */
    engine::PlanPtr shared_query(const Level &level, const std::vector<int> &needed);
    void count_levels(int more);

    static constexpr int max_levels = 1000;

    Sources &sources_;
    SharedQueries &shared_;
    int levels_ = 0;
};

/* The FROM clause of one level. `used` are the columns that the level reads, by range table number. */
class FromClause {
  public:
    using UsedColumns = std::map<int, std::map<AttrNumber, Node *>>;

    FromClause(Translator &translator, const Level &level, const UsedColumns &used)
        : translator_(translator), level_(level), used_(used)
    {
    }

    Input build(Node *jointree);

  private:
    void collect(Node *node, InnerJoin &into) const;
    Relids relids_of_item(Node *node) const;
    Input build(const InnerJoin &join);
    Input build_item(Node *item, const std::vector<Node *> &conjuncts);
    Input outer_join(JoinExpr *join, const std::vector<Node *> &conjuncts);
    Input leaf(int number);
    Input relation(int number, const RangeTblEntry *entry);
    Input subquery(int number, const RangeTblEntry *entry, const Level &inner);
    Input values(int number, const RangeTblEntry *entry);
    engine::Condition condition(const std::vector<Node *> &conjuncts, const std::vector<Relids> &sides,
                                const Scope &scope) const;

    Translator &translator_;
    const Level &level_;
    const UsedColumns &used_;
};

/* GROUP BY, aggregates, HAVING over `from`; outputs are the needed targets. */
Input group(const Query *query, const std::vector<Node *> &outputs, Input from);

/* One set of groups: keys, then aggregates. A key is any expression over `from`. */
Input groups_of(Input from, const std::vector<Node *> &keys, const std::vector<Node *> &aggregates);

/* What is read of groups beside the grouping expressions. */
struct GroupedReads {
    std::vector<Node *> determined; /* Vars that a grouped primary key determines */
    std::vector<Node *> aggregates;
    std::vector<Node *> groupings;  /* GroupingFuncs */
};
/* GROUPING SETS, ROLLUP, CUBE and HAVING over `from` (grouping_sets.cpp). */
Input grouping_sets(const Query *query, const GroupedReads &reads, const Input &from);

int position_in(const Scope &scope, Node *node);

/* Computed from what is beside it alone: VALUES, functions, XMLTABLE (computed_rows.cpp). */
bool is_computed(const RangeTblEntry *entry);
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

/* One aggregate over `scope` (aggregate_call.cpp). */
engine::AggregateCall aggregate_call(const Aggref *aggregate, const Scope &scope);

/* The pieces of a conjunction, an empty list for none. */
std::vector<Node *> conjuncts_of(Node *condition);
engine::PlanPtr filtered(const Input &input, const std::vector<Node *> &conjuncts);

/* The Vars of this level in `node`. */
std::vector<Var *> vars_of(Node *node);
Relids relids_of(Node *node);

/* The targets that are not junk, by number. */
TargetEntry *target(const Query *query, int number);
bool has_targets(const Query *query);
/* Refuses a query that has none. */
std::vector<int> all_targets(const Query *query);

/* The columns of `plan`, numbered `present`, that are in `wanted`. */
engine::PlanPtr narrowed(engine::PlanPtr plan, const std::vector<int> &present,
                         const std::vector<int> &wanted);

/* `names` made different from one another by suffixes. */
std::vector<std::string> distinct_names(std::vector<std::string> names);

} // namespace pgtrickle::translate
