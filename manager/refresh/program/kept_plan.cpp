#include "refresh/program/kept_plan.hpp"

#include "definition/query/rewritten_query.hpp"
#include "pg/context.hpp"
#include "pg/internal_query.hpp"
#include "pg/invalidation_listeners.hpp"
#include "pg/settings.hpp"
#include "refresh/code/used_objects.hpp"
#include "refresh/program/estimate_bounds.hpp"
#include "refresh/program/join_search.hpp"
#include "refresh/program/statement.hpp"

extern "C" {
#include "miscadmin.h"
#include "nodes/memnodes.h"
#include "optimizer/optimizer.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

#include <boost/intrusive/list.hpp>

#include <algorithm>
#include <limits>
#include <vector>

namespace pgtrickle::refresh {

using AutoUnlinkPlan = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/* Is in the index of users by what it uses, from use() to its end. */
struct Prepared : AutoUnlinkPlan {
    MemoryContext context = nullptr;  /* below TopMemoryContext; owned */
    PlannedStmt *statement = nullptr; /* in `context`; contains its own dependencies */
    char *text = nullptr;             /* in `context` */
    bool is_valid = true;
    UsedObjects objects;   /* of the plan, and of the query, which names objects that the plan does not use */
    Oid role = InvalidOid; /* the only role for which the plan is valid, if any */
    bool has_row_security = false;
    bool row_security = false;                 /* setting of row_security when the plan was made */
    TransactionId xmin = InvalidTransactionId; /* transient: valid for this TransactionXmin only */

    Prepared() = default;
    Prepared(const Prepared &) = delete;
    Prepared &operator=(const Prepared &) = delete;
    ~Prepared();

    void use(UsedObjects used);
};

namespace {

struct Plans {
    boost::intrusive::list<Prepared, boost::intrusive::constant_time_size<false>> all;
    UserIndex<Prepared> users;
};

/* Process-local; created at the first use, lives as long as the process. */
Plans *plans = nullptr;

Plans &kept_plans()
{
    if (plans == nullptr)
        plans = make_in<Plans>(TopMemoryContext);
    return *plans;
}

void invalidate_all()
{
    if (plans != nullptr)
        for (Prepared &plan : plans->all)
            plan.is_valid = false;
}

void invalidate_users(const UsedObject &object)
{
    if (plans != nullptr)
        plans->users.visit_users(object, [](Prepared &plan) { plan.is_valid = false; });
}

/* A maintenance statement joins one more relation than its query for each change that it looks up, and in the
 * order of its text it would read whole sources: so all orders are considered, and beyond the threshold a
 * sufficient number of them. */
constexpr const char *planner_settings[][2] = {
    {"debug_print_plan", "off"}, /* the session may not see what functions in the query have returned */
    {"from_collapse_limit", "1000"},
    {"join_collapse_limit", "1000"},
    {"geqo", "on"},
    {"geqo_threshold", "12"},
    {"geqo_effort", "10"},
    {"geqo_seed", "0"},
    {"plan_cache_mode", "auto"},
    {"constraint_exclusion", "partition"},
    {"enable_bitmapscan", "on"},
    {"enable_hashagg", "on"},
    {"enable_hashjoin", "on"},
    {"enable_incremental_sort", "on"},
    {"enable_indexonlyscan", "on"},
    {"enable_indexscan", "on"},
    {"enable_material", "on"},
    {"enable_memoize", "on"},
    {"enable_mergejoin", "on"},
    {"enable_nestloop", "on"},
    {"enable_partition_pruning", "on"},
    {"enable_seqscan", "on"},
    {"enable_sort", "on"},
};

/* With the cost settings for a disk, ten look-ups by key are estimated as more expensive than a scan of a
 * thousand rows, although the scan takes ten times as long, at every refresh. Therefore a statement that is
 * driven by the few rows of a delta is planned as if all its relations were in memory. Such a statement is
 * not compiled, either: most of its plan's cost is in branches that do not run, such as the filling of a
 * reserve, and compilation would take a hundred times as long as the run, at every refresh. */
constexpr const char *settings_for_changed_rows[][2] = {
    {"seq_page_cost", "0"}, {"random_page_cost", "0"}, {"jit", "off"}};

/* A row that is found by an index takes about eight times as long as one of a scan with a hashed join, even if its page
 * is in memory: 0.85 to 1.5 µs against 0.12 µs. With the page costs above, the planner takes both for equal. The cost
 * of a page does not express the difference, since it is charged once for each page. */
constexpr const char *settings_for_many_changed_rows[][2] = {{"cpu_index_tuple_cost", "0.1"}};

/* Calls make() for the query of `sql`, which errors show. */
template <class Make> Query *made_of(const std::string &sql, Make make)
{
    TextSettings text_settings;
    return call([&] {
        ErrorContextCallback callback;
        StatementText text{sql.c_str(), &callback};
        Query *query = make();
        text.end();
        return query;
    });
}

struct QueryUse {
    List *relations;
    List *items;
    bool has_row_security;
};

/* Collects what the query uses before the planner modifies it. */
void note_use_of_query(Prepared *prepared, Query *query, bool is_bound_to_role)
{
    const QueryUse use = call([=] {
        QueryUse found;
        extract_query_dependencies(reinterpret_cast<Node *>(query), &found.relations, &found.items,
                                   &found.has_row_security);
        return found;
    });
    UsedObjects used;
    add_used(&used, use.relations, use.items);
    prepared->use(std::move(used));
    prepared->has_row_security = is_bound_to_role && use.has_row_security;
    prepared->row_security = row_security;
    if (prepared->has_row_security)
        prepared->role = GetUserId();
}

/* The plan may use more than its query: partitions, and functions that were inlined. */
void note_use_of_plan(Prepared *prepared)
{
    UsedObjects used = prepared->objects;
    add_used(&used, prepared->statement->relationOids, prepared->statement->invalItems);
    prepared->use(std::move(used));
}

/* PostgreSQL frame. */
size_t bytes_used(MemoryContext context)
{
    MemoryContextCounters counters = {};
    context->methods->stats(context, nullptr, nullptr, &counters, false);
    return counters.totalspace - counters.freespace;
}

/* PostgreSQL frame. Copies the plan twice: the second time into a context of the size that the first copy
 * needed. */
void keep(Prepared *prepared, PlannedStmt *planned, const char *text)
{
    constexpr Size block = 8192, largest_block = 1 << 20;
    MemoryContext first = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle plan", 0, block, largest_block);
    MemoryContext previous = MemoryContextSwitchTo(first);
    (void)copyObjectImpl(planned);
    (void)pstrdup(text);
    MemoryContextSwitchTo(previous);
    Size size = std::max<Size>(MAXALIGN(bytes_used(first)), 1024);
    MemoryContextDelete(first);
    prepared->context = AllocSetContextCreate(TopMemoryContext, "pg_trickle plan", size, std::max(size, block),
                                              std::max(size, largest_block));
    previous = MemoryContextSwitchTo(prepared->context);
    prepared->text = pstrdup(text);
    prepared->statement = static_cast<PlannedStmt *>(copyObjectImpl(planned));
    MemoryContextSwitchTo(previous);
}

double least_rows_of(Driver driver)
{
    switch (driver) {
    case Driver::changed_rows: return 10;
    case Driver::many_changed_rows: return 100;
    case Driver::whole_sources: break;
    }
    return 1;
}

/* The delta of a join of two is a union of three joins. */
double most_rows_of_entry(Driver driver)
{
    return driver == Driver::changed_rows ? 3 * least_rows_of(driver) : std::numeric_limits<double>::infinity();
}

/* Returns a plan for all runs: there are no parameters. */
PlannedStmt *planned(Query *query, const char *sql, Driver driver)
{
    SettingsLevel level;
    JoinSearch join_search;
    const EstimateBounds bounds(least_rows_of(driver), most_rows_of_entry(driver));
    return call([=] {
        for (const auto &setting : planner_settings)
            set_for_now(setting[0], setting[1]);
        if (driver != Driver::whole_sources)
            for (const auto &setting : settings_for_changed_rows)
                set_for_now(setting[0], setting[1]);
        if (driver == Driver::many_changed_rows)
            for (const auto &setting : settings_for_many_changed_rows)
                set_for_now(setting[0], setting[1]);
        ErrorContextCallback callback;
        StatementText text{sql, &callback};
        const int options = driver == Driver::whole_sources ? CURSOR_OPT_PARALLEL_OK : 0;
        PlannedStmt *statement = pg_plan_query(query, sql, options, nullptr);
        text.end();
        return statement;
    });
}

std::unique_ptr<Prepared> prepare(Query *query, const std::string &sql, Driver driver, bool is_bound_to_role)
{
    auto prepared = std::make_unique<Prepared>();
    note_use_of_query(prepared.get(), query, is_bound_to_role);
    kept_plans().all.push_back(*prepared);
    PlannedStmt *statement = planned(query, sql.c_str(), driver);
    /* The location within the text is not needed, and without it an extension does not cut the statement out
     * of a longer text. */
    statement->stmt_location = -1;
    statement->stmt_len = 0;
    call([&] { keep(prepared.get(), statement, sql.c_str()); });
    note_use_of_plan(prepared.get());
    if (statement->transientPlan)
        prepared->xmin = TransactionXmin;
    if (statement->dependsOnRole)
        prepared->role = GetUserId();
    return prepared;
}

} // namespace

PlannedStmt *plan_for_present_rows(Query *query)
{
    return planned(query, "", Driver::many_changed_rows);
}

void Prepared::use(UsedObjects used)
{
    UserIndex<Prepared> &users = kept_plans().users;
    users.remove(*this, objects);
    objects = std::move(used);
    users.add(*this, objects);
}

Prepared::~Prepared()
{
    if (plans != nullptr)
        plans->users.remove(*this, objects);
    if (context != nullptr)
        MemoryContextDelete(context);
}

KeptPlan::KeptPlan() = default;
KeptPlan::KeptPlan(KeptPlan &&other) noexcept = default;
KeptPlan &KeptPlan::operator=(KeptPlan &&other) noexcept = default;
KeptPlan::~KeptPlan() = default;

bool KeptPlan::is_usable() const
{
    if (prepared_ == nullptr || !prepared_->is_valid)
        return false;
    if (TransactionIdIsValid(prepared_->xmin) && !TransactionIdEquals(prepared_->xmin, TransactionXmin))
        return false;
    if (prepared_->has_row_security && prepared_->row_security != row_security)
        return false;
    return !OidIsValid(prepared_->role) || prepared_->role == GetUserId();
}

void KeptPlan::lock() const
{
    call([this] {
        for (int i = 0; i < list_length(prepared_->statement->rtable); i++) {
            const auto *entry = list_nth_node(RangeTblEntry, prepared_->statement->rtable, i);
            if (entry->rtekind == RTE_RELATION)
                LockRelationOid(entry->relid, entry->rellockmode);
        }
    });
}

PlannedStmt *KeptPlan::statement() const
{
    return prepared_->statement;
}

const char *KeptPlan::text() const
{
    return prepared_->text;
}

size_t KeptPlan::bytes() const
{
    return prepared_ == nullptr ? 0 : MemoryContextMemAllocated(prepared_->context, true);
}

KeptPlan KeptPlan::of_our_statement(const std::string &sql, const QueryParts &parts, Driver driver)
{
    Scratch scratch;
    Query *query = made_of(sql, [&] { return analyze_internal(sql.c_str(), parts, relations_in_memory()); });
    KeptPlan kept;
    kept.prepared_ = prepare(query, sql, driver, false);
    return kept;
}

KeptPlan KeptPlan::of_query(const Query *query, const std::string &sql)
{
    Scratch scratch;
    Query *rewritten = made_of(sql, [&] {
        require_restricted_operation();
        return definition::rewritten(query);
    });
    KeptPlan kept;
    kept.prepared_ = prepare(rewritten, sql, Driver::whole_sources, true);
    return kept;
}

void watch_plans()
{
    listen_to_used_objects<invalidate_users, invalidate_all>(
        {NAMESPACEOID, OPEROID, AMOPOPID, FOREIGNSERVEROID, FOREIGNDATAWRAPPEROID});
}

} // namespace pgtrickle::refresh
