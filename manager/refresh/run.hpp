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

#include "capture/frontier.hpp"
#include "capture/log.hpp"
#include "mailbox/progress.hpp"
#include "refresh/compiled.hpp"
#include "refresh/statement.hpp"
#include "storage/apply_groups.hpp"

namespace pgtrickle::refresh {

/* AUTO: up to here, a delta is never dearer than a computation from nothing. */
constexpr int64_t small_delta_rows = 1000;

class Run {
  public:
    explicit Run(Compiled &compiled);

    /* Reads what is new to `frontier` in the sources. Returns why it cannot be gone on from;
     * empty: it can. */
    std::string read_sources(const Frontier &frontier);
    int64_t changed_rows() const { return changed_rows_; }

    /* False: an arrangement lost touch with its query, and replace_all() must follow. */
    bool apply_deltas();
    /* Computes every arrangement from nothing and applies the difference. */
    void replace_all();
    /* Must be called last. */
    void finish();

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

    /* Copies of sources that tell no changes become what those are now, and the difference is a delta. */
    void compare_copies();
    uint64_t changed_inputs(const engine::Step &step) const;
    bool touches_most(int index, uint64_t changed);
    bool apply_step(int index, uint64_t changed);
    bool apply_groups(int index, storage::Arrangement *arrangement, storage::DeltaSort *delta);
    bool recompute_touched(int index, storage::Arrangement *arrangement, const storage::Touched &touched);
    void replace_step(int index);
    void begin_emitting(int index);
    void end_emitting(int index);
    bool is_storage(int index) const;

    void run_counted(SPIPlanPtr plan, DestReceiver *receiver, double rows_expected);

    Compiled &compiled_;
    mailbox::Progress *progress_ = nullptr; /* of replace_all(), while it runs */
    Connection connection_;
    capture::LogWriter *log_;
    std::vector<Delta> deltas_;
    storage::Emitter emitter_;
    int64_t changed_rows_ = 0;
    int64_t inserted_ = 0;
    int64_t deleted_ = 0;
};

} // namespace pgtrickle::refresh
