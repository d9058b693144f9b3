#include "refresh/program/captured.hpp"

#include "capture/permission.hpp"
#include "pg/relation_row.hpp"

#include <algorithm>

namespace pgtrickle::refresh {

bool may_capture(const Definition &definition, const Source &source)
{
    return call([&] { return !capture::denial_of(source.relid, definition.owner, source.is_captured); });
}

bool is_captured_for(const Definition &definition, Oid source)
{
    return std::any_of(definition.sources.begin(), definition.sources.end(),
                       [=](const Source &read) { return read.relid == source && read.is_captured; });
}

bool has_recorded_sources(const Definition &definition, const std::vector<translate::SourceRef> &sources)
{
    /* A source may be read several times, and is recorded once. */
    std::map<Oid, std::set<AttrNumber>> recorded, read;
    for (const Source &source : definition.sources)
        recorded[source.relid].insert(source.columns.begin(), source.columns.end());
    for (const translate::SourceRef &source : sources)
        read[source.relid].insert(source.columns.begin(), source.columns.end());
    return recorded == read;
}

bool has_policies(Oid relid)
{
    return call([=] { return has_row_security(relid); });
}

bool captures_match_privileges(Compiled &compiled)
{
    const Definition &definition = compiled.definition;
    bool answer = true;
    for (const Source &source : definition.sources) {
        answer = answer && source.is_captured == may_capture(definition, source);
        List *asked = call([&] { return capture::relations_checked(source.relid); });
        for (int i = 0; i < list_length(asked); i++)
            compiled.captured.push_back(list_nth_oid(asked, i));
    }
    return answer;
}

} // namespace pgtrickle::refresh
