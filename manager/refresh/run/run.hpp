/*
 * One run over the steps of a program: deltas in, arrangements changed, deltas out.
 *
 *     sources ─► deltas ─► step 0 ─► its delta ─► step 1 ─► … ─► storage ─► change log of the stream table
 *
 * Each step is applied before the next one's statement runs, and that statement sees it:
 * the engine's rules are written on new states.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "capture/source/frontier.hpp"
#include "capture/log/log.hpp"
#include "mailbox/progress.hpp"
#include "refresh/program/compiled.hpp"
#include "refresh/program/statement.hpp"
#include "scheduler/cost/cost_model.hpp"
#include "storage/apply/apply_groups.hpp"

#include <functional>

namespace pgtrickle::refresh {

/* AUTO: up to here, it is not worth while to count the keys that a delta touches. */
constexpr int64_t small_delta_rows = 1000;

enum class Applied { all, is_inconsistent, gave_up };

class Run {
  public:
    explicit Run(Compiled &compiled);

    using Logged = std::vector<scheduler::ChangedRows>;
    /* Reads what is new to `frontier` in the sources. Returns why it cannot be gone on from;
     * empty: it can. If it meets more than `most_unasked` rows of a source (0: no limit; no source may be a compared one)
     * it counts them all, and where `wants_full` says so reads no further: is_unread(), and replace_all() must follow. */
    std::string read_sources(const Frontier &frontier, int64_t most_unasked,
                             const std::function<bool(const Logged &)> &wants_full);
    bool is_unread() const { return is_unread_; }
    int64_t changed_rows() const { return changed_rows_; }
    /* What is left of them when they are summed per image, by source. */
    std::vector<scheduler::ChangedRows> net_changes_by_source() const;

    /* Unless all was applied, replace_all() must follow: an arrangement lost touch with its query, or
     * `time_limit_us` was over (0: it never is) while a statement delivered rows, or before one began. */
    Applied apply_deltas(int64_t time_limit_us = 0);
    /* Computes every arrangement from nothing and applies the difference. */
    void replace_all();
    /* Must be called last. */
    void finish();

    /* What it took so far to parse and plan statements, which are kept for later refreshes. */
    int64_t preparing_us() const { return preparing_us_; }

    /* Rows that appeared in and went from what users see. */
    int64_t inserted() const { return inserted_; }
    int64_t deleted() const { return deleted_; }

  private:
    struct Delta {
        engine::DeltaInput input;
        Tuplestorestate *rows;
        TupleDesc descriptor;
        int64_t count;
    };

    capture::Changes read_source(const CompiledSource &source, const Frontier &frontier, capture::Portion portion,
                                 Tuplestorestate *rows);
    Logged logged_changes(const Frontier &frontier);
    void sum_changes(Oid source, Delta *delta, const capture::Changes &changes);
    /* Copies of sources that tell no changes become what those are now, and the difference is a delta. */
    void compare_copies();
    uint64_t changed_inputs(const engine::Step &step) const;
    bool touches_most(int index, uint64_t changed);
    Applied apply_step(int index, uint64_t changed);
    bool apply_rows(int index, storage::Arrangement *arrangement, storage::DeltaSort *delta);
    bool apply_groups(int index, storage::Arrangement *arrangement, storage::DeltaSort *delta);
    bool recompute_touched(int index, storage::Arrangement *arrangement, const storage::Touched &touched);
    void replace_step(int index);
    void begin_emitting(int index);
    void end_emitting(int index);
    bool is_storage(int index) const;
    template <class Prepare> const KeptPlan &prepared(Prepare prepare);

    void run_counted(const KeptPlan &plan, DestReceiver *receiver, double rows_expected);

    Compiled &compiled_;
    mailbox::Progress *progress_ = nullptr; /* of replace_all(), while it runs */
    Connection connection_;
    capture::LogWriter *log_;
    std::vector<Delta> deltas_;
    storage::Emitter emitter_;
    int64_t changed_rows_ = 0;
    bool is_unread_ = false;
    int64_t preparing_us_ = 0;
    TimestampTz give_up_at_ = 0; /* 0: never */
    int64_t inserted_ = 0;
    int64_t deleted_ = 0;
};

} // namespace pgtrickle::refresh
