#include "fdw/ddl/alter_timing.hpp"

#include "definition/state/state.hpp"
#include "fdw/definition/altering.hpp"

extern "C" {
#include "commands/tablecmds.h"
#include "nodes/parsenodes.h"
#include "storage/lock.h"
#include "tcop/utility.h"
}

#include <algorithm>

namespace pgtrickle {

bool is_about_timing(const List *def_elements)
{
    constexpr const char *names[] = {"schedule", "tier", "refresh_timeout", "work_mem"};
    ListCell *cell;
    foreach (cell, def_elements) {
        const char *given = lfirst_node(DefElem, cell)->defname;
        if (std::none_of(std::begin(names), std::end(names),
                         [=](const char *name) { return strcmp(name, given) == 0; }))
            return false;
    }
    return true;
}

/* PostgreSQL's utility code would take AccessExclusive for any option. */
void run_beside_readers(const UserStatement &utility, Oid relid)
{
    call([&] {
        const LOCKTAG tag = state::definition_lock(relid);
        (void)LockAcquire(&tag, ExclusiveLock, false, false);
        auto *altered = reinterpret_cast<AlterTableStmt *>(utility.statement());
        AlterTableUtilityContext context = {utility.planned, utility.text, relid, utility.params, utility.environment};
        utility.collect([&] {
            altering(relid, utility.statement(), [&] { AlterTable(altered, ShareUpdateExclusiveLock, &context); });
        });
    });
}

} // namespace pgtrickle
