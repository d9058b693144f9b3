#include "definition/state/collation_versions.hpp"

#include "pg/context.hpp"

extern "C" {
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/syscache.h"
}

namespace pgtrickle::state {

namespace {

struct Judged {
    uint64 hash; /* of the text */
    bool is_present;
};

HTAB *judged = nullptr;

/* Returns null if the collation has no version, or does not exist. */
char *present_version(Oid collation)
{
    const bool is_of_database = collation == DEFAULT_COLLATION_OID;
    if (!SearchSysCacheExists1(COLLOID, ObjectIdGetDatum(collation)))
        return nullptr;
    LOCAL_FCINFO(arguments, 1);
    InitFunctionCallInfoData(*arguments, nullptr, 1, InvalidOid, nullptr, nullptr);
    arguments->args[0].value = ObjectIdGetDatum(is_of_database ? MyDatabaseId : collation);
    arguments->args[0].isnull = false;
    const Datum version =
        is_of_database ? pg_database_collation_actual_version(arguments) : pg_collation_actual_version(arguments);
    return arguments->isnull ? nullptr : TextDatumGetCString(version);
}

bool judge(const char *versions)
{
    List *collations = NIL;
    for (const char *at = versions; at != nullptr; at = strchr(at, ',')) {
        at += *at == ',' ? 1 : 0;
        collations = lappend_oid(collations, strtoul(at, nullptr, 10));
    }
    return strcmp(versions, versions_of_collations(collations)) == 0;
}

} // namespace

char *versions_of_collations(const List *collations)
{
    StringInfoData text;
    initStringInfo(&text);
    ListCell *cell;
    foreach (cell, collations)
        if (const char *version = present_version(lfirst_oid(cell)))
            appendStringInfo(&text, "%s%u %s", text.len > 0 ? ", " : "", lfirst_oid(cell), version);
    return text.data;
}

bool are_present_versions(const char *versions)
{
    if (judged == nullptr)
        judged = new_session_table<uint64, Judged>("pg_trickle versions of collations", 8);
    const uint64 hash =
        hash_bytes_extended(reinterpret_cast<const unsigned char *>(versions), static_cast<int>(strlen(versions)), 0);
    const auto *known = static_cast<const Judged *>(hash_search(judged, &hash, HASH_FIND, nullptr));
    if (known == nullptr) {
        const bool is_present = judge(versions);
        auto *entry = static_cast<Judged *>(hash_search(judged, &hash, HASH_ENTER, nullptr));
        entry->is_present = is_present;
        known = entry;
    }
    return known->is_present;
}

} // namespace pgtrickle::state
