#include "refresh/program/relation_names.hpp"

#include "pg/relation_name.hpp"
#include "refresh/program/plan_limits.hpp"
#include "refresh/program/row_statistics.hpp"
#include "refresh/program/usable_index.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/htup_details.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <limits>

namespace pgtrickle::refresh {

std::string qualified_name(Oid relation)
{
    return call([=] { return quoted_relation_name(relation); });
}

namespace {

std::string quoted_column(Oid relation, AttrNumber column)
{
    return call([=] { return quote_identifier(get_attname(relation, column, false)); });
}

/* A stream table is read from its storage. */
std::string declared_columns(const CompiledSource &source)
{
    Oid storage = storage::storage_of(source.relid);
    if (!OidIsValid(storage))
        raise({.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
               .message = "stream table " + qualified_name(source.relid) + " has no storage"});
    std::string columns;
    for (AttrNumber column : source.columns)
        columns += (columns.empty() ? "" : ", ") + quoted_column(source.relid, column);
    return "(SELECT " + columns + " FROM " + qualified_name(storage) + ")";
}

} // namespace

std::string Names::source(int index) const
{
    const CompiledSource &source = compiled_.sources.at(index);
    if (source.is_stream_table)
        return declared_columns(source);
    return (source.is_only ? "ONLY " : "") + qualified_name(source.relid);
}

std::string Names::arrangement(int step) const
{
    return compiled_.steps.at(step).heap_name;
}

std::string Names::delta(engine::DeltaInput input) const
{
    return delta_name(input);
}

std::string Names::touched() const
{
    return touched_name;
}

bool Names::has_index_for(engine::DeltaInput relation, const std::vector<engine::IndexTerm> &terms) const
{
    return !plans_for_many && refresh::has_index_for(heap_of(relation, compiled_), terms, compiled_);
}

bool Names::has_order_for(engine::DeltaInput relation, const std::vector<engine::IndexTerm> &keys,
                          const std::optional<engine::OrderTerm> &first) const
{
    return !plans_for_many && refresh::has_order_for(heap_of(relation, compiled_), keys, first);
}

double Names::rows_of_value(engine::DeltaInput relation, const std::vector<engine::IndexTerm> &terms) const
{
    if (plans_for_many)
        return 1;
    const Oid heap = heap_of(relation, compiled_);
    double least = std::numeric_limits<double>::infinity();
    for (const engine::IndexTerm &term : terms)
        if (term.is_column)
            least = std::min(least, call([&] { return rows_of_each_value(heap, term.text.c_str()); }));
    return least;
}

std::string delta_name(engine::DeltaInput input)
{
    const char *kind = input.kind == engine::DeltaInput::Kind::source ? "pgt_delta_s" : "pgt_delta_a";
    return kind + std::to_string(input.index);
}

} // namespace pgtrickle::refresh
