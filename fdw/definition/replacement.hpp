/*
 * Another query for a stream table, in one transaction and without an outage: its readers read the old rows until the
 * commit, its refreshes go on, and writers of the sources wait for nothing that the fill does.
 *
 *     ShareUpdateExclusive on the stream table     excludes other ALTERs, DROP and CREATE INDEX, but neither readers
 *                                                  nor refreshes of the old rows
 *       a successor is created, its sources are captured by an installer (capture/installer.hpp), and it is filled
 *       (setup/successor.hpp); then it applies what was committed during the fill, until that takes little time
 *     AccessExclusive (setup/patient_lock.hpp)        from here on readers wait, until the transaction ends
 *       PostgreSQL's ALTER FOREIGN TABLE; the successor takes over
 *       a refresh of the stream table with its atomic set: no reader has seen a later state of it, or of its set. If
 *       the set is held, the stream table is still brought as far as the old rows were, or the ALTER fails
 *
 * What is held during the fill beside ShareUpdateExclusive: the same lock on the old storage (no VACUUM, no DDL on its
 * indexes), AccessShare on the sources and their logs, and what the definition uses. Upstreams are read as they stand,
 * so their refreshes go on, too.
 *
 * A deadlock with another ALTER is impossible: the first lock conflicts with itself. A reader that waits for a refresh
 * is not in the way: an attempt to get AccessExclusive ends, and the refresh gets its lock.
 *
 * Under AccessExclusive the time goes with the changes of some milliseconds, except
 * - of a query without a program, whose last refresh is a fill. It is spared unless the old rows were refreshed after
 *   the beginning of its last fill, or it is in an atomic set or a refresh group;
 * - where a TRUNCATE of a source, or another marker, came last: the last refresh starts over.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "definition/shown_as.hpp"
#include "refresh/refresh.hpp"
#include "setup/successor.hpp"

#include <optional>

namespace pgtrickle {

class Replacement {
  public:
    /* Whether `relid`, whose rows another query is to replace, has readers to be spared, and `query` may be read at
     * present: it has rows, and this transaction has neither a fixed snapshot nor AccessExclusive already. */
    static bool is_possible(Oid relid, Query *query);

    /* Fills the successor. `query`, `text` and `mode` are as for redefine(); `options` are all that the stream table
     * is to have, `changes` those of its columns. */
    Replacement(Oid relid, Query *query, const std::string &text, RefreshMode mode,
                const std::vector<options::Option> &options, const definition::ColumnChanges &changes);
    Replacement(const Replacement &) = delete;
    Replacement &operator=(const Replacement &) = delete;

    /* Takes AccessExclusive on the stream table and its heaps. */
    void lock();
    /* To be called after the statement has been executed. */
    void take_over();

  private:
    void fill(const std::string &text, RefreshMode mode, const std::vector<options::Option> &options,
              const definition::ColumnChanges &changes);
    void fill_now();
    bool has_program() const;
    void catch_up();
    void follow_changes();

    Oid relid_;
    Query *query_;
    std::vector<translate::SourceRef> sources_;
    std::vector<state::MarkId> marks_;
    setup::Successor successor_;
    std::optional<definition::ShownAs> shown_;
    std::optional<storage::ShownNames> names_;
    std::optional<refresh::Outcome> filled_;
};

} // namespace pgtrickle
