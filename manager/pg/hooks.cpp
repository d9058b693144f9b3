#include "pg/hooks.hpp"

#include <tuple>

/* libpq/auth.h declares them, and requires headers of GSSAPI, which need not be installed. */
extern "C" {
struct Port;
typedef void (*ClientAuthentication_hook_type)(Port *client, int status);
extern PGDLLIMPORT ClientAuthentication_hook_type ClientAuthentication_hook;
}

/* All functions of this file are PostgreSQL frames: no object in it has a destructor. */

namespace pgtrickle {

namespace {

const Hooks *hooks = nullptr;
PreviousHooks previous = {};
ProcessUtility_hook_type previous_utility = nullptr;
ExecutorStart_hook_type previous_start = nullptr;
ExecutorRun_hook_type previous_run = nullptr;
ExecutorFinish_hook_type previous_finish = nullptr;
get_relation_stats_hook_type previous_relation_statistics = nullptr;
get_relation_info_hook_type previous_relation_info = nullptr;
object_access_hook_type previous_object_access = nullptr;
shmem_request_hook_type previous_request = nullptr;
shmem_startup_hook_type previous_startup = nullptr;
ClientAuthentication_hook_type previous_authentication = nullptr;

/* ---- ProcessUtility --------------------------------------------------------------------- */

/* The entries for each kind of statement, in the order of the list. */
constexpr int most_entries = 32;
struct Entries {
    uint8_t count;
    uint8_t places[most_entries]; /* in the list */
} entries_of[rollback_prepared_kind + 1];

void add_entry(int kind, size_t place)
{
    Entries &entries = entries_of[kind];
    if (entries.count == most_entries || place > UINT8_MAX)
        elog(FATAL, "out of entries for utility statements");
    entries.places[entries.count++] = static_cast<uint8_t>(place);
}

void sort_entries()
{
    for (size_t place = 0; place < hooks->utility.size(); place++) {
        const int kind = hooks->utility[place].kind;
        if (kind > rollback_prepared_kind)
            elog(FATAL, "unknown kind of statement: %d", kind);
        const bool is_for_all = kind == every_kind;
        for (int each = is_for_all ? 0 : kind; each <= (is_for_all ? rollback_prepared_kind : kind); each++)
            add_entry(each, place);
    }
}

int kind_of(const ::Node *statement)
{
    const int tag = nodeTag(statement);
    if (tag == T_TransactionStmt) {
        const TransactionStmtKind kind = reinterpret_cast<const TransactionStmt *>(statement)->kind;
        if (kind == TRANS_STMT_COMMIT_PREPARED || kind == TRANS_STMT_ROLLBACK_PREPARED)
            return kind == TRANS_STMT_COMMIT_PREPARED ? commit_prepared_kind : rollback_prepared_kind;
    }
    return tag < commit_prepared_kind ? tag : every_kind;
}

extern "C" void pgtrickle_process_utility(PlannedStmt *planned, const char *text, bool is_read_only,
                                          ProcessUtilityContext context, ParamListInfo params,
                                          QueryEnvironment *environment, DestReceiver *receiver,
                                          QueryCompletion *completion)
{
    const uint64_t entries = entries_of[kind_of(planned->utilityStmt)].count;
    UtilityCall{planned, text, is_read_only, context, params, environment, receiver, completion, entries}.run();
}

/* ---- the executor ------------------------------------------------------------------------ */

ExecutorCheckPerms_hook_type previous_check_rights = nullptr;

template <class... Lists> bool check_own_rights(Lists... arguments)
{
    const bool raises = std::get<sizeof...(Lists) - 1>(std::make_tuple(arguments...));
    return hooks->check_rights(rights_to_check(arguments...), raises);
}

template <class... Lists> bool check_all_rights(Lists... arguments)
{
    return check_own_rights(arguments...) && (previous_check_rights == nullptr || previous_check_rights(arguments...));
}

void start_from(size_t place, QueryDesc *query, int flags)
{
    if (place == hooks->executor_start.size()) {
        previous_start(query, flags);
        return;
    }
    auto rest = [=] { start_from(place + 1, query, flags); };
    hooks->executor_start[place](query, flags, Next(rest));
}

extern "C" void pgtrickle_executor_start(QueryDesc *query, int flags)
{
    start_from(0, query, flags);
}

/* Up to PostgreSQL 17, ExecutorRun has one more argument, execute_once. */
template <class... More> void run(QueryDesc *query, ScanDirection direction, uint64 count, More... more)
{
    auto rest = [=] { previous_run(query, direction, count, more...); };
    hooks->executor_run(query, Next(rest));
}

extern "C" void pgtrickle_executor_finish(QueryDesc *query)
{
    auto rest = [=] { previous_finish(query); };
    hooks->executor_finish(query, Next(rest));
}

/* ---- the planner ------------------------------------------------------------------------- */

extern "C" bool pgtrickle_relation_statistics(PlannerInfo *root, RangeTblEntry *entry, AttrNumber column,
                                              VariableStatData *variable)
{
    for (get_relation_stats_hook_type find : hooks->relation_statistics)
        if (find(root, entry, column, variable))
            return true;
    return previous_relation_statistics != nullptr && previous_relation_statistics(root, entry, column, variable);
}

extern "C" void pgtrickle_relation_info(PlannerInfo *root, Oid relation, bool is_parent, RelOptInfo *rel)
{
    if (previous_relation_info != nullptr)
        previous_relation_info(root, relation, is_parent, rel);
    for (get_relation_info_hook_type look : hooks->relation_info)
        look(root, relation, is_parent, rel);
}

/* ---- events ------------------------------------------------------------------------------ */

extern "C" void pgtrickle_object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
                                        void *argument)
{
    if (previous_object_access != nullptr)
        previous_object_access(access, class_id, object_id, sub_id, argument);
    for (ObjectAccessHandler handler : hooks->object_access)
        handler(access, class_id, object_id, sub_id, argument);
}

extern "C" void pgtrickle_transaction(XactEvent event, void *)
{
    for (TransactionHandler handler : hooks->transaction)
        handler(event);
}

extern "C" void pgtrickle_release(ResourceReleasePhase phase, bool, bool is_top_level, void *)
{
    if (phase == RESOURCE_RELEASE_LOCKS && is_top_level)
        hooks->locks_released();
}

extern "C" void pgtrickle_subtransaction(SubXactEvent event, SubTransactionId self, SubTransactionId parent, void *)
{
    for (SubtransactionHandler handler : hooks->subtransaction)
        handler(event, self, parent);
}

extern "C" void pgtrickle_shared_memory_request()
{
    if (previous_request != nullptr)
        previous_request();
    for (SharedMemoryHandler handler : hooks->shared_memory_request)
        handler();
}

extern "C" void pgtrickle_shared_memory_startup()
{
    if (previous_startup != nullptr)
        previous_startup();
    for (SharedMemoryHandler handler : hooks->shared_memory_startup)
        handler();
}

extern "C" void pgtrickle_authentication(Port *client, int status)
{
    if (previous_authentication != nullptr)
        previous_authentication(client, status);
    if (status == STATUS_OK)
        hooks->authentication();
}

/* Sets `variable` to `hook` and returns its previous value, or `standard` if that was null. */
template <class Hook> Hook replace(Hook &variable, Hook hook, Hook standard = nullptr)
{
    Hook before = variable != nullptr ? variable : standard;
    variable = hook;
    return before;
}

} // namespace

void UtilityCall::run() const
{
    if (left == 0) {
        previous_utility(planned, text, is_read_only, context, params, environment, receiver, completion);
        return;
    }
    const uint64_t own = left;
    const Entries &entries = entries_of[kind_of(statement())];
    const UtilityEntry &entry = hooks->utility[entries.places[entries.count - own]];
    left = own - 1;
    if (entry.when == When::after)
        run();
    entry.handler(*this);
    if (entry.when == When::before)
        run();
    left = own;
}

const PreviousHooks &previous_hooks()
{
    return previous;
}

void install_hooks(const Hooks &list)
{
    hooks = &list;
    sort_entries();
    previous_utility = replace(ProcessUtility_hook, &pgtrickle_process_utility, &standard_ProcessUtility);
    previous_start = replace(ExecutorStart_hook, &pgtrickle_executor_start, &standard_ExecutorStart);
    previous_run = replace<ExecutorRun_hook_type>(ExecutorRun_hook, run, standard_ExecutorRun);
    previous_finish = replace(ExecutorFinish_hook, &pgtrickle_executor_finish, &standard_ExecutorFinish);
    previous_check_rights = ExecutorCheckPerms_hook;
    ExecutorCheckPerms_hook = check_all_rights;
    previous.planner = replace(planner_hook, list.planner, &standard_planner);
    previous.explain = replace(ExplainOneQuery_hook, list.explain);
    previous_relation_statistics = replace(get_relation_stats_hook, &pgtrickle_relation_statistics);
    previous.index_statistics = replace(get_index_stats_hook, list.index_statistics);
    previous_relation_info = replace(get_relation_info_hook, &pgtrickle_relation_info);
    previous_object_access = replace(object_access_hook, &pgtrickle_object_access);
    previous_authentication = replace(ClientAuthentication_hook, &pgtrickle_authentication);
    previous.function_call = replace(needs_fmgr_hook, list.function_call);
    previous.switched_call = replace(fmgr_hook, list.switched_call);
    if (process_shared_preload_libraries_in_progress) {
        previous_request = replace(shmem_request_hook, &pgtrickle_shared_memory_request);
        previous_startup = replace(shmem_startup_hook, &pgtrickle_shared_memory_startup);
    }
    RegisterXactCallback(pgtrickle_transaction, nullptr);
    RegisterSubXactCallback(pgtrickle_subtransaction, nullptr);
    RegisterResourceReleaseCallback(pgtrickle_release, nullptr);
}

namespace {

/* pgaudit, for one, crashes if it is asked while a statement is planned. */
bool check_rights_alone(const RequiredRights &rights, bool raises)
{
    const ExecutorCheckPerms_hook_type all = ExecutorCheckPerms_hook;
    bool has_all = false;
    PG_TRY();
    {
        ExecutorCheckPerms_hook = check_own_rights;
        has_all = check_rights_with_hooks(rights, raises);
    }
    PG_FINALLY();
    {
        ExecutorCheckPerms_hook = all;
    }
    PG_END_TRY();
    return has_all;
}

} // namespace

void check_rights(const RequiredRights &rights)
{
    (void)check_rights_alone(rights, true);
}

bool has_rights(const RequiredRights &rights)
{
    return check_rights_alone(rights, false);
}

} // namespace pgtrickle
