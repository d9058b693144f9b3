#include "translate/subquery/domain.hpp"

#include "pg/versions/planner.hpp"
#include "pg/walker.hpp"
#include "translate/level/ordering.hpp"
#include "translate/level/targets.hpp"
#include "translate/level/window.hpp"
#include "translate/query/late_targets.hpp"
#include "translate/query/outer_join_reduction.hpp"

extern "C" {
#include "access/sysattr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

void refuse_policies(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->rtable) {
        if (lfirst_node(RangeTblEntry, cell)->securityQuals != NIL)
            refuse(
                "row level security",
                "Policies are in force for the role that reads the table; captured changes are not subject to "
                "policies.",
                "Change the owner of the stream table to a role that is not subject to policies, or use refresh_mode "
                "'FULL'.");
    }
}

/* Refuses clauses that divide rows by another equality than the one by which groups and distinct rows are kept. */
void refuse_other_equality(const Query *query, const List *clauses, const char *written)
{
    ListCell *cell;
    foreach (cell, clauses) {
        auto *clause = lfirst_node(SortGroupClause, cell);
        Node *divided = call([&] { return get_sortgroupclause_expr(clause, query->targetList); });
        if (!has_equality_of_type(clause, divided))
            refuse(std::string(written) + " by the operator of ORDER BY ... USING",
                   "Rows are divided by the default equality of their types.",
                   "Remove USING, or use refresh_mode 'FULL'.");
    }
}

/* Refuses a level with clauses that cannot be translated. */
void refuse_clauses(const Query *query)
{
    if (query->commandType != CMD_SELECT || query->hasModifyingCTE)
        refuse("data-modifying statement", "It is not a query.", "Write a SELECT.");
    refuse_other_equality(query, query->groupClause, "GROUP BY");
    refuse_other_equality(query, query->distinctClause, "DISTINCT");
    ListCell *cell;
    foreach (cell, query->windowClause)
        refuse_other_equality(query, lfirst_node(WindowClause, cell)->partitionClause, "PARTITION BY");
}

void note_used(FromClause::UsedColumns &used, Node *node)
{
    for (Var *var : vars_of(node)) {
        if (var->varattno < 0 && var->varattno != TableOidAttributeNumber)
            refuse("system column", "The values of ctid, xmin, cmin ... change without a change of the row.",
                   "Remove it, or use refresh_mode 'FULL'.", var->location);
        if (var->varattno != 0 && (var->vartype == RECORDOID || var->vartype == RECORDARRAYOID))
            refuse("anonymous row type", "Its columns have no names that a printed expression could use.",
                   "Name the columns, or use a composite type.", var->location);
        used[var->varno].emplace(var->varattno, reinterpret_cast<Node *>(var));
    }
}

/* Whether the CTE `query` is computed once for all of its references, whether or not they read all of its rows. */
bool is_computed_once(const Query *query, const Level *holder)
{
    ListCell *cell;
    foreach (cell, holder->query->cteList) {
        const auto *cte = lfirst_node(CommonTableExpr, cell);
        if (cte->ctequery == reinterpret_cast<const Node *>(query))
            return cte->cterefcount > 1 && cte->ctematerialized != CTEMaterializeNever;
    }
    return false;
}

/* Returns a copy of a lateral entry in which Vars of joins are replaced by those of relations. PostgreSQL
 * frame. */
RangeTblEntry *flattened_entry(Query *query, const RangeTblEntry *entry)
{
    auto flatten = [query](void *node) {
        return static_cast<void *>(without_join_aliases(query, static_cast<Node *>(node)));
    };
    auto *copy = makeNode(RangeTblEntry);
    memcpy(copy, entry, sizeof(RangeTblEntry));
    copy->subquery = static_cast<Query *>(flatten(entry->subquery));
    copy->functions = static_cast<List *>(flatten(entry->functions));
    copy->tablefunc = static_cast<TableFunc *>(flatten(entry->tablefunc));
    copy->values_lists = static_cast<List *>(flatten(entry->values_lists));
    return copy;
}

/* Whether the level is one group that nothing is read of: PostgreSQL does not evaluate its FROM and WHERE. PostgreSQL
 * frame. */
bool is_without_rows(const Query *query)
{
    return (query->havingQual != nullptr || query->groupingSets != NIL) && !query->hasAggs && query->groupClause == NIL;
}

} // namespace

Query *flattened(const Query *query)
{
    return call([&] {
        Query *flat = makeNode(Query);
        memcpy(flat, query, sizeof(Query));
        auto *original = const_cast<Query *>(query);
        flat->targetList =
            reinterpret_cast<List *>(without_join_aliases(original, reinterpret_cast<Node *>(query->targetList)));
        flat->havingQual = without_join_aliases(original, query->havingQual);
        flat->jointree =
            reinterpret_cast<FromExpr *>(without_join_aliases(original, reinterpret_cast<Node *>(query->jointree)));
        if (is_without_rows(query))
            flat->jointree = makeFromExpr(NIL, nullptr);
        reduce_outer_joins(flat->jointree);
        flat->rtable = NIL;
        ListCell *cell;
        foreach (cell, query->rtable) {
            auto *entry = lfirst_node(RangeTblEntry, cell);
            flat->rtable = lappend(flat->rtable, entry->lateral ? flattened_entry(original, entry) : entry);
        }
        return flat;
    });
}

void check_level(const Query *query)
{
    refuse_policies(query);
    refuse_clauses(query);
}

engine::PlanPtr Translator::query(const Level &level, const std::vector<int> &needed)
{
    call([] {
        check_stack_depth();
        CHECK_FOR_INTERRUPTS();
    });
    count_levels(1);
    check_level(level.query);
    refuse_unsortable_domain(level);
    return level.query->setOperations != nullptr ? set_operation(level, needed) : select(level, needed);
}

void Translator::count_levels(int more)
{
    levels_ += more;
    if (levels_ > max_levels)
        refuse("query of more than " + std::to_string(max_levels) + " subqueries",
               "Each reference to a CTE or view adds to the statements of a refresh.",
               "Create a stream table for a CTE or view that is referenced often, or use refresh_mode 'FULL'.");
}

engine::PlanPtr Translator::shared_query(const Level &level, const std::vector<int> &needed)
{
    SharedQuery &shared = shared_.of(level.query);
    shared.needed.insert(needed.begin(), needed.end());
    const bool is_known = shared.plan != nullptr &&
                          std::includes(shared.present.begin(), shared.present.end(), needed.begin(), needed.end());
    if (is_known) {
        count_levels(engine::reads(shared.plan));
        return narrowed(shared.plan, shared.present, needed);
    }
    if (shared.plan != nullptr)
        shared_.want_another_pass();
    const std::vector<int> columns(shared.needed.begin(), shared.needed.end());
    engine::PlanPtr plan = query(level, columns);
    if (engine::reads(plan) > most_reads_of_shared && is_computed_once(level.query, level.parent))
        plan = engine::copy(std::move(plan), engine::CopyReason::shared);
    shared.plan = plan;
    shared.present = columns;
    return narrowed(std::move(plan), columns, needed);
}

Input Translator::from(const Level &level, const std::vector<Node *> &read)
{
    FromClause::UsedColumns used;
    ListCell *cell;
    for (Node *node : read)
        note_used(used, node);
    note_used(used, reinterpret_cast<Node *>(level.query->jointree));
    foreach (cell, level.query->rtable) {
        const auto *entry = lfirst_node(RangeTblEntry, cell);
        if (is_computed(entry)) {
            for (Var *var : vars_of_entry(entry))
                note_used(used, reinterpret_cast<Node *>(var));
        }
        if (entry->rtekind != RTE_SUBQUERY || !entry->lateral)
            continue;
        for (const Reference &reference : detached(entry->subquery, next_param_).references)
            note_used(used, reference.outer);
    }
    add_columns_of_whole_rows(level.query, used);
    FromClause from(*this, level, used);
    return from.build(reinterpret_cast<Node *>(level.query->jointree));
}

engine::PlanPtr Translator::select(const Level &level, const std::vector<int> &needed)
{
    Query *query = flattened(level.query);
    const bool is_grouped =
        query->groupClause != NIL || query->groupingSets != NIL || query->hasAggs || query->havingQual != nullptr;
    const bool makes_a_row = level.domain != nullptr && is_grouped && query->groupClause == NIL;
    const bool is_distinct = query->distinctClause != NIL && !query->hasDistinctOn;
    const bool is_limited = has_limit(query);
    const std::vector<int> numbers = is_distinct ? all_targets(query) : needed;
    if (level.domain != nullptr)
        query = with_domain_keys(query, *level.domain);
    const Level flat = {query, level.parent, level.domain, level.is_copy};
    auto targets = [&] { return targets_of(query, numbers, is_limited || query->hasDistinctOn); };

    const std::vector<Node *> read = read_by(query, targets());
    Input input = makes_a_row ? rows_to_count(flat, query, read) : from(flat, read);
    if (is_grouped)
        input = grouped(
            flat, std::move(input), query, [&] { return outputs_of(query, targets()); },
            makes_a_row ? nullptr : level.domain);
    const LateTargets late(query, targets());
    if (query->hasWindowFuncs) {
        /* The call of a window function may contain a subquery, and a subquery may be compared with its value, all of
         * which is computed before the late targets. */
        evaluate_targets(flat, input, query, numbers_of(targets()), SublinkMoment::before_windows);
        const std::vector<Node *> outputs = expressions_of(targets());
        input = windowed(query, outputs, with_sets(std::move(input), window_keys(query, outputs)),
                         level.domain != nullptr ? level.domain->scope : Scope{});
        evaluate_targets(flat, input, query, numbers_of(targets()));
    } else {
        evaluate_targets(flat, input, query, numbers_of(late.early(targets())));
    }
    if (!late.has_sets())
        input = with_sets(std::move(input), set_targets(query));
    if (!late.has_any())
        return ordered(*this, flat, project(input, targets(), level.domain), targets(), needed);

    const Targets kept = late.kept(query, targets(), input.scope, next_param_);
    input.plan = ordered(*this, flat, project(input, kept, level.domain), kept, numbers_of(kept));
    input.scope = expressions_of(kept);
    if (level.domain != nullptr)
        input.scope.insert(input.scope.end(), level.domain->scope.begin(), level.domain->scope.end());
    evaluate_targets(flat, input, query, late.numbers());
    if (late.has_sets())
        input = with_sets(std::move(input), set_targets(query));
    Targets shown;
    for (int number : needed)
        shown.push_back(target(query, number));
    return project(input, shown, level.domain);
}

/* Translates grouping. Subqueries in keys and aggregates are evaluated below it, all others above it.
 * `made_up` is the domain for whose combinations the empty grouping set returns a row. */
Input Translator::grouped(const Level &level, Input input, Query *query,
                          const std::function<std::vector<Node *>()> &outputs, const Domain *made_up)
{
    evaluate_before_grouping(level, input, query, outputs());
    input = with_own_keys(query, with_sets(std::move(input), grouping_keys(query)), level.domain, next_param_);
    std::vector<Node *> later;
    List *having = NIL;
    for (Node *conjunct : conjuncts_of(query->havingQual)) {
        if (has_sublink(conjunct))
            later.push_back(conjunct);
        else
            having = call([&] { return lappend(having, conjunct); });
    }
    query->havingQual = reinterpret_cast<Node *>(having);
    std::vector<Node *> read = outputs();
    read.insert(read.end(), later.begin(), later.end());
    for (size_t i = 0, count = read.size(); i < count; i++) {
        for (Node *link : sublinks_of(read[i])) {
            const auto *subquery = castNode(Query, castNode(SubLink, link)->subselect);
            for (const Reference &reference : detached(subquery, next_param_).references)
                read.push_back(reference.outer);
        }
    }
    const EmptySet empty = {made_up, new_param({BOOLOID, -1, InvalidOid}, next_param_)};
    return filtered(level, group(query, read, std::move(input), empty), later);
}

std::vector<Node *> columns_read(Node *node)
{
    std::vector<Node *> columns;
    for (Var *var : vars_of(node))
        columns.push_back(reinterpret_cast<Node *>(var));
    for (const Reference &reference : params_of(node))
        columns.push_back(reference.param);
    return columns;
}

Relids relids_of(Node *node)
{
    Relids relids;
    for (const Var *var : vars_of(node))
        relids.insert(var->varno);
    if (reads_domain(node))
        relids.insert(0);
    return relids;
}

} // namespace pgtrickle::translate
