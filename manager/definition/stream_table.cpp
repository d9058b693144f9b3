#include "definition/stream_table.hpp"

#include "definition/shown_as.hpp"
#include "definition/state/all_states.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/state/state.hpp"
#include "pg/context.hpp"
#include "pg/invalidation_listeners.hpp"
#include "pg/relation_name.hpp"
#include "pg/versions/names.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "foreign/foreign.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/varlena.h"
}

#include <algorithm>
#include <utility>

namespace pgtrickle {

const char *name_of(SourceKind kind)
{
    switch (kind) {
    case SourceKind::stream_table: return "STREAM_TABLE";
    case SourceKind::materialized_view: return "MATVIEW";
    case SourceKind::foreign_table: return "FOREIGN_TABLE";
    default: return "TABLE";
    }
}

} // namespace pgtrickle

namespace pgtrickle::definition {

namespace {

constexpr const char *wrapper_name = "pgtrickle_fdw";

bool is_our_server(Oid server)
{
    HeapTuple server_tuple = SearchSysCache1(FOREIGNSERVEROID, ObjectIdGetDatum(server));
    if (!HeapTupleIsValid(server_tuple))
        return false;
    Oid wrapper = reinterpret_cast<Form_pg_foreign_server>(GETSTRUCT(server_tuple))->srvfdw;
    ReleaseSysCache(server_tuple);
    HeapTuple tuple = SearchSysCache1(FOREIGNDATAWRAPPEROID, ObjectIdGetDatum(wrapper));
    if (!HeapTupleIsValid(tuple))
        return false;
    auto *form = reinterpret_cast<Form_pg_foreign_data_wrapper>(GETSTRUCT(tuple));
    bool is_ours = strcmp(NameStr(form->fdwname), wrapper_name) == 0;
    ReleaseSysCache(tuple);
    return is_ours;
}

/* A row of pgt_dependency. */
struct RawSource {
    Oid relid;
    int position;
    SourceKind kind; /* as of the last look-up */
    bool is_captured;
    int column_count;
    int16 columns[FLEXIBLE_ARRAY_MEMBER];
};

/* The rows of a stream table (List of RawSource, by position). */
struct KnownSources {
    Oid relid; /* the key */
    List *rows;
};

/* Valid until pgt_dependency is invalidated, which writers of its rows do. All rows are forgotten then, also those of
 * dropped stream tables, and what an error has left. */
HTAB *known_sources = nullptr;
MemoryContextData *memory_of_sources = nullptr; /* of the rows */
Oid known_table = InvalidOid;                   /* pgt_dependency when rows were last forgotten */
bool are_sources_valid = false;

void note_change_of_sources(Oid relation)
{
    are_sources_valid = are_sources_valid && OidIsValid(relation) && relation != known_table;
}

SourceKind kind_of(Oid relid)
{
    switch (get_rel_relkind(relid)) {
    case RELKIND_RELATION:
    case RELKIND_PARTITIONED_TABLE: return SourceKind::table;
    case RELKIND_MATVIEW: return SourceKind::materialized_view;
    case RELKIND_FOREIGN_TABLE: return is_stream_table(relid) ? SourceKind::stream_table : SourceKind::foreign_table;
    default: return SourceKind::other;
    }
}

/* Returns an object in memory_of_sources. */
RawSource *read_source(HeapTuple tuple, TupleDesc descriptor)
{
    Datum values[5];
    bool nulls[5];
    heap_deform_tuple(tuple, descriptor, values, nulls);
    ArrayType *columns = DatumGetArrayTypeP(values[3]);
    const int count = ArrayGetNItems(ARR_NDIM(columns), ARR_DIMS(columns));
    auto *source = static_cast<RawSource *>(
        MemoryContextAllocZero(memory_of_sources, offsetof(RawSource, columns) + sizeof(int16) * count));
    source->relid = DatumGetObjectId(values[1]);
    source->position = DatumGetInt32(values[2]);
    source->is_captured = DatumGetBool(values[4]);
    source->column_count = count;
    std::copy_n(reinterpret_cast<const int16 *>(ARR_DATA_PTR(columns)), count, source->columns);
    return source;
}

int compare_positions(const ListCell *a, const ListCell *b)
{
    return static_cast<const RawSource *>(lfirst(a))->position - static_cast<const RawSource *>(lfirst(b))->position;
}

List *read_sources(Oid relid)
{
    List *sources = NIL;
    Relation table = try_table_open(known_table, AccessShareLock); /* null if the extension is dropped meanwhile */
    if (table == nullptr)
        return NIL;
    ScanKeyData key;
    SysScanDesc scan = begin_unordered_scan_by_oid(table, "pgt_dependency_pkey", 1, relid, &key, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        RawSource *source = read_source(tuple, RelationGetDescr(table));
        MemoryContext previous = MemoryContextSwitchTo(memory_of_sources);
        sources = lappend(sources, source);
        MemoryContextSwitchTo(previous);
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    list_sort(sources, compare_positions);
    return sources;
}

void forget_sources()
{
    if (memory_of_sources == nullptr) {
        memory_of_sources = AllocSetContextCreate(CacheMemoryContext, "sources of stream tables", ALLOCSET_SMALL_SIZES);
        listen_to_relations(note_change_of_sources);
    }
    if (HTAB *known = std::exchange(known_sources, nullptr))
        hash_destroy(known);
    MemoryContextReset(memory_of_sources);
    known_sources = new_session_table<Oid, KnownSources>("sources of stream tables", 64);
    are_sources_valid = true; /* an invalidation that arrives from here on counts for the next call */
    known_table = state::dependency_table();
}

/* Returns the rows of a stream table, valid until the next call. */
const List *rows_of_sources(Oid relid)
{
    AcceptInvalidationMessages();
    if (known_sources == nullptr || !are_sources_valid || !OidIsValid(known_table))
        forget_sources();
    if (!OidIsValid(known_table))
        return NIL;
    auto *known = static_cast<KnownSources *>(hash_search(known_sources, &relid, HASH_FIND, nullptr));
    if (known != nullptr)
        return known->rows;
    List *rows = read_sources(relid);
    known = static_cast<KnownSources *>(hash_search(known_sources, &relid, HASH_ENTER, nullptr));
    known->rows = rows;
    return rows;
}

const List *sources_with_kinds(Oid relid)
{
    const List *rows = rows_of_sources(relid);
    const ListCell *cell;
    foreach (cell, rows) {
        auto *source = static_cast<RawSource *>(lfirst(cell));
        source->kind = kind_of(source->relid);
    }
    return rows;
}

} // namespace

std::vector<Source> sources_of(Oid relid)
{
    const List *rows = call([=] { return sources_with_kinds(relid); });
    std::vector<Source> sources;
    const ListCell *cell;
    foreach (cell, rows) {
        const auto *row = static_cast<const RawSource *>(lfirst(cell));
        sources.push_back({row->relid, row->kind, {row->columns, row->columns + row->column_count}, row->is_captured});
    }
    return sources;
}

bool is_stream_table(Oid relid)
{
    if (get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE)
        return false;
    HeapTuple tuple = SearchSysCache1(FOREIGNTABLEREL, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple))
        return false;
    Oid server = reinterpret_cast<Form_pg_foreign_table>(GETSTRUCT(tuple))->ftserver;
    ReleaseSysCache(tuple);
    return is_our_server(server);
}

bool is_compared(Oid source)
{
    return get_rel_relkind(source) == RELKIND_FOREIGN_TABLE && !is_stream_table(source);
}

bool lock_if_exists(Oid relid, LOCKMODE mode)
{
    LockRelationOid(relid, mode);
    if (is_stream_table(relid))
        return true;
    UnlockRelationOid(relid, mode);
    return false;
}

bool is_server_for_stream_tables(const char *server_name)
{
    Oid server = get_foreign_server_oid(server_name, true);
    return OidIsValid(server) && is_our_server(server);
}

std::vector<Source> all_sources_of(Oid relid)
{
    std::vector<Source> found;
    std::vector<Oid> open = {relid};
    for (size_t i = 0; i < open.size(); i++)
        for (Source &source : sources_of(open[i])) {
            if (source.kind == SourceKind::stream_table &&
                std::find(open.begin(), open.end(), source.relid) == open.end())
                open.push_back(source.relid);
            found.push_back(std::move(source));
        }
    return found;
}

std::vector<Oid> upstreams_of(Oid relid)
{
    std::vector<Oid> found;
    for (const Source &source : all_sources_of(relid))
        if (source.kind == SourceKind::stream_table && source.relid != relid &&
            std::find(found.begin(), found.end(), source.relid) == found.end())
            found.push_back(source.relid);
    return found;
}

std::vector<Oid> with_upstreams(Oid relid)
{
    std::vector<Oid> all = upstreams_of(relid);
    all.push_back(relid);
    return all;
}

std::vector<Oid> dependents_of(Oid source)
{
    return state::to_vector(call([=] { return state::dependents_of(source); }));
}

std::vector<Oid> all()
{
    std::vector<Oid> relids = state::to_vector(call([] { return state::all_stream_tables(); }));
    /* A DROP on a server that has not loaded the library runs no hook, and leaves the row of pgt_state
     * behind. */
    std::erase_if(relids, [](Oid relid) { return !call([=] { return is_stream_table(relid); }); });
    return relids;
}

bool is_internal_schema(Oid schema)
{
    static const char *const internal[] = {"pg_trickle_log", "pg_trickle_storage"}; /* no user may use this prefix */
    const char *name = get_namespace_name(schema);
    return name != nullptr &&
           std::any_of(std::begin(internal), std::end(internal), [=](auto other) { return strcmp(name, other) == 0; });
}

bool is_reserved_schema(Oid schema)
{
    return OidIsValid(schema) && (schema == extension_schema() || is_internal_schema(schema));
}

void refuse_reserved_schema(Oid schema)
{
    if (is_reserved_schema(schema))
        ereport(ERROR,
                (errcode(ERRCODE_RESERVED_NAME),
                 errmsg("schema \"%s\" is reserved for the internal tables of pg_trickle", get_namespace_name(schema)),
                 errhint("Use another schema for the stream table.")));
}

char *qualified_name(Oid relid)
{
    relid = ShownAs::of(relid);
    const RelationName found = name_of_relation(relid);
    return found.name == nullptr ? psprintf("%u", relid) : psprintf("%s.%s", found.schema, found.name);
}

void raise_cycle(const std::vector<Oid> &path)
{
    std::string circle;
    for (Oid member : path)
        circle += (circle.empty() ? "" : " -> ") + std::string(call([=] { return qualified_name(member); }));
    raise({.sqlstate = ERRCODE_INVALID_SCHEMA_DEFINITION,
           .message = "cycle detected in dependency graph: " + circle,
           .hint = "A stream table cannot read itself, directly or through other stream tables."});
}

void require_owner(Oid relid)
{
    if (!owns_relation(relid))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("must be owner of stream table %s", qualified_name(relid))));
}

Oid relid_of_name(const char *name)
{
    RangeVar *relation = makeRangeVarFromNameList(parse_qualified_name(name));
    Oid relid = RangeVarGetRelid(relation, NoLock, true);
    if (OidIsValid(relid) && is_stream_table(relid))
        return relid;
    const char *schema = relation->schemaname;
    List *path = fetch_search_path(false);
    if (schema == nullptr && OidIsValid(relid))
        schema = get_namespace_name(get_rel_namespace(relid));
    else if (schema == nullptr && path != NIL)
        schema = get_namespace_name(linitial_oid(path));
    const char *full = schema != nullptr ? psprintf("%s.%s", schema, relation->relname) : relation->relname;
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("stream table not found: %s", full),
                    OidIsValid(relid) ? errdetail("\"%s\" is not a stream table.", relation->relname)
                                      : errhint("pgtrickle.pgt_status() lists the stream tables that you may read.")));
}

} // namespace pgtrickle::definition
