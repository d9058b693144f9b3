#include "translate/level/following.hpp"

#include "translate/level/ordering.hpp"
#include "translate/level/window.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

using engine::Following;
using Call = std::optional<Following::Call>;

/* Reaches beyond this are not followed: a partition seldom has as many rows. */
constexpr int64 longest_reach = 1000000;

/* Returns the value of a constant of type int4 or int8; nothing for another node, for NULL, and beyond the longest
 * reach. */
std::optional<int64> constant_reach(Node *node, bool is_int4)
{
    const auto *value =
        reinterpret_cast<Const *>(call([&] { return fold_constants(static_cast<Node *>(copyObjectImpl(node))); }));
    if (!IsA(value, Const) || value->constisnull)
        return {};
    const int64 reach = is_int4 ? DatumGetInt32(value->constvalue) : DatumGetInt64(value->constvalue);
    return reach < -longest_reach || reach > longest_reach ? std::nullopt : std::optional(reach);
}

/* The frame of a window: which rows it begins and ends with, relative to the current one. */
class Frame {
  public:
    explicit Frame(const WindowClause *clause) : clause_(clause), options_(clause->frameOptions) {}

    bool has(int options) const { return (options_ & options) != 0; }
    /* Whether it holds the rows up to the current one, and its peers if `RANGE` or `GROUPS`. */
    bool is_running() const
    {
        return has(FRAMEOPTION_START_UNBOUNDED_PRECEDING) && has(FRAMEOPTION_END_CURRENT_ROW) &&
               !has(FRAMEOPTION_EXCLUSION);
    }
    bool is_of_rows() const { return has(FRAMEOPTION_ROWS); }
    bool ends_at_current() const { return has(FRAMEOPTION_END_CURRENT_ROW) && !has(FRAMEOPTION_EXCLUSION); }
    /* Returns how a function that reads nothing but the rows of the frame depends on the rows near it. */
    Call nearby() const
    {
        if (has(FRAMEOPTION_START_CURRENT_ROW) && has(FRAMEOPTION_END_CURRENT_ROW))
            return Following::Call{Following::Kind::nearby};
        const auto start = offset(clause_->startOffset, FRAMEOPTION_START_OFFSET_PRECEDING,
                                  FRAMEOPTION_START_OFFSET_FOLLOWING, FRAMEOPTION_START_CURRENT_ROW);
        const auto end = offset(clause_->endOffset, FRAMEOPTION_END_OFFSET_PRECEDING, FRAMEOPTION_END_OFFSET_FOLLOWING,
                                FRAMEOPTION_END_CURRENT_ROW);
        if (!is_of_rows() || !start || !end)
            return {};
        return Following::Call{Following::Kind::nearby, std::max<int64>(-*start, 0), std::max<int64>(*end, 0), false};
    }

  private:
    std::optional<int64> offset(Node *value, int preceding, int following, int current) const
    {
        if (has(current))
            return 0;
        if (!has(preceding) && !has(following))
            return {};
        const auto reach = constant_reach(value, false);
        return reach && has(preceding) ? std::optional(-*reach) : reach;
    }

    const WindowClause *clause_;
    int options_;
};

/* Returns the rule of lag(), or of lead() if `is_lead`. */
Call neighbour(const WindowFunc *function, bool is_lead)
{
    const auto given = list_length(function->args) == 1
                           ? std::optional<int64>(1)
                           : constant_reach(static_cast<Node *>(lsecond(function->args)), true);
    if (!given)
        return {};
    const int64 ahead = is_lead ? *given : -*given;
    return Following::Call{Following::Kind::nearby, std::max<int64>(-ahead, 0), std::max<int64>(ahead, 0), false};
}

Call running_aggregate(const WindowFunc *function, const Frame &frame, const Scope &scope)
{
    Following::Call result{Following::Kind::count};
    switch (function->winfnoid) {
    case F_COUNT_: break;
    case F_SUM_INT2:
    case F_SUM_INT4:
    case F_SUM_INT8:
    case F_SUM_NUMERIC:
        result.kind = Following::Kind::sum;
        result.is_of_peers = !frame.is_of_rows();
        [[fallthrough]];
    case F_COUNT_ANY: result.argument = expression_of(static_cast<Node *>(linitial(function->args)), scope); break;
    default: return {};
    }
    if (function->aggfilter != nullptr)
        result.filter = expression_of(reinterpret_cast<Node *>(function->aggfilter), scope);
    return result;
}

Call rule_of(const WindowFunc *function, const WindowClause *clause, const Scope &scope)
{
    const Frame frame(clause);
    switch (function->winfnoid) {
    case F_ROW_NUMBER: return Following::Call{Following::Kind::count};
    case F_RANK_: return Following::Call{Following::Kind::rank};
    case F_DENSE_RANK_: return Following::Call{Following::Kind::dense_rank};
    case F_LAG_ANYELEMENT:
    case F_LAG_ANYELEMENT_INT4:
    case F_LAG_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE: return neighbour(function, false);
    case F_LEAD_ANYELEMENT:
    case F_LEAD_ANYELEMENT_INT4:
    case F_LEAD_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE: return neighbour(function, true);
    case F_LAST_VALUE:
        if (frame.ends_at_current())
            return Following::Call{Following::Kind::nearby};
        return frame.nearby();
    case F_FIRST_VALUE:
    case F_NTH_VALUE: return frame.nearby();
    default:
        /* An aggregate of users may have an inverse transition that depends on the rows before the frame. */
        if (!function->winagg || function->winfnoid >= FirstGenbkiObjectId)
            return {};
        return frame.is_running() ? running_aggregate(function, frame, scope) : frame.nearby();
    }
}

/* Whether a table can have columns of the types of the arguments: those of an anonymous row are not stored. */
bool has_storable_arguments(const WindowFunc *function)
{
    ListCell *cell;
    foreach (cell, function->args)
        if (call([&] { return get_typtype(exprType(static_cast<Node *>(lfirst(cell)))); }) == TYPTYPE_PSEUDO)
            return false;
    return true;
}

/* Whether the clause orders by the btree operators of PostgreSQL for the type. */
bool is_default_order(const SortGroupClause *clause, Oid type)
{
    return call([&] {
        const TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
        return clause->sortop < FirstGenbkiObjectId &&
               (clause->sortop == entry->lt_opr || clause->sortop == entry->gt_opr);
    });
}

/* Returns the order, if all its terms are columns of the scope and find the same values equal as keys do. */
std::optional<std::vector<Following::Term>> order_of(const Query *query, const List *clauses, const Scope &scope)
{
    std::vector<Following::Term> order;
    ListCell *cell;
    foreach (cell, clauses) {
        const auto *clause = lfirst_node(SortGroupClause, cell);
        Node *sorted =
            call([&] { return get_sortgroupclause_expr(const_cast<SortGroupClause *>(clause), query->targetList); });
        const Oid type = value_type(sorted).type;
        const int column = position_in(scope, sorted);
        if (column < 0 || !has_equality_of_type(clause, sorted) || (order.empty() && !is_default_order(clause, type)))
            return {};
        const bool is_descending =
            call([&] { return clause->sortop == lookup_type_cache(type, TYPECACHE_GT_OPR)->gt_opr; });
        order.push_back({column, direction_of(clause, type), is_descending});
    }
    return order.empty() ? std::nullopt : std::optional(order);
}

} // namespace

std::optional<Following> following_of(const Query *query, const std::vector<const WindowFunc *> &functions,
                                      const Scope &scope)
{
    const List *clauses = clause_of(query, functions.front())->orderClause;
    auto order = order_of(query, clauses, scope);
    if (!order)
        return {};
    Following following{*order, {}};
    for (const WindowFunc *function : functions) {
        const WindowClause *clause = clause_of(query, function);
        const Call rule = rule_of(function, clause, scope);
        if (!rule || !has_storable_arguments(function) || !call([&] { return equal(clause->orderClause, clauses); }))
            return {};
        following.calls.push_back(*rule);
    }
    return following;
}

} // namespace pgtrickle::translate
