#include "refresh/program/scope.hpp"

#include "refresh/code/libraries.hpp"

extern "C" {
#include "access/gin.h"
#include "utils/guc.h"
}

namespace pgtrickle::refresh {

namespace {

int running = 0;
int exact_reads = 0;

/* Puts a recorded setting in force. It mostly is: to set TimeZone or timezone_abbreviations reads a file. PostgreSQL
 * frame. */
void put_in_force(const Setting &setting)
{
    const char *present = GetConfigOption(setting.name.c_str(), true, false);
    if (present == nullptr || setting.value != present)
        set_for_now(setting.name.c_str(), setting.value.c_str());
}

} // namespace

OwnerScope::OwnerScope(const Definition &definition)
    : code_(definition.relid), as_owner_((load_libraries(), definition.owner), Sharing::all)
{
    call([&] {
        set_for_now("search_path", "pg_catalog, pg_temp");
        for (size_t i = 0; i < definition.settings.size(); i++)
            put_in_force(definition.settings[i]);
        if (GinFuzzySearchLimit != 0) /* leaves rows out of an index scan, other ones in each */
            set_for_now("gin_fuzzy_search_limit", "0");
        if (definition.work_mem_kb > 0)
            set_for_now("work_mem", psprintf("%d", definition.work_mem_kb));
    });
}

Running::Running()
{
    running++;
}

Running::~Running()
{
    running--;
}

Scope::Scope(const Definition &definition) : OwnerScope(definition) {}

ExactScope::ExactScope(const Definition &definition) : OwnerScope(definition)
{
    exact_reads++;
}

ExactScope::~ExactScope()
{
    exact_reads--;
}

bool is_reading_exactly()
{
    return exact_reads > 0;
}

bool is_running()
{
    return running > 0;
}

void require_none_running()
{
    if (is_running() || is_reading_exactly())
        ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                        errmsg("cannot do this while a stream table is being %s in this session",
                               is_running() ? "refreshed" : "read exactly"),
                        errdetail("Functions of a defining query cannot refresh or change stream tables.")));
}

} // namespace pgtrickle::refresh
