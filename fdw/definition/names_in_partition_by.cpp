#include "fdw/definition/names_in_partition_by.hpp"

#include "definition/definition.hpp"
#include "definition/option_row.hpp"
#include "definition/options.hpp"
#include "definition/state/all_states.hpp"
#include "definition/stream_table.hpp"
#include "fdw/definition/query_text.hpp"
#include "fdw/definition/redefinition.hpp"
#include "pg/relation_row.hpp"
#include "setup/setup.hpp"
#include "storage/partitions.hpp"

extern "C" {
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* Lets the option partition_by follow: `change` gets its present value. C++ frame. */
template <class Change> void change_partition_by(Oid relid, Change change)
{
    PartitionBy by = definition::load(relid).partition_by;
    const std::string before = by.text();
    change(by);
    if (const std::string text = by.text(); text != before)
        call([&] { write_option(relid, "partition_by", text.c_str(), DEFELEM_SET); });
}

/* Whether the stream table is partitioned by a list of the type. C++ frame. */
bool is_partitioned_by_list(Oid relid, Oid type)
{
    const char *option = call([=] { return option_of(relid, "partition_by"); });
    if (option == nullptr)
        return false;
    const PartitionBy by = parse_partition_by(option);
    return by.strategy == PartitionBy::Strategy::list &&
           call([&] { return get_atttype(relid, get_attnum(relid, by.columns.front().c_str())); }) == type;
}

} // namespace

void rename_column_in_partition_by(Oid relid, const char *old_name, const char *new_name)
{
    enter([=] {
        change_partition_by(relid, [=](PartitionBy &by) {
            std::replace(by.columns.begin(), by.columns.end(), std::string(old_name), std::string(new_name));
        });
    });
}

void follow_labels_in_partition_by(Oid type)
{
    for (const Oid relid : definition::all()) {
        if (!is_partitioned_by_list(relid, type))
            continue;
        if (!call([=] { return is_owned_by_user(relid); }))
            call([=] { follow_at_end(relid); });
        else if (call([=] { return definition::lock_if_exists(relid, ShareUpdateExclusiveLock); }))
            setup::follow_labels_of_partitions(relid);
    }
}

} // namespace pgtrickle
