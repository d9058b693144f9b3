#include "refresh/program/captured.hpp"

#include "capture/permission.hpp"

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
