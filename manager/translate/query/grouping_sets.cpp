/*
 * GROUPING SETS, ROLLUP, CUBE: a union of groupings over one input.
 *
 *   GROUP BY ROLLUP (a, b)   ─►   groups of (a, b) ∪ groups of (a, NULL) ∪ the one row of (NULL, NULL)
 *
 * In each branch a key that is not in its set is a NULL, in direct arguments of aggregates too, and grouping() a
 * constant. A set that is written twice returns its groups twice. HAVING is evaluated in each branch.
 *
 * In a correlated subquery every set has the domain's columns as well. A set without further columns is the
 * empty set, which returns a row even if there are no rows to group: it is grouped with the added rows.
 */
#include "translate/subquery/sublink.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_agg.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* A grouping set, as numbers of sort-group references. */
using Set = std::set<int>;

std::vector<Set> sets_of(const Query *query)
{
    std::vector<Set> sets;
    ListCell *cell;
    if (query->groupingSets == NIL) {
        Set all;
        foreach (cell, query->groupClause)
            all.insert(static_cast<int>(lfirst_node(SortGroupClause, cell)->tleSortGroupRef));
        return {all};
    }
    List *expanded = call([&] { return expand_grouping_sets(query->groupingSets, query->groupDistinct, -1); });
    foreach (cell, expanded) {
        Set set;
        ListCell *inner;
        foreach (inner, static_cast<List *>(lfirst(cell)))
            set.insert(lfirst_int(inner));
        sets.push_back(set);
    }
    return sets;
}

/* Returns the bits of grouping(a, b …): 1 where the argument is not in the set. */
int grouping_value(const GroupingFunc *grouping, const Set &set)
{
    int value = 0;
    ListCell *cell;
    foreach (cell, grouping->refs)
        value = value << 1 | (set.contains(lfirst_int(cell)) ? 0 : 1);
    return value;
}

class SetBranch {
  public:
    SetBranch(const Query *query, const GroupedReads &reads, const Set &set, const EmptySet &empty)
        : query_(query), reads_(reads), set_(set), empty_(empty)
    {
    }

    Input build(const Input &from)
    {
        std::vector<Node *> keys;
        ListCell *cell;
        foreach (cell, query_->groupClause) {
            auto *clause = lfirst_node(SortGroupClause, cell);
            if (set_.contains(static_cast<int>(clause->tleSortGroupRef)))
                add(keys, expression_of_clause(clause));
        }
        for (Node *var : reads_.determined)
            add(keys, var);
        aggregates_.clear();
        for (Node *aggregate : reads_.aggregates)
            aggregates_.push_back(with_nulls_in_direct_arguments(castNode(Aggref, aggregate), keys));
        const bool is_empty = empty_.domain != nullptr && set_.size() == empty_.domain->scope.size();
        groups_ = is_empty ? groups_with_empty_ones(from, keys) : groups_of(from, keys, aggregates_);
        std::copy(reads_.aggregates.begin(), reads_.aggregates.end(),
                  groups_.scope.begin() + static_cast<long>(keys.size()));
        foreach (cell, query_->groupClause)
            pass_key(expression_of_clause(lfirst_node(SortGroupClause, cell)));
        for (Node *var : reads_.determined)
            pass_key(var);
        for (Node *aggregate : reads_.aggregates)
            pass_key(aggregate);
        for (Node *grouping : reads_.groupings)
            output(grouping, constant(grouping_value(castNode(GroupingFunc, grouping), set_)));
        /* A row without columns could not be printed. */
        if (expressions_.empty())
            output(nullptr, constant(0));
        result_.plan = engine::project(groups_.plan, expressions_);
        result_.plan = filtered(result_, conjuncts_of(query_->havingQual));
        return result_;
    }

  private:
    Input groups_with_empty_ones(const Input &from, const std::vector<Node *> &keys) const
    {
        std::vector<Node *> aggregates;
        for (Node *aggregate : aggregates_)
            aggregates.push_back(without_made_up_rows(aggregate, empty_.marker));
        return groups_of(with_made_up_rows(*empty_.domain, from, empty_.marker), keys, aggregates);
    }
    /* Returns the aggregate with a NULL for each key in a direct argument that the set does not have. */
    Node *with_nulls_in_direct_arguments(Aggref *aggregate, const std::vector<Node *> &keys) const
    {
        if (aggregate->aggdirectargs == NIL)
            return reinterpret_cast<Node *>(aggregate);
        std::vector<Node *> missing, nulls;
        ListCell *cell;
        foreach (cell, query_->groupClause) {
            Node *key = expression_of_clause(lfirst_node(SortGroupClause, cell));
            if (position_in(keys, key) >= 0)
                continue;
            missing.push_back(key);
            const ValueType type = value_type(key);
            nulls.push_back(
                call([=] { return reinterpret_cast<Node *>(makeNullConst(type.type, type.typmod, type.collation)); }));
        }
        Node *arguments = replaced(reinterpret_cast<Node *>(aggregate->aggdirectargs), missing, nulls);
        return call([=] {
            Aggref *copy = makeNode(Aggref);
            memcpy(copy, aggregate, sizeof(Aggref));
            copy->aggdirectargs = castNode(List, arguments);
            return reinterpret_cast<Node *>(copy);
        });
    }
    static void add(std::vector<Node *> &keys, Node *key)
    {
        if (position_in(keys, key) < 0)
            keys.push_back(key);
    }
    Node *expression_of_clause(SortGroupClause *clause) const
    {
        return call([&] { return get_sortgroupclause_expr(clause, query_->targetList); });
    }
    /* Outputs the column of the groups that `node` is, or a NULL of its type. */
    void pass_key(Node *node)
    {
        if (position_in(result_.scope, node) >= 0)
            return;
        const int position = position_in(groups_.scope, node);
        output(node, position >= 0 ? engine::column_reference(position, engine::columns(groups_.plan)[position])
                                   : engine::null_of(column_of(value_type(node))));
    }
    static engine::Expression constant(int value)
    {
        engine::Expression expression;
        expression.pieces = {std::to_string(value) + "::pg_catalog.int4"};
        expression.result = column_of({INT4OID, -1, InvalidOid});
        expression.may_fail = false;
        return expression;
    }
    void output(Node *node, const engine::Expression &expression)
    {
        result_.scope.push_back(node);
        expressions_.push_back({expression, "c" + std::to_string(result_.scope.size())});
    }

    const Query *query_;
    const GroupedReads &reads_;
    const Set &set_;
    const EmptySet &empty_;
    std::vector<Node *> aggregates_; /* of the reads, as the branch computes them */
    Input groups_;
    Input result_;
    std::vector<engine::NamedExpression> expressions_;
};

} // namespace

Input grouping_sets(const Query *query, const GroupedReads &reads, const Input &from, const EmptySet &empty)
{
    Input result;
    std::vector<engine::PlanPtr> branches;
    for (const Set &set : sets_of(query)) {
        result = SetBranch(query, reads, set, empty).build(from);
        branches.push_back(result.plan);
    }
    if (branches.size() > 1)
        result.plan = engine::union_all(std::move(branches));
    return result;
}

} // namespace pgtrickle::translate
