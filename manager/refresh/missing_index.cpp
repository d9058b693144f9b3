#include "refresh/missing_index.hpp"

#include "refresh/compiled.hpp"
#include "refresh/names.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/table.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* The first column of each index of `relation` that a look-up can use. PostgreSQL frame. */
List *leading_columns(Oid relation)
{
    List *names = NIL;
    Relation opened = table_open(relation, AccessShareLock);
    ListCell *cell;
    foreach (cell, RelationGetIndexList(opened)) {
        HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
        if (!HeapTupleIsValid(tuple))
            continue;
        auto *index = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
        bool is_partial = !heap_attisnull(tuple, Anum_pg_index_indpred, nullptr);
        AttrNumber column = index->indkey.values[0];
        if (index->indisvalid && !is_partial && column > 0)
            names = lappend(names, get_attname(relation, column, false));
        ReleaseSysCache(tuple);
    }
    table_close(opened, NoLock);
    return names;
}

bool has_index_for(Oid relation, const std::vector<std::string> &columns)
{
    List *leading = call([=] { return leading_columns(relation); });
    for (int i = 0; i < list_length(leading); i++)
        if (std::find(columns.begin(), columns.end(), static_cast<char *>(list_nth(leading, i))) != columns.end())
            return true;
    return false;
}

std::string create_index(Oid source, const std::vector<std::string> &columns)
{
    std::string list;
    for (const std::string &column : columns)
        list += (list.empty() ? "" : ", ") + std::string(call([&] { return quote_identifier(column.c_str()); }));
    return "CREATE INDEX ON " + qualified_name(source) + " (" + list + ")";
}

} // namespace

std::vector<MissingIndex> missing_indexes(Oid relid)
{
    std::vector<MissingIndex> missing;
    Compiled &compiled = compiled_of(relid);
    for (const CompiledStep &step : compiled.steps) {
        for (const engine::Lookup &lookup : step.step.lookups) {
            if (lookup.relation.kind != engine::DeltaInput::Kind::source || lookup.columns.empty())
                continue;
            const CompiledSource &source = compiled.sources[lookup.relation.index];
            Oid heap = source.is_stream_table ? storage::storage_of(source.relid) : source.relid;
            if (has_index_for(heap, lookup.columns))
                continue;
            std::string statement = create_index(source.relid, lookup.columns);
            if (std::none_of(missing.begin(), missing.end(),
                             [&](const MissingIndex &known) { return known.statement == statement; }))
                missing.push_back({source.relid, statement});
        }
    }
    return missing;
}

} // namespace pgtrickle::refresh
