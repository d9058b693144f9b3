/*
 * A statement of a program, planned once and kept: the plan and its text, and nothing of what it was made from, which takes
 * twice as much memory. PostgreSQL's own cache keeps that to plan again when something has changed; whoever keeps one
 * of these has the statement made anew.
 *
 * Neither its text nor its plan depends on what the session has set: it is analyzed under the text settings,
 * and planned as if nothing had been disabled, however many relations it joins.
 *
 * It goes out of use as soon as an invalidation arrives of anything that its query or its plan depends on: relations
 * (partitions and indexes by theirs), functions, types, operators. With the locks on all its relations taken
 * (lock()) and is_usable() after that it may be run: nobody can change them until the transaction ends.
 *
 * C++ frames; they throw PgError. Statements may read the relations in memory of the current Connection.
 */
#pragma once

#include "pg/internal_query.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
}

#include <memory>
#include <string>

namespace pgtrickle::refresh {

/* What a statement starts from. */
enum class Driver { few_rows, whole_sources };

struct Prepared; /* kept_plan.cpp */

class KeptPlan {
  public:
    KeptPlan();
    KeptPlan(KeptPlan &&other) noexcept;
    KeptPlan &operator=(KeptPlan &&other) noexcept;
    ~KeptPlan();

    /* False until it is prepared, and when what it was made from has changed. */
    bool is_usable() const;
    /* All that it reads, until the transaction ends, as the executor wants it. */
    void lock() const;
    PlannedStmt *statement() const;
    const char *text() const;
    /* Of its memory context. */
    size_t bytes() const;

    /* Both are prepared with the rights of the current user, the owner of the stream table in a security-restricted
     * operation: to plan a statement calls functions of the query. */

    /* A statement of a program, with the parts of its query. Privileges on relations are not checked:
     * check_privileges() does that. */
    static KeptPlan of_our_statement(const std::string &sql, const QueryParts &parts, Driver driver);
    /* A defining query, `sql` being its text for errors. All privileges are checked. */
    static KeptPlan of_query(const Query *query, const std::string &sql);

  private:
    std::unique_ptr<Prepared> prepared_;
};

/* Registers the invalidation callbacks; called once, by _PG_init. */
void watch_plans();

} // namespace pgtrickle::refresh
