#include "refresh/program/missing_index.hpp"

#include "refresh/program/relation_names.hpp"
#include "refresh/program/usable_index.hpp"

extern "C" {
#include "utils/builtins.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

std::string create_index(Oid source, const std::vector<engine::IndexTerm> &terms, const Compiled &compiled)
{
    std::string list;
    for (const engine::IndexTerm &term : terms)
        list += (list.empty() ? "" : ", ") +
                (term.is_column ? std::string(call([&] { return quote_identifier(term.text.c_str()); }))
                                : "(" + readable(term.text, compiled) + ")");
    return "CREATE INDEX ON " + qualified_name(source) + " (" + list + ")";
}

} // namespace

std::vector<MissingIndex> missing_indexes(Oid relid)
{
    std::vector<MissingIndex> missing;
    Compiled &compiled = compiled_of(relid);
    for (const CompiledStep &step : compiled.steps) {
        for (const engine::Lookup &lookup : step.step.lookups) {
            if (lookup.relation.kind != engine::DeltaInput::Kind::source || lookup.terms.empty())
                continue;
            if (has_index_for(heap_of(lookup.relation, compiled), lookup.terms, compiled))
                continue;
            const CompiledSource &source = compiled.sources[lookup.relation.index];
            std::string statement = create_index(source.relid, lookup.terms, compiled);
            if (std::none_of(missing.begin(), missing.end(),
                             [&](const MissingIndex &known) { return known.statement == statement; }))
                missing.push_back({source.relid, statement});
        }
    }
    return missing;
}

} // namespace pgtrickle::refresh
