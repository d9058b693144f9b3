#include "translate/query/outer_join_reduction.hpp"

extern "C" {
#include "nodes/bitmapset.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
}

/* All functions are PostgreSQL frames: no object in this file has a destructor. */

namespace pgtrickle::translate {

namespace {

Relids relations_in(Node *node)
{
    if (IsA(node, RangeTblRef))
        return bms_make_singleton(castNode(RangeTblRef, node)->rtindex);
    Relids relids = nullptr;
    if (IsA(node, JoinExpr)) {
        relids = relations_in(castNode(JoinExpr, node)->larg);
        return bms_join(relids, relations_in(castNode(JoinExpr, node)->rarg));
    }
    ListCell *cell;
    foreach (cell, castNode(FromExpr, node)->fromlist)
        relids = bms_join(relids, relations_in(static_cast<Node *>(lfirst(cell))));
    return relids;
}

/* wants_left, wants_right: a condition above excludes rows in which the relations of that side are
 * NULL-extended. */
JoinType reduced(JoinType type, bool wants_left, bool wants_right)
{
    if (type == JOIN_FULL)
        return wants_left && wants_right ? JOIN_INNER : wants_left ? JOIN_LEFT : wants_right ? JOIN_RIGHT : JOIN_FULL;
    if ((type == JOIN_LEFT && wants_right) || (type == JOIN_RIGHT && wants_left))
        return JOIN_INNER;
    return type;
}

void reduce(Node *node, Relids wanted)
{
    if (IsA(node, FromExpr)) {
        auto *from = castNode(FromExpr, node);
        Relids passed = bms_union(wanted, find_nonnullable_rels(from->quals));
        ListCell *cell;
        foreach (cell, from->fromlist)
            reduce(static_cast<Node *>(lfirst(cell)), passed);
    } else if (IsA(node, JoinExpr)) {
        auto *join = castNode(JoinExpr, node);
        join->jointype = reduced(join->jointype, bms_overlap(wanted, relations_in(join->larg)),
                                 bms_overlap(wanted, relations_in(join->rarg)));
        /* For a side that is not preserved, conditions above and ON exclude NULL-extended rows; for a
         * preserved side only conditions above do; for both sides of a FULL JOIN none does. */
        Relids on = find_nonnullable_rels(join->quals);
        Relids both = bms_union(wanted, on);
        Relids left = join->jointype == JOIN_LEFT ? wanted : join->jointype == JOIN_FULL ? nullptr : both;
        Relids right = join->jointype == JOIN_RIGHT ? wanted : join->jointype == JOIN_FULL ? nullptr : both;
        reduce(join->larg, left);
        reduce(join->rarg, right);
    }
}

} // namespace

void reduce_outer_joins(FromExpr *jointree)
{
    reduce(reinterpret_cast<Node *>(jointree), nullptr);
}

} // namespace pgtrickle::translate
