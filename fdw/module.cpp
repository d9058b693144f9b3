/*
 * The module: the library that PostgreSQL loads, and the list of all functions that it calls by a hook.
 * _PG_init only registers.
 */
#include "pg/versions/module.hpp"
#include "capture/ddl/named_relation.hpp"
#include "capture/ddl/source_ddl.hpp"
#include "capture/triggers/applied_rows.hpp"
#include "capture/triggers/direct_capture.hpp"
#include "capture/triggers/merge_command.hpp"
#include "capture/triggers/open_statement.hpp"
#include "catalog/presence.hpp"
#include "catalog/process.hpp"
#include "definition/guc.hpp"
#include "fdw/ddl/commit_prepared.hpp"
#include "fdw/ddl/heap_statements.hpp"
#include "fdw/ddl/index.hpp"
#include "fdw/ddl/locks_ahead.hpp"
#include "fdw/ddl/object_access_hook.hpp"
#include "fdw/ddl/refusals/alterations.hpp"
#include "fdw/ddl/refusals/hints.hpp"
#include "fdw/ddl/refusals/overloads.hpp"
#include "fdw/ddl/utility_hook.hpp"
#include "fdw/definition/query_text.hpp"
#include "fdw/drop_extension.hpp"
#include "fdw/read/barrier.hpp"
#include "fdw/read/explain_execute.hpp"
#include "fdw/read/explain_statement.hpp"
#include "fdw/read/lock_table.hpp"
#include "fdw/read/planner_expansion.hpp"
#include "fdw/read/reserved_relations.hpp"
#include "fdw/read/session/choices.hpp"
#include "fdw/read/session/leader_reads.hpp"
#include "fdw/read/session/past_exact_reads.hpp"
#include "fdw/read/session/running_statements.hpp"
#include "fdw/read/transaction_snapshot.hpp"
#include "fdw/scan/column_statistics.hpp"
#include "fdw/scan/extended_statistics.hpp"
#include "fdw/scan/known_touched.hpp"
#include "fdw/scan/served_relation.hpp"
#include "mailbox/hooks.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/boundary.hpp"
#include "pg/database_settings.hpp"
#include "pg/hooks.hpp"
#include "refresh/at_commit.hpp"
#include "refresh/code/refused_code.hpp"
#include "refresh/program/compiled.hpp"
#include "refresh/program/row_statistics.hpp"
#include "storage/bound.hpp"
#include "translate/interruption.hpp"
#include "worker/worker.hpp"

extern "C" {
PGTRICKLE_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

namespace pgtrickle {

namespace {

/* From the outermost to the innermost. */
constexpr UtilityEntry utility[] = {
    /* All other functions find the relation that the statement will find. */
    {T_AlterTableStmt, When::before, lock_named_with_redefined},
    {T_RenameStmt, When::before, lock_named_with_redefined},
    {T_AlterObjectSchemaStmt, When::before, capture::lock_named_relation},
    {T_RefreshMatViewStmt, When::around, run_with_hint},

    /* Sources: statements that are not permitted on them are refused before all other functions begin, and
     * the effects of the permitted ones are handled after all others have ended. */
    {T_CreateSubscriptionStmt, When::after, capture::after_subscribing},
    {T_AlterSubscriptionStmt, When::after, capture::after_subscribing},
    {T_DropStmt, When::before, capture::before_drop},
    {T_DropStmt, When::around, drop_schema_of_extension},
    {T_CopyStmt, When::before, capture::before_copy},
    {T_AlterTableStmt, When::around, capture::around_alter_table},
    {T_AlterObjectDependsStmt, When::before, capture::before_alter_of_trigger},
    {T_RenameStmt, When::before, capture::before_alter_of_trigger},
    {every_kind, When::around, capture::around_statement},

    {T_AlterTableStmt, When::after, storage::verify_bounds},
    {T_CreateStmt, When::after, storage::verify_bounds},
    {T_CreateForeignTableStmt, When::after, storage::verify_bounds},

    /* Reading stream tables. */
    {T_DoStmt, When::before, use_snapshot_in_block},
    {T_CallStmt, When::before, use_snapshot_in_block},
    {every_kind, When::after, use_snapshot_of_utility},
    {T_DiscardStmt, When::after, forget_exact_reads},
    {T_LockStmt, When::before, check_lock_of_reserved},
    {T_LockStmt, When::around, lock_table},
    {T_CopyStmt, When::before, refuse_copy_to_stream_table},
    {T_ExplainStmt, When::around, explain_execute},

    /* Heaps of stream tables. */
    {T_VacuumStmt, When::around, vacuum_heaps},
    {T_ReindexStmt, When::around, reindex_heaps},
    {T_ClusterStmt, When::before, refuse_cluster},

    /* Definitions of stream tables. */
    {T_CreateForeignTableStmt, When::around, follow<CreateForeignTableStmt>},
    {T_AlterTableStmt, When::before, refuse_alterations_meanwhile},
    {T_RenameStmt, When::before, refuse_names_meanwhile},
    {T_AlterObjectSchemaStmt, When::before, refuse_names_meanwhile},
    {T_AlterEnumStmt, When::before, refuse_names_meanwhile},
    {T_AlterTableStmt, When::around, follow<AlterTableStmt>},
    {T_RefreshMatViewStmt, When::around, follow<RefreshMatViewStmt>},
    {T_RenameStmt, When::around, follow<RenameStmt>},
    {T_AlterObjectSchemaStmt, When::around, follow<AlterObjectSchemaStmt>},
    {T_ReassignOwnedStmt, When::around, follow<ReassignOwnedStmt>},
    {T_DropOwnedStmt, When::around, follow<DropOwnedStmt>},
    {T_GrantStmt, When::around, follow<GrantStmt>},
    {T_GrantRoleStmt, When::around, follow<GrantRoleStmt>},
    {T_CreateRoleStmt, When::around, follow<CreateRoleStmt>},
    {T_AlterRoleStmt, When::around, follow<AlterRoleStmt>},
    {T_DropRoleStmt, When::around, follow<DropRoleStmt>},
    {T_ViewStmt, When::around, follow<ViewStmt>},
    {T_RuleStmt, When::around, follow<RuleStmt>},
    {T_AlterEnumStmt, When::around, follow<AlterEnumStmt>},
    {T_CreatePublicationStmt, When::around, follow<CreatePublicationStmt>},
    {T_IndexStmt, When::around, follow<IndexStmt>},
    {T_CreateTrigStmt, When::around, follow<CreateTrigStmt>},
    {T_RuleStmt, When::around, run_with_hint},
    {T_CreatePolicyStmt, When::around, run_with_hint},
    {T_CommentStmt, When::around, run_with_hint},
    {T_DropStmt, When::around, drop_index},
    {T_AlterObjectDependsStmt, When::before, keep_index_of_key},
    {T_DropStmt, When::around, run_with_hint},
    {T_DropStmt, When::around, follow<DropStmt>},
    {T_CreatePublicationStmt, When::around, run_with_hint},
    {T_AlterPublicationStmt, When::around, run_with_hint},
    {T_AlterTableStmt, When::around, run_with_hint},

    /* Prepared transactions, databases as a whole, and roles: no other function of this list runs between these
     * functions and the statement. */
    {commit_prepared_kind, When::around, follow_commit_prepared},
    {rollback_prepared_kind, When::around, follow_rollback_prepared},
    {T_DropdbStmt, When::before, mailbox::before_database_statement},
    {T_CreatedbStmt, When::before, mailbox::before_database_statement},
    {T_AlterDatabaseStmt, When::before, mailbox::before_database_statement},
    {T_RenameStmt, When::before, mailbox::before_database_statement},
    {T_VariableSetStmt, When::before, guc::warn_of_unknown_setting},
    {T_AlterDatabaseSetStmt, When::before, guc::warn_of_unknown_setting},
    {T_AlterRoleSetStmt, When::before, guc::warn_of_unknown_setting},
    {T_AlterDatabaseSetStmt, When::after, mailbox::after_settings_statement},
    {T_AlterRoleSetStmt, When::after, mailbox::after_settings_statement},
    {T_CreateRoleStmt, When::before, mailbox::before_role_statement},
    {T_GrantRoleStmt, When::before, mailbox::before_role_statement},
    {T_AlterRoleStmt, When::before, mailbox::before_role_statement},
    {T_DropRoleStmt, When::before, mailbox::before_role_statement},
    {T_DropOwnedStmt, When::before, mailbox::before_role_statement},
    {T_ReassignOwnedStmt, When::before, mailbox::before_role_statement},
    {T_AlterOwnerStmt, When::before, mailbox::before_role_statement},
    {T_RenameStmt, When::before, mailbox::before_role_statement},
};

/* From the outermost to the innermost. The triggers that a MERGE fires are determined once its plan state
 * exists. */
constexpr ExecutorStartHandler executor_start[] = {
    capture::start_merge,
    start_behind_barrier,
    capture::start_with_transition_tables,
    capture::start_direct_capture,
};

/* AFTER triggers fire once all rows are logged. */
void finish(QueryDesc *query, const Next &next)
{
    capture::finish_direct_capture(query);
    finish_under_own_snapshot(query, next);
}

/* In this order: a dropped stream table ceases to be defined before it ceases to be a source. */
constexpr ObjectAccessHandler object_access[] = {
    refresh::refuse_unknown_function, refuse_overload,       handle_object_access,
    check_name_of_reserved,           capture::watch_object,
};

/* In this order, at each event. The mailbox comes last: at PRE_COMMIT and PRE_PREPARE it counts the changes,
 * and a marker of an open statement is one of them; at COMMIT and ABORT it publishes the refresh and wakes the
 * manager, and the history of a session's own refresh must be written by then; but for what refers to the time of the
 * commit. */
constexpr TransactionHandler transaction[] = {
    capture::forget_at_end,
    capture::settle_open_statements,
    capture::mark_applied_rows,
    settle_followed,
    refresh::refresh_at_commit,
    catalog::at_transaction_event,
    end_running,
    announce_before_prepare,
    mailbox::clear_progress,
    mailbox::at_transaction_event,
    end_own_reads,
};

constexpr SubtransactionHandler subtransaction[] = {
    capture::forget_at_subtransaction_abort,
    capture::settle_open_statements_of,
    capture::leave_subtransaction,
    catalog::at_subtransaction_event,
    end_running_of,
    mailbox::at_subtransaction_event,
    follow_subtransaction_in_reads,
    follow_subtransaction_in_choices,
};

constexpr SharedMemoryHandler shared_memory_request[] = {
    mailbox::request_memory,
    mailbox::request_progress_memory,
};

constexpr SharedMemoryHandler shared_memory_startup[] = {
    mailbox::start_memory,
    mailbox::start_kept_attempts,
    mailbox::start_progress_memory,
    catalog::follow_presence,
};

constexpr get_relation_stats_hook_type relation_statistics[] = {
    find_statistics,
    refresh::find_statistics_of_rows,
};

constexpr get_relation_info_hook_type relation_info[] = {
    refresh::refuse_unknown_parts,
    add_extended_statistics,
};

constexpr Hooks hooks = {
    .utility = utility,
    .executor_start = executor_start,
    .executor_run = run_under_own_snapshot,
    .executor_finish = finish,
    .check_rights = check_reserved_relations,
    .planner = plan_with_expansion,
    .explain = explain_statement,
    .relation_statistics = relation_statistics,
    .index_statistics = find_index_statistics,
    .relation_info = relation_info,
    .object_access = object_access,
    .function_call = refresh::refuse_interpreted_function,
    .switched_call = refresh::refuse_interpreted_switch,
    .transaction = transaction,
    .locks_released = mailbox::at_release_of_locks,
    .subtransaction = subtransaction,
    .authentication = keep_values_of_server,
    .shared_memory_request = shared_memory_request,
    .shared_memory_startup = shared_memory_startup,
};

} // namespace

} // namespace pgtrickle

void _PG_init(void)
{
    /* Other settings come before guc::define_settings(), which closes the prefix to further ones. */
    pgtrickle::mailbox::define_mailbox_settings();
    pgtrickle::define_leader_reads();
    pgtrickle::worker::register_worker();
    pgtrickle::guc::define_settings();
    if (pgtrickle::guc::is_preloaded())
        pgtrickle::mailbox::register_invalidations();
    pgtrickle::register_served_relations();
    pgtrickle::register_known_touched();
    pgtrickle::refresh::register_refresh();
    pgtrickle::translate::let_engine_be_interrupted();
    pgtrickle::install_hooks(pgtrickle::hooks);
}

SQL_FUNCTION(pgtrickle_version)
{
    return pgtrickle::call([] { return PointerGetDatum(cstring_to_text(PGTRICKLE_VERSION)); });
}
