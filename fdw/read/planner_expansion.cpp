#include "fdw/read/planner_expansion.hpp"

#include "definition/guc.hpp"
#include "fdw/read/exact_reads.hpp"
#include "fdw/read/inlined_functions.hpp"
#include "fdw/scan/exact_query.hpp"
#include "fdw/scan/query_trees.hpp"
#include "fdw/scan/storage_rte.hpp"
#include "fdw/scan/write_rejection.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <functional>
#include <utility>

namespace pgtrickle {

namespace {

/* The columns come from the parser, which records every column that any part of the query references. */
constexpr int whole_row = 0 - FirstLowInvalidHeapAttributeNumber;

bool is_expandable(const Query *query, const RangeTblEntry *entry, const ServedRelation *served)
{
    const Bitmapset *columns = rights_of(query, entry).columns;
    if (served->has_children && entry->inh)
        return false;
    int first = bms_next_member(columns, -1);
    if (first >= 0 && first < whole_row)
        return false;
    return !(served->has_dropped_columns && bms_is_member(whole_row, columns));
}

/* Whether the session does not read foreign tables: PostgreSQL refuses those that are left to it. */
bool is_restricted()
{
    return (restrict_nonsystem_relation_kind & RESTRICT_RELKIND_FOREIGN_TABLE) != 0;
}

/* Returns one output column for each column of the foreign table, so that references keep their numbers; a
 * dropped column is NULL. */
List *output_columns(Oid relid, const std::function<Var *(AttrNumber)> &column_of)
{
    Relation table = table_open(relid, NoLock);
    List *targets = NIL;
    for (int i = 0; i < RelationGetNumberOfAttributes(table); i++) {
        Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), i);
        auto number = static_cast<AttrNumber>(i + 1);
        Expr *value = column->attisdropped ? reinterpret_cast<Expr *>(makeNullConst(INT4OID, -1, InvalidOid))
                                           : reinterpret_cast<Expr *>(column_of(number));
        targets = lappend(targets, makeTargetEntry(value, number, pstrdup(NameStr(column->attname)), false));
    }
    table_close(table, NoLock);
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

/* Returns a query with an entry for the stream table, which requires what the user's entry requires. */
Query *query_with_rights(const Query *outer, const RangeTblEntry *entry)
{
    RangeTblEntry *stream_table = makeNode(RangeTblEntry);
    memcpy(stream_table, entry, sizeof(RangeTblEntry));
    stream_table->inh = false;
    stream_table->inFromCl = false;
    Query *query = makeNode(Query);
    query->commandType = CMD_SELECT;
    query->canSetTag = true;
    query->rtable = list_make1(stream_table);
    set_rights(query, stream_table, rights_of(outer, entry));
    return query;
}

void read_entry(Query *query, int number)
{
    RangeTblRef *from = makeNode(RangeTblRef);
    from->rtindex = number;
    query->jointree = makeFromExpr(list_make1(from), nullptr);
}

/* Returns the clause that a row is touched. */
Node *clause_of(const ExactRead *read, const std::function<Var *(AttrNumber)> &column_of)
{
    List *values = NIL;
    for (int i = 0; i < read->keys.column_count; i++)
        values = lappend(values, column_of(read->keys.columns[i].column));
    return touched_clause(read->keys, values);
}

/* `read` is that of a stream table that is read in parts, or null. */
Query *query_over_storage(const Query *outer, const RangeTblEntry *entry, const ServedRelation *served,
                          const ExactRead *read)
{
    Query *query = query_with_rights(outer, entry);
    RangeTblEntry *storage = add_storage_entry(query, served, entry->eref->aliasname,
                                               estimated_as(entry->relid, rights_of(outer, entry).read_as));
    const auto column_of = [=](AttrNumber number) { return storage_column(storage, 2, served->columns[number - 1]); };
    query->targetList = output_columns(entry->relid, column_of);
    if (read != nullptr)
        storage->securityQuals = list_make1(negate_clause(clause_of(read, column_of)));
    read_entry(query, 2);
    return query;
}

/* The clause is one of a security barrier, so that no condition of the user sees a stored row that is touched. */
Query *query_over_touched_rows(const Query *outer, const RangeTblEntry *entry, const ExactRead *read)
{
    Query *query = query_with_rights(outer, entry);
    RangeTblEntry *stream_table = linitial_node(RangeTblEntry, query->rtable);
    const auto column_of = [=](AttrNumber number) {
        Oid type, collation;
        int32 modifier;
        get_atttypetypmodcoll(entry->relid, number, &type, &modifier, &collation);
        return makeVar(1, number, type, modifier, collation, 0);
    };
    query->targetList = output_columns(entry->relid, column_of);
    stream_table->inFromCl = true;
    stream_table->securityQuals = list_make1(clause_of(read, column_of));
    read_entry(query, 1);
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

/* Whether a reference to any column of the entry is one to the storage's column of that number. */
bool can_be_storage(const Query *query, const RangeTblEntry *entry, const ServedRelation *served)
{
    return query->commandType == CMD_SELECT && query->rowMarks == NIL && entry->securityQuals == NIL &&
           served->has_same_numbers && !bms_is_member(whole_row, rights_of(query, entry).columns);
}

/* Turns an entry into one of the storage. The stream table becomes the last entry of the range table, which is not in
 * FROM. */
void make_storage(Query *query, RangeTblEntry *entry, const ServedRelation *served)
{
    RangeTblEntry *storage =
        add_storage_entry(query, served, entry->eref, estimated_as(entry->relid, rights_of(query, entry).read_as));
    std::swap(*entry, *storage);
    storage->inh = false;
    storage->inFromCl = false;
}

/* Turns an entry into a subquery, as the rewriter does with the entry of a view. */
void replace_entry(RangeTblEntry *entry, Query *rows)
{
    entry->subquery = rows;
    name_appended_columns(entry);
    entry->rtekind = RTE_SUBQUERY;
    entry->relkind = 0; /* relid stays, so that whole rows have its type */
    entry->inh = false;
    leave_rights_to_subquery(entry);
}

/* Returns true if the entry has been expanded already, because a query may be planned twice. */
bool is_expanded(const RangeTblEntry *entry)
{
    const Query *rows = entry->subquery;
    if (!OidIsValid(entry->relid) || rows->rtable == NIL)
        return false;
    const auto *first = linitial_node(RangeTblEntry, rows->rtable);
    if (rows->setOperations != nullptr &&
        first->rtekind == RTE_SUBQUERY) {   /* the stored rows, beside the touched ones */
        if (first->subquery->rtable == NIL) /* of a view, without FROM */
            return false;
        first = linitial_node(RangeTblEntry, first->subquery->rtable);
    }
    return first->relkind == RELKIND_FOREIGN_TABLE && first->relid == entry->relid;
}

/* The statement whose levels are visited. */
struct Statement {
    const Query *whole;
    bool is_rechecked;                     /* this level, or one that it may be pulled up into, changes or locks rows */
    bool is_searched, has_rechecked_level; /* whether any level is; once it has been searched */
    bool lacks_rights;                     /* the user may not read one of its stream tables */
    InlinedFunctions functions;
};

/* A statement that has waited for a row, and finds it changed, joins it again with the rows of other relations that it
 * had been joined with. PostgreSQL marks no rows of a flattened UNION ALL for that: it would join the row with others
 * of them, or return columns of a row that does not join. Levels that may be pulled up into such a statement count,
 * too. */
bool is_rechecked(const Query *query)
{
    return query->rowMarks != NIL || query->commandType == CMD_UPDATE || query->commandType == CMD_DELETE ||
           query->commandType == CMD_MERGE;
}

bool has_rechecked_level(Node *node, void *)
{
    if (node == nullptr)
        return false;
    if (!IsA(node, Query))
        return walk_expression(node, has_rechecked_level, nullptr);
    const auto *query = reinterpret_cast<const Query *>(node);
    return is_rechecked(query) || walk_query(const_cast<Query *>(query), has_rechecked_level, nullptr, 0);
}

void expand_entry(Query *query, RangeTblEntry *entry, const ServedRelation *served, const Statement *statement)
{
    const ExactRead *read = nullptr;
    if (is_planned_exactly(entry->relid)) {
        read = exact_read_of(entry->relid);
        served = served_relation_to_read(entry->relid);
    }
    if (read == nullptr || read->way == ExactWay::stored) {
        if (can_be_storage(query, entry, served))
            make_storage(query, entry, served);
        else
            replace_entry(entry, query_over_storage(query, entry, served, nullptr));
    } else if (read->way != ExactWay::computed && read->can_be_in_statement && !statement->is_rechecked)
        replace_entry(entry, union_all(query_over_storage(query, entry, served, read),
                                       query_over_touched_rows(query, entry, read)));
}

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

void visit_entry(Query *query, RangeTblEntry *entry, Statement *statement)
{
    if (entry->rtekind == RTE_FUNCTION && guc::enable_expansion)
        statement->functions.inline_entry(entry);
    if (entry->rtekind == RTE_SUBQUERY && !is_expanded(entry))
        visit_query(entry->subquery, statement);
    if (entry->rtekind != RTE_RELATION || entry->relkind != RELKIND_FOREIGN_TABLE || !entry->inFromCl)
        return;
    if (!guc::enable_expansion || is_restricted() || find_served_relation(entry->relid) == nullptr)
        return;
    const ServedRelation *served = served_relation_to_read(entry->relid);
    if (!is_expandable(query, entry, served))
        return;
    /* Storage is planned with all of its statistics, so for none without the privileges. PostgreSQL may remove the
     * entry, as a branch of CASE that is never taken, and then asks for none; otherwise the executor refuses the
     * foreign table that it remains. */
    if (has_rights(query, entry))
        expand_entry(query, entry, served, statement);
    else
        statement->lacks_rights = true;
}

/* PostgreSQL may put it into any level that refers to it, of which any may be rechecked. */
void visit_common_expression(const CommonTableExpr *expression, Statement *statement)
{
    if (!statement->is_searched)
        statement->has_rechecked_level =
            has_rechecked_level(reinterpret_cast<Node *>(const_cast<Query *>(statement->whole)), nullptr);
    statement->is_searched = true;
    const bool was_rechecked = statement->is_rechecked;
    statement->is_rechecked |= statement->has_rechecked_level;
    visit_node(expression->ctequery, statement);
    statement->is_rechecked = was_rechecked;
}

void visit_query(Query *query, Statement *statement)
{
    check_stack_depth();
    refuse_writes_of(statement->whole, query);
    const bool was_rechecked = statement->is_rechecked;
    statement->is_rechecked |= is_rechecked(query);
    ListCell *cell;
    foreach (cell, query->cteList)
        visit_common_expression(lfirst_node(CommonTableExpr, cell), statement);
    if (query->hasSubLinks)
        walk_query(query, visit_node, statement, QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_CTE_SUBQUERIES);
    foreach (cell, query->rtable)
        visit_entry(query, lfirst_node(RangeTblEntry, cell), statement);
    statement->is_rechecked = was_rechecked;
}

List *relations_of(const PlannedStmt *plan)
{
    List *relids = NIL;
    ListCell *cell;
    foreach (cell, plan->rtable)
        if (const auto *entry = lfirst_node(RangeTblEntry, cell); entry->rtekind == RTE_RELATION)
            relids = lappend_oid(relids, entry->relid);
    return relids;
}

/* Appends an entry, to which nothing refers, of each storage and partition that only nested plans (execution.hpp) read.
 * PostgreSQL locks the relations in the range table of a plan that is kept, and then looks whether the plan is out of
 * date: before the statement waits for a refresh, and gets its snapshot. */
void add_nested_relations(PlannedStmt *plan)
{
    int count = 0;
    const Oid *stream_tables = stream_tables_of(plan, &count);
    if (count == 0)
        return;
    List *added = relations_of(plan);
    ListCell *cell;
    foreach (cell, plan->relationOids) {
        const Oid relid = lfirst_oid(cell);
        if (list_member_oid(added, relid) || get_rel_namespace(relid) != storage::namespace_oid() ||
            std::find(stream_tables, stream_tables + count, served_from_storage(relid)) == stream_tables + count)
            continue;
        RangeTblEntry *entry = makeNode(RangeTblEntry);
        entry->rtekind = RTE_RELATION;
        entry->relid = relid;
        entry->relkind = get_rel_relkind(relid);
        entry->rellockmode = AccessShareLock;
        entry->eref = makeAlias("storage", NIL);
        plan->rtable = lappend(plan->rtable, entry);
        added = lappend_oid(added, relid);
    }
}

PlannedStmt *plan_expanded(Query *query, const char *text, int options, ParamListInfo parameters)
{
    Statement statement = {query, false, false, false, false, {}};
    const uint64 begun = count_of_relation_changes();
    const Query *unexpanded = copy_for_exact_plan(query);
    visit_query(query, &statement);
    PlannedStmt *plan = previous_hooks().planner(query, text, statement.functions.planner_options(options), parameters);
    drop_unrequired_rights(plan);
    plan->dependsOnRole |= statement.lacks_rights;
    statement.functions.become_dependencies_of(plan);
    if (!is_planning_exactly()) /* otherwise it is run once, under the locks of its planning */
        add_nested_relations(plan);
    keep_for_exact_plan(plan, unexpanded, begun);
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
