/*
 * The history of refreshes, for SQL. It is stored in the SQLite catalog, and includes refreshes that were
 * rolled back.
 */
#include "catalog/tables/history.hpp"
#include "definition/stream_table.hpp"
#include "definition/texts.hpp"
#include "definition/visibility.hpp"
#include "fdw/monitor/stream_table_list.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/result_rows.hpp"
#include "mailbox/progress.hpp"

#include <algorithm>
#include <map>

namespace pgtrickle {

namespace {

/* Errors quote data, and reasons name sources. */
std::optional<std::string> text_if(bool with_texts, const std::string &text)
{
    return with_texts && !text.empty() ? std::optional(text) : std::nullopt;
}

/* Returns what the user may see of a stream table's entries. Remembers the last answer, because adjacent
 * entries are often of one stream table. */
class VisibilityCache {
  public:
    struct Visibility {
        bool may_see, may_see_texts;
    };
    Visibility operator()(Oid relid)
    {
        if (relid != last_) {
            last_ = relid;
            visibility_ = call([=]() -> Visibility {
                if (!definition::is_stream_table(relid))
                    return {false, false};
                return {may_see(relid), definition::may_see_texts(relid)};
            });
        }
        return visibility_;
    }

  private:
    Oid last_ = InvalidOid;
    Visibility visibility_ = {false, false};
};

/* Returns the newest entries first. If the user may not see all stream tables, the history is read for each
 * visible one, because the history of the others may be long. */
std::vector<catalog::Refresh> timeline(const std::map<Oid, StreamTableInfo> &visible, bool are_all_visible,
                                       int max_rows)
{
    std::vector<catalog::Refresh> found;
    if (!are_all_visible) {
        for (const auto &[relid, seen] : visible)
            for (catalog::Refresh &refresh : catalog::read_history(relid, max_rows))
                found.push_back(std::move(refresh));
    } else {
        /* The history includes dropped stream tables, too. */
        catalog::each_refresh(InvalidOid, max_rows > 0 ? INT64_MAX : 0, [&](const catalog::Refresh &refresh) {
            if (visible.count(refresh.relid) != 0)
                found.push_back(refresh);
            return found.size() < static_cast<size_t>(max_rows);
        });
    }
    std::sort(found.begin(), found.end(),
              [](const catalog::Refresh &a, const catalog::Refresh &b) { return a.refresh_id > b.refresh_id; });
    if (found.size() > static_cast<size_t>(max_rows))
        found.resize(max_rows);
    return found;
}

/* Adds refreshes in progress that take long: fills and full refreshes. Such a refresh has no number before it
 * ends. */
void add_running(Rows &rows, VisibilityCache &visibility_of)
{
    for (const mailbox::ProgressSeen &seen : mailbox::progress_seen()) {
        if (seen.database != MyDatabaseId || !visibility_of(seen.relid).may_see)
            continue;
        rows.null().number(seen.relid).null().time(seen.started_at).null().text("FULL");
        rows.null().null().null().null().null().text("RUNNING").null().null().add();
    }
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_refresh_history_rows)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    VisibilityCache visibility_of;
    add_running(rows, visibility_of);
    catalog::each_refresh(InvalidOid, INT64_MAX, [&](const catalog::Refresh &refresh) {
        VisibilityCache::Visibility visibility = visibility_of(refresh.relid);
        if (!visibility.may_see)
            return true;
        rows.number(refresh.refresh_id).number(refresh.relid).time(refresh.data_timestamp);
        rows.time(refresh.started_at).time(refresh.ended_at).text(name_of(refresh.action));
        rows.number(refresh.rows_inserted).number(refresh.rows_deleted).number(refresh.delta_rows);
        rows.boolean(refresh.was_full_fallback).text(text_if(visibility.may_see_texts, refresh.error_message));
        rows.text(name_of(refresh.status)).text(name_of(refresh.initiated_by));
        rows.text(text_if(visibility.may_see_texts, refresh.reason)).add();
        return true;
    });
    return 0;
}

SQL_FUNCTION(pgtrickle_get_refresh_history)
{
    using namespace pgtrickle;
    std::string name = required_text(fcinfo, 0, "name");
    const int max_rows = max_rows_argument(fcinfo, 1);
    Oid relid = call([&] { return visible_stream_table(name.c_str()); });
    bool with_texts = call([=] { return definition::may_see_texts(relid); });
    Rows rows(fcinfo);
    catalog::each_refresh(relid, max_rows, [&](const catalog::Refresh &refresh) {
        rows.number(refresh.refresh_id).time(refresh.data_timestamp).time(refresh.started_at).time(refresh.ended_at);
        rows.text(name_of(refresh.action))
            .text(name_of(refresh.status))
            .number(refresh.rows_inserted)
            .number(refresh.rows_deleted);
        rows.real(static_cast<double>(refresh.ended_at - refresh.started_at) / 1000.0);
        rows.text(text_if(with_texts, refresh.error_message)).add();
        return true;
    });
    return 0;
}

SQL_FUNCTION(pgtrickle_refresh_timeline)
{
    using namespace pgtrickle;
    const int max_rows = max_rows_argument(fcinfo, 0);
    Rows rows(fcinfo);
    std::map<Oid, StreamTableInfo> visible;
    bool are_all_visible = true;
    for (StreamTableInfo &seen : all_stream_tables()) {
        are_all_visible &= seen.may_see;
        if (seen.may_see)
            visible.emplace(seen.definition.relid, std::move(seen));
    }
    for (const catalog::Refresh &refresh : timeline(visible, are_all_visible, max_rows)) {
        const StreamTableInfo &seen = visible[refresh.relid];
        rows.text(seen.definition.schema_name).text(seen.definition.name).time(refresh.started_at);
        rows.time(refresh.ended_at)
            .text(name_of(refresh.action))
            .text(name_of(refresh.status))
            .text(name_of(refresh.initiated_by));
        rows.number(refresh.rows_inserted).number(refresh.rows_deleted).number(refresh.delta_rows);
        rows.real(static_cast<double>(refresh.ended_at - refresh.started_at) / 1000.0);
        rows.text(text_if(seen.may_see_texts, refresh.error_message)).add();
    }
    return 0;
}
