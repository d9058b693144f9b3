#include "fdw/scan/write_rejection.hpp"

#include "definition/query/rewritten_query.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/visibility.hpp"
#include "fdw/scan/served_relation.hpp"
#include "pg/relation_name.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* Returns the names of the relations that `relid` reads, ascending by OID, separated by commas; empty if they
 * are unknown, or if the user may not see the stream table. */
char *sources_of(Oid relid)
{
    StringInfoData names;
    initStringInfo(&names);
    if (!may_see(relid))
        return names.data;
    Relation table = definition::open_extension_table("pgt_dependency", AccessShareLock);
    if (table == nullptr)
        return names.data;
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    SysScanDesc scan = systable_beginscan(table, RelationGetReplicaIndex(table), true, nullptr, 1, &key);
    while (HeapTuple row = systable_getnext(scan)) {
        bool is_null;
        Oid source = DatumGetObjectId(heap_getattr(row, 2, RelationGetDescr(table), &is_null));
        if (const char *name = quoted_name_if_exists(source); name != nullptr)
            appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", name);
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return names.data;
}

/* Checks the privileges for COPY FROM as PostgreSQL does: on the relation, or otherwise on each column. */
bool may_insert(Oid relid, List *columns)
{
    if (pg_class_aclcheck(relid, GetUserId(), ACL_INSERT) == ACLCHECK_OK)
        return true;
    if (columns == NIL)
        return pg_attribute_aclcheck_all(relid, GetUserId(), ACL_INSERT, ACLMASK_ALL) == ACLCHECK_OK;
    ListCell *cell;
    foreach (cell, columns) {
        AttrNumber number = get_attnum(relid, strVal(lfirst(cell)));
        if (number != InvalidAttrNumber && pg_attribute_aclcheck(relid, number, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
            return false;
    }
    return true;
}

/* Checks the privileges that the query itself requires, without its subqueries. The planner may have removed
 * range table entries on which the query still requires privileges. */
void check_rights_of(const Query *query)
{
    RequiredRights asked;
    keep_rights(&asked, query);
    check_rights(asked);
}

/* Checks all levels, the outermost first: since PostgreSQL 16, the privileges on a view are checked with the
 * query that contains the view. */
void check_rights_of_all(const Query *statement)
{
    definition::visit_levels(const_cast<Query *>(statement), check_rights_of);
}

bool is_stream_table(RangeTblEntry *entry)
{
    return entry->rtekind == RTE_RELATION && entry->relkind == RELKIND_FOREIGN_TABLE &&
           find_served_relation(entry->relid) != nullptr;
}

} // namespace

void refuse_direct_dml(Oid relid)
{
    char *sources = sources_of(relid);
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("Direct DML on stream table \"%s\" is not allowed", get_rel_name(relid)),
                    sources[0] != '\0' ? errhint("Change the tables it is computed from: %s.", sources)
                                       : errhint("Change the tables it is computed from.")));
}

void refuse_copy_from(Oid relid, List *columns)
{
    if (!may_insert(relid, columns))
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_TABLE, get_rel_name(relid));
    refuse_direct_dml(relid);
}

void refuse_dml_of(const Query *query, Oid relid)
{
    check_rights_of(query);
    refuse_direct_dml(relid);
}

void refuse_row_locks(Oid relid)
{
    ereport(
        ERROR,
        (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("cannot lock rows in stream table \"%s\"", get_rel_name(relid)),
         errhint(
             "Lock the rows of its sources. Where the query has other tables, name these: FOR UPDATE OF table_name.")));
}

void refuse_writes_of(const Query *statement, Query *query)
{
    if (query->resultRelation != 0) {
        RangeTblEntry *target = rt_fetch(query->resultRelation, query->rtable);
        if (is_stream_table(target)) {
            check_rights_of_all(statement);
            refuse_direct_dml(target->relid);
        }
    }
    ListCell *cell;
    foreach (cell, query->rowMarks) {
        auto *mark = lfirst_node(RowMarkClause, cell);
        RangeTblEntry *locked = rt_fetch(mark->rti, query->rtable);
        if (is_stream_table(locked)) {
            check_rights_of_all(statement);
            refuse_row_locks(locked->relid);
        }
    }
}

} // namespace pgtrickle
