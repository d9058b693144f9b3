/*
 * The projection of the known definitions into the catalog, for monitoring from other databases, and the back-offs that the
 * catalog remembers for tasks.
 *
 * Owns whether and when it has to be written. The loop calls it in each cycle; JobResults reports a catalog that was made new.
 * Runs no SQL. C++ frames.
 */
#pragma once

#include "worker/manager/definitions.hpp"
#include "worker/manager/tasks.hpp"

#include <optional>

namespace pgtrickle::worker {

class CatalogProjection {
  public:
    CatalogProjection(Definitions &definitions, Tasks &tasks) : definitions_(definitions), tasks_(tasks) {}
    CatalogProjection(const CatalogProjection &) = delete;
    CatalogProjection &operator=(const CatalogProjection &) = delete;

    /* Definitions were read. */
    void request() { is_due_ = true; }
    /* The catalog was removed or damaged, and was made new. */
    void record_new_catalog() { is_catalog_new_ = true; }

    void write_if_catalog_is_new();
    void write_if_due();
    std::optional<TimestampTz> next_at() const;
    void forget_pauses(TimestampTz now) { write_after_ = std::min(write_after_, now); }

  private:
    void write();

    Definitions &definitions_;
    Tasks &tasks_;
    bool is_due_ = false; /* what is known is not in the catalog yet */
    TimestampTz write_after_ = 0;
    bool is_catalog_new_ = false;
    bool is_written_ = true; /* the catalog has what was to be written last */
};

} // namespace pgtrickle::worker
