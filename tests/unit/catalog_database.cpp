#include "catalog/tables/retention.hpp"
#include "tests/unit/catalog_fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

namespace {

TEST_F(Catalog, keeps_what_is_written)
{
    Database catalog(folder / "new");
    EXPECT_TRUE(append(catalog, 7)) << catalog.failure();
    EXPECT_TRUE(append(catalog, 8));
    EXPECT_TRUE(catalog.take_is_new());
    Database other(folder / "new");
    std::vector<Refresh> rows;
    EXPECT_TRUE(other.run([&](Database &c) { rows = history_of(c, 1, 7, 10); }));
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].action, RefreshAction::differential);
    EXPECT_EQ(rows[0].ended_at, 350);
    EXPECT_FALSE(other.take_is_new());
    EXPECT_EQ(count(other), 2u);
}

TEST_F(Catalog, newest_history_comes_first_and_old_goes)
{
    Database catalog(folder);
    for (uint32_t relid = 1; relid <= 5; relid++)
        append(catalog, relid);
    std::vector<Refresh> rows;
    catalog.run([&](Database &c) { rows = history_of(c, 1, 0, 2); });
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].relid, 5u);
    catalog.run([&](Database &c) { prune_old(c, 350); });
    EXPECT_EQ(count(catalog), 5u);
    catalog.run([&](Database &c) { prune_old(c, 351); });
    EXPECT_EQ(count(catalog), 0u);
}

TEST_F(Catalog, comes_back_when_removed_while_open)
{
    Database catalog(folder);
    Database other(folder);
    append(catalog, 7);
    append(other, 7);
    fs::remove(folder / "catalog.db");
    EXPECT_TRUE(append(catalog, 8)) << catalog.failure();
    EXPECT_TRUE(append(other, 9)) << other.failure();
    EXPECT_EQ(count(catalog), 2u);
    EXPECT_TRUE(catalog.take_is_new());
}

TEST_F(Catalog, an_orphaned_log_is_not_replayed)
{
    {
        Database catalog(folder);
        append(catalog, 7);
    }
    ASSERT_TRUE(fs::exists(folder / "catalog.db-wal"));
    fs::remove(folder / "catalog.db");
    Database catalog(folder);
    EXPECT_EQ(count(catalog), 0u);
}

TEST_F(Catalog, a_closing_connection_to_a_removed_file_spares_the_new_one)
{
    auto old = std::make_unique<Database>(folder);
    append(*old, 7);
    fs::remove(folder / "catalog.db");
    Database catalog(folder);
    append(catalog, 8);
    old.reset();
    EXPECT_TRUE(append(catalog, 9));
    Database other(folder);
    EXPECT_EQ(count(other), 2u);
}

TEST_F(Catalog, is_made_anew_when_its_head_is_damaged)
{
    {
        Database catalog(folder);
        append(catalog, 7);
        catalog.checkpoint(true);
    }
    overwrite("catalog.db", 0, std::string(200, 'x'));
    fs::remove(folder / "catalog.db-wal");
    Database catalog(folder);
    EXPECT_TRUE(append(catalog, 8)) << catalog.failure();
    EXPECT_EQ(count(catalog), 1u);
}

TEST_F(Catalog, is_made_anew_when_a_page_is_damaged_under_an_open_connection)
{
    Database writer(folder);
    for (uint32_t relid = 0; relid < 500; relid++)
        append(writer, relid);
    writer.checkpoint(true);
    size_t size = fs::file_size(folder / "catalog.db");
    for (size_t at = 4096; at < size; at += 4096)
        overwrite("catalog.db", at, std::string(4096, '\xa5'));
    fs::resize_file(folder / "catalog.db-wal", 0);
    Database catalog(folder);
    EXPECT_TRUE(append(catalog, 8)) << catalog.failure();
    EXPECT_EQ(count(catalog), 1u);
    EXPECT_TRUE(append(writer, 9)) << writer.failure();
    EXPECT_EQ(count(catalog), 2u);
}

TEST_F(Catalog, is_made_anew_when_a_table_is_gone)
{
    Database catalog(folder);
    append(catalog, 7);
    catalog.run([](Database &c) { c.execute("DROP TABLE history"); });
    EXPECT_TRUE(append(catalog, 8)) << catalog.failure();
    EXPECT_EQ(count(catalog), 1u);
}

TEST_F(Catalog, fails_quietly_where_it_cannot_be)
{
    std::ofstream(folder / "file") << "not a folder";
    Database catalog(folder / "file");
    EXPECT_FALSE(append(catalog, 7));
    EXPECT_NE(catalog.failure(), "");
    fs::remove(folder / "file");
    EXPECT_TRUE(append(catalog, 7));
}

TEST_F(Catalog, many_processes_write_at_once_while_it_is_removed)
{
    constexpr int processes = 4;
    constexpr int each = 100;
    pid_t children[processes];
    for (pid_t &child : children) {
        child = fork();
        if (child == 0) {
            Database catalog(folder);
            int written = 0;
            for (int i = 0; i < each; i++)
                if (append_patiently(catalog, 1))
                    written++;
                else
                    std::fprintf(stderr, "%s\n", catalog.failure().c_str());
            _exit(written == each ? 0 : 1);
        }
    }
    /* Twice, because a write that finds the file missing three times gives up. */
    for (int i = 0; i < 2; i++) {
        usleep(5000);
        fs::remove(folder / "catalog.db");
    }
    for (pid_t child : children) {
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_EQ(WEXITSTATUS(status), 0);
    }
    Database catalog(folder);
    size_t before = count(catalog);
    EXPECT_TRUE(append(catalog, 2));
    EXPECT_EQ(count(catalog), before + 1);
}

TEST_F(Catalog, many_processes_lose_nothing)
{
    constexpr int processes = 10;
    constexpr int each = 300;
    pid_t children[processes];
    for (pid_t &child : children) {
        child = fork();
        if (child == 0) {
            Database catalog(folder);
            catalog.checkpoint_after(500);
            for (int i = 0; i < each; i++) {
                if (!append_patiently(catalog, 1))
                    _exit(1);
            }
            _exit(0);
        }
    }
    for (pid_t child : children) {
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_EQ(WEXITSTATUS(status), 0);
    }
    Database catalog(folder);
    EXPECT_EQ(count(catalog), static_cast<size_t>(processes * each));
}

TEST_F(Catalog, registers_stream_tables_of_this_cluster_only)
{
    Database catalog(folder);
    catalog.run([](Database &c) {
        write_registry(c, {11, 1}, 5, {{100, 3, "public", "a", "1s", "ACTIVE"}}, 77);
        write_registry(c, {11, 1}, 6, {}, 77);
        write_graph(c, 5, {{100, 9, false}, {101, 100, true}});
    });
    std::vector<KnownDatabase> known;
    std::vector<Registered> rows;
    std::vector<Edge> edges;
    catalog.run([&](Database &c) { known = known_databases(c, {11, 1}); });
    ASSERT_EQ(known.size(), 2u);
    EXPECT_EQ(known[0].stream_tables, 1);
    catalog.run([&](Database &c) { known = known_databases(c, {11, 2}); });
    EXPECT_EQ(known.size(), 0u);
    catalog.run([&](Database &c) { rows = registry_of(c, 5); });
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].name, "a");
    catalog.run([&](Database &c) { EXPECT_FALSE(forget_some(c, 5)); });
    catalog.run([&](Database &c) { known = known_databases(c, {11, 1}); });
    EXPECT_EQ(known.size(), 1u);
    catalog.run([&](Database &c) { edges = graph_of(c, 5); });
    EXPECT_EQ(edges.size(), 0u);
}

TEST_F(Catalog, keeps_programs_and_back_off)
{
    Database catalog(folder);
    std::vector<ProgramStatement> program = {{"delta", "SELECT 1"}, {"full", "SELECT 2"}};
    catalog.run([&](Database &c) {
        write_program(c, 5, 100, 3, program);
        write_back_off(c, 5, {100, 3, 2, 900});
        write_back_off(c, 5, {101, 3, 1, 900});
        write_back_off(c, 5, {101, 3, 0, 0});
    });
    catalog.run([&](Database &c) {
        EXPECT_EQ(program_of(c, 5, 100, 3), program);
        EXPECT_TRUE(program_of(c, 5, 100, 4).empty());
        EXPECT_EQ(back_offs_of(c, 5).size(), 1u);
    });
}

Statistics statistics_of_one(Database &catalog, uint32_t relid)
{
    std::vector<Statistics> rows;
    EXPECT_TRUE(catalog.run([&](Database &c) { rows = statistics_of(c, 1); })) << catalog.failure();
    for (const Statistics &row : rows)
        if (row.relid == relid)
            return row;
    return {};
}

void refreshed(Database &catalog, uint32_t relid, RefreshStatus status, int64_t ended_at, InitiatedBy initiated_by)
{
    Refresh refresh;
    refresh.relid = relid;
    refresh.action = RefreshAction::full;
    refresh.status = status;
    refresh.initiated_by = initiated_by;
    refresh.started_at = 100;
    refresh.ended_at = ended_at;
    refresh.rows_inserted = 3;
    refresh.error_message = status == RefreshStatus::failed ? "no" : "";
    catalog.run([&](Database &c) {
        write_history(c, 1, refresh);
        add_statistics(c, 1, refresh);
    });
}

void expect_counted(const Statistics &counted)
{
    EXPECT_EQ(counted.refreshes, 2);
    EXPECT_EQ(counted.failures, 1);
    EXPECT_EQ(counted.rows_inserted, 6);
    EXPECT_EQ(counted.total_us, 50 + 200);
    EXPECT_EQ(counted.max_us, 200);
    EXPECT_EQ(counted.last_us, 200);
    EXPECT_EQ(counted.first_at, 150);
    EXPECT_EQ(counted.completed_at, 300);
    EXPECT_EQ(counted.chosen_at, 300);
    EXPECT_EQ(counted.failed_at, 900);
    EXPECT_EQ(counted.error_message, "no");
}

TEST_F(Catalog, counts_what_the_history_forgets)
{
    Database catalog(folder);
    refreshed(catalog, 7, RefreshStatus::completed, 150, InitiatedBy::initial);
    EXPECT_EQ(statistics_of_one(catalog, 7).chosen_at, 0);
    refreshed(catalog, 7, RefreshStatus::completed, 300, InitiatedBy::manual);
    refreshed(catalog, 7, RefreshStatus::failed, 900, InitiatedBy::scan);
    catalog.run([](Database &c) { prune_old(c, 1000); });
    expect_counted(statistics_of_one(catalog, 7));
}

TEST_F(Catalog, forgets_what_dropped_stream_tables_did)
{
    Database catalog(folder);
    refreshed(catalog, 7, RefreshStatus::completed, 150, InitiatedBy::manual);
    refreshed(catalog, 8, RefreshStatus::completed, 150, InitiatedBy::manual);
    refreshed(catalog, 9, RefreshStatus::completed, 500, InitiatedBy::manual);
    catalog.run([](Database &c) {
        write_registry(c, {11, 1}, 1, {{8, 1, "public", "a", "1s", "ACTIVE"}}, 77);
        write_program(c, 1, 7, 1, {{"full", "SELECT 1"}});
        write_program(c, 1, 8, 1, {{"full", "SELECT 1"}});
        prune_statistics(c, 1, 400);
        EXPECT_TRUE(program_of(c, 1, 7, 1).empty());
        EXPECT_EQ(program_of(c, 1, 8, 1).size(), 1U);
    });
    EXPECT_EQ(statistics_of_one(catalog, 7).refreshes, 0);
    EXPECT_EQ(statistics_of_one(catalog, 8).refreshes, 1);
    EXPECT_EQ(statistics_of_one(catalog, 9).refreshes, 1);
}

Refresh measured(uint32_t relid, int64_t generation, pgtrickle::scheduler::RefreshKind way, double took_us)
{
    Refresh refresh;
    refresh.relid = relid;
    refresh.generation = generation;
    refresh.measured.push_back(
        {way, {5000, {{16, 70}, {4000000000, 1}}}, took_us, 12, way == pgtrickle::scheduler::RefreshKind::delta});
    return refresh;
}

std::vector<pgtrickle::scheduler::Measured> all_measured(Database &catalog, uint32_t relid, int64_t generation)
{
    std::vector<pgtrickle::scheduler::Measured> rows;
    EXPECT_TRUE(catalog.run([&](Database &c) { rows = measured_of(c, 1, relid, generation); })) << catalog.failure();
    return rows;
}

TEST_F(Catalog, keeps_what_the_latest_refreshes_of_each_way_took)
{
    using pgtrickle::scheduler::RefreshKind;
    Database catalog(folder);
    catalog.run([](Database &c) {
        add_measured(c, 1, measured(7, 3, RefreshKind::fill, 900));
        for (int i = 1; i <= 30; i++)
            add_measured(c, 1, measured(7, 3, RefreshKind::delta, i));
        add_measured(c, 1, measured(7, 3, RefreshKind::full, 500));
        add_measured(c, 1, measured(8, 3, RefreshKind::full, 400));
        add_measured(c, 2, measured(7, 3, RefreshKind::full, 400));
    });
    std::vector<pgtrickle::scheduler::Measured> rows = all_measured(catalog, 7, 3);
    ASSERT_EQ(rows.size(), 2u + pgtrickle::scheduler::most_measured);
    EXPECT_EQ(rows.front().way, RefreshKind::fill);
    EXPECT_EQ(rows.front().number, 1);
    EXPECT_EQ(rows[1].took_us, 31 - pgtrickle::scheduler::most_measured);
    EXPECT_TRUE(rows[1].is_given_up);
    EXPECT_EQ(rows.back().way, RefreshKind::full);
    EXPECT_EQ(rows.back().number, 32);
    EXPECT_EQ(rows.back().took_us, 500);
    EXPECT_EQ(rows.back().trial_us, 12);
    EXPECT_EQ(rows.back().work.base_rows, 5000);
    EXPECT_EQ(rows.back().work.changes, (std::vector<pgtrickle::scheduler::ChangedRows>{{16, 70}, {4000000000, 1}}));
    catalog.run([](Database &c) { add_measured(c, 1, measured(7, 4, RefreshKind::full, 1)); });
    EXPECT_EQ(all_measured(catalog, 7, 3).size(), 0u) << "of a definition that is no more";
    EXPECT_EQ(all_measured(catalog, 7, 4).size(), 1u);
}

} // namespace
