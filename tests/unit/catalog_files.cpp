/* Damage to the catalog's files while connections have them open. */
#include "catalog/file/migrations.hpp"
#include "tests/unit/catalog_fixture.hpp"

#include <chrono>
#include <sqlite3.h>

namespace {

/* Moves all content to the file itself, out of its log. */
void settle(Database &catalog)
{
    catalog.checkpoint(true);
}

TEST_F(Catalog, a_copy_over_the_open_file_is_noticed_and_taken_as_it_stands)
{
    Database catalog(folder);
    Database other(folder);
    append(catalog, 1);
    settle(catalog);
    fs::copy_file(folder / "catalog.db", folder / "older.db");
    for (uint32_t relid = 2; relid < 100; relid++)
        append(relid % 2 == 0 ? catalog : other, relid);
    catalog.take_is_new();
    EXPECT_EQ(catalog.take_notice(), "");
    fs::copy_file(folder / "older.db", folder / "catalog.db", fs::copy_options::overwrite_existing);
    EXPECT_TRUE(append(other, 100)) << other.failure();
    EXPECT_NE(other.take_notice().find("replaced"), std::string::npos);
    EXPECT_TRUE(other.take_is_new());
    EXPECT_TRUE(append(catalog, 101));
    EXPECT_EQ(catalog.take_notice(), "") << "one warning is enough";
    EXPECT_TRUE(catalog.take_is_new());
    EXPECT_EQ(count(catalog), 3u);
    EXPECT_EQ(count(other), 3u);
}

TEST_F(Catalog, an_older_copy_does_not_get_the_newer_ones_log)
{
    {
        Database catalog(folder);
        append(catalog, 1);
        settle(catalog);
        fs::copy_file(folder / "catalog.db", folder / "older.db");
        for (uint32_t relid = 2; relid < 100; relid++)
            append(catalog, relid);
        settle(catalog);
        append(catalog, 100);
    }
    fs::rename(folder / "older.db", folder / "catalog.db");
    Database catalog(folder);
    EXPECT_EQ(count(catalog), 1u);
    EXPECT_NE(catalog.take_notice().find("replaced"), std::string::npos);
    EXPECT_TRUE(append(catalog, 7));
    EXPECT_EQ(count(catalog), 2u);
}

TEST_F(Catalog, a_copy_of_a_whole_stopped_cluster_keeps_its_history)
{
    {
        Database catalog(folder / "from");
        append(catalog, 1);
        settle(catalog);
        append(catalog, 2);
    }
    ASSERT_EQ(std::system(("cp -a '" + (folder / "from").string() + "' '" + (folder / "to").string() + "'").c_str()),
              0);
    Database catalog(folder / "to");
    EXPECT_EQ(count(catalog), 2u);
    EXPECT_EQ(catalog.take_notice(), "");
}

TEST_F(Catalog, a_removed_log_or_index_is_noticed)
{
    for (const char *name : {"catalog.db-wal", "catalog.db-shm"}) {
        Database catalog(folder);
        Database other(folder);
        append(catalog, 1);
        append(other, 1);
        settle(catalog);
        size_t before = count(catalog);
        fs::remove(folder / name);
        EXPECT_TRUE(append(catalog, 2)) << name << catalog.failure();
        EXPECT_TRUE(append(other, 2)) << name << other.failure();
        EXPECT_NE(catalog.take_notice().find("removed"), std::string::npos) << name;
        EXPECT_EQ(count(catalog), before + 2) << name;
        EXPECT_EQ(count(other), before + 2) << name;
    }
}

TEST_F(Catalog, an_index_that_was_truncated_kills_nobody)
{
    Database catalog(folder);
    Database other(folder);
    append(catalog, 1);
    append(other, 1);
    fs::resize_file(folder / "catalog.db-shm", 0);
    EXPECT_TRUE(append(catalog, 2)) << catalog.failure();
    EXPECT_TRUE(append(other, 2)) << other.failure();
    EXPECT_EQ(count(catalog), 4u) << "the log tells what was committed";
}

TEST_F(Catalog, a_truncated_file_is_noticed)
{
    for (size_t size : {0, 100, 1024, 5000}) {
        fs::path own = folder / std::to_string(size);
        Database catalog(own);
        Database other(own);
        for (uint32_t relid = 1; relid < 100; relid++)
            append(catalog, relid);
        count(other);
        settle(catalog);
        fs::resize_file(own / "catalog.db", size);
        EXPECT_TRUE(append(catalog, 7)) << catalog.failure();
        EXPECT_EQ(count(other), 1u);
        EXPECT_TRUE(append(other, 7)) << other.failure();
        EXPECT_EQ(count(catalog), 2u);
        EXPECT_NE(catalog.take_notice(), "");
        EXPECT_EQ(other.take_notice(), "");
    }
}

TEST_F(Catalog, random_bytes_anywhere_do_not_stop_it)
{
    std::srand(17);
    for (int round = 0; round < 60; round++) {
        fs::path own = folder / std::to_string(round);
        Database catalog(own);
        Database other(own);
        for (uint32_t relid = 1; relid < 40; relid++)
            append(relid % 2 == 0 ? catalog : other, relid);
        if (round % 2 == 0)
            settle(catalog);
        const char *names[] = {"catalog.db", "catalog.db-wal", "catalog.db-shm"};
        fs::path name = own / names[round % 3];
        size_t size = fs::file_size(name);
        for (int i = 0; i < 50; i++) {
            std::string bytes(16, '\0');
            for (char &byte : bytes)
                byte = static_cast<char>(std::rand());
            std::fstream file(name, std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(static_cast<std::streamoff>(static_cast<size_t>(std::rand()) % (size - 16)));
            file << bytes;
        }
        EXPECT_TRUE(append(catalog, 7)) << round << catalog.failure();
        EXPECT_TRUE(append(other, 7)) << round << other.failure();
        count(catalog); /* it may find damage that the writers did not read */
        EXPECT_TRUE(append(other, 7));
        size_t before = count(catalog);
        EXPECT_GE(before, 1u) << round;
        EXPECT_TRUE(append(catalog, 7));
        EXPECT_EQ(count(other), before + 1) << round;
    }
}

TEST_F(Catalog, what_cannot_be_used_is_put_aside)
{
    fs::create_directory(folder / "catalog.db");
    std::ofstream(folder / "catalog.db" / "inside") << "kept";
    Database catalog(folder);
    EXPECT_TRUE(append(catalog, 7)) << catalog.failure();
    EXPECT_NE(catalog.take_notice().find("catalog.db.unusable"), std::string::npos);
    EXPECT_TRUE(fs::exists(folder / "catalog.db.unusable" / "inside"));
    fs::remove(folder / "catalog.db");
    fs::create_directory(folder / "catalog.db");
    std::ofstream(folder / "catalog.db" / "inside") << "kept too";
    EXPECT_TRUE(append(catalog, 7)) << catalog.failure();
    EXPECT_NE(catalog.take_notice().find("catalog.db.unusable-2"), std::string::npos);
}

TEST_F(Catalog, a_link_to_nothing_is_put_aside)
{
    Database catalog(folder);
    append(catalog, 7);
    fs::remove(folder / "catalog.db");
    fs::create_symlink(folder / "not there" / "catalog.db", folder / "catalog.db");
    EXPECT_TRUE(append(catalog, 7)) << catalog.failure();
    EXPECT_NE(catalog.take_notice().find("kept as catalog.db.unusable"), std::string::npos);
    EXPECT_TRUE(fs::is_symlink(folder / "catalog.db.unusable"));
    EXPECT_EQ(count(catalog), 1u);
}

TEST_F(Catalog, what_is_in_the_way_of_its_log_or_index_is_removed)
{
    for (const char *name : {"catalog.db-wal", "catalog.db-shm"}) {
        fs::path own = folder / name;
        Database catalog(own);
        append(catalog, 1);
        settle(catalog);
        fs::remove(own / name);
        fs::create_directory(own / name);
        Database other(own);
        EXPECT_TRUE(append(other, 2)) << name << other.failure();
        EXPECT_NE(other.take_notice(), "") << name;
        EXPECT_TRUE(append(catalog, 2)) << name << catalog.failure();
        EXPECT_EQ(count(other), 3u) << name;
    }
}

TEST_F(Catalog, a_renewal_is_told_when_it_has_succeeded)
{
    Database catalog(folder);
    append(catalog, 1);
    settle(catalog);
    fs::create_directories(folder / "catalog.db.new" / "in the way");
    fs::resize_file(folder / "catalog.db", 0);
    for (int tries = 0; tries < 3; tries++) {
        EXPECT_FALSE(append(catalog, 2));
        EXPECT_EQ(catalog.take_notice(), "");
    }
    fs::remove_all(folder / "catalog.db.new");
    EXPECT_TRUE(append(catalog, 2)) << catalog.failure();
    EXPECT_NE(catalog.take_notice(), "");
    EXPECT_TRUE(append(catalog, 2));
    EXPECT_EQ(catalog.take_notice(), "");
}

TEST_F(Catalog, a_later_release_finds_its_file_again)
{
    {
        Database catalog(folder);
        append(catalog, 7);
        append(catalog, 7);
        catalog.run([](Database &c) { c.execute("PRAGMA user_version = 99"); });
    }
    Database catalog(folder);
    EXPECT_TRUE(append(catalog, 8)) << catalog.failure();
    EXPECT_EQ(count(catalog), 1u);
    EXPECT_NE(catalog.take_notice().find("kept as catalog.db.version-99"), std::string::npos);
    fs::create_directory(folder / "later");
    for (const char *suffix : {"", "-wal"})
        fs::rename(folder / ("catalog.db.version-99" + std::string(suffix)),
                   folder / "later" / ("catalog.db" + std::string(suffix)));
    sqlite3 *connection = nullptr;
    sqlite3_open((folder / "later" / "catalog.db").c_str(), &connection);
    sqlite3_exec(connection, ("PRAGMA user_version = " + std::to_string(schema_version())).c_str(), nullptr, nullptr,
                 nullptr);
    sqlite3_close(connection);
    Database later(folder / "later");
    EXPECT_EQ(count(later), 2u);
}

TEST_F(Catalog, a_lock_held_for_long_costs_its_patience_once)
{
    Database catalog(folder);
    append(catalog, 7);
    sqlite3 *connection = nullptr;
    sqlite3_open((folder / "catalog.db").c_str(), &connection);
    ASSERT_EQ(sqlite3_exec(connection, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    EXPECT_FALSE(append(catalog, 8));
    EXPECT_TRUE(catalog.is_busy());
    auto started = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; i++)
        EXPECT_FALSE(append(catalog, 8));
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(2)) << "20 times 200 ms are 4 s";
    EXPECT_EQ(count(catalog), 1u) << "reading goes on";
    sqlite3_exec(connection, "ROLLBACK", nullptr, nullptr, nullptr);
    EXPECT_TRUE(append(catalog, 8)) << catalog.failure();
    EXPECT_EQ(count(catalog), 2u);
    sqlite3_close(connection);
}

TEST_F(Catalog, the_log_is_bounded_also_while_somebody_reads)
{
    Database catalog(folder);
    catalog.checkpoint_after(200);
    append(catalog, 7);
    sqlite3 *connection = nullptr;
    sqlite3_open((folder / "catalog.db").c_str(), &connection);
    auto read = [&](const char *sql) { return sqlite3_exec(connection, sql, nullptr, nullptr, nullptr); };
    for (uint32_t i = 0; i < 500; i++)
        append(catalog, i);
    EXPECT_LT(fs::file_size(folder / "catalog.db-wal"), 400u * 1024) << "it starts over";
    ASSERT_EQ(read("BEGIN"), SQLITE_OK);
    ASSERT_EQ(read("SELECT count(*) FROM history"), SQLITE_OK);
    catalog.limit_log(1000);
    for (uint32_t i = 0; i < 500; i++)
        append(catalog, i);
    EXPECT_LT(fs::file_size(folder / "catalog.db-wal"), 1500u * 1024) << "it goes on in another file";
    EXPECT_EQ(read("SELECT count(*) FROM history; COMMIT"), SQLITE_OK);
    sqlite3_close(connection);
    EXPECT_EQ(count(catalog), 1001u);
    EXPECT_EQ(catalog.take_notice(), "");
}

} // namespace
