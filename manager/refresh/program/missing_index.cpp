#include "refresh/program/missing_index.hpp"

#include "definition/query/escaped_literals.hpp"
#include "refresh/program/relation_names.hpp"
#include "refresh/program/usable_index.hpp"

extern "C" {
#include "utils/builtins.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

std::string quoted_column(const std::string &name)
{
    return call([&] { return quote_identifier(name.c_str()); });
}

std::string direction_of(const engine::OrderTerm &term)
{
    const char *nulls = term.is_descending == term.has_nulls_first ? ""
                        : term.has_nulls_first                     ? " NULLS FIRST"
                                                                   : " NULLS LAST";
    return std::string(term.is_descending ? " DESC" : "") + nulls;
}

/* Returns the statement: a btree of the terms that have an order, or a hash index on the first one that has a hash
 * function if none has; empty: neither is possible. */
std::string create_index(Oid source, const engine::Lookup &lookup, const Compiled &compiled)
{
    std::string list, hashed;
    for (const engine::IndexTerm &term : lookup.terms) {
        const std::string text = term.is_column ? quoted_column(term.text)
                                                : "(" + with_escaped_literals(readable(term.text, compiled)) + ")";
        if (term.has_order)
            list += (list.empty() ? "" : ", ") + text;
        else if (term.has_hash && hashed.empty())
            hashed = text;
    }
    if (lookup.first)
        list += (list.empty() ? "" : ", ") + quoted_column(lookup.first->column) + direction_of(*lookup.first);
    if (list.empty() && hashed.empty())
        return {};
    return "CREATE INDEX ON " + qualified_name(source) +
           (list.empty() ? " USING hash (" + hashed + ")" : " (" + list + ")");
}

/* Whether the index for another look-up, in an order, is one for this look-up. */
bool is_served_by_another(const engine::Lookup &lookup, const std::vector<engine::Lookup> &all)
{
    return !lookup.first && std::any_of(all.begin(), all.end(), [&](const engine::Lookup &other) {
        return other.first && other.relation == lookup.relation && other.terms == lookup.terms;
    });
}

} // namespace

std::vector<MissingIndex> missing_indexes(const Compiled &compiled)
{
    std::vector<MissingIndex> missing;
    for (const CompiledStep &step : compiled.steps) {
        for (const engine::Lookup &lookup : step.step.lookups) {
            if (lookup.relation.kind != engine::DeltaInput::Kind::source || (lookup.terms.empty() && !lookup.first))
                continue;
            const Oid heap = heap_of(lookup.relation, compiled);
            if (is_served_by_another(lookup, step.step.lookups))
                continue;
            if (lookup.first ? has_order_for(heap, lookup.terms, lookup.first)
                             : has_index_for(heap, lookup.terms, compiled))
                continue;
            const CompiledSource &source = compiled.sources[lookup.relation.index];
            std::string statement = create_index(source.relid, lookup, compiled);
            if (!statement.empty() && std::none_of(missing.begin(), missing.end(), [&](const MissingIndex &known) {
                    return known.statement == statement;
                }))
                missing.push_back(
                    {source.relid, statement, lookup.first && has_index_for(heap, lookup.terms, compiled)});
        }
    }
    return missing;
}

std::vector<MissingIndex> missing_indexes(const translate::Translation &translation, Oid owner)
{
    Compiled without_heaps;
    without_heaps.definition.owner = owner;
    without_heaps.parts = translation.parts;
    for (const translate::SourceRef &source : translation.sources) {
        CompiledSource looked_up = {};
        looked_up.relid = source.relid;
        looked_up.is_stream_table = source.is_stream_table;
        without_heaps.sources.push_back(looked_up);
    }
    for (const engine::Step &step : translation.program.steps())
        without_heaps.steps.emplace_back().step = step;
    return missing_indexes(without_heaps);
}

} // namespace pgtrickle::refresh
