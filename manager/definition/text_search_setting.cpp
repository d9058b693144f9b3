#include "definition/text_search_setting.hpp"

#include "definition/option_row.hpp"
#include "definition/options.hpp"
#include "pg/settings.hpp"
#include "pg/versions/names.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_ts_config.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace pgtrickle::definition {

Oid recorded_configuration(Oid relid)
{
    const char *name = option_of(relid, psprintf("%s%s", options::setting_prefix, text_search_setting));
    if (name == nullptr)
        return InvalidOid;
    int level = NewGUCNestLevel();
    set_text_settings();
    Oid configuration = get_ts_config_oid(parse_qualified_name(name), true);
    AtEOXact_GUC(false, level);
    return configuration;
}

const char *configuration_name(Oid configuration)
{
    HeapTuple tuple = SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(configuration));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for text search configuration %u", configuration);
    auto *form = reinterpret_cast<Form_pg_ts_config>(GETSTRUCT(tuple));
    const char *name = quote_qualified_identifier(get_namespace_name(form->cfgnamespace), NameStr(form->cfgname));
    ReleaseSysCache(tuple);
    return name;
}

} // namespace pgtrickle::definition
