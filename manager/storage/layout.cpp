#include "storage/layout.hpp"

#include "pg/settings.hpp"
#include "pg/superuser.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle::storage {

namespace {

constexpr const char *schema_name = "pg_trickle_storage";

std::string quoted(const std::string &name)
{
    return call([&] { return quote_identifier(name.c_str()); });
}

std::string qualified(const std::string &name)
{
    return std::string(schema_name) + "." + quoted(name);
}

/* fillfactor: groups are updated in place, and a HOT update needs room on the page. */
std::string create_table(const std::string &name, const engine::Step &step)
{
    std::string sql = "CREATE TABLE " + qualified(name) + " (";
    for (const engine::ArrangementColumn &column : step.columns) {
        sql += quoted(column.column.name) + " " + column.column.type;
        if (!column.column.collation.empty())
            sql += " COLLATE " + column.column.collation;
        sql += ", ";
    }
    sql += "pgt_hash pg_catalog.int8 NOT NULL)";
    if (step.layout == engine::Layout::groups)
        sql += " WITH (fillfactor = 85)";
    return sql;
}

/* The terms of a look-up that an index may hold: all of them in a btree if none can be too
 * long for one, else the fixed-length ones, else a hash index, which keeps no values, on the
 * first that has a hash. Values that are neither short nor hashed have no index. */
std::string create_lookup_index(const std::string &name, const std::vector<engine::IndexTerm> &terms)
{
    auto print = [](const engine::IndexTerm &term) {
        return term.is_column ? quoted(term.text) : "(" + term.text + ")";
    };
    std::string list;
    for (const engine::IndexTerm &term : terms)
        if (term.is_fixed_length)
            list += (list.empty() ? "" : ", ") + print(term);
    if (list.empty()) {
        auto hashed = std::find_if(terms.begin(), terms.end(), [](const auto &term) { return term.has_hash && !term.is_range; });
        return hashed == terms.end() ? "" : "CREATE INDEX ON " + qualified(name) + " USING hash (" + print(*hashed) + ")";
    }
    return "CREATE INDEX ON " + qualified(name) + " (" + list + ")";
}

void execute(const std::string &sql)
{
    call([&] {
        int result = SPI_execute(sql.c_str(), false, 0);
        if (result != SPI_OK_UTILITY)
            elog(ERROR, "could not execute \"%s\": %s", sql.c_str(), SPI_result_code_string(result));
    });
}

/* So that nobody drops one by hand, as its owner may by way of the stream table. PostgreSQL frame. */
void keep_indexes(Oid heap)
{
    ObjectAddress owned, owner;
    ObjectAddressSet(owner, RelationRelationId, heap);
    Relation relation = table_open(heap, AccessShareLock);
    ListCell *cell;
    foreach (cell, RelationGetIndexList(relation)) {
        ObjectAddressSet(owned, RelationRelationId, lfirst_oid(cell));
        recordDependencyOn(&owned, &owner, DEPENDENCY_INTERNAL);
    }
    table_close(relation, NoLock);
}

} // namespace

Oid create_arrangement(Oid relid, const std::string &relation_name, const engine::Step &step)
{
    AsSuperuser as_superuser;
    TextSettings text_settings;
    call([] { SPI_connect(); });
    execute(create_table(relation_name, step));
    const Oid heap = call([&] {
        Oid heap = get_relname_relid(relation_name.c_str(), get_namespace_oid(schema_name, false));
        ObjectAddress storage, foreign_table;
        ObjectAddressSet(storage, RelationRelationId, heap);
        ObjectAddressSet(foreign_table, RelationRelationId, relid);
        recordDependencyOn(&storage, &foreign_table, DEPENDENCY_INTERNAL);
        HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
        if (!HeapTupleIsValid(tuple))
            elog(ERROR, "cache lookup failed for relation %u", relid);
        Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
        ReleaseSysCache(tuple);
        ATExecChangeOwner(heap, owner, false, AccessExclusiveLock);
        CommandCounterIncrement();
        return heap;
    });
    /* From here on: core calls functions of an index's expression as the owner of its table, with constants at once. */
    execute("CREATE INDEX ON " + qualified(relation_name) + " (pgt_hash)");
    for (const std::vector<engine::IndexTerm> &terms : step.looked_up_by)
        if (const std::string index = create_lookup_index(relation_name, terms); !index.empty())
            execute(index);
    call([=] {
        SPI_finish();
        keep_indexes(heap);
    });
    return heap;
}

void drop_arrangement(Oid relid, Oid heap)
{
    call([=] {
        /* The INTERNAL dependency would turn the drop into a refusal. */
        deleteDependencyRecordsForSpecific(RelationRelationId, heap, DEPENDENCY_INTERNAL, RelationRelationId,
                                           relid);
        CommandCounterIncrement();
        ObjectAddress object;
        ObjectAddressSet(object, RelationRelationId, heap);
        performDeletion(&object, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
        CommandCounterIncrement();
    });
}

} // namespace pgtrickle::storage
