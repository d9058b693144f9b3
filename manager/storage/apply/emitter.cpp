#include "storage/apply/emitter.hpp"

#include "storage/bound.hpp"

namespace pgtrickle::storage {

void emit(Emitter *emitter, const Datum *values, const bool *nulls, int weight)
{
    if (weight > 0 && emitter->bound != nullptr)
        check_bound(emitter->bound, values, nulls);
    (weight > 0 ? emitter->inserted : emitter->deleted) += 1;
    if (emitter->store != nullptr) {
        int count = emitter->output_count;
        memcpy(emitter->values, values, sizeof(Datum) * count);
        memcpy(emitter->nulls, nulls, sizeof(bool) * count);
        emitter->values[count] = Int64GetDatum(weight);
        emitter->nulls[count] = false;
        tuplestore_putvalues(emitter->store, emitter->descriptor, emitter->values, emitter->nulls);
    }
    if (emitter->log != nullptr)
        emitter->append_to_log(emitter->log, values, nulls, weight);
}

} // namespace pgtrickle::storage
