#include "refresh/program/row_sample.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "lib/hyperloglog.h"
#include "utils/datum.h"
}

#include <algorithm>
#include <cmath>

namespace pgtrickle::refresh {

namespace {

constexpr int rows_of_block = 1024, most_blocks = 16;
constexpr uint8 register_bits = 12; /* an error of 1.6 % */

} // namespace

ColumnSample sample_column(Tuplestorestate *rows, int pointer, TupleDesc descriptor, AttrNumber column, double count)
{
    const double unread = std::max(0.0, count - rows_of_block * most_blocks);
    const auto gap = static_cast<int64>(unread / most_blocks);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
    Form_pg_attribute attribute = TupleDescAttr(descriptor, column - 1);
    hyperLogLogState in_all, in_block;
    double read = 0, null_count = 0, sum_of_blocks = 0;
    bool has_more = true;

    initHyperLogLog(&in_all, register_bits);
    tuplestore_select_read_pointer(rows, pointer);
    tuplestore_rescan(rows);
    for (int block = 0; block < most_blocks && has_more; block++) {
        initHyperLogLog(&in_block, register_bits);
        for (int i = 0; i < rows_of_block; i++) {
            has_more = tuplestore_gettupleslot(rows, true, false, slot);
            if (!has_more)
                break;
            bool is_null;
            const Datum value = slot_getattr(slot, column, &is_null);
            read++;
            if (is_null) {
                null_count++;
                continue;
            }
            const uint32 hash = datum_image_hash(value, attribute->attbyval, attribute->attlen);
            addHyperLogLog(&in_block, hash);
            addHyperLogLog(&in_all, hash);
        }
        sum_of_blocks += estimateHyperLogLog(&in_block);
        freeHyperLogLog(&in_block);
        has_more = has_more && (gap == 0 || tuplestore_skiptuples(rows, gap, true));
    }
    double distinct = estimateHyperLogLog(&in_all);
    if (gap > 0 && distinct > 0) {
        const double of_block = sum_of_blocks / most_blocks;
        const double exponent = std::clamp(std::log(distinct / of_block) / std::log(most_blocks), 0.0, 1.0);
        distinct *= std::pow(count / read, exponent);
    }
    freeHyperLogLog(&in_all);
    ExecDropSingleTupleTableSlot(slot);
    tuplestore_select_read_pointer(rows, 0);
    return {std::min(distinct, count), read > 0 ? null_count / read : 0};
}

} // namespace pgtrickle::refresh
