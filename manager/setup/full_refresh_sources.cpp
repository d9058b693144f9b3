#include "setup/full_refresh_sources.hpp"

#include "capture/source/source_kind.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/stream_table.hpp"
#include "pg/versions/generated_columns.hpp"
#include "pg/versions/rights.hpp"
#include "translate/check/refusal.hpp"
#include "translate/check/relation_location.hpp"

extern "C" {
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::setup {

namespace {

struct Read {
    Oid relid;
    Bitmapset *columns; /* attribute numbers */
    bool reads_table_oid;
};

Bitmapset *all_columns(Oid relid)
{
    Bitmapset *columns = nullptr;
    Relation relation = table_open(relid, AccessShareLock);
    TupleDesc descriptor = RelationGetDescr(relation);
    for (int i = 0; i < descriptor->natts; i++)
        if (!TupleDescAttr(descriptor, i)->attisdropped)
            columns = bms_add_member(columns, i + 1);
    table_close(relation, AccessShareLock);
    return columns;
}

Bitmapset *columns_read(const RangeTblEntry *entry, const EntryRights &rights)
{
    Bitmapset *columns = nullptr;
    int member = -1;
    while ((member = bms_next_member(rights.columns, member)) >= 0) {
        int number = member + FirstLowInvalidHeapAttributeNumber;
        if (number == InvalidAttrNumber)
            return all_columns(entry->relid);
        if (number > 0)
            columns = bms_add_member(columns, number);
    }
    return columns;
}

/* Replaces generated columns that are computed when they are read by the columns from which they are
 * computed; the columns that rows contain stay. */
Bitmapset *held_columns(Oid relid, const Bitmapset *columns)
{
    Bitmapset *held = nullptr;
    int column = -1;
    while ((column = bms_next_member(columns, column)) >= 0) {
        Node *expression = virtual_expression(relid, static_cast<AttrNumber>(column), 1);
        Bitmapset *read = nullptr;
        pull_varattnos(expression, 1, &read);
        if (expression == nullptr)
            held = bms_add_member(held, column);
        int member = -1;
        while ((member = bms_next_member(read, member)) >= 0)
            if (member + FirstLowInvalidHeapAttributeNumber > 0)
                held = bms_add_member(held, member + FirstLowInvalidHeapAttributeNumber);
    }
    return held;
}

List *collect_reads(const Query *query)
{
    List *reads = NIL;
    auto visit = [&](const Query *level) {
        ListCell *cell, *read_cell;
        foreach (cell, level->rtable) {
            auto *entry = static_cast<RangeTblEntry *>(lfirst(cell));
            if (entry->rtekind != RTE_RELATION || entry->relkind == RELKIND_VIEW)
                continue;
            const EntryRights rights = rights_of(level, entry);
            Read *read = nullptr;
            foreach (read_cell, reads)
                if (static_cast<Read *>(lfirst(read_cell))->relid == entry->relid)
                    read = static_cast<Read *>(lfirst(read_cell));
            if (read == nullptr) {
                read = static_cast<Read *>(palloc0(sizeof(Read)));
                read->relid = entry->relid;
                reads = lappend(reads, read);
            }
            read->columns = bms_add_members(read->columns, held_columns(entry->relid, columns_read(entry, rights)));
            read->reads_table_oid =
                read->reads_table_oid ||
                bms_is_member(TableOidAttributeNumber - FirstLowInvalidHeapAttributeNumber, rights.columns);
        }
    };
    definition::visit_levels(definition::rewritten(query), visit);
    return reads;
}

void require_capturable(Oid relid, const char *text)
{
    const char *refusal = capture::refusal(relid);
    if (refusal == nullptr)
        return;
    int location = text[0] == '\0' ? -1 : translate::location_of_relation(text, relid);
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("\"%s\" cannot be a source of a stream table", get_rel_name(relid)),
                    errdetail("Its changes cannot be captured: %s.", refusal), errhint("%s", translate::use_a_table),
                    location < 0 ? 0 : errposition(pg_mbstrlen_with_len(text, location) + 1)));
}

} // namespace

std::vector<translate::SourceRef> sources_of_full_refresh(const Query *query, const std::string &text)
{
    List *reads = call([=] { return collect_reads(query); });
    std::vector<translate::SourceRef> sources;
    ListCell *cell;
    foreach (cell, reads) {
        auto *read = static_cast<Read *>(lfirst(cell));
        call([&] { require_capturable(read->relid, text.c_str()); });
        translate::SourceRef source = {};
        source.relid = read->relid;
        source.is_stream_table = call([=] { return definition::is_stream_table(read->relid); });
        const bool is_table = call([=] {
            return get_rel_relkind(read->relid) == RELKIND_RELATION ||
                   get_rel_relkind(read->relid) == RELKIND_PARTITIONED_TABLE;
        });
        if (read->reads_table_oid && is_table)
            source.columns.push_back(TableOidAttributeNumber);
        for (int column = -1; (column = bms_next_member(read->columns, column)) >= 0;)
            source.columns.push_back(static_cast<AttrNumber>(column));
        sources.push_back(std::move(source));
    }
    return sources;
}

} // namespace pgtrickle::setup
