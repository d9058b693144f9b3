#include "fdw/definition/definition_notices.hpp"

#include "definition/definition.hpp"
#include "pg/relation_name.hpp"
#include "refresh/program/missing_index.hpp"
#include "refresh/sets/diamond.hpp"
#include "translate/check/dependence.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

void note_missing_indexes(Oid relid)
{
    if (definition::load(relid).uncaptured_source() != nullptr)
        return; /* full refreshes use no indexes */
    for (const refresh::MissingIndex &missing : refresh::missing_indexes(refresh::compiled_of(relid)))
        call([&] {
            ereport(NOTICE, (missing.reads_groups
                                 ? errmsg("refreshes of stream table \"%s\" may read whole groups of \"%s\" for their "
                                          "first rows",
                                          get_rel_name(relid), get_rel_name(missing.source))
                                 : errmsg("refreshes of stream table \"%s\" may read the whole of \"%s\"",
                                          get_rel_name(relid), get_rel_name(missing.source)),
                             errhint("An index avoids this: %s;", missing.statement.c_str())));
        });
}

void note_other_owners(Oid relid)
{
    std::string names;
    for (Oid member : refresh::members_of_other_owners(relid))
        names += (names.empty() ? "" : ", ") + std::string(call([=] { return definition::qualified_name(member); }));
    if (names.empty())
        return;
    call([&] {
        ereport(NOTICE, (errmsg("stream table \"%s\" is not refreshed together with stream tables of other owners",
                                get_rel_name(relid)),
                         errdetail("It also reads a source through %s, and may reflect two states of that source.",
                                   names.c_str()),
                         errhint("Give all of them to one role, or read with pg_trickle.consistent_reads = on.")));
    });
}

namespace {

/* Returns the name, for the message, of the first input whose changes are not captured; empty if there is
 * none. */
std::string uncaptured_input(const Query *query, const std::vector<translate::SourceRef> &sources)
{
    const translate::TimeDependence time_dependence = translate::time_dependence_of(query);
    if (!time_dependence.function.empty())
        return time_dependence.function;
    for (const translate::SourceRef &source : sources)
        if (!source.is_stream_table && call([&] { return get_rel_relkind(source.relid); }) == RELKIND_FOREIGN_TABLE)
            return std::string("foreign table ") + call([&] { return quoted_relation_name(source.relid); });
    for (const translate::SourceRef &source : sources)
        if (!source.is_captured)
            return std::string("table ") + call([&] { return quoted_relation_name(source.relid); }) +
                   ", which is not captured";
    return {};
}

} // namespace

void note_uncaptured_inputs(Oid relid, const Query *query, const std::vector<translate::SourceRef> &sources)
{
    const std::string input = uncaptured_input(query, sources);
    if (input.empty())
        return;
    call([&] {
        ereport(NOTICE, (errmsg("stream table \"%s\" is refreshed automatically only when a captured source changes",
                                get_rel_name(relid)),
                         errdetail("Its rows also depend on %s.", input.c_str()),
                         errhint("Use a schedule such as '1m', or '0s' to make each read fresh.")));
    });
}

} // namespace pgtrickle
