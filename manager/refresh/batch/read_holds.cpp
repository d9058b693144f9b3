/*
 * Any owner of a table may gate it and put it into watermark groups, so the tables of holds may be large. A refresh and
 * a read look up what concerns the relations that they read: a hold on R concerns a stream table that reads S if R is
 * S, an ancestor or a descendant of S. All sources of a group that is found this way, and the rows that belong to it,
 * are then looked up by their keys.
 */
#include "refresh/batch/holds.hpp"

#include "capture/source/inheritance.hpp"
#include "definition/state/extension_table.hpp"

extern "C" {
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

using definition::TableRows;
using scheduler::Holds;
using scheduler::Id;
using scheduler::Ids;
using scheduler::WatermarkGroup;

std::string text_at(const TableRows &rows, int row, int column)
{
    return call([&] { return TextDatumGetCString(rows.value(row, column)); });
}

Id id_at(const TableRows &rows, int row, int column)
{
    return DatumGetObjectId(rows.value(row, column));
}

/* Returns the relations that are written when `source` is, or that contain rows written to it: its ancestors
 * and descendants. */
Ids relatives_of(Oid source)
{
    List *list = call([=] { return list_concat(capture::ancestors_of(source), capture::tree_of(source, NoLock)); });
    Ids relatives;
    ListCell *cell;
    foreach (cell, list)
        if (lfirst_oid(cell) != source)
            relatives.push_back(lfirst_oid(cell));
    return relatives;
}

/* The stream tables, and all relations a hold on which may concern them. */
std::set<Id> relations_around(const scheduler::Graph &graph)
{
    std::set<Id> relations;
    for (Id id : graph.ids()) {
        relations.insert(id);
        for (Id source : graph.sources(id))
            if (relations.insert(source).second)
                for (Id relative : relatives_of(source))
                    relations.insert(relative);
    }
    return relations;
}

class HoldReader {
  public:
    explicit HoldReader(Snapshot snapshot) : snapshot_(snapshot) {}
    Holds read_all();
    Holds read_on(const std::function<scheduler::Graph()> &graph);

  private:
    TableRows all_rows(const char *table) const
    {
        return call([=, this] { return definition::rows_of(table, snapshot_); });
    }
    TableRows keyed_rows(const char *table, const char *index, int column, Oid key) const
    {
        return call([=, this] { return definition::rows_with(table, index, column, key, snapshot_); });
    }
    TableRows named_rows(const char *table, const char *index, int column, const std::string &name) const
    {
        return call([&, this] { return definition::rows_named(table, index, column, name.c_str(), snapshot_); });
    }
    WatermarkGroup &group_of(const std::string &name);
    void add_holds(const TableRows &rows, std::set<std::string> *names = nullptr);
    void add_groups(const TableRows &rows);
    void add_watermarks(const TableRows &rows);
    void add_applied(const TableRows &rows);
    void look_up_holds(const scheduler::Graph &graph);
    void look_up_watermarks(const scheduler::Graph &graph);
    Holds sorted();

    Snapshot snapshot_;
    Holds holds_;
    std::map<std::string, size_t> places_; /* of groups, by name */
};

WatermarkGroup &HoldReader::group_of(const std::string &name)
{
    auto [found, is_new] = places_.try_emplace(name, holds_.groups.size());
    if (is_new)
        holds_.groups.push_back({name, {}, 0});
    return holds_.groups[found->second];
}

/* If `names` is given, the names of watermark groups are put there instead of the sources into groups. */
void HoldReader::add_holds(const TableRows &rows, std::set<std::string> *names)
{
    for (int i = 0; i < rows.count; i++) {
        if (!rows.is_null(i, hold_ended_at))
            continue;
        const std::string kind = text_at(rows, i, hold_kind);
        const Id relation = id_at(rows, i, hold_relation);
        if (kind == "drain")
            holds_.is_draining = true;
        else if (kind == "pause" && relation == InvalidOid)
            holds_.is_all_paused = true;
        else if (kind == "pause")
            holds_.paused.insert(relation);
        else if (kind == "gate")
            holds_.gated.insert(relation);
        else if (names != nullptr)
            names->insert(text_at(rows, i, hold_group));
        else
            group_of(text_at(rows, i, hold_group)).sources.push_back(relation);
        if (kind == "gate" || (kind == "watermark" && names == nullptr))
            if (Ids relatives = relatives_of(relation); !relatives.empty())
                holds_.relatives[relation] = std::move(relatives);
    }
}

void HoldReader::add_groups(const TableRows &rows)
{
    for (int i = 0; i < rows.count; i++) {
        WatermarkGroup &group = group_of(text_at(rows, i, group_name));
        group.tolerance_us =
            static_cast<int64_t>(DatumGetFloat8(rows.value(i, group_tolerance)) * scheduler::second_us);
        group.created_at = DatumGetTimestampTz(rows.value(i, group_created_at));
    }
}

void HoldReader::add_watermarks(const TableRows &rows)
{
    for (int i = 0; i < rows.count; i++)
        holds_.watermarks[id_at(rows, i, watermark_source)] = DatumGetTimestampTz(rows.value(i, watermark_value));
}

void HoldReader::add_applied(const TableRows &rows)
{
    for (int i = 0; i < rows.count; i++) {
        const std::string name = text_at(rows, i, taken_group);
        const TimestampTz created_at = DatumGetTimestampTz(rows.value(i, taken_group_created_at));
        if (auto found = places_.find(name);
            found != places_.end() && holds_.groups[found->second].created_at == created_at)
            holds_.applied_watermarks[{id_at(rows, i, taken_relid), name}] =
                DatumGetTimestampTz(rows.value(i, taken_watermark));
    }
}

Holds HoldReader::sorted()
{
    std::sort(holds_.groups.begin(), holds_.groups.end(),
              [](const WatermarkGroup &a, const WatermarkGroup &b) { return a.name < b.name; });
    return std::move(holds_);
}

Holds HoldReader::read_all()
{
    add_holds(all_rows("pgt_hold"));
    if (!holds_.groups.empty()) {
        add_groups(all_rows("pgt_watermark_group"));
        add_watermarks(all_rows("pgt_watermark"));
        add_applied(all_rows("pgt_watermark_taken"));
    }
    return sorted();
}

void HoldReader::look_up_holds(const scheduler::Graph &graph)
{
    std::set<std::string> names;
    std::set<Id> relations = relations_around(graph);
    relations.insert(InvalidOid); /* the whole database */
    for (Id relation : relations)
        add_holds(keyed_rows("pgt_hold", "pgt_hold_relation", hold_relation, relation), &names);
    for (const std::string &name : names)
        add_holds(named_rows("pgt_hold", "pgt_hold_group", hold_group, name));
}

void HoldReader::look_up_watermarks(const scheduler::Graph &graph)
{
    std::set<Id> sources;
    for (const auto &[name, place] : places_) {
        add_groups(named_rows("pgt_watermark_group", "pgt_watermark_group_pkey", group_name, name));
        sources.insert(holds_.groups[place].sources.begin(), holds_.groups[place].sources.end());
    }
    for (Id source : sources)
        add_watermarks(keyed_rows("pgt_watermark", "pgt_watermark_pkey", watermark_source, source));
    for (Id id : graph.ids())
        add_applied(keyed_rows("pgt_watermark_taken", "pgt_watermark_taken_pkey", taken_relid, id));
}

Holds HoldReader::read_on(const std::function<scheduler::Graph()> &graph)
{
    TableRows all;
    if (call([&, this] { return definition::read_if_small("pgt_hold", snapshot_, &all); }))
        add_holds(all);
    else
        look_up_holds(graph());
    if (!holds_.groups.empty())
        look_up_watermarks(graph());
    return sorted();
}

} // namespace

Holds read_holds(Snapshot snapshot)
{
    return HoldReader(snapshot).read_all();
}

Holds read_holds_on(const std::function<scheduler::Graph()> &graph, Snapshot snapshot)
{
    return HoldReader(snapshot).read_on(graph);
}

} // namespace pgtrickle::refresh
