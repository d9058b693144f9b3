/*
 * Makes each call that writes fail once, and then all calls from some call on: at any moment, the rows that
 * run() reports as written are there, those that it reports as not written are not, and the catalog works
 * once the disk does. The functions below take precedence over the C library's, for SQLite too.
 */
#include "catalog/spool.hpp"
#include "tests/unit/catalog_fixture.hpp"

#include <cerrno>
#include <dlfcn.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

struct Disk {
    long calls = 0;
    long fails_at = 0; /* number of the call that fails; 0: none */
    bool stays_broken = false;
    int error = ENOSPC;

    bool fails()
    {
        calls++;
        bool is_hit = fails_at != 0 && (stays_broken ? calls >= fails_at : calls == fails_at);
        if (is_hit)
            errno = error;
        return is_hit;
    }
};
Disk disk;

template <class Function> Function *next(const char *name)
{
    return reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name));
}

} // namespace

extern "C" {

ssize_t write(int file, const void *bytes, size_t size)
{
    static auto *real = next<ssize_t(int, const void *, size_t)>("write");
    return file > 2 && disk.fails() ? -1 : real(file, bytes, size);
}
ssize_t pwrite(int file, const void *bytes, size_t size, off_t at)
{
    static auto *real = next<ssize_t(int, const void *, size_t, off_t)>("pwrite");
    return disk.fails() ? -1 : real(file, bytes, size, at);
}
ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at)
{
    static auto *real = next<ssize_t(int, const void *, size_t, off64_t)>("pwrite64");
    return disk.fails() ? -1 : real(file, bytes, size, at);
}
int ftruncate64(int file, off64_t size) noexcept
{
    static auto *real = next<int(int, off64_t)>("ftruncate64");
    return disk.fails() ? -1 : real(file, size);
}
/* The test does not simulate a crash of the machine, so nothing is flushed. */
int fsync(int)
{
    return disk.fails() ? -1 : 0;
}
int fdatasync(int)
{
    return disk.fails() ? -1 : 0;
}
int rename(const char *from, const char *to) noexcept
{
    static auto *real = next<int(const char *, const char *)>("rename");
    return disk.fails() ? -1 : real(from, to);
}
}

namespace {

class BrokenDisk : public Catalog {
  protected:
    static bool append(Database &catalog)
    {
        Refresh refresh;
        refresh.relid = 7;
        refresh.action = RefreshAction::differential;
        refresh.status = RefreshStatus::completed;
        return catalog.run([&](Database &c) {
            write_history(c, 1, refresh);
            add_statistics(c, 1, refresh);
        });
    }
    /* Runs a catalog with the connections of two processes. Returns how many rows it reports as written. */
    size_t live(Database &catalog, Database &other)
    {
        size_t written = 0;
        for (int i = 0; i < 3; i++)
            written += append(i % 2 == 0 ? catalog : other) ? 1 : 0;
        catalog.checkpoint(true);
        for (int i = 0; i < 3; i++)
            written += append(i % 2 == 0 ? catalog : other) ? 1 : 0;
        return written;
    }

    /* Returns false when no call was left to fail. */
    bool is_survived(long fails_at, bool stays_broken, int error)
    {
        fs::path own = folder / std::to_string(fails_at);
        Database catalog(own);
        Database other(own);
        disk = {0, fails_at, stays_broken, error};
        size_t written = live(catalog, other);
        bool has_failed = disk.calls >= fails_at;
        disk = {};
        size_t found = count(catalog);
        bool is_renewed = !catalog.take_notice().empty() || !other.take_notice().empty();
        EXPECT_TRUE(is_renewed ? found <= written : found == written)
            << "call " << fails_at << ": " << found << " rows of " << written << (is_renewed ? ", renewed" : "");
        EXPECT_TRUE(append(catalog)) << "call " << fails_at << ": " << catalog.failure();
        EXPECT_TRUE(append(other)) << "call " << fails_at << ": " << other.failure();
        EXPECT_EQ(count(other), found + 2) << "call " << fails_at;
        fs::remove_all(own);
        return has_failed;
    }
    void break_each_call(bool stays_broken, int error)
    {
        long call = 1;
        while (is_survived(call, stays_broken, error))
            call++;
        EXPECT_GT(call, 30) << "so many calls were made at least";
    }
};

TEST_F(BrokenDisk, any_call_may_find_it_full)
{
    break_each_call(false, ENOSPC);
}

TEST_F(BrokenDisk, it_may_be_full_from_any_call_on)
{
    break_each_call(true, ENOSPC);
}

TEST_F(BrokenDisk, any_call_may_fail)
{
    break_each_call(false, EIO);
}

TEST_F(BrokenDisk, it_may_be_broken_from_any_call_on)
{
    break_each_call(true, EIO);
}

TEST_F(BrokenDisk, what_is_late_is_kept_or_not_but_never_half)
{
    Refresh refresh;
    refresh.relid = 7;
    for (long call = 1; call < 20; call++) {
        disk = {0, call, false, ENOSPC};
        size_t kept = 0;
        for (int i = 0; i < 5; i++)
            kept += append_to_spool(folder, {{1, refresh}, {1, refresh}}) ? 2 : 0;
        disk = {};
        SpooledRefreshes late(folder);
        EXPECT_EQ(late.rows().size(), kept) << call;
        late.forget();
    }
}

} // namespace
