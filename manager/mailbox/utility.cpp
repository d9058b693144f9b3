/*
 * Commands that concern a whole database.
 *
 * COMMIT PREPARED makes changes visible, and the sources of these changes are not known: it is counted by the
 * database's own counter, which every stream table reads. One that PostgreSQL refuses, as any role can have it, is
 * counted while it runs only, and the manager is not notified of it.
 *
 * DROP DATABASE, ALTER DATABASE … RENAME or SET TABLESPACE and CREATE DATABASE … TEMPLATE need the database
 * without sessions: its manager is asked to exit, and the launcher starts none until the command's
 * transaction has ended. PostgreSQL itself waits some seconds for sessions to exit.
 *
 * When a command on a database has been committed, the launcher reads the list of databases. A session that commits a
 * prepared transaction knows only its name. So a command also invalidates the relation that it writes: PostgreSQL
 * stores the invalidation with the transaction, also over a restart, and sends it after COMMIT PREPARED to all
 * sessions, including the one that commits. So do commands on roles, which are sources (`roles`), and changes of
 * definitions.
 */
#include "mailbox/hooks.hpp"
#include "mailbox/manager_side.hpp"
#include "mailbox/shared.hpp"

#include "pg/database_settings.hpp"
#include "pg/invalidation_listeners.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/ipc.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/syscache.h"
}

#include <algorithm>
#include <csignal>
#include <initializer_list>
#include <utility>
#include <vector>

namespace pgtrickle::mailbox {

namespace {

uint64_t commit_prepared_count = 0; /* not 0: `started` was incremented to this, `finished` was not */

/* A relation, and the function that notes what a prepared transaction has changed that has invalidated it. */
struct Followed {
    Oid relation;
    void (*note)() noexcept;
    bool is_invalidated; /* since the last COMMIT PREPARED began */
};

Followed followed[] = {
    {InvalidOid, note_definition_change, false}, /* the first: its relation is that of around_commit_prepared() */
    {DatabaseRelationId, note_database_change, false},
    {DbRoleSettingRelationId, note_settings_change, false},
    {roles, []() noexcept { note_change(roles); }, false},
};

struct Block {
    Oid database;
    SubTransactionId subtransaction;
};

/* Blocks of this transaction, which may rename several databases. */
std::vector<Block> &own_blocks() noexcept
{
    static std::vector<Block> blocks;
    return blocks;
}

/* ---- COMMIT PREPARED ---- */

void note_invalidated(Oid relation)
{
    for (Followed &each : followed)
        each.is_invalidated |= OidIsValid(each.relation) && (relation == InvalidOid || relation == each.relation);
}

/* Whether PostgreSQL raises the error for COMMIT PREPARED before it commits: there is no such transaction, or the role,
 * the database, or a transaction block is not that which may commit it. */
bool is_refusal(const PgError &error)
{
    constexpr int refusals[] = {ERRCODE_UNDEFINED_OBJECT,       ERRCODE_INSUFFICIENT_PRIVILEGE,
                                ERRCODE_FEATURE_NOT_SUPPORTED,  ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                                ERRCODE_ACTIVE_SQL_TRANSACTION, ERRCODE_READ_ONLY_SQL_TRANSACTION};
    return std::ranges::find(refusals, error.data->sqlerrcode) != std::end(refusals);
}

void commit_prepared(const UtilityCall &utility)
try {
    commit_prepared_count = start(database_slot(), 0);
    call([&] {
        utility.run();
        AcceptInvalidationMessages();
    });
    finish_commit_prepared();
} catch (const PgError &error) {
    if (is_refusal(error))
        take_back(database_slot(), std::exchange(commit_prepared_count, 0));
    finish_commit_prepared();
    throw;
}

/* ---- commands that need a database without sessions ---- */

extern "C" void pgtrickle_lift_bars_at_exit(int, Datum)
{
    remove_blocks();
}

/* Counts a block: other backends may need the same database without sessions, and may need it for longer than
 * this one. */
void block(Oid database) noexcept
{
    std::vector<Block> &blocks = own_blocks();
    try {
        blocks.push_back({database, GetCurrentSubTransactionId()});
    } catch (...) {
        return; /* PostgreSQL then waits for the manager until it times out */
    }
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    if (ManagerSlot *slot = find_or_make_manager(database); slot == nullptr) {
        blocks.pop_back();
    } else {
        slot->blocks++;
        slot->is_asked_to_exit.store(1);
        if (slot->pid.load() != 0) {
            /* The latch ends the manager's sleep; the cancel request ends a refresh under way. */
            wake_process(slot->process);
            kill(slot->pid.load(), SIGINT);
        }
        stop_workers(database);
    }
    LWLockRelease(shared->request_lock);
}

template <class IsOver> void lift_where(IsOver is_over) noexcept
{
    std::vector<Block> &blocks = own_blocks();
    if (std::none_of(blocks.begin(), blocks.end(), is_over))
        return;
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    for (const Block &block : blocks) {
        if (!is_over(block))
            continue;
        ManagerSlot *slot = find_manager(block.database);
        if (--slot->blocks == 0)
            slot->is_asked_to_exit.store(0);
        free_if_idle(slot);
    }
    LWLockRelease(shared->request_lock);
    std::erase_if(blocks, is_over);
    /* The database may still exist, or a copy of it with stream tables of its own. */
    doubt_registry();
}

/* Registers the removal of the blocks at exit: a session that ends by FATAL unwinds no frame. A PostgreSQL
 * frame. */
void remove_blocks_at_exit()
{
    static bool is_registered = false;
    if (!is_registered)
        before_shmem_exit(pgtrickle_lift_bars_at_exit, 0);
    is_registered = true;
}

const char *template_of(CreatedbStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->options) {
        auto *option = static_cast<DefElem *>(lfirst(cell));
        if (strcmp(option->defname, "template") == 0 && option->arg != nullptr)
            return defGetString(option);
    }
    return "template1";
}

/* Whether the current role may create databases, and hence may copy any database that is marked as a
 * template. */
bool may_copy_templates()
{
    HeapTuple role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
    bool may = HeapTupleIsValid(role) && reinterpret_cast<Form_pg_authid>(GETSTRUCT(role))->rolcreatedb;
    if (HeapTupleIsValid(role))
        ReleaseSysCache(role);
    return may;
}

bool is_template(Oid database)
{
    HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
    bool is_one = HeapTupleIsValid(tuple) && reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple))->datistemplate;
    if (HeapTupleIsValid(tuple))
        ReleaseSysCache(tuple);
    return is_one;
}

/* The database that the command alters, drops or copies; InvalidOid if there is none, or if the command will
 * be refused: a role without the right must not make a manager exit. A PostgreSQL frame. */
Oid database_of(::Node *utility)
{
    const char *name = nullptr;
    bool is_copy = IsA(utility, CreatedbStmt);
    if (IsA(utility, DropdbStmt))
        name = castNode(DropdbStmt, utility)->dbname;
    else if (is_copy)
        name = template_of(castNode(CreatedbStmt, utility));
    else if (IsA(utility, AlterDatabaseStmt))
        name = castNode(AlterDatabaseStmt, utility)->dbname;
    else if (IsA(utility, RenameStmt) && castNode(RenameStmt, utility)->renameType == OBJECT_DATABASE)
        name = castNode(RenameStmt, utility)->subname;
    if (name == nullptr || !IsTransactionState() || (is_copy && !superuser() && !may_copy_templates()))
        return InvalidOid;
    Oid database = get_database_oid(name, true);
    bool may = OidIsValid(database) && (owns_database(database) || (is_copy && is_template(database)));
    return may ? database : InvalidOid;
}

bool has_any_option(List *options, std::initializer_list<const char *> names)
{
    ListCell *cell;
    foreach (cell, options)
        for (const char *name : names)
            if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
                return true;
    return false;
}

/* Whether the command needs its database without sessions: any but ALTER DATABASE with options other than TABLESPACE.
 */
bool needs_no_sessions(::Node *utility)
{
    if (!IsA(utility, AlterDatabaseStmt))
        return true;
    return has_any_option(castNode(AlterDatabaseStmt, utility)->options, {"tablespace"});
}

/* Whether the column of a row of the catalog has one of the roles; of others, a statement may name none. */
bool is_any_in(Oid catalog_oid, AttrNumber column, const List *specifications)
{
    bool is_found = false;
    Relation catalog = table_open(catalog_oid, AccessShareLock);
    ListCell *cell;
    foreach (cell, specifications) {
        ScanKeyData key;
        ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ,
                    ObjectIdGetDatum(get_rolespec_oid(lfirst_node(RoleSpec, cell), true)));
        SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 1, &key);
        is_found = is_found || HeapTupleIsValid(systable_getnext(scan));
        systable_endscan(scan);
    }
    table_close(catalog, AccessShareLock);
    return is_found;
}

/* A new role has no policies, but its members get those of the roles that it is put in. Any role can have DROP OWNED
 * and REASSIGN OWNED for itself: they end memberships that it has granted (version 16), and give away its databases. */
bool may_change_policies(::Node *statement)
{
    switch (nodeTag(statement)) {
    case T_AlterOwnerStmt: return castNode(AlterOwnerStmt, statement)->objectType == OBJECT_DATABASE;
    case T_RenameStmt: return castNode(RenameStmt, statement)->renameType == OBJECT_ROLE;
    case T_CreateRoleStmt: return has_any_option(castNode(CreateRoleStmt, statement)->options, {"addroleto"});
    case T_AlterRoleStmt:
        return has_any_option(castNode(AlterRoleStmt, statement)->options,
                              {"superuser", "bypassrls", "inherit", "rolemembers"});
    case T_DropOwnedStmt:
        return is_any_in(AuthMemRelationId, Anum_pg_auth_members_grantor, castNode(DropOwnedStmt, statement)->roles);
    case T_ReassignOwnedStmt:
        return is_any_in(DatabaseRelationId, Anum_pg_database_datdba, castNode(ReassignOwnedStmt, statement)->roles);
    default: return true;
    }
}

} // namespace

void around_commit_prepared(const UtilityCall &utility, Oid definitions)
{
    if (!is_available() || max_prepared_xacts == 0) {
        utility.run();
        return;
    }
    followed[0].relation = definitions;
    for (Followed &each : followed)
        each.is_invalidated = false;
    enter([&] { commit_prepared(utility); });
    for (const Followed &each : followed)
        if (each.is_invalidated)
            each.note();
}

void before_database_statement(const UtilityCall &utility)
{
    Oid database = is_available() ? database_of(utility.statement()) : InvalidOid;
    if (database == InvalidOid)
        return;
    note_database_change();
    CacheInvalidateRelcacheByRelid(DatabaseRelationId);
    if (database == MyDatabaseId || !needs_no_sessions(utility.statement()))
        return;
    remove_blocks_at_exit();
    block(database);
}

/* The settings include time zones, which the manager reads with the definitions. Those of one role are not, unless it
 * is the one as which managers log in: any role may set its own, and all managers of the server would look at their
 * definitions. */
void after_settings_statement(const UtilityCall &utility)
{
    ::Node *statement = utility.statement();
    const auto *of_role = IsA(statement, AlterRoleSetStmt) ? castNode(AlterRoleSetStmt, statement) : nullptr;
    const RoleSpec *role = of_role != nullptr ? of_role->role : nullptr;
    if (!is_available() || (role != nullptr && !is_role_of_workers(get_rolespec_oid(role, true))))
        return;
    const char *database = of_role != nullptr ? of_role->database : castNode(AlterDatabaseSetStmt, statement)->dbname;
    lock_changed_settings(database != nullptr ? get_database_oid(database, false) : InvalidOid);
    note_settings_change();
    CacheInvalidateRelcacheByRelid(DbRoleSettingRelationId);
}

/* The policies in force change with the memberships and exemptions of roles, and a database's owner is a member of
 * pg_database_owner. A policy may compare the name of the current role with a column. */
void before_role_statement(const UtilityCall &utility)
{
    if (!is_available() || !may_change_policies(utility.statement()))
        return;
    note_change(roles);
    CacheInvalidateRelcacheByRelid(roles);
}

void register_invalidations()
{
    listen_to_relations(note_invalidated);
}

void finish_commit_prepared() noexcept
{
    if (std::exchange(commit_prepared_count, 0) == 0)
        return;
    finish(database_slot());
    notify_change(database_slot());
}

void remove_blocks() noexcept
{
    lift_where([](const Block &) { return true; });
}

void remove_blocks_of(SubTransactionId subtransaction) noexcept
{
    lift_where([=](const Block &block) { return block.subtransaction == subtransaction; });
}

void move_blocks_to_parent(SubTransactionId subtransaction, SubTransactionId parent) noexcept
{
    for (Block &block : own_blocks())
        if (block.subtransaction == subtransaction)
            block.subtransaction = parent;
}

} // namespace pgtrickle::mailbox
