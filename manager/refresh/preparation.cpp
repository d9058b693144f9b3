#include "refresh/preparation.hpp"

#include "pg/settings.hpp"
#include "pg/superuser.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "utils/plancache.h"
}

namespace pgtrickle::refresh {

namespace {

/* A maintenance statement joins one relation more than its query for each change it looks
 * up, and in the order of its text it would read whole sources: so all orders are considered, and
 * beyond the threshold enough of them. */
constexpr const char *planner_settings[][2] = {
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

/* By the prices of a disk, ten look-ups by key are dearer than a scan of a thousand rows,
 * which takes ten times as long, at every refresh: a statement that is driven by the few rows of
 * a delta is planned as if all it reads were in memory. And such a statement is not compiled: what
 * its plan costs is mostly branches that do not run, such as the filling of a reserve, so that compiling it
 * would take a hundred times as long as running it, at every refresh. */
constexpr const char *settings_for_few_rows[][2] = {{"seq_page_cost", "0"}, {"random_page_cost", "0"}, {"jit", "off"}};

/* PostgreSQL frame. */
bool clear_required_privileges(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, RangeTblEntry)) {
        reinterpret_cast<RangeTblEntry *>(node)->requiredPerms = 0;
        return false;
    }
    if (IsA(node, Query))
        return walk_query(reinterpret_cast<Query *>(node), clear_required_privileges, context,
                          QTW_EXAMINE_RTES_BEFORE);
    return walk_expression(node, clear_required_privileges, context);
}

/* PostgreSQL frame. */
void clear_privileges_of(SPIPlanPtr plan)
{
    ListCell *cell;
    foreach (cell, SPI_plan_get_plan_sources(plan)) {
        auto *source = static_cast<CachedPlanSource *>(lfirst(cell));
        ListCell *query;
        foreach (query, source->query_list)
            clear_required_privileges(static_cast<Node *>(lfirst(query)), nullptr);
        /* It was rewritten for a role that no policy binds. PostgreSQL would rewrite it for the stream table's
         * owner at its first run, though the query may read the table as another, by a view of his. */
        source->dependsOnRLS = false;
    }
}

SPIPlanPtr parse(const std::string &sql)
{
    TextSettings text_settings;
    return call([&] {
        SPIPlanPtr plan = SPI_prepare(sql.c_str(), 0, nullptr);
        if (plan == nullptr)
            elog(ERROR, "could not prepare \"%s\": %s", sql.c_str(), SPI_result_code_string(SPI_result));
        return plan;
    });
}

/* The one plan that serves every run: there are no parameters. */
void plan_now(SPIPlanPtr plan, Driver driver)
{
    SettingsLevel level;
    call([=] {
        for (const auto &setting : planner_settings)
            set_for_now(setting[0], setting[1]);
        if (driver == Driver::few_rows)
            for (const auto &setting : settings_for_few_rows)
                set_for_now(setting[0], setting[1]);
        CachedPlan *cached = SPI_plan_get_cached_plan(plan);
        if (cached == nullptr)
            elog(ERROR, "could not plan a maintenance statement");
        ReleaseCachedPlan(cached, CurrentResourceOwner);
    });
}

} // namespace

KeptPlan::~KeptPlan()
{
    if (plan_ != nullptr)
        SPI_freeplan(plan_);
}

bool KeptPlan::is_usable() const
{
    return plan_ != nullptr && call([this] { return SPI_plan_is_valid(plan_); });
}

size_t KeptPlan::bytes() const
{
    size_t bytes = 0;
    ListCell *cell;
    foreach (cell, plan_ != nullptr ? SPI_plan_get_plan_sources(plan_) : NIL) {
        auto *source = static_cast<CachedPlanSource *>(lfirst(cell));
        bytes += MemoryContextMemAllocated(source->context, true);
        if (source->gplan != nullptr)
            bytes += MemoryContextMemAllocated(source->gplan->context, true);
    }
    return bytes;
}

KeptPlan KeptPlan::of_our_statement(const std::string &sql, Driver driver)
{
    SPIPlanPtr parsed;
    {
        AsSuperuser as_superuser;
        parsed = parse(sql);
    }
    KeptPlan kept;
    call([=] {
        clear_privileges_of(parsed);
        SPI_keepplan(parsed);
    });
    kept.plan_ = parsed;
    plan_now(parsed, driver);
    return kept;
}

KeptPlan KeptPlan::of_query(const std::string &sql)
{
    SPIPlanPtr parsed = parse(sql);
    KeptPlan kept;
    call([=] { SPI_keepplan(parsed); });
    kept.plan_ = parsed;
    plan_now(parsed, Driver::whole_sources);
    return kept;
}

} // namespace pgtrickle::refresh
