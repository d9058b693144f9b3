#include "translate/query/or_condition.hpp"

#include "translate/check/can_fail.hpp"

extern "C" {
#include "nodes/makefuncs.h"
}

namespace pgtrickle::translate {

Node *implied_on(const Relids &side, Node *conjunct)
{
    if (!IsA(conjunct, BoolExpr) || castNode(BoolExpr, conjunct)->boolop != OR_EXPR)
        return nullptr;
    List *alternatives = NIL;
    ListCell *cell;
    foreach (cell, castNode(BoolExpr, conjunct)->args) {
        List *parts = NIL;
        for (Node *part : conjuncts_of(static_cast<Node *>(lfirst(cell)))) {
            if (is_within(relids_of(part), side) && !has_sublink(part) && !call([&] { return may_fail(part); }))
                parts = call([&] { return lappend(parts, copyObjectImpl(part)); });
        }
        if (parts == NIL)
            return nullptr;
        alternatives = call([&] { return lappend(alternatives, make_ands_explicit(parts)); });
    }
    return call([&] { return reinterpret_cast<Node *>(make_orclause(alternatives)); });
}

} // namespace pgtrickle::translate
