/*
 * The index lies in the reserved schema, in which nobody has rights: so we ask for the ownership of the
 * stream table, and then act as the superuser. Expressions and predicates must be immutable, and
 * are evaluated as the owner of the storage, as core does for every index.
 *
 * A name is looked for in the reserved schema where the search path has no such index.
 */
#include "fdw/index.hpp"

#include "definition/definition.hpp"
#include "pg/superuser.hpp"
#include "pg/versions.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "commands/tablespace.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

constexpr const char *schema_name = "pg_trickle_storage";

Oid owned_target(IndexStmt *statement)
{
    Oid relid = RangeVarGetRelid(statement->relation, AccessShareLock, false);
    definition::require_owner(relid);
    if (statement->concurrent)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot create an index on stream table \"%s\" concurrently", get_rel_name(relid)),
                        errhint("Leave out CONCURRENTLY.")));
    if (statement->unique || statement->primary)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot create a unique index on stream table \"%s\"", get_rel_name(relid)),
                        errdetail("Rows change one after the other in a refresh, and may be equal in between."),
                        errhint("Create it without UNIQUE.")));
    return relid;
}

/* Core asks whether the superuser may use it. */
void check_tablespace(const IndexStmt *statement)
{
    const Oid tablespace = statement->tableSpace != nullptr ? get_tablespace_oid(statement->tableSpace, false)
                                                            : GetDefaultTablespace(RELPERSISTENCE_PERMANENT, false);
    if (!OidIsValid(tablespace) || tablespace == MyDatabaseTableSpace)
        return;
    AclResult allowed = right_to_create_in(tablespace);
    if (allowed != ACLCHECK_OK)
        aclcheck_error(allowed, OBJECT_TABLESPACE, get_tablespace_name(tablespace));
}

/* A name that core would choose, were the stream table an ordinary one. */
char *default_index_name(Oid relid, IndexStmt *statement)
{
    const char *column = "expr";
    auto *first = static_cast<IndexElem *>(linitial(statement->indexParams));
    if (first->name != nullptr)
        column = first->name;
    return ChooseRelationName(get_rel_name(relid), column, "idx", get_namespace_oid(schema_name, false), false);
}

Oid storage_or_error(Oid relid)
{
    Oid heap = storage::storage_of(relid);
    if (!OidIsValid(heap))
        elog(ERROR, "stream table %u has no storage", relid);
    return heap;
}

/* Whether `name` is an index of a stream table's storage that the current user owns; its name is
 * completed then. */
bool complete_index_name(List **name)
{
    RangeVar *relation = makeRangeVarFromNameList(*name);
    if (relation->schemaname != nullptr || OidIsValid(RangeVarGetRelid(relation, NoLock, true)))
        return false;
    Oid index = get_relname_relid(relation->relname, get_namespace_oid(schema_name, false));
    if (!OidIsValid(index) || get_rel_relkind(index) != RELKIND_INDEX)
        return false;
    Oid relid;
    char *heap = get_rel_name(IndexGetRelation(index, false));
    if (sscanf(heap, "st_%u", &relid) != 1 || strchr(heap + 3, '_') != nullptr)
        return false;
    definition::require_owner(relid);
    *name = list_make2(makeString(pstrdup(schema_name)), makeString(relation->relname));
    return true;
}

} // namespace

void create_index(const UtilityCall &utility)
{
    auto *statement = reinterpret_cast<IndexStmt *>(utility.statement());
    Oid relid = call([=] { return owned_target(statement); });
    Oid heap = call([=] { return storage_or_error(relid); });
    call([=] {
        check_tablespace(statement);
        if (statement->idxname == nullptr)
            statement->idxname = default_index_name(relid, statement);
        statement->relation = makeRangeVar(pstrdup(schema_name), get_rel_name(heap), -1);
    });
    AsSuperuser as_superuser;
    call([&] { utility.run(); });
}

void drop_index(const UtilityCall &utility)
{
    auto *statement = reinterpret_cast<DropStmt *>(utility.statement());
    bool all_ours = true;
    ListCell *cell;
    foreach (cell, statement->objects)
        all_ours &= call([=] { return complete_index_name(reinterpret_cast<List **>(&lfirst(cell))); });
    if (!all_ours) {
        call([&] { utility.run(); });
        return;
    }
    AsSuperuser as_superuser;
    call([&] { utility.run(); });
}

} // namespace pgtrickle
