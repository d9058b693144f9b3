/*
 * The module: what PostgreSQL loads. _PG_init only registers; each part registers its
 * own hooks and settings in the function called here.
 */
#include "capture/capture.hpp"
#include "catalog/process.hpp"
#include "definition/guc.hpp"
#include "fdw/read/barrier.hpp"
#include "fdw/read/planner_expansion.hpp"
#include "fdw/read/explain_statement.hpp"
#include "fdw/read/lock_table.hpp"
#include "fdw/scan/served_relation.hpp"
#include "fdw/read/column_statistics.hpp"
#include "fdw/ddl/utility_call.hpp"
#include "mailbox/mailbox.hpp"
#include "mailbox/progress.hpp"
#include "pg/boundary.hpp"
#include "pg/versions/module.hpp"
#include "refresh/program/compiled.hpp"
#include "worker/worker.hpp"

extern "C" {
PGTRICKLE_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void)
{
    /* Its settings come before those whose definition closes the prefix. */
    pgtrickle::mailbox::register_mailbox();
    pgtrickle::mailbox::register_progress();
    pgtrickle::worker::register_worker();
    pgtrickle::guc::define_settings();
    if (pgtrickle::guc::is_preloaded())
        pgtrickle::register_ddl();
    pgtrickle::register_serving();
    pgtrickle::register_expansion();
    pgtrickle::register_statistics();
    pgtrickle::register_barrier();
    pgtrickle::register_explain();
    pgtrickle::register_lock_table();
    pgtrickle::catalog::register_catalog();
    pgtrickle::refresh::register_refresh();
    pgtrickle::capture::register_capture();
}

SQL_FUNCTION(pgtrickle_version)
{
    return pgtrickle::call([] { return PointerGetDatum(cstring_to_text(PGTRICKLE_VERSION)); });
}
