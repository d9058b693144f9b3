/* A catalog in a folder of its own, removed at the end; and rows in place of those that refreshes write there. */
#pragma once

#include "catalog/tables/tables.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

using namespace pgtrickle::catalog;
namespace fs = std::filesystem;

class Catalog : public testing::Test {
  protected:
    void SetUp() override
    {
        std::string pattern = fs::temp_directory_path() / "catalogXXXXXX";
        folder = mkdtemp(pattern.data());
    }
    void TearDown() override { fs::remove_all(folder); }

    static bool append(Database &catalog, uint32_t relid)
    {
        Refresh refresh;
        refresh.relid = relid;
        refresh.action = RefreshAction::differential;
        refresh.status = RefreshStatus::completed;
        refresh.started_at = 100;
        refresh.ended_at = 350;
        refresh.delta_rows = 4;
        return catalog.run([&](Database &c) {
            write_history(c, 1, refresh);
            add_measured(c, 1, refresh);
        });
    }
    /* On a busy machine another process may hold the file for longer than one attempt waits, and the next attempts
       of this process then do not wait at all: the rows are reported as not written. */
    static bool append_patiently(Database &catalog, uint32_t relid)
    {
        for (int tries = 0; tries < 3000; tries++) {
            if (append(catalog, relid))
                return true;
            if (!catalog.is_busy())
                return false;
            usleep(10000);
        }
        return false;
    }
    static size_t count(Database &catalog)
    {
        std::vector<Refresh> rows;
        EXPECT_TRUE(catalog.read([&](Database &c) { rows = history_of(c, 1, 0, 1 << 20); })) << catalog.failure();
        return rows.size();
    }
    void overwrite(const char *name, size_t at, const std::string &bytes) const
    {
        std::fstream file(folder / name, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(at));
        file << bytes;
    }
    fs::path folder;
};
