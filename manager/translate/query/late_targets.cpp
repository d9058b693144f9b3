#include "translate/query/late_targets.hpp"

#include "pg/limit.hpp"
#include "pg/walker.hpp"
#include "translate/check/can_fail.hpp"
#include "translate/level/ordering.hpp"
#include "translate/subquery/domain.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* PostgreSQL frame. */
bool are_sets_postponed(const Query *query)
{
    ListCell *cell;
    if (query->sortClause == NIL || !query->hasTargetSRFs)
        return false;
    foreach (cell, query->targetList) {
        const auto *entry = lfirst_node(TargetEntry, cell);
        if (entry->ressortgroupref != 0 && expression_returns_set(reinterpret_cast<Node *>(entry->expr)))
            return false;
    }
    return true;
}

/* WITH TIES returns all rows that tie with the last one, whatever their order is. */
bool depends_on_order_of_sets(const Query *query)
{
    return query->hasDistinctOn || query->limitOption != LIMIT_OPTION_WITH_TIES ||
           call([&] { return !is_no_offset(query->limitOffset); });
}

struct Reading {
    Node *const *columns;
    bool *is_read;
    size_t count;
};

/* Marks the columns that `node` reads. Subqueries are represented by their references to this level.
 * PostgreSQL frame. */
bool note_read(Node *node, void *context)
{
    const auto *reading = static_cast<Reading *>(context);
    if (node == nullptr || IsA(node, Query))
        return false;
    for (size_t i = 0; i < reading->count; i++) {
        if (reading->columns[i] != nullptr && equal(reading->columns[i], node)) {
            reading->is_read[i] = true;
            return false;
        }
    }
    return walk_expression(node, note_read, context);
}

} // namespace

LateTargets::LateTargets(const Query *query, const Targets &targets)
{
    const bool is_limited = has_limit(query);
    const bool are_postponed = call([&] { return are_sets_postponed(query); });
    const bool is_distinct = query->distinctClause != NIL && !query->hasDistinctOn;
    if (is_limited && are_postponed && depends_on_order_of_sets(query))
        refuse("set-returning function in the SELECT list of a query with LIMIT",
               "Which rows of a set are within the limit depends on the order in which the function returns them.",
               "Add the function to ORDER BY, or use refresh_mode 'FULL'.");
    has_sets_ = are_postponed && query->hasDistinctOn;
    for (const TargetEntry *entry : targets) {
        auto *node = reinterpret_cast<Node *>(entry->expr);
        const bool is_set = has_sets_ && call([&] { return expression_returns_set(node); });
        const bool may_fail_beyond = is_limited && !is_distinct && call([&] { return may_fail(node); });
        if (entry->ressortgroupref == 0 && (is_set || may_fail_beyond))
            numbers_.push_back(entry->resno);
    }
}

bool LateTargets::is_late(const TargetEntry *entry) const
{
    return std::find(numbers_.begin(), numbers_.end(), entry->resno) != numbers_.end();
}

Targets LateTargets::early(const Targets &targets) const
{
    Targets rest;
    std::copy_if(targets.begin(), targets.end(), std::back_inserter(rest),
                 [&](const TargetEntry *entry) { return !is_late(entry); });
    return rest;
}

Targets LateTargets::kept(const Query *query, const Targets &targets, const Scope &scope, int &next_param) const
{
    std::vector<Node *> late;
    for (const TargetEntry *entry : targets)
        if (is_late(entry))
            late.push_back(reinterpret_cast<Node *>(entry->expr));
    if (has_sets_)
        for (Node *set : set_targets(query))
            late.push_back(set);
    for (size_t i = 0, count = late.size(); i < count; i++)
        for (Node *link : sublinks_of(late[i])) {
            const auto *subquery = castNode(Query, castNode(SubLink, link)->subselect);
            for (const Reference &reference : detached(subquery, next_param).references)
                late.push_back(reference.outer);
        }
    const auto is_read = std::make_unique<bool[]>(scope.size());
    Reading reading = {scope.data(), is_read.get(), scope.size()};
    for (Node *node : late)
        call([&] { return note_read(node, &reading); });
    Targets result = early(targets);
    int number = list_length(query->targetList);
    for (size_t i = 0; i < scope.size(); i++) {
        if (!is_read[i] || position_in(expressions_of(result), scope[i]) >= 0)
            continue;
        number++;
        result.push_back(call([&] {
            return makeTargetEntry(reinterpret_cast<Expr *>(scope[i]), static_cast<AttrNumber>(number), nullptr, true);
        }));
    }
    return result;
}

} // namespace pgtrickle::translate
