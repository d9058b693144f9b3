/*
 * The projection of the known definitions into the catalog, for monitoring from other databases, and the
 * back-offs that the catalog has recorded for tasks.
 *
 * Owns whether and when the projection must be written. The loop calls it in each cycle; JobResults reports a
 * catalog that was created again. Runs no SQL. C++ frames.
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

    /* Requests a write after definitions were read. */
    void request() { is_due_ = true; }
    /* Records that the catalog was removed or damaged, and was created again. */
    void record_new_catalog() { is_catalog_new_ = true; }

    void write_if_catalog_is_new();
    void write_if_due();
    std::optional<TimestampTz> next_at() const;
    void forget_pauses(TimestampTz now) { write_after_ = std::min(write_after_, now); }

  private:
    void write();

    Definitions &definitions_;
    Tasks &tasks_;
    bool is_due_ = false; /* known definitions are not in the catalog yet */
    TimestampTz write_after_ = 0;
    bool is_catalog_new_ = false;
    bool is_written_ = true; /* the last write succeeded */
};

} // namespace pgtrickle::worker
