/*
 * The index is created on the storage, on which no role has privileges, and no statement of PostgreSQL can
 * name the storage. So the statement is executed here, with the user's own rights, as PostgreSQL executes one
 * on a table.
 *
 * Keys, expressions and the predicate are analyzed over the stream table, which has no hidden columns, and
 * then translated to the storage's columns. As in PostgreSQL, they are analyzed as the current user, and
 * evaluated as the owner of the table.
 *
 * A name is looked up in the reserved schema if the search path has no such relation.
 */
#include "fdw/ddl/index.hpp"

#include "definition/definition_view.hpp"
#include "definition/stream_table.hpp"
#include "fdw/ddl/user_statement.hpp"
#include "fdw/scan/served_relation.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "pg/type_name.hpp"
#include "pg/versions/heaps.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"
#include "storage/layout.hpp"
#include "storage/storage.hpp"
#include "storage/user_indexes.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "commands/event_trigger.h"
#include "commands/tablespace.h"
#include "nodes/makefuncs.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parse_target.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* ---- CREATE INDEX; PostgreSQL frames -------------------------------------------------- */

/* A RangeVarGetRelidCallback, which is called before the relation is locked. */
void check_owner(const RangeVar *, Oid relid, Oid, void *)
{
    if (OidIsValid(relid))
        definition::require_owner(relid);
}

Oid owned_target(const IndexStmt *statement)
{
    Oid relid = RangeVarGetRelidExtended(statement->relation, AccessShareLock, 0, check_owner, nullptr);
    if (!definition::is_stream_table(relid))
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a stream table", get_rel_name(relid))));
    if (statement->concurrent)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot create an index on stream table \"%s\" concurrently", get_rel_name(relid)),
                        errhint("Remove CONCURRENTLY.")));
    if (statement->unique || statement->primary)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot create a unique index on stream table \"%s\"", get_rel_name(relid)),
                        errdetail("A refresh changes rows one at a time, and rows may be equal temporarily."),
                        errhint("Create it without UNIQUE.")));
    return relid;
}

/* Checks the privilege to use the tablespace, because define_index() checks none. */
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

/* Refuses names that storage may have, because storage is found by its name. */
void check_name(const char *name)
{
    if (storage::is_heap_name(name) || definition::is_view_name(name))
        ereport(ERROR,
                (errcode(ERRCODE_RESERVED_NAME), errmsg("index name \"%s\" is reserved", name),
                 errdetail("Names such as \"st_1\" and \"def_1\" are reserved for the storage of stream tables.")));
}

/* Returns the name that PostgreSQL would choose if the stream table were an ordinary table. */
char *default_index_name(Oid relid, IndexStmt *statement)
{
    const char *column = "expr";
    auto *first = static_cast<IndexElem *>(linitial(statement->indexParams));
    if (first->name != nullptr)
        column = first->name;
    char *name =
        ChooseRelationName(get_rel_name(relid), column, "idx", get_namespace_oid(storage::schema_name, false), false);
    check_name(name);
    return name;
}

/* Analyzes the expressions and the predicate over the columns of `table`, as transformIndexStmt() does. */
void analyze(IndexStmt *statement, Relation table, const char *text)
{
    ParseState *state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    ParseNamespaceItem *columns = addRangeTableEntryForRelation(state, table, AccessShareLock, nullptr, false, true);
    addNSItemToQuery(state, columns, false, true, true);
    if (statement->whereClause != nullptr) {
        statement->whereClause =
            transformWhereClause(state, statement->whereClause, EXPR_KIND_INDEX_PREDICATE, "WHERE");
        assign_expr_collations(state, statement->whereClause);
    }
    ListCell *cell;
    foreach (cell, statement->indexParams) {
        auto *element = lfirst_node(IndexElem, cell);
        if (element->expr == nullptr)
            continue;
        if (element->indexcolname == nullptr)
            element->indexcolname = FigureIndexColname(element->expr);
        element->expr = transformExpr(state, element->expr, EXPR_KIND_INDEX_EXPRESSION);
        assign_expr_collations(state, element->expr);
    }
    free_parsestate(state);
    statement->transformed = true;
}

[[noreturn]] void refuse_system_column()
{
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("index creation on system columns is not supported")));
}

[[noreturn]] void refuse_whole_row(Oid relid)
{
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot create an index on whole rows of stream table \"%s\"", get_rel_name(relid)),
                    errhint("Specify the columns to be indexed.")));
}

/* Translates an expression over the stream table into one over its storage. */
::Node *stored(::Node *node, void *context)
{
    auto *served = static_cast<const ServedRelation *>(context);
    if (node == nullptr)
        return nullptr;
    if (!IsA(node, Var))
        return mutate_expression(node, stored, context);
    auto *var = static_cast<Var *>(copyObjectImpl(node));
    if (var->varattno < 0)
        refuse_system_column();
    if (var->varattno == 0)
        refuse_whole_row(served->relid);
    var->varattno = served->columns[var->varattno - 1];
    var->varattnosyn = var->varattno;
    return reinterpret_cast<::Node *>(var);
}

char *stored_name(const ServedRelation *served, const char *name)
{
    AttrNumber column = get_attnum(served->relid, name);
    if (column == InvalidAttrNumber)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" does not exist", name)));
    if (column < 0)
        refuse_system_column();
    return get_attname(served->storage, served->columns[column - 1], false);
}

void turn_to_storage(IndexStmt *statement, const ServedRelation *served)
{
    auto *context = const_cast<ServedRelation *>(served);
    statement->whereClause = stored(statement->whereClause, context);
    ListCell *cell;
    foreach (cell, list_concat_copy(statement->indexParams, statement->indexIncludingParams)) {
        auto *element = lfirst_node(IndexElem, cell);
        if (element->name != nullptr)
            element->name = stored_name(served, element->name);
        element->expr = stored(element->expr, context);
    }
    statement->relation = makeRangeVar(pstrdup(storage::schema_name), get_rel_name(served->storage), -1);
}

/* Creates the index. The caller has checked the privileges. Changes `statement`. */
ObjectAddress create(Oid relid, IndexStmt *statement, const char *text)
{
    Relation table = table_open(relid, NoLock);
    analyze(statement, table, text);
    table_close(table, NoLock);
    if (statement->idxname == nullptr)
        statement->idxname = default_index_name(relid, statement);
    else
        check_name(statement->idxname);
    /* The lock on the stream table prevents the replacement of its storage. */
    const Oid heap = served_relation_to_read(relid)->storage;
    LockRelationOid(heap, ShareLock);
    turn_to_storage(statement, find_served_relation(relid));
    ObjectAddress index = define_index(heap, statement, true);
    CommandCounterIncrement();
    if (OidIsValid(index.objectId))
        storage::withhold_privileges(index.objectId);
    return index;
}

/* ---- DROP INDEX; PostgreSQL frames ---------------------------------------------------- */

/* Returns the index of a stream table's storage that has this name, or InvalidOid if there is none. */
Oid index_named(List *name)
{
    RangeVar *relation = makeRangeVarFromNameList(name);
    if (relation->schemaname != nullptr || OidIsValid(RangeVarGetRelid(relation, NoLock, true)))
        return InvalidOid;
    Oid index = get_relname_relid(relation->relname, get_namespace_oid(storage::schema_name, false));
    const char kind = OidIsValid(index) ? get_rel_relkind(index) : '\0';
    if (kind != RELKIND_INDEX && kind != RELKIND_PARTITIONED_INDEX)
        return InvalidOid;
    return OidIsValid(storage::served_from(IndexGetRelation(index, true))) ? index : InvalidOid;
}

bool names_an_index_of_ours(const DropStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->objects)
        if (OidIsValid(index_named(static_cast<List *>(lfirst(cell)))))
            return true;
    return false;
}

/* Locks the heap, and its partitions, before its index, as PostgreSQL does for a table: VACUUM locks a partition before
 * the indexes of it. */
Oid locked_index(List *name, LOCKMODE mode)
{
    for (;;) {
        AcceptInvalidationMessages();
        const Oid index = index_named(name);
        const Oid heap = OidIsValid(index) ? IndexGetRelation(index, true) : InvalidOid;
        const Oid relid = OidIsValid(heap) ? storage::served_from(heap) : InvalidOid;
        if (!OidIsValid(relid))
            return InvalidOid;
        definition::require_owner(relid);
        LockRelationOid(relid, AccessShareLock);
        LockRelationOid(heap, mode);
        (void)find_all_inheritors(heap, mode, nullptr);
        LockRelationOid(index, mode);
        if (index_named(name) == index) {
            definition::require_owner(relid); /* the owner may have changed in the meantime */
            return index;
        }
        UnlockRelationOid(index, mode);
        UnlockRelationOid(heap, mode);
        UnlockRelationOid(relid, AccessShareLock);
    }
}

/* Returns false if the index does not exist, and that is no error. */
bool check_droppable(Oid index, List *name, bool missing_ok)
{
    const char *text = NameListToString(name);
    if (OidIsValid(index)) {
        if (storage::is_own_index(index))
            ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                            errmsg("cannot drop index \"%s\" because stream table \"%s\" requires it", text,
                                   get_rel_name(storage::served_from(IndexGetRelation(index, false))))));
        return true;
    }
    if (OidIsValid(RangeVarGetRelid(makeRangeVarFromNameList(name), NoLock, true)))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot drop indexes of stream tables and \"%s\" in one statement", text),
                        errhint("Drop them in separate statements.")));
    ereport(missing_ok ? NOTICE : ERROR,
            (errcode(ERRCODE_UNDEFINED_OBJECT), missing_ok ? errmsg("index \"%s\" does not exist, skipping", text)
                                                           : errmsg("index \"%s\" does not exist", text)));
    return false;
}

void check_concurrent(const DropStmt *statement, bool is_top_level)
{
    PreventInTransactionBlock(is_top_level, "DROP INDEX CONCURRENTLY");
    if (list_length(statement->objects) != 1)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("DROP INDEX CONCURRENTLY does not support dropping multiple objects")));
    if (statement->behavior == DROP_CASCADE)
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("DROP INDEX CONCURRENTLY does not support CASCADE")));
}

void drop(const DropStmt *statement, bool is_top_level)
{
    if (statement->concurrent)
        check_concurrent(statement, is_top_level);
    ObjectAddresses *indexes = new_object_addresses();
    ListCell *cell;
    foreach (cell, statement->objects) {
        auto *name = static_cast<List *>(lfirst(cell));
        ObjectAddress index;
        ObjectAddressSet(index, RelationRelationId,
                         locked_index(name, statement->concurrent ? ShareUpdateExclusiveLock : AccessExclusiveLock));
        if (statement->concurrent && OidIsValid(index.objectId) &&
            get_rel_relkind(index.objectId) == RELKIND_PARTITIONED_INDEX)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("cannot drop partitioned index \"%s\" concurrently", NameListToString(name)),
                            errhint("Remove CONCURRENTLY.")));
        if (check_droppable(index.objectId, name, statement->missing_ok))
            add_exact_object_address(&index, indexes);
    }
    performMultipleDeletions(indexes, statement->behavior, statement->concurrent ? PERFORM_DELETION_CONCURRENTLY : 0);
    free_object_addresses(indexes);
}

} // namespace

void create_index(const UtilityCall &utility)
{
    UserStatement statement(utility, "CREATE INDEX");
    statement.begin();
    call([&] {
        auto *copy = reinterpret_cast<IndexStmt *>(copyObjectImpl(utility.statement()));
        const Oid relid = owned_target(copy);
        check_tablespace(copy);
        ObjectAddress index = create(relid, copy, utility.text);
        EventTriggerCollectSimpleCommand(index, InvalidObjectAddress, utility.statement());
    });
    statement.end();
}

void restore_index(Oid relid, Oid owner, const std::string &text)
{
    AsOwner as_owner(owner);
    TextSettings text_settings;
    call([&] {
        auto *raw = linitial_node(RawStmt, raw_parser(text.c_str(), RAW_PARSE_DEFAULT));
        auto *statement = castNode(IndexStmt, raw->stmt);
        resolve_types(statement->whereClause);
        ListCell *cell;
        foreach (cell, statement->indexParams)
            resolve_types(lfirst_node(IndexElem, cell)->expr);
        LockRelationOid(relid, AccessShareLock);
        statement->tableSpace = storage::tablespace_of_indexes(served_relation_to_read(relid)->storage);
        set_for_now("default_tablespace", "");
        create(relid, statement, nullptr);
        CommandCounterIncrement();
    });
}

void drop_index(const UtilityCall &utility)
{
    auto *given = reinterpret_cast<DropStmt *>(utility.statement());
    if (!call([=] { return names_an_index_of_ours(given); })) {
        call([&] { utility.run(); });
        return;
    }
    UserStatement statement(utility, "DROP INDEX");
    statement.begin();
    call([&] { drop(given, utility.context == PROCESS_UTILITY_TOPLEVEL); });
    statement.end();
}

} // namespace pgtrickle
