/*
 * The index is created on the storage, on which no role has privileges, and no statement of PostgreSQL can
 * name the storage. So the statement is executed here, with the user's own rights, as PostgreSQL executes one
 * on a table.
 *
 * Keys, expressions and the predicate are analyzed over the stream table, which has no hidden columns, and
 * then translated to the storage's columns. As in PostgreSQL, they are analyzed as the current user, and
 * evaluated as the owner of the table.
 *
 * The index is in the schema of the stream table (storage/user_indexes.hpp), so that PostgreSQL executes all other
 * statements on it.
 */
#include "fdw/ddl/index.hpp"

#include "definition/stream_table.hpp"
#include "fdw/scan/served_relation.hpp"
#include "pg/attempt.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "pg/type_name.hpp"
#include "pg/versions/heaps.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"
#include "refresh/program/compiled.hpp"
#include "storage/adopted_index.hpp"
#include "storage/index_names.hpp"
#include "storage/layout.hpp"
#include "storage/storage.hpp"
#include "storage/user_indexes.hpp"

extern "C" {
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/comment.h"
#include "commands/event_trigger.h"
#include "commands/tablespace.h"
#include "nodes/makefuncs.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
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

/* Refuses indexes that a stream table cannot have. */
void check_kind(Oid relid, const IndexStmt *statement)
{
    if (statement->concurrent)
        ereport(
            ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("cannot create an index on stream table \"%s\" concurrently", get_rel_name(relid)),
             errdetail("A refresh may replace the heap of a stream table between two transactions of the statement."),
             errhint("Remove CONCURRENTLY: while the index is built, reads go on, and refreshes wait.")));
    ListCell *cell;
    foreach (cell, statement->indexIncludingParams)
        if (lfirst_node(IndexElem, cell)->expr != nullptr)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("expressions are not supported in included columns")));
}

/* Returns the CREATE INDEX statement in a text from a dump. */
IndexStmt *parsed_index(const char *text)
{
    List *statements = raw_parser(text, RAW_PARSE_DEFAULT);
    if (list_length(statements) != 1 || !IsA(linitial_node(RawStmt, statements)->stmt, IndexStmt))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the definition of the index is not CREATE INDEX")));
    return reinterpret_cast<IndexStmt *>(linitial_node(RawStmt, statements)->stmt);
}

/* Excludes an ALTER that fills another storage: it keeps the old one as it is, and would wait for this transaction in
 * the end. */
constexpr LOCKMODE lock_of_stream_table = ShareUpdateExclusiveLock;

Oid owned_target(const IndexStmt *statement)
{
    Oid relid = RangeVarGetRelidExtended(statement->relation, lock_of_stream_table, 0, check_owner, nullptr);
    if (!definition::is_stream_table(relid))
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a stream table", get_rel_name(relid))));
    check_kind(relid, statement);
    return relid;
}

/* Checks the privileges to create the index in the schema and the tablespace, because define_index() checks none. */
void check_place(Oid relid, const IndexStmt *statement)
{
    const Oid schema = get_rel_namespace(relid);
    AclResult may_create = object_aclcheck(NamespaceRelationId, schema, GetUserId(), ACL_CREATE);
    if (may_create != ACLCHECK_OK)
        aclcheck_error(may_create, OBJECT_SCHEMA, get_namespace_name(schema));
    const Oid tablespace = statement->tableSpace != nullptr ? get_tablespace_oid(statement->tableSpace, false)
                                                            : GetDefaultTablespace(RELPERSISTENCE_PERMANENT, false);
    if (!OidIsValid(tablespace) || tablespace == MyDatabaseTableSpace)
        return;
    AclResult allowed = right_to_create_in(tablespace);
    if (allowed != ACLCHECK_OK)
        aclcheck_error(allowed, OBJECT_TABLESPACE, get_tablespace_name(tablespace));
}

/* Returns the name that PostgreSQL would choose if the stream table were an ordinary table. */
char *default_index_name(Oid relid, IndexStmt *statement)
{
    StringInfoData columns;
    initStringInfo(&columns);
    ListCell *cell;
    foreach (cell, list_concat_copy(statement->indexParams, statement->indexIncludingParams)) {
        auto *element = lfirst_node(IndexElem, cell);
        const char *name = element->name != nullptr           ? element->name
                           : element->indexcolname != nullptr ? element->indexcolname
                                                              : "expr";
        appendStringInfo(&columns, "%s%s", columns.len > 0 ? "_" : "", name);
    }
    return ChooseRelationName(get_rel_name(relid), columns.data, "idx", get_rel_namespace(relid), false);
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

/* Returns true if IF NOT EXISTS leaves nothing to do. */
bool exists(Oid relid, const IndexStmt *statement)
{
    if (!statement->if_not_exists || !OidIsValid(get_relname_relid(statement->idxname, get_rel_namespace(relid))))
        return false;
    ereport(NOTICE,
            (errcode(ERRCODE_DUPLICATE_TABLE), errmsg("relation \"%s\" already exists, skipping", statement->idxname)));
    return true;
}

void analyze(Oid relid, IndexStmt *statement, const char *text)
{
    Relation table = table_open(relid, NoLock);
    storage::analyze_index(statement, table, text);
    table_close(table, NoLock);
}

/* Checks the privileges on the types that expressions of the analyzed statement name, as define_index() checks none. */
void check_types(Oid relid, const IndexStmt *statement)
{
    require_usage_of_types(statement->whereClause, relid);
    ListCell *cell;
    foreach (cell, statement->indexParams)
        require_usage_of_types(lfirst_node(IndexElem, cell)->expr, relid);
}

/* Creates the index of an analyzed statement, and puts its name into `name`. The caller has checked the privileges, and
 * passes an error on by naming_index(). Changes `statement`. */
ObjectAddress create(Oid relid, IndexStmt *statement, const char **name, bool may_be_adopted)
{
    if (statement->idxname == nullptr)
        statement->idxname = default_index_name(relid, statement);
    *name = statement->idxname;
    if (exists(relid, statement))
        return InvalidObjectAddress;
    /* The lock on the stream table prevents the replacement of its storage. */
    const Oid heap = served_relation_to_read(relid)->storage;
    LockRelationOid(heap, ShareLock);
    storage::check_not_in_use(relid, heap, "create an index on");
    turn_to_storage(statement, find_served_relation(relid));
    return storage::define_user_index(relid, heap, statement, true, may_be_adopted);
}

} // namespace

void create_index(const UserStatement &utility)
{
    auto *copy = call([&] { return reinterpret_cast<IndexStmt *>(copyObjectImpl(utility.statement())); });
    const Oid relid = call([&] {
        const Oid target = owned_target(copy);
        check_place(target, copy);
        return target;
    });
    const char *name = nullptr;
    storage::naming_index(relid, name, [&] {
        analyze(relid, copy, utility.text);
        check_types(relid, copy);
        const ObjectAddress index = create(relid, copy, &name, true);
        utility.collect([&] { EventTriggerCollectSimpleCommand(index, InvalidObjectAddress, utility.statement()); });
    });
}

namespace {

/* ---- DROP INDEX ----------------------------------------------------------------------- */

/* PostgreSQL lets both owners drop the index; other roles get its error. */
bool may_drop(Oid index)
{
    return owns_relation(index) || owns_schema(get_rel_namespace(index));
}

/* Whether the rows of the storage are groups; false for one that cannot be compiled. C++ frame. */
bool is_of_groups(Oid relid, Oid heap)
{
    bool is_found = false;
    (void)attempt([&] {
        without_keeping_locks([&] {
            for (const refresh::CompiledStep &step : refresh::compiled_of(relid).steps)
                is_found = is_found || (step.heap == heap && step.step.layout == engine::Layout::groups);
        });
    });
    return is_found;
}

/* As above, a PostgreSQL frame. */
bool is_of_groups(Oid heap)
{
    return enter([=] { return is_of_groups(call([=] { return storage::served_from(heap); }), heap); });
}

/* Returns the heap whose adopted index has that name, if the user may drop the index; otherwise InvalidOid. Locks the
 * stream table before PostgreSQL locks the heap, as other statements do. PostgreSQL frame. */
Oid lock_heap_of_adopted(const RangeVar *name)
{
    const Oid index = RangeVarGetRelid(name, NoLock, true);
    const char kind = OidIsValid(index) ? get_rel_relkind(index) : '\0';
    const bool is_index = kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX;
    const Oid heap = is_index ? IndexGetRelation(index, true) : InvalidOid;
    const Oid relid = OidIsValid(heap) ? storage::served_from(heap) : InvalidOid;
    if (!OidIsValid(relid) || !may_drop(index) || !definition::lock_if_exists(relid, lock_of_stream_table) ||
        storage::adopted_index_of(heap) != index)
        return InvalidOid;
    LockRelationOid(heap, ShareUpdateExclusiveLock);
    return heap;
}

/* Prepares a storage for the loss of one of its user's indexes. Returns true for an adopted index, in whose place there
 * is an empty one then. PostgreSQL frame. */
bool prepare_to_drop(const RangeVar *name)
{
    const Oid heap = lock_heap_of_adopted(name);
    if (!OidIsValid(heap))
        return false;
    storage::return_index_of_key(heap, is_of_groups(heap));
    return true;
}

/* PostgreSQL requires that the statement is the first action of its transaction. What it allocates has to outlive its
 * transactions, as the present context does. */
void begin_another_transaction()
{
    MemoryContext context = CurrentMemoryContext;
    PopActiveSnapshot();
    CommitTransactionCommand();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    MemoryContextSwitchTo(context);
}

} // namespace

void drop_index(const UtilityCall &utility)
{
    auto *statement = castNode(DropStmt, utility.statement());
    const bool is_refused =
        statement->concurrent && (list_length(statement->objects) != 1 || statement->behavior == DROP_CASCADE);
    if (statement->removeType == OBJECT_INDEX && !is_refused) {
        if (statement->concurrent)
            PreventInTransactionBlock(utility.context == PROCESS_UTILITY_TOPLEVEL, "DROP INDEX CONCURRENTLY");
        bool is_any_adopted = false;
        ListCell *cell;
        foreach (cell, statement->objects)
            is_any_adopted |= prepare_to_drop(makeRangeVarFromNameList(lfirst_node(List, cell)));
        if (is_any_adopted && statement->concurrent)
            begin_another_transaction();
    }
    utility.run();
}

/* PostgreSQL drops the index with the extension, and calls nothing before it does. */
void keep_index_of_key(const UtilityCall &utility)
{
    const auto *statement = castNode(AlterObjectDependsStmt, utility.statement());
    if (statement->objectType != OBJECT_INDEX || statement->remove)
        return;
    if (const Oid heap = lock_heap_of_adopted(statement->relation); OidIsValid(heap))
        storage::separate_index_of_key(heap, is_of_groups(heap));
}

namespace {

/* Returns the tablespace of a dumped index as `placer` may restore it; null: that of the database. */
char *restored_tablespace(Oid relid, const DumpedIndex &dumped, Oid storage, Oid placer)
{
    if (!dumped.tablespace)
        return storage::tablespace_of_indexes(storage);
    if (dumped.tablespace->empty())
        return nullptr;
    const Oid tablespace = get_tablespace_oid(dumped.tablespace->c_str(), true);
    if (tablespace == MyDatabaseTableSpace) /* whose name PostgreSQL refuses for a partitioned index */
        return nullptr;
    const bool is_there = OidIsValid(tablespace);
    if (is_there && right_to_create_in(tablespace, placer) == ACLCHECK_OK)
        return pstrdup(dumped.tablespace->c_str());
    ereport(WARNING,
            (errcode(is_there ? ERRCODE_INSUFFICIENT_PRIVILEGE : ERRCODE_UNDEFINED_OBJECT),
             errmsg("could not restore an index of stream table \"%s\" in tablespace \"%s\": %s", get_rel_name(relid),
                    dumped.tablespace->c_str(), is_there ? "permission denied" : "the tablespace does not exist"),
             errdetail("The definition of the index is: %s", dumped.definition.c_str())));
    return storage::tablespace_of_indexes(storage);
}

void restore_index(Oid relid, Oid owner, const DumpedIndex &dumped, Oid placer)
{
    const char *tablespace =
        call([&] { return restored_tablespace(relid, dumped, served_relation_to_read(relid)->storage, placer); });
    AsOwner as_owner(owner, Sharing::custom);
    TextSettings text_settings;
    const char *name = nullptr;
    storage::naming_index(relid, name, [&] {
        IndexStmt *statement = parsed_index(dumped.definition.c_str());
        check_kind(relid, statement);
        resolve_types(statement);
        LockRelationOid(relid, lock_of_stream_table);
        statement->tableSpace = tablespace == nullptr ? nullptr : pstrdup(tablespace);
        set_for_now("default_tablespace", "");
        analyze(relid, statement, nullptr);
        const ObjectAddress index = create(relid, statement, &name, !dumped.extensions);
        if (!OidIsValid(index.objectId))
            return;
        if (dumped.comment)
            CreateComments(index.objectId, RelationRelationId, 0, dumped.comment->c_str());
        if (dumped.statistics)
            storage::set_statistics_targets(index.objectId, dumped.statistics->c_str());
        if (dumped.extensions)
            storage::add_extensions(index.objectId, dumped.extensions->c_str());
        CommandCounterIncrement();
    });
}

} // namespace

void restore_index(Oid relid, const DumpedIndex &dumped, Oid placer)
{
    const Oid owner = call([=] { return owner_of_relation(relid); });
    if (auto failure = attempt([&] { restore_index(relid, owner, dumped, placer); }))
        call([&] {
            ereport(WARNING, (errcode(failure->sqlstate),
                              errmsg("could not recreate an index of stream table \"%s\": %s", get_rel_name(relid),
                                     failure->message.c_str()),
                              errdetail("The definition of the index is: %s", dumped.definition.c_str())));
        });
}

} // namespace pgtrickle
