#include "worker/manager/absence.hpp"

#include "catalog/presence.hpp"
#include "definition/state/all_states.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/state/marks.hpp"
#include "worker/transaction.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
}

namespace pgtrickle::worker {

namespace {

constexpr const char *reason = "the server was running without pg_trickle in shared_preload_libraries";

/* A row for each absence after which the database was marked. PostgreSQL frames. */
constexpr const char *absence_table = "pgt_absence";

bool is_marked()
{
    const definition::TableRows rows = definition::rows_of(absence_table);
    for (int i = 0; i < rows.count; i++)
        if (DatumGetLSN(rows.value(i, 1)) == catalog::end_of_absence())
            return true;
    return !OidIsValid(definition::extension_relation(absence_table));
}

void mark_all()
{
    ListCell *cell;
    foreach (cell, state::all_stream_tables())
        state::mark_needs_setup(lfirst_oid(cell), reason);
    ::Relation table = definition::open_extension_table(absence_table, RowExclusiveLock);
    Datum values[] = {LSNGetDatum(catalog::end_of_absence()), TimestampTzGetDatum(GetCurrentTimestamp())};
    bool nulls[lengthof(values)] = {};
    CatalogTupleInsert(table, heap_form_tuple(RelationGetDescr(table), values, nulls));
    table_close(table, NoLock);
}

} // namespace

bool mark_after_absence()
{
    if (catalog::end_of_absence() == InvalidXLogRecPtr)
        return true;
    return !in_transaction([] {
        call([] {
            if (!is_marked())
                mark_all();
        });
    });
}

} // namespace pgtrickle::worker
