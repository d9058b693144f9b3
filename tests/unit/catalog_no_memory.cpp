/*
 * Fails each allocation of C++ in turn, in each thing that a connection does. Whichever fails, run() and the others
 * return, no lock is left behind, and the catalog is whole.
 */
#include "tests/unit/catalog_fixture.hpp"

#include <functional>
#include <new>

namespace {
long until_failure = -1; /* allocations; negative: none fails */
}

void *operator new(std::size_t size)
{
    void *bytes = until_failure >= 0 && until_failure-- == 0 ? nullptr : std::malloc(size > 0 ? size : 1);
    if (bytes == nullptr)
        throw std::bad_alloc();
    return bytes;
}
void operator delete(void *bytes) noexcept
{
    std::free(bytes);
}
void operator delete(void *bytes, std::size_t) noexcept
{
    std::free(bytes);
}

namespace {

/* While it lasts, no allocation fails, and none is counted. */
class Spared {
  public:
    Spared() { begin(); }
    ~Spared() { end(); }
    void begin()
    {
        if (!is_begun_)
            std::swap(left_, until_failure);
        is_begun_ = true;
    }
    void end()
    {
        if (is_begun_)
            std::swap(left_, until_failure);
        is_begun_ = false;
    }

  private:
    long left_ = -1;
    bool is_begun_ = false;
};

class CatalogWithoutMemory : public Catalog {
  protected:
    /* Calls `prepare` and then `act`, in which one allocation fails, for each of its allocations. */
    void fail_each(const std::function<void(Database &)> &prepare, const std::function<void(Database &)> &act)
    {
        bool has_failed = true;
        for (long allocation = 0; has_failed; allocation++) {
            fs::remove_all(folder);
            Database catalog(folder);
            prepare(catalog);
            until_failure = allocation;
            EXPECT_NO_THROW(act(catalog)) << "allocation " << allocation;
            has_failed = until_failure < 0;
            until_failure = -1;
            Database other(folder);
            EXPECT_TRUE(append(other, 8)) << "allocation " << allocation << ": " << other.failure();
            EXPECT_TRUE(append(catalog, 9)) << "allocation " << allocation << ": " << catalog.failure();
            EXPECT_GE(count(other), 1u); /* a file that is made anew may have lost the first */
            ASSERT_LT(allocation, 100'000) << "no end";
        }
    }
    static void append_one(Database &catalog) { (void)append(catalog, 7); }
};

TEST_F(CatalogWithoutMemory, opening)
{
    fail_each([](Database &) {}, append_one);
}

TEST_F(CatalogWithoutMemory, writing)
{
    fail_each(append_one, append_one);
}

TEST_F(CatalogWithoutMemory, writing_with_new_statements)
{
    fail_each([](Database &catalog) { (void)catalog.run([](Database &) {}); }, append_one);
}

TEST_F(CatalogWithoutMemory, reading)
{
    fail_each(append_one,
              [](Database &catalog) { (void)catalog.read([](Database &c) { (void)history_of(c, 1, 0, 10); }); });
}

TEST_F(CatalogWithoutMemory, moving_the_log)
{
    fail_each(append_one, [](Database &catalog) { catalog.checkpoint(true); });
}

TEST_F(CatalogWithoutMemory, continuing_the_log_in_new_files)
{
    fail_each(
        [](Database &catalog) {
            append_one(catalog);
            catalog.limit_log(0);
        },
        [this](Database &catalog) {
            Spared spared;
            Database reader(folder);
            (void)reader.read([&](Database &c) {
                (void)history_of(c, 1, 0, 10);
                append_one(catalog);
                spared.end();
                catalog.checkpoint(true);
                spared.begin();
            });
        });
}

TEST_F(CatalogWithoutMemory, replacing_a_damaged_file)
{
    fail_each(
        [this](Database &catalog) {
            append_one(catalog);
            catalog.checkpoint(true);
            overwrite("catalog.db", 0, std::string(2000, 'x'));
        },
        append_one);
}

TEST_F(CatalogWithoutMemory, replacing_a_removed_file)
{
    fail_each(
        [this](Database &catalog) {
            append_one(catalog);
            fs::remove(folder / "catalog.db");
        },
        append_one);
}

TEST_F(CatalogWithoutMemory, putting_a_file_of_a_later_release_aside)
{
    fail_each(
        [this](Database &catalog) {
            append_one(catalog);
            (void)catalog.run([](Database &c) { c.execute("PRAGMA user_version = 1000"); });
        },
        [this](Database &) {
            Spared spared;
            Database found(folder);
            spared.end();
            append_one(found);
        });
}

} // namespace
