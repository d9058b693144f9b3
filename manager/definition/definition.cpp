#include "definition/definition.hpp"

#include "definition/options.hpp"
#include "definition/shown_as.hpp"
#include "pg/relation_name.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_table.h"
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
    RelationName shown;
    List *options;
};

/* Returns false if the stream table is not there. Without a lock it may be dropped between two look-ups. PostgreSQL
 * frame. */
bool read_catalogs(Oid relid, RawDefinition *raw)
{
    if (!is_stream_table(relid))
        return false;
    HeapTuple relation = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(relation))
        return false;
    auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(relation));
    raw->owner = form->relowner;
    ReleaseSysCache(relation);
    HeapTuple table = SearchSysCache1(FOREIGNTABLEREL, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(table))
        return false;
    bool is_null;
    const Datum options = SysCacheGetAttr(FOREIGNTABLEREL, table, Anum_pg_foreign_table_ftoptions, &is_null);
    raw->options = is_null ? NIL : untransformRelOptions(options);
    ReleaseSysCache(table);
    raw->shown = name_of_relation(ShownAs::of(relid));
    return raw->shown.name != nullptr;
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
    definition.schema_name = raw.shown.schema;
    definition.name = raw.shown.name;
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
