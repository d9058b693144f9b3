#include "capture/log/log_format.hpp"

#include "capture/log/marker.hpp"
#include "capture/log/segment.hpp"
#include "capture/source/routed_values.hpp"
#include "capture/source/routing.hpp"

extern "C" {
#include "access/relation.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

#include <algorithm>

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* Forms the ascending union of two ascending lists. */
int unite(const AttrNumber *a, int a_count, const AttrNumber *b, int b_count, AttrNumber *out)
{
    int n = 0, i = 0, j = 0;
    while (i < a_count || j < b_count) {
        AttrNumber next = j >= b_count || (i < a_count && a[i] <= b[j]) ? a[i] : b[j];
        i += i < a_count && a[i] == next;
        j += j < b_count && b[j] == next;
        out[n++] = next;
    }
    return n;
}

/* Returns the columns of the format that still exist, tableoid only if it `has_readers`. */
int living_columns(Oid relid, const Format *format, bool has_readers, AttrNumber *out)
{
    Relation relation = relation_open(relid, AccessShareLock);
    int n = 0;
    for (int i = 0; i < format->column_count; i++)
        if (column_numbered(RelationGetDescr(relation), format->attnums[i]) != nullptr &&
            (has_readers || format->attnums[i] != table_oid_column))
            out[n++] = format->attnums[i];
    relation_close(relation, NoLock);
    return n;
}

/* Adds tableoid to the columns, which have room for it, if the source is to be captured by rows because of them.
 * Returns their number. */
int with_table_oid(Oid source, AttrNumber *columns, int count)
{
    if ((count > 0 && columns[0] == table_oid_column) || !are_routed_values_wrong(source, columns, count))
        return count;
    memmove(columns + 1, columns, sizeof(AttrNumber) * count);
    columns[0] = table_oid_column;
    return count + 1;
}

} // namespace

bool fits(Oid relid, const Format *format)
{
    Relation relation = relation_open(relid, AccessShareLock);
    const TupleDesc desc = RelationGetDescr(relation);
    bool answer = true;
    for (int i = 0; i < format->column_count; i++) {
        const FormData_pg_attribute *att = column_numbered(desc, format->attnums[i]);
        answer = answer && att != nullptr && att->atttypid == format->types[i];
    }
    relation_close(relation, NoLock);
    return answer;
}

namespace {

/* A log that is begun again gets only the columns that are needed then. After this number of formats it keeps the
 * columns that it had: a role whose stream tables come and go would use up the versions by other columns each time. */
constexpr int most_narrowed_formats = 32;

/* Returns the version of the format that has these columns as they are now; adds it if there is none. */
int16 version_of(Oid source, const List *formats, const AttrNumber *columns, int count)
{
    int16 latest = 0;
    ListCell *cell;
    foreach (cell, formats) {
        const auto *format = static_cast<const Format *>(lfirst(cell));
        if (count == format->column_count && memcmp(columns, format->attnums, sizeof(AttrNumber) * count) == 0 &&
            fits(source, format))
            return format->version;
        latest = std::max(latest, format->version);
    }
    if (latest == PG_INT16_MAX)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("change log of \"%s\" has too many formats", get_rel_name(source))));
    insert_format(source, static_cast<int16>(latest + 1), columns, count);
    return static_cast<int16>(latest + 1);
}

/* Whether changes were not logged before. */
bool set_format(Oid source, const AttrNumber *columns, int column_count, bool may_need_rows)
{
    SourceRow row;
    bool is_begun = true;
    if (!find_source(source, &row)) {
        remove_source(source);
        row = {source, {}, {}, 0, 1, true, 0, 0, false, {}, InvalidTransactionId};
        create_segments(source, &row);
        auto *all = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (column_count + 1)));
        std::copy(columns, columns + column_count, all);
        insert_format(source, 1, all, may_need_rows ? with_table_oid(source, all, column_count) : column_count);
        insert_source(&row);
    } else {
        Format *format = find_format(source, row.version);
        if (format == nullptr)
            elog(ERROR, "change log of relation %u has no format %d", source, row.version);
        auto *living = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (format->column_count + 1)));
        auto *all = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (format->column_count + column_count + 2)));
        const List *formats = formats_of(source);
        /* No stream table has read the log while it was inactive, so the old columns are not needed. */
        int living_count = row.is_active || list_length(formats) >= most_narrowed_formats
                               ? living_columns(source, format, row.is_active, living)
                               : 0;
        int count = unite(living, living_count, columns, column_count, all);
        if (may_need_rows)
            count = with_table_oid(source, all, count);
        row.version = version_of(source, formats, all, count);
        is_begun = !row.is_active;
        if (row.version != format->version || is_begun) {
            row.is_active = true;
            update_source(&row, {s_version, s_active});
        }
    }
    lock_segments(&row, AccessShareLock);
    invalidate_targets(source);
    return is_begun;
}

} // namespace

bool ensure_log(Oid source, const AttrNumber *columns, int column_count)
{
    return set_format(source, columns, column_count, true);
}

namespace {

/* A log that is inactive gets columns that exist when it is begun again, and a marker. */
bool has_to_be_refitted(Oid source)
{
    SourceRow row;
    const Format *format = find_source(source, &row) && row.is_active ? find_format(source, row.version) : nullptr;
    return format != nullptr && !fits(source, format);
}

} // namespace

void refit(Oid source)
{
    /* Most statements change no column of the log. They take no lock, for which they might wait for the transaction
     * that drops a stream table, which may then wait for them. */
    if (!has_to_be_refitted(source))
        return;
    lock_capture(source); /* as upkeep and stop() do, which have no lock on the source */
    if (!has_to_be_refitted(source))
        return;
    write_marker(source, "a column was dropped, or its type was changed");
    (void)set_format(source, nullptr, 0, false);
}

} // namespace pgtrickle::capture
