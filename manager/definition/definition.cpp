#include "definition/definition.hpp"

#include "definition/options.hpp"
#include "definition/shown_as.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "foreign/foreign.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

const Source *Definition::uncaptured_source() const
{
    for (const Source &source : sources)
        if (!source.is_captured)
            return &source;
    return nullptr;
}

namespace definition {

namespace {

/* Contents of the catalogs that load() uses, in memory of the current context. */
struct RawDefinition {
    Oid owner;
    const char *schema_name;
    const char *name;
    List *options;
};

RawDefinition read_catalogs(Oid relid)
{
    RawDefinition raw = {};
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple) || !is_stream_table(relid))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("stream table not found: it was dropped meanwhile"),
                        errdetail("Its OID was %u.", relid)));
    auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    raw.owner = form->relowner;
    raw.name = pstrdup(NameStr(form->relname));
    raw.schema_name = get_namespace_name(form->relnamespace);
    ReleaseSysCache(tuple);
    /* Without a lock, a cached entry of a relation may outlive its schema. */
    if (raw.schema_name == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("stream table not found: it was dropped meanwhile"),
                        errdetail("Its OID was %u.", relid)));
    raw.options = GetForeignTable(relid)->options;
    if (const Oid shown = ShownAs::of(relid); shown != relid) {
        raw.name = get_rel_name(shown);
        raw.schema_name = get_namespace_name(get_rel_namespace(shown));
    }
    return raw;
}

} // namespace

Definition load(Oid relid)
{
    RawDefinition raw = call([=] { return read_catalogs(relid); });
    Definition definition;
    definition.relid = relid;
    definition.owner = raw.owner;
    definition.schema_name = raw.schema_name;
    definition.name = raw.name;
    options::apply(options::from_list(raw.options), &definition);
    definition.sources = sources_of(relid);
    return definition;
}

} // namespace definition
} // namespace pgtrickle
