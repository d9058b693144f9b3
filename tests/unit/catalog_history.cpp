/* How much history is kept, and the handling of rows that cannot be written at once. */
#include "catalog/spool.hpp"
#include "catalog/tables/retention.hpp"
#include "catalog/tables/tables.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

using namespace pgtrickle::catalog;
namespace fs = std::filesystem;

namespace {

constexpr int64_t hour = 3'600'000'000;

Refresh refreshed(uint32_t relid, int64_t ended_at, RefreshStatus status = RefreshStatus::completed)
{
    Refresh refresh;
    refresh.relid = relid;
    refresh.started_at = ended_at - 250;
    refresh.ended_at = ended_at;
    refresh.action = RefreshAction::differential;
    refresh.status = status;
    refresh.initiated_by = InitiatedBy::scheduler;
    refresh.rows_inserted = 2;
    refresh.delta_rows = 3;
    refresh.error_message = refresh.status == RefreshStatus::failed ? "no" : "";
    return refresh;
}

class History : public testing::Test {
  protected:
    void SetUp() override
    {
        std::string pattern = fs::temp_directory_path() / "catalogXXXXXX";
        folder = mkdtemp(pattern.data());
        catalog = std::make_unique<Database>(folder);
    }
    void TearDown() override { fs::remove_all(folder); }

    void fill(uint32_t relid, int rows, int64_t from = hour)
    {
        ASSERT_TRUE(catalog->run([&](Database &c) {
            for (int i = 0; i < rows; i++)
                write_history(c, 1, refreshed(relid, from + i * 1000L));
        }));
    }
    int64_t value(SqlLiteral sql)
    {
        int64_t found = -1;
        EXPECT_TRUE(catalog->read([&](Database &c) {
            Statement select = c.prepare(sql);
            found = select.step() ? select.number(0) : -1;
        })) << catalog->failure();
        return found;
    }
    std::map<uint32_t, int64_t> rows_each()
    {
        std::map<uint32_t, int64_t> rows;
        catalog->read([&](Database &c) {
            Statement select = c.prepare("SELECT relid, count(*) FROM history GROUP BY relid");
            while (select.step())
                rows[static_cast<uint32_t>(select.number(0))] = select.number(1);
        });
        return rows;
    }
    void merge(const Retention &retention)
    {
        std::vector<Excess> excesses;
        catalog->read([&](Database &c) { excesses = excesses_of(c, retention); });
        batches = 0;
        for (bool has_more = !excesses.empty(); has_more; batches++)
            ASSERT_TRUE(catalog->run([&](Database &c) { has_more = merge_some(c, &excesses); }));
    }

    int batches = 0;
    fs::path folder;
    std::unique_ptr<Database> catalog;
};

TEST_F(History, what_is_too_old_goes_in_batches)
{
    fill(7, 2000);
    bool has_more = true;
    int batches = 0;
    for (; has_more; batches++)
        ASSERT_TRUE(catalog->run([&](Database &c) { has_more = prune_old(c, hour + 1'500'000); }));
    EXPECT_GT(batches, 5);
    EXPECT_EQ(value("SELECT count(*) FROM history"), 500);
    EXPECT_EQ(value("SELECT min(ended_at) FROM history"), hour + 1'500'000);
}

TEST_F(History, nothing_is_kept_for_no_time)
{
    fill(7, 10);
    fill(8, 10);
    catalog->run([&](Database &c) { prune_old(c, 2 * hour); });
    EXPECT_EQ(value("SELECT count(*) FROM history"), 0);
    fill(7, 1);
    EXPECT_EQ(value("SELECT min(refresh_id) FROM history"), 21) << "numbers are not given twice";
}

TEST_F(History, hours_go_when_they_are_over)
{
    fill(7, 2000);
    merge({.most_rows = 100, .least_each = 10});
    ASSERT_EQ(value("SELECT count(*) FROM history_hour"), 1);
    catalog->run([&](Database &c) { prune_old(c, 2 * hour); });
    EXPECT_EQ(value("SELECT count(*) FROM history_hour"), 1);
    while (value("SELECT count(*) FROM history") > 0)
        catalog->run([&](Database &c) { prune_old(c, 2 * hour + 1); });
    catalog->run([&](Database &c) { prune_old(c, 2 * hour + 1); });
    EXPECT_EQ(value("SELECT count(*) FROM history_hour"), 0);
}

TEST_F(History, few_rows_are_left_alone)
{
    fill(7, 900);
    fill(8, 100);
    merge({.most_rows = 1000, .least_each = 10});
    EXPECT_EQ(value("SELECT count(*) FROM history"), 1000);
    EXPECT_EQ(value("SELECT count(*) FROM history_hour"), 0);
}

TEST_F(History, the_busiest_are_merged_and_others_keep_theirs)
{
    fill(7, 3000);
    fill(8, 100);
    fill(9, 2000, 5 * hour);
    merge({.most_rows = 1000, .least_each = 10});
    std::map<uint32_t, int64_t> rows = rows_each();
    EXPECT_EQ(rows[8], 100);
    EXPECT_EQ(rows[7], 400);
    EXPECT_EQ(rows[9], 400);
    EXPECT_EQ(value("SELECT sum(refreshes) FROM history_hour") + value("SELECT count(*) FROM history"), 5100);
    EXPECT_EQ(value("SELECT sum(refreshes) FROM refresh_history_by_hour"), 5100);
    EXPECT_EQ(value("SELECT sum(rows_inserted) FROM refresh_history_by_hour"), 10200);
    EXPECT_EQ(value("SELECT sum(total_ms) FROM refresh_history_by_hour"), 5100 / 4);
    EXPECT_EQ(value("SELECT min(ended_at) FROM history WHERE relid = 7"), hour + 2600 * 1000) << "the oldest went";
}

TEST_F(History, none_is_cut_below_what_each_may_have)
{
    for (uint32_t relid = 1; relid <= 10; relid++)
        fill(relid, 300);
    merge({.most_rows = 1000, .least_each = 200});
    for (auto [relid, rows] : rows_each())
        EXPECT_EQ(rows, 200) << relid;
}

TEST_F(History, of_many_stream_tables_a_batch_takes_some_each)
{
    for (uint32_t relid = 1; relid <= 100; relid++)
        fill(relid, 25);
    merge({.most_rows = 2000, .least_each = 20});
    for (auto [relid, rows] : rows_each())
        EXPECT_EQ(rows, 20) << relid;
    EXPECT_EQ(value("SELECT sum(refreshes) FROM history_hour"), 500);
    EXPECT_LE(batches, 2);
}

TEST_F(History, what_is_gone_is_forgotten_in_batches)
{
    fill(7, 1000);
    merge({.most_rows = 100, .least_each = 10});
    fill(8, 1000);
    ASSERT_TRUE(catalog->run([&](Database &c) { write_history(c, 2, refreshed(7, hour)); }));
    bool has_more = true;
    int batches = 0;
    for (; has_more; batches++)
        ASSERT_TRUE(catalog->run([&](Database &c) { has_more = forget_some(c, 1); }));
    EXPECT_GT(batches, 3);
    EXPECT_EQ(value("SELECT count(*) FROM history"), 1);
    EXPECT_EQ(value("SELECT count(*) FROM history_hour"), 0);
}

TEST_F(History, dropped_stream_tables_share_a_limit)
{
    for (uint32_t relid : {7, 8, 9})
        fill(relid, 1000);
    ASSERT_TRUE(catalog->run([&](Database &c) {
        write_registry(c, {}, 1, {{8, 1, "public", "kept", "1s", "ACTIVE"}}, hour);
        write_history(c, 2, refreshed(7, hour)); /* of another database */
        prune_unregistered(c, 1, 100);
    }));
    EXPECT_EQ(value("SELECT count(*) FROM history WHERE relid = 7 AND database = 1"), 0);
    EXPECT_EQ(value("SELECT count(*) FROM history WHERE relid = 8"), 1000);
    EXPECT_EQ(value("SELECT count(*) FROM history WHERE relid = 9"), 100);
    EXPECT_EQ(value("SELECT min(refresh_id) FROM history WHERE relid = 9"), 2901);
    EXPECT_EQ(value("SELECT count(*) FROM history WHERE database = 2"), 1);
}

TEST_F(History, failures_are_merged_last)
{
    ASSERT_TRUE(catalog->run([&](Database &c) {
        for (int i = 0; i < 50; i++)
            write_history(c, 1, refreshed(7, hour + i, RefreshStatus::failed));
    }));
    fill(7, 3000);
    merge({.most_rows = 100, .least_each = 60});
    EXPECT_EQ(value("SELECT count(*) FROM history WHERE status = 'FAILED'"), 50);
    EXPECT_EQ(value("SELECT count(*) FROM history"), 90);
    merge({.most_rows = 20, .least_each = 5});
    EXPECT_EQ(value("SELECT count(*) FROM history"), 18);
    EXPECT_EQ(value("SELECT count(*) FROM history_hour WHERE status = 'FAILED' AND error_message = 'no'"), 1);
}

TEST_F(History, each_batch_merges_some_hundred_rows)
{
    fill(7, 20'000);
    merge({.most_rows = 1000, .least_each = 10});
    EXPECT_EQ(rows_each()[7], 900);
    EXPECT_GE(batches, 19'100 / 1000) << "a writer waits for one of them";
    EXPECT_LE(batches, 19'100 / 250) << "each one is a transaction";
}

TEST_F(History, what_is_late_comes_back_whole)
{
    Refresh failed = refreshed(7, hour, RefreshStatus::failed);
    failed.data_timestamp = 5;
    failed.was_full_fallback = true;
    failed.rows_deleted = 9;
    failed.error_message = std::string("a\nb\0c", 5);
    EXPECT_TRUE(append_to_spool(folder, {{1, failed}, {1, refreshed(8, hour)}}));
    EXPECT_TRUE(append_to_spool(folder, {{2, refreshed(9, hour)}}));
    {
        SpooledRefreshes late(folder);
        ASSERT_EQ(late.rows().size(), 3u);
        const Refresh &first = late.rows()[0].refresh;
        EXPECT_EQ(first.relid, 7u);
        EXPECT_EQ(first.data_timestamp, 5);
        EXPECT_EQ(first.started_at, hour - 250);
        EXPECT_EQ(first.ended_at, hour);
        EXPECT_EQ(first.action, RefreshAction::differential);
        EXPECT_EQ(first.status, RefreshStatus::failed);
        EXPECT_EQ(first.initiated_by, InitiatedBy::scheduler);
        EXPECT_EQ(first.rows_inserted, 2);
        EXPECT_EQ(first.rows_deleted, 9);
        EXPECT_EQ(first.delta_rows, 3);
        EXPECT_TRUE(first.was_full_fallback);
        EXPECT_EQ(first.error_message, failed.error_message);
        EXPECT_EQ(late.rows()[2].database, 2u);
        EXPECT_TRUE(append_to_spool(folder, {{3, refreshed(10, hour)}})) << "while it is being written";
        SpooledRefreshes other(folder);
        EXPECT_TRUE(other.rows().empty()) << "one at a time, also after its commit";
        other.forget();
    }
    SpooledRefreshes again(folder);
    EXPECT_EQ(again.rows().size(), 3u) << "not forgotten, so still there";
    again.forget();
    EXPECT_TRUE(is_any_spooled(folder));
    SpooledRefreshes last(folder);
    ASSERT_EQ(last.rows().size(), 1u);
    EXPECT_EQ(last.rows()[0].database, 3u);
    last.forget();
    EXPECT_FALSE(is_any_spooled(folder));
    EXPECT_TRUE(SpooledRefreshes(folder).rows().empty());
}

TEST_F(History, what_was_not_written_to_its_end_is_left_out)
{
    EXPECT_TRUE(append_to_spool(folder, {{1, refreshed(7, hour)}, {1, refreshed(8, hour)}}));
    uintmax_t size = fs::file_size(folder / "catalog.late");
    for (uintmax_t cut = size - 1; cut > 0; cut -= 7) {
        fs::resize_file(folder / (cut == size - 1 ? "catalog.late" : "catalog.taken"), cut);
        EXPECT_EQ(SpooledRefreshes(folder).rows().size(), cut >= size / 2 ? 1u : 0u) << cut;
        if (cut < 7)
            break;
    }
}

TEST_F(History, many_processes_are_late_at_once_while_rows_are_written)
{
    constexpr int processes = 8;
    constexpr int each = 1000;
    pid_t children[processes];
    for (pid_t &child : children) {
        child = fork();
        if (child == 0) {
            /* A process that the others leave no turn within the time limit is refused, and tries again. */
            for (int i = 0; i < each;)
                i += append_to_spool(folder, {{1, refreshed(7, hour)}});
            _exit(0);
        }
    }
    size_t written = 0;
    const auto write_some = [&] {
        SpooledRefreshes late(folder);
        written += late.rows().size();
        late.forget();
    };
    for (pid_t child : children) {
        int status = 0;
        while (waitpid(child, &status, WNOHANG) == 0)
            write_some();
        EXPECT_EQ(status, 0);
    }
    while (is_any_spooled(folder))
        write_some();
    EXPECT_EQ(written, static_cast<size_t>(processes * each));
}

} // namespace
