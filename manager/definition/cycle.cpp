#include "definition/cycle.hpp"

#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"

#include <algorithm>

namespace pgtrickle {

namespace {

/* Searches depth first from the last element of `path` for its first element. Returns true if a cycle exists;
 * `path` is the cycle then. */
bool closes(std::vector<Oid> &path, std::vector<Oid> &seen, const std::vector<Oid> &next)
{
    for (Oid relid : next) {
        if (relid == path.front()) {
            path.push_back(relid);
            return true;
        }
        if (std::find(seen.begin(), seen.end(), relid) != seen.end())
            continue;
        seen.push_back(relid);
        path.push_back(relid);
        std::vector<Oid> sources;
        for (const Source &source : definition::sources_of(relid))
            if (source.kind == SourceKind::stream_table)
                sources.push_back(source.relid);
        if (closes(path, seen, sources))
            return true;
        path.pop_back();
    }
    return false;
}

} // namespace

void check_for_cycle(Oid relid, const std::vector<Oid> &sources)
{
    std::vector<Oid> path = {relid}, seen;
    if (closes(path, seen, sources))
        definition::raise_cycle(path);
}

} // namespace pgtrickle
