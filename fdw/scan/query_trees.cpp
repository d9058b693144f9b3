#include "fdw/scan/query_trees.hpp"

extern "C" {
#include "nodes/makefuncs.h"
}

namespace pgtrickle {

RangeTblEntry *subquery_entry(Query *query, const char *name)
{
    RangeTblEntry *entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_SUBQUERY;
    entry->subquery = query;
    entry->inFromCl = true;
    entry->eref = makeAlias(name, NIL);
    ListCell *cell;
    foreach (cell, query->targetList)
        if (const auto *target = lfirst_node(TargetEntry, cell); !target->resjunk)
            entry->eref->colnames = lappend(entry->eref->colnames, makeString(target->resname));
    return entry;
}

void read_only_entry(Query *query, Node *condition)
{
    RangeTblRef *from = makeNode(RangeTblRef);
    from->rtindex = 1;
    query->commandType = CMD_SELECT;
    query->canSetTag = true;
    query->jointree = makeFromExpr(list_make1(from), condition);
}

Query *union_all(Query *one, Query *other)
{
    Query *query = makeNode(Query);
    query->commandType = CMD_SELECT;
    query->canSetTag = true;
    query->jointree = makeFromExpr(NIL, nullptr);
    query->rtable = list_make2(subquery_entry(one, "one"), subquery_entry(other, "other"));
    SetOperationStmt *operation = makeNode(SetOperationStmt);
    operation->op = SETOP_UNION;
    operation->all = true;
    RangeTblRef *left = makeNode(RangeTblRef), *right = makeNode(RangeTblRef);
    left->rtindex = 1;
    right->rtindex = 2;
    operation->larg = reinterpret_cast<::Node *>(left);
    operation->rarg = reinterpret_cast<::Node *>(right);
    ListCell *cell;
    foreach (cell, one->targetList) {
        TargetEntry *target = lfirst_node(TargetEntry, cell);
        if (target->resjunk)
            continue;
        Var *var = makeVarFromTargetEntry(1, target);
        operation->colTypes = lappend_oid(operation->colTypes, var->vartype);
        operation->colTypmods = lappend_int(operation->colTypmods, var->vartypmod);
        operation->colCollations = lappend_oid(operation->colCollations, var->varcollid);
        query->targetList = lappend(
            query->targetList, makeTargetEntry(reinterpret_cast<Expr *>(var), target->resno, target->resname, false));
    }
    query->setOperations = reinterpret_cast<::Node *>(operation);
    return query;
}

const Node *unrelabelled(const Node *expression)
{
    while (expression != nullptr && IsA(expression, RelabelType))
        expression = reinterpret_cast<const Node *>(reinterpret_cast<const RelabelType *>(expression)->arg);
    return expression;
}

} // namespace pgtrickle
