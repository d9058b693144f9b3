/*
 * The environment of everything that is run for a stream table. OwnerScope: the owner's rights, the settings
 * recorded with the query, and a safe search_path. Running: the fact that a refresh is running or being compiled, so
 * that the extension's own hooks ignore its statements, and functions of users cannot change what it uses. Scope: both.
 * Undone by the destructor, or by transaction abort. C++ frames.
 */
#pragma once

#include "definition/definition.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "refresh/code/refused_code.hpp"

namespace pgtrickle::refresh {

class OwnerScope {
  public:
    explicit OwnerScope(const Definition &definition);
    OwnerScope(const OwnerScope &) = delete;
    OwnerScope &operator=(const OwnerScope &) = delete;

  private:
    CodeOf code_;
    AsOwner as_owner_;
};

class Running {
  public:
    Running();
    ~Running();
    Running(const Running &) = delete;
    Running &operator=(const Running &) = delete;
};

class Scope : OwnerScope, Running {
  public:
    explicit Scope(const Definition &definition);
};

/* As OwnerScope, for the query of an exact read (fdw/scan/exact_query.hpp). */
class ExactScope : OwnerScope {
  public:
    explicit ExactScope(const Definition &definition);
    ~ExactScope();
};

/* Whether this backend is running, or compiling, the statements of a refresh. */
bool is_running();
/* Whether this backend is running the query of an exact read. */
bool is_reading_exactly();

/* Raises 55006 while a refresh or the query of an exact read runs in this backend: its arrangements are incomplete and
 * its plans are in use, so nothing may be refreshed, created, altered or dropped, not even by a function of the
 * defining query. PostgreSQL frame. */
void require_none_running();

} // namespace pgtrickle::refresh
