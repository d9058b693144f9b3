/*
 * The spool: refreshes that could not be written to the catalog when they ended, because another process held
 * it locked.
 *
 * They are appended to pg_trickle/catalog.late, and the next process that writes to the catalog writes them
 * as well. No process waits for them, and none stays in the memory of a session that may be idle for hours.
 *
 * A crash of the machine may lose rows of the spool. A crash between the commit that stored them in the
 * catalog and forget() duplicates them. Pure C++; throws nothing but bad_alloc.
 */
#pragma once

#include "catalog/tables/history.hpp"

#include <string>
#include <vector>

namespace pgtrickle::catalog {

struct SpooledRefresh {
    uint32_t database = 0;
    Refresh refresh;
};

/* Appends `refreshes` to the spool; returns false if that fails. */
bool append_to_spool(const std::string &folder, const std::vector<SpooledRefresh> &refreshes);

/* The rows of the spool, oldest first, locked against other processes during the lifetime of the object.
 * Empty if there are none, or if another process holds the lock. */
class SpooledRefreshes {
  public:
    explicit SpooledRefreshes(const std::string &folder);
    ~SpooledRefreshes();
    SpooledRefreshes(const SpooledRefreshes &) = delete;
    SpooledRefreshes &operator=(const SpooledRefreshes &) = delete;

    const std::vector<SpooledRefresh> &rows() const { return rows_; }
    /* Empties the spool; to be called when the rows are in the catalog. */
    void forget();

  private:
    std::string path_;
    int file_ = -1;
    std::vector<SpooledRefresh> rows_;
};

} // namespace pgtrickle::catalog
