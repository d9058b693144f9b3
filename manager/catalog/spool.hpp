/*
 * Refreshes that could not be written to the catalog when they ended, because somebody held it locked:
 * they go to the end of pg_trickle/catalog.late, and whoever writes to the catalog next takes them along.
 * Nobody waits, and nothing is left in the memory of a session that may be idle for hours.
 *
 * A crash of the machine may lose them, a crash between the commit that took them and forget() doubles
 * them. Pure C++; nothing throws but out of memory.
 */
#pragma once

#include "catalog/tables/history.hpp"

#include <string>
#include <vector>

namespace pgtrickle::catalog {

struct LateRefresh {
    uint32_t database = 0;
    Refresh refresh;
};

/* False if that is impossible too. */
bool keep_late(const std::string &folder, const std::vector<LateRefresh> &refreshes);

/* What was kept, oldest first; nobody else has it while this lives. Empty if there is nothing, or another process
 * is at it. */
class LateRefreshes {
  public:
    explicit LateRefreshes(const std::string &folder);
    ~LateRefreshes();
    LateRefreshes(const LateRefreshes &) = delete;
    LateRefreshes &operator=(const LateRefreshes &) = delete;

    const std::vector<LateRefresh> &rows() const { return rows_; }
    /* To be called when they are in the catalog. */
    void forget();

  private:
    std::string path_;
    int file_ = -1;
    std::vector<LateRefresh> rows_;
};

} // namespace pgtrickle::catalog
