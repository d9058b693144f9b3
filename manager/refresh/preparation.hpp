/*
 * A statement of a program, parsed and planned once and kept.
 *
 * Neither its text nor its plan depends on what the session has set: it is parsed under the text settings,
 * and planned as if nothing had been disabled, however many relations it joins.
 * C++ frames; they throw PgError. Within an SPI connection in which the relations in memory
 * that the statement reads are registered.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "executor/spi.h"
}

#include <string>

namespace pgtrickle::refresh {

/* What a statement starts from. */
enum class Driver { few_rows, whole_sources };

class KeptPlan {
  public:
    KeptPlan() = default;
    KeptPlan(KeptPlan &&other) noexcept : plan_(std::exchange(other.plan_, nullptr)) {}
    KeptPlan &operator=(KeptPlan &&other) noexcept
    {
        std::swap(plan_, other.plan_);
        return *this;
    }
    ~KeptPlan();

    /* False until it is prepared, and when what it was made from has changed. */
    bool is_usable() const;
    SPIPlanPtr get() const { return plan_; }
    /* Of its memory contexts. */
    size_t bytes() const;

    /* A statement of ours: it reads arrangements, and tables behind other people's views, in which
     * the owner has no rights; so it is parsed as superuser, without the checks of privileges
     * on relations, which check_privileges() makes instead. */
    static KeptPlan of_our_statement(const std::string &sql, Driver driver);
    /* A defining query: all privileges are checked, as the current user's. */
    static KeptPlan of_query(const std::string &sql);

  private:
    SPIPlanPtr plan_ = nullptr;
};

} // namespace pgtrickle::refresh
