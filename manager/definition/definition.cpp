#include "definition/definition.hpp"

#include "definition/options.hpp"
#include "definition/shown_as.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_table.h"
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

/* Returns false if the stream table is not there. Without a lock it may be dropped between two look-ups, and a cached
 * entry may outlive its schema. PostgreSQL frame. */
bool read_catalogs(Oid relid, RawDefinition *raw)
{
    if (!is_stream_table(relid))
        return false;
    HeapTuple relation = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(relation))
        return false;
    auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(relation));
    raw->owner = form->relowner;
    raw->name = pstrdup(NameStr(form->relname));
    raw->schema_name = get_namespace_name(form->relnamespace);
    ReleaseSysCache(relation);
    HeapTuple table = SearchSysCache1(FOREIGNTABLEREL, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(table))
        return false;
    bool is_null;
    const Datum options = SysCacheGetAttr(FOREIGNTABLEREL, table, Anum_pg_foreign_table_ftoptions, &is_null);
    raw->options = is_null ? NIL : untransformRelOptions(options);
    ReleaseSysCache(table);
    if (const Oid shown = ShownAs::of(relid); shown != relid) {
        raw->name = get_rel_name(shown);
        raw->schema_name = get_namespace_name(get_rel_namespace(shown));
    }
    return raw->name != nullptr && raw->schema_name != nullptr;
}

} // namespace

void raise_dropped(Oid relid)
{
    raise({.sqlstate = ERRCODE_UNDEFINED_TABLE,
           .message = "stream table not found: it was dropped meanwhile",
           .detail = "Its OID was " + std::to_string(relid) + "."});
}

std::optional<Definition> load_if_exists(Oid relid)
{
    RawDefinition raw = {};
    if (!call([&] { return read_catalogs(relid, &raw); }))
        return std::nullopt;
    Definition definition;
    definition.relid = relid;
    definition.owner = raw.owner;
    definition.schema_name = raw.schema_name;
    definition.name = raw.name;
    options::apply(options::from_list(raw.options), &definition);
    definition.sources = sources_of(relid);
    return definition;
}

Definition load(Oid relid)
{
    std::optional<Definition> definition = load_if_exists(relid);
    if (!definition)
        raise_dropped(relid);
    return *std::move(definition);
}

} // namespace definition
} // namespace pgtrickle
