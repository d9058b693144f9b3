/*
 * A statement of a program, planned once and kept: the plan and its text, but not the query from which it was
 * planned, which takes twice as much memory. PostgreSQL's plan cache keeps the query to plan it again after a
 * change; the owner of a KeptPlan prepares the statement again instead.
 *
 * Neither text nor plan depends on the session's settings: the statement is analyzed under the text settings,
 * and planned as if nothing had been disabled, however many relations it joins.
 *
 * A plan becomes unusable as soon as an invalidation arrives for anything that its query or the plan depends
 * on: relations (partitions and indexes through their relations), functions, types, operators. A plan may be
 * run if all its relations are locked (lock()) and is_usable() holds after that: no other transaction can
 * change them until this one ends. A plan has locked them when it has just been prepared, and is run whatever
 * invalidations arrive then, as by PostgreSQL's plan cache.
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

/* The input from which a statement starts. */
enum class Driver { changed_rows, many_changed_rows, whole_sources };

struct Prepared; /* defined in kept_plan.cpp */

class KeptPlan {
  public:
    KeptPlan();
    KeptPlan(KeptPlan &&other) noexcept;
    KeptPlan &operator=(KeptPlan &&other) noexcept;
    ~KeptPlan();

    /* Returns false until the plan is prepared, and after an object that it depends on has changed. */
    bool is_usable() const;
    /* Locks all relations that the plan reads, to the end of the transaction, in the modes that the executor
     * expects. */
    void lock() const;
    PlannedStmt *statement() const;
    const char *text() const;
    /* Size of the plan's memory context. */
    size_t bytes() const;

    /* Both functions prepare a plan with the rights of the current user, the owner of the stream table in a
     * security-restricted operation: planning a statement calls functions of the query. */

    /* Prepares a statement of a program, with the parts of its query. Privileges on relations are not
     * checked; check_privileges() does that. */
    static KeptPlan of_our_statement(const std::string &sql, const QueryParts &parts, Driver driver);
    /* Prepares a defining query; `sql` is its text for errors. All privileges are checked. */
    static KeptPlan of_query(const Query *query, const std::string &sql);

  private:
    std::unique_ptr<Prepared> prepared_;
};

/* Returns a plan, which is not kept, for the rows that are in memory now. Its cost is comparable with those of others
 * of this kind. */
PlannedStmt *plan_for_present_rows(Query *query);

/* Registers the invalidation callbacks; called once, by _PG_init(). */
void watch_plans();

} // namespace pgtrickle::refresh
