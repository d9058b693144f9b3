/*
 * What surrounds everything a refresh runs of a stream table: its owner's rights, the
 * settings recorded with the query, and a safe search_path; and the fact that a refresh is
 * running, so that our own hooks leave its statements alone. Undone when it is destroyed,
 * or by transaction abort. C++ frames.
 */
#pragma once

#include "definition/definition.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"

namespace pgtrickle::refresh {

class Scope {
  public:
    explicit Scope(const Definition &definition);
    ~Scope();
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;

  private:
    AsOwner as_owner_;
};

/* Whether this backend is running the statements of a refresh. */
bool is_running();

/* Raises 55006 while a refresh runs in this backend: its arrangements are half done and its
 * plans are running, so nothing may be refreshed, created, altered or dropped, not by a
 * function of the defining query either. A PostgreSQL frame. */
void require_none_running();

} // namespace pgtrickle::refresh
