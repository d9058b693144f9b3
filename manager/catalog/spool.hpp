/*
 * The spool: refreshes that could not be written to the catalog when they ended, because another process held
 * it locked.
 *
 * They are appended to pg_trickle/catalog.late, and the next process that writes to the catalog writes them
 * as well. No process waits for them, and none stays in the memory of a session that may be idle for hours.
 *
 *     catalog.late     is locked while rows are appended, or while it is renamed;
 *     catalog.taken    has the rows that are being written to the catalog, however long that takes. It is left over
 *                      if that fails, and its rows are the first to be written then. It is locked until its rows
 *                      are forgotten, which is after the commit: another process may write to the catalog before.
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

bool is_any_spooled(const std::string &folder);

/* Rows of the spool, oldest first; those that are appended meanwhile are not among them. Empty if another process has
 * such an object with rows. To be made by the process that may write to the catalog. */
class SpooledRefreshes {
  public:
    explicit SpooledRefreshes(const std::string &folder);
    ~SpooledRefreshes();
    SpooledRefreshes(const SpooledRefreshes &) = delete;
    SpooledRefreshes &operator=(const SpooledRefreshes &) = delete;

    const std::vector<SpooledRefresh> &rows() const { return rows_; }
    /* Removes the rows from the spool; to be called when they are in the catalog. */
    void forget();

  private:
    std::string taken_;
    int file_ = -1;
    std::vector<SpooledRefresh> rows_;
};

} // namespace pgtrickle::catalog
