#include "refresh/scope.hpp"

extern "C" {
#include "utils/guc.h"
}

#include <exception>

namespace pgtrickle::refresh {

namespace {

int running = 0;

void set(const char *name, const char *value)
{
    set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

} // namespace

Scope::Scope(const Definition &definition)
    : as_owner_(definition.owner), nest_level_(call([] { return NewGUCNestLevel(); })),
      exceptions_(std::uncaught_exceptions())
{
    call([&] {
        set("search_path", "pg_catalog, pg_temp");
        for (size_t i = 0; i < definition.settings.size(); i++)
            set(definition.settings[i].name.c_str(), definition.settings[i].value.c_str());
        if (definition.work_mem_kb > 0)
            set("work_mem", psprintf("%d", definition.work_mem_kb));
    });
    running++;
}

Scope::~Scope()
{
    running--;
    /* After an error, transaction abort restores the settings. */
    if (std::uncaught_exceptions() == exceptions_)
        AtEOXact_GUC(false, nest_level_);
}

bool is_running()
{
    return running > 0;
}

void require_none_running()
{
    if (is_running())
        ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                        errmsg("cannot do this while a stream table is being refreshed in this session"),
                        errdetail("Functions of a defining query cannot refresh or change stream tables.")));
}

} // namespace pgtrickle::refresh
