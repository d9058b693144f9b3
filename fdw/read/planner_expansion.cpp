#include "fdw/read/planner_expansion.hpp"

#include "definition/guc.hpp"
#include "fdw/read/exact_reads.hpp"
#include "fdw/scan/exact_query.hpp"
#include "fdw/scan/storage_rte.hpp"
#include "fdw/scan/write_rejection.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
}

namespace pgtrickle {

namespace {

/* The columns come from the parser, which records every column that any part of the query references. */
bool is_expandable(const Query *query, const RangeTblEntry *entry, const ServedRelation *served)
{
    const Bitmapset *columns = rights_of(query, entry).columns;
    if (served->has_children && entry->inh)
        return false;
    int whole_row = 0 - FirstLowInvalidHeapAttributeNumber;
    int first = bms_next_member(columns, -1);
    if (first >= 0 && first < whole_row)
        return false;
    return !(served->has_dropped_columns && bms_is_member(whole_row, columns));
}

/* Returns one output column for each column of the foreign table, so that references keep their numbers; a
 * dropped column is NULL. */
List *output_columns(Relation table, const ServedRelation *served, const RangeTblEntry *storage)
{
    List *targets = NIL;
    for (int i = 0; i < served->column_count; i++) {
        Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), i);
        auto number = static_cast<AttrNumber>(i + 1);
        Expr *value = column->attisdropped ? reinterpret_cast<Expr *>(makeNullConst(INT4OID, -1, InvalidOid))
                                           : reinterpret_cast<Expr *>(storage_column(storage, 2, served->columns[i]));
        targets = lappend(targets, makeTargetEntry(value, number, pstrdup(NameStr(column->attname)), false));
    }
    return targets;
}

/* Returns the role whose privileges on the storage decide which of its statistics are used. They are not used to read
 * it. No role but a superuser has any; for one that may read all columns of the stream table, all statistics that a
 * query can ask for are of these columns. For another, find_statistics() decides by column. */
Oid estimated_as(Oid relid, Oid read_as)
{
    const Oid reader = OidIsValid(read_as) ? read_as : GetUserId();
    return pg_class_aclcheck(relid, reader, ACL_SELECT) == ACLCHECK_OK ? BOOTSTRAP_SUPERUSERID : read_as;
}

Query *query_over_storage(const Query *outer, const RangeTblEntry *entry, const ServedRelation *served)
{
    RangeTblEntry *stream_table = makeNode(RangeTblEntry);
    memcpy(stream_table, entry, sizeof(RangeTblEntry));
    stream_table->inh = false;
    stream_table->inFromCl = false;
    Query *query = makeNode(Query);
    query->commandType = CMD_SELECT;
    query->canSetTag = true;
    query->rtable = list_make1(stream_table);
    const EntryRights rights = rights_of(outer, entry);
    set_rights(query, stream_table, rights);
    RangeTblEntry *storage =
        add_storage_entry(query, served, entry->eref->aliasname, estimated_as(entry->relid, rights.read_as));
    Relation table = table_open(entry->relid, NoLock);
    query->targetList = output_columns(table, served, storage);
    table_close(table, NoLock);
    RangeTblRef *from = makeNode(RangeTblRef);
    from->rtindex = 2;
    query->jointree = makeFromExpr(list_make1(from), nullptr);
    return query;
}

/* An entry of a view has the columns that the stream table had when the view was created; of a subquery, PostgreSQL
 * reads no others into a whole row. */
void name_appended_columns(RangeTblEntry *entry)
{
    List *names = entry->eref->colnames;
    for (int i = list_length(names); i < list_length(entry->subquery->targetList); i++)
        names = lappend(names, makeString(list_nth_node(TargetEntry, entry->subquery->targetList, i)->resname));
    entry->eref->colnames = names;
}

/* Turns an entry into a subquery, as the rewriter does with the entry of a view. */
void expand_entry(const Query *query, RangeTblEntry *entry, const ServedRelation *served)
{
    entry->subquery = query_over_storage(query, entry, served);
    name_appended_columns(entry);
    /* As for a view, privileges are checked before anything is planned with the columns. */
    RequiredRights asked;
    keep_rights(&asked, entry->subquery);
    check_rights(asked);
    entry->rtekind = RTE_SUBQUERY;
    entry->relkind = 0; /* relid stays, so that whole rows have its type */
    entry->inh = false;
    leave_rights_to_subquery(entry);
}

/* Returns true if the entry has been expanded already, because a query may be planned twice. */
bool is_expanded(const RangeTblEntry *entry)
{
    if (!OidIsValid(entry->relid) || entry->subquery->rtable == NIL)
        return false;
    auto *first = linitial_node(RangeTblEntry, entry->subquery->rtable);
    return first->relkind == RELKIND_FOREIGN_TABLE && first->relid == entry->relid;
}

/* The statement whose levels are visited. */
struct Statement {
    const Query *whole;
};

void visit_query(Query *query, Statement *statement);

bool visit_node(Node *node, void *statement)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Query)) {
        visit_query(reinterpret_cast<Query *>(node), static_cast<Statement *>(statement));
        return false;
    }
    return walk_expression(node, visit_node, statement);
}

void visit_entry(const Query *query, RangeTblEntry *entry, Statement *statement)
{
    if (entry->rtekind == RTE_SUBQUERY && !is_expanded(entry))
        visit_query(entry->subquery, statement);
    if (entry->rtekind != RTE_RELATION || entry->relkind != RELKIND_FOREIGN_TABLE)
        return;
    if (!guc::enable_expansion || is_planned_exactly(entry->relid) || find_served_relation(entry->relid) == nullptr)
        return;
    const ServedRelation *served = served_relation_to_read(entry->relid);
    if (is_expandable(query, entry, served))
        expand_entry(query, entry, served);
}

void visit_query(Query *query, Statement *statement)
{
    check_stack_depth();
    refuse_writes_of(statement->whole, query);
    ListCell *cell;
    foreach (cell, query->cteList)
        visit_node(lfirst_node(CommonTableExpr, cell)->ctequery, statement);
    if (query->hasSubLinks)
        walk_query(query, visit_node, statement, QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_CTE_SUBQUERIES);
    foreach (cell, query->rtable)
        visit_entry(query, lfirst_node(RangeTblEntry, cell), statement);
}

PlannedStmt *plan_expanded(Query *query, const char *text, int options, ParamListInfo parameters)
{
    Statement statement = {query};
    const Query *unexpanded = copy_for_exact_plan(query);
    visit_query(query, &statement);
    PlannedStmt *plan = previous_hooks().planner(query, text, options, parameters);
    keep_for_exact_plan(plan, unexpanded);
    return plan;
}

} // namespace

PlannedStmt *plan_with_expansion(Query *query, const char *text, int options, ParamListInfo parameters)
{
    if (begin_statement_of_exact_planning())
        return plan_expanded(query, text, options, parameters);
    return enter([=] {
        ExactPlanning none(nullptr, InvalidSnapshot);
        return call([=] { return plan_expanded(query, text, options, parameters); });
    });
}

} // namespace pgtrickle
