#include "refresh/program/scope.hpp"

#include "refresh/program/libraries.hpp"

namespace pgtrickle::refresh {

namespace {

int running = 0;
int exact_reads = 0;

} // namespace

OwnerScope::OwnerScope(const Definition &definition) : as_owner_((load_libraries(), definition.owner), Sharing::all)
{
    call([&] {
        set_for_now("search_path", "pg_catalog, pg_temp");
        for (size_t i = 0; i < definition.settings.size(); i++)
            set_for_now(definition.settings[i].name.c_str(), definition.settings[i].value.c_str());
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
