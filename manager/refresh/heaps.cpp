#include "refresh/heaps.hpp"

#include "storage/storage.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "utils/syscache.h"
}

namespace pgtrickle::refresh {

namespace {

/* Beside the columns of the step there is pgt_hash. */
bool has_columns_of_its_step(const CompiledStep &compiled)
{
    const Oid heap = compiled.heap;
    const int found = call([=] {
        HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(heap));
        const int count = HeapTupleIsValid(tuple) ? reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relnatts : 0;
        if (HeapTupleIsValid(tuple))
            ReleaseSysCache(tuple);
        return count;
    });
    return found == static_cast<int>(compiled.step.columns.size()) + 1;
}

} // namespace

bool find_heaps(Compiled &compiled)
{
    const Definition &definition = compiled.definition;
    int last = static_cast<int>(compiled.steps.size()) - 1;
    bool is_laid_out = true;
    for (int k = 0; k <= last; k++) {
        CompiledStep &step = compiled.steps[k];
        step.heap = k == last ? storage::storage_of(definition.relid) : storage::arrangement_of(definition.relid, k);
        if (k == last && !OidIsValid(step.heap))
            raise({.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   .message = "storage of stream table \"" + definition.name + "\" is missing",
                   .hint = "Drop and create the stream table again."});
        is_laid_out = is_laid_out && has_columns_of_its_step(step);
    }
    return is_laid_out;
}

void require_own_heaps(const Compiled &compiled)
{
    if (!compiled.is_laid_out)
        raise({.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
               .message = "storage of stream table \"" + compiled.definition.name + "\" has to be made anew",
               .detail = "Policies bind the role that its query reads as, and did not when it was made, or the other way round.",
               .hint = "The manager does it when it refreshes it, and so does pgtrickle.refresh_stream_table()."});
}

} // namespace pgtrickle::refresh
