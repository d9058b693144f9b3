/*
 * One run over the steps of a program: deltas in, arrangements changed, deltas out.
 *
 *   sources ─► deltas ─► step 0 ─► its delta ─► step 1 ─► … ─► storage ─► change log of the stream table
 *
 * Each step is applied before the statement of the next step runs, and that statement sees it: the engine's
 * rules are written in terms of new states. C++ frames; they throw PgError.
 */
#pragma once

#include "capture/log/log.hpp"
#include "definition/state/frontier.hpp"
#include "mailbox/progress.hpp"
#include "refresh/program/compiled.hpp"
#include "refresh/program/statement.hpp"
#include "scheduler/cost/cost_model.hpp"
#include "storage/apply/apply_groups.hpp"
#include "storage/apply/replacements.hpp"

#include <functional>

namespace pgtrickle::refresh {

/* Up to this number of changed rows, AUTO does not count the keys that a delta touches, since counting costs
 * more than it saves. */
constexpr int64_t small_delta_rows = 1000;

enum class Applied { all, is_inconsistent, gave_up };

enum class Purpose { apply, read };

class Run {
  public:
    /* A run that reads (read_groups.hpp) writes nothing, and takes no lock that a reader does not have. */
    explicit Run(Compiled &compiled, Purpose purpose = Purpose::apply);

    /* Sums all changes that are read, also those that a step sums by itself (engine::Program::sums_by_itself()). */
    void sum_all_changes() { sums_all_changes_ = true; }
    using Logged = std::vector<scheduler::ChangedRows>;
    /* Reads the changes of the sources that are new to `frontier`. Returns why the contents cannot be
     * continued from there; empty if they can. If there are more than `max_rows_without_model` rows of a source (0: no
     * limit; otherwise no source may be a compared one), counts all changes; if `wants_full` then returns
     * true, reads no further: is_unread() is set, and replace_all() must follow. */
    std::string read_sources(const Frontier &frontier, int64_t max_rows_without_model,
                             const std::function<bool(const Logged &)> &wants_full);
    bool is_unread() const { return is_unread_; }
    int64_t changed_rows() const { return changed_rows_; }
    /* Returns the number of changed rows, after summing, by source. */
    std::vector<scheduler::ChangedRows> net_changes_by_source() const;

    /* Unless the result is Applied::all, replace_all() must follow: an arrangement is inconsistent with its
     * query, or the time limit (0: none) was exceeded while a statement returned rows, or before a
     * statement. */
    Applied apply_deltas(int64_t time_limit_us = 0);
    /* Computes every arrangement from nothing and applies the difference. */
    void replace_all();
    /* Instead of apply_deltas(), for the only step of a program, which keeps groups: computes what apply_deltas() would
     * store. Returns false if it cannot, because there are too many groups or the arrangement is inconsistent, or if
     * the full statement costs less. */
    bool merge_deltas(storage::MergedGroups *merged);
    /* Must be called last. */
    void finish();

    /* Time spent so far on parsing and planning statements, which are kept for later refreshes. */
    int64_t preparing_us() const { return preparing_us_; }

    /* Rows that were inserted into and deleted from the visible contents. */
    int64_t inserted() const { return inserted_; }
    int64_t deleted() const { return deleted_; }

  private:
    struct Delta {
        engine::DeltaInput input;
        Tuplestorestate *rows;
        TupleDesc descriptor;
        int64_t count;
    };

    capture::Changes read_source(CompiledSource &source, const Frontier &frontier, capture::Portion portion,
                                 Tuplestorestate *rows);
    Logged logged_changes(const Frontier &frontier);
    void sum_changes(const CompiledSource &source, Delta *delta, const capture::Changes &changes);
    /* Updates the copies of sources that have no change log, and adds the differences to the deltas. */
    void compare_copies();
    engine::ChangedInputs changed_inputs(const engine::Step &step) const;
    std::vector<int64_t> rows_of_inputs(const engine::Step &step) const;
    bool is_worth_a_plan(CompiledStep &step) const;
    bool is_worth_a_plan(const CompiledStep &step, const storage::Touched &touched) const;
    bool touches_most(int index, const engine::ChangedInputs &changed);
    Applied apply_step(int index, const engine::ChangedInputs &changed);
    bool apply_sorted(int index, storage::Arrangement *arrangement, storage::DeltaSort *delta,
                      storage::Replacements *replacements);
    bool apply_groups(int index, storage::Arrangement *arrangement, storage::DeltaSort *delta);
    /* Passes the rows of the touched groups to `take`, a PostgreSQL frame that returns whether they are complete. */
    template <class Take>
    bool recompute(int index, storage::Arrangement *arrangement, const storage::Touched &touched, Take take);
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
    bool sums_all_changes_ = false;
    int64_t changed_rows_ = 0;
    bool is_unread_ = false;
    int64_t preparing_us_ = 0;
    storage::PossibleDuplicate *unchecked_ = nullptr; /* of the storage, whose delta did not fit */
    TimestampTz give_up_at_ = 0;                      /* 0: never */
    int64_t inserted_ = 0;
    int64_t deleted_ = 0;
};

} // namespace pgtrickle::refresh
