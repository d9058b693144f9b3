/* Files of every version that was ever released, kept as text in catalog_versions/, must migrate to the
 * present one. */
#include "catalog/file/migrations.hpp"
#include "catalog/tables/tables.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sqlite3.h>
#include <sstream>

using namespace pgtrickle::catalog;
namespace fs = std::filesystem;

namespace {

const fs::path versions = fs::read_symlink("/proc/self/exe").parent_path() / "../../tests/unit/catalog_versions";

class Migrations : public testing::Test {
  protected:
    void SetUp() override
    {
        std::string pattern = fs::temp_directory_path() / "catalogXXXXXX";
        folder = mkdtemp(pattern.data());
    }
    void TearDown() override { fs::remove_all(folder); }

    void execute(const std::string &sql)
    {
        sqlite3 *connection = nullptr;
        ASSERT_EQ(sqlite3_open((folder / "catalog.db").c_str(), &connection), SQLITE_OK);
        char *message = nullptr;
        EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
        sqlite3_close(connection);
    }
    void make_version(int version)
    {
        std::stringstream text;
        text << std::ifstream(versions / (std::to_string(version) + ".sql")).rdbuf();
        ASSERT_NE(text.str(), "") << "no file of version " << version;
        execute(text.str());
    }
    static std::string value(Database &catalog, SqlLiteral sql)
    {
        std::string found;
        EXPECT_TRUE(catalog.run([&](Database &c) {
            Statement select = c.prepare(sql);
            found = select.step() ? select.text(0) : "nothing";
        })) << catalog.failure();
        return found;
    }
    static constexpr const char *whole_schema =
        "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name)";

    fs::path folder;
};

TEST_F(Migrations, a_file_of_version_1_arrives_with_its_rows)
{
    make_version(1);
    Database catalog(folder);
    EXPECT_EQ(value(catalog, "PRAGMA user_version"), std::to_string(schema_version()));
    EXPECT_EQ(value(catalog, "SELECT group_concat(relid || action || rows_inserted) FROM history"),
              "100FULL10,100DIFFERENTIAL2,101SKIP0");
    EXPECT_EQ(value(catalog, "SELECT statement FROM program"), "SELECT 1");
    EXPECT_EQ(value(catalog, "SELECT failures FROM back_off"), "3");
    Database fresh(folder / "fresh");
    EXPECT_EQ(value(catalog, whole_schema), value(fresh, whole_schema));
}

TEST_F(Migrations, what_version_1_has_in_its_history_is_counted)
{
    make_version(1);
    Database catalog(folder);
    std::vector<Statistics> rows;
    ASSERT_TRUE(catalog.run([&](Database &c) { rows = statistics_of(c, 5); })) << catalog.failure();
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0].action, RefreshAction::differential);
    EXPECT_EQ(rows[0].refreshes, 1);
    EXPECT_EQ(rows[0].rows_inserted, 2);
    EXPECT_EQ(rows[0].rows_deleted, 1);
    EXPECT_EQ(rows[0].delta_rows, 3);
    EXPECT_EQ(rows[0].total_us, 750);
    EXPECT_EQ(rows[0].last_us, 750);
    EXPECT_EQ(rows[0].chosen_at, 845000000000750);
    EXPECT_EQ(rows[1].action, RefreshAction::full);
    EXPECT_EQ(rows[1].chosen_at, 0);
    EXPECT_EQ(rows[2].failures, 1);
    EXPECT_EQ(rows[2].failed_at, 845000000100250);
    EXPECT_EQ(rows[2].error_message, "division by zero");
}

TEST_F(Migrations, the_first_step_is_what_version_1_was)
{
    make_version(1);
    Database old(folder / "first");
    std::string of_file;
    sqlite3 *connection = nullptr;
    sqlite3_open((folder / "catalog.db").c_str(), &connection);
    auto schema_of = [](sqlite3 *from) {
        sqlite3_stmt *select = nullptr;
        EXPECT_EQ(sqlite3_prepare_v2(from, whole_schema, -1, &select, nullptr), SQLITE_OK);
        EXPECT_EQ(sqlite3_step(select), SQLITE_ROW);
        std::string text = reinterpret_cast<const char *>(sqlite3_column_text(select, 0));
        sqlite3_finalize(select);
        return text;
    };
    of_file = schema_of(connection);
    sqlite3_close(connection);
    sqlite3_open(":memory:", &connection);
    EXPECT_EQ(sqlite3_exec(connection, migration_to(1), nullptr, nullptr, nullptr), SQLITE_OK);
    EXPECT_EQ(schema_of(connection), of_file);
    sqlite3_close(connection);
}

TEST_F(Migrations, names_and_times_are_for_people)
{
    make_version(1);
    Database catalog(folder);
    catalog.run([](Database &c) {
        write_registry(c, {7000000000000000001, 1, "shop"}, 5, {{100, 3, "public", "orders_by_day", "1m", "ACTIVE"}},
                       9);
    });
    EXPECT_EQ(value(catalog, "SELECT database || ' ' || stream_table || ' ' || started_at || ' ' || took_ms"
                             " FROM refresh_history WHERE action = 'DIFFERENTIAL'"),
              "shop public.orders_by_day 2026-10-11T02:13:20.000Z 0.75");
    EXPECT_EQ(
        value(catalog, "SELECT stream_table || ' ' || error_message FROM refresh_history WHERE status = 'FAILED'"),
        "relation 101 division by zero");
    EXPECT_EQ(value(catalog, "SELECT database || ' ' || stream_table || ' ' || schedule FROM stream_tables"),
              "shop public.orders_by_day 1m");
}

} // namespace
