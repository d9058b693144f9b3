/*
 * The nodes of window_spans.hpp. Their meaning is in window_spans.cpp, their SQL in span_sql.cpp.
 */
#pragma once

#include "engine/operators/keyed/window_spans.hpp"

#include <stdexcept>

namespace pgtrickle::engine {

/* Columns of the spans, after the partition keys: whether there is no span, the ranges, and the bases. */
enum SpanColumn { is_whole, emit_low, emit_high, read_low, read_high, first_base };

/* Returns what copies of a row are sorted by in a frame of rows, so that the last one has the sum of all: their sums
 * grow, or fall if the argument is negative, and are equal if the row does not count. */
std::string place_among_copies(const Following::Call &call, const std::function<std::string(int)> &slot,
                               const std::string &sum);

class SpanNode : public PlanNode {
  public:
    SpanNode(SpannedWindow spanned, std::vector<PlanPtr> inputs, std::vector<Column> columns)
        : PlanNode(std::move(inputs), std::move(columns)), spanned_(std::move(spanned))
    {
    }
    PlanPtr derivative(Differentiator &) const override { throw std::logic_error("a derivative has no derivative"); }
    bool is_weighted() const override { return true; }

  protected:
    const Window &window() const { return *spanned_.window; }
    const std::vector<int> &keys() const { return window().partition(); }
    const Following &following() const { return *window().following(); }
    int input_width() const { return window().inputs()[0]->width(); }
    /* Returns the column of the position. */
    int position() const { return following().order[0].column; }

    SpannedWindow spanned_;
};

/* Inputs: the delta of the window's input, the stored rows. */
class Spans final : public SpanNode {
  public:
    Spans(const SpannedWindow &spanned, const PlanPtr &delta);
    std::string describe() const override { return "spans of touched partitions"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
};

/* Input: the spans. */
class KeysWithoutSpan final : public SpanNode {
  public:
    KeysWithoutSpan(const SpannedWindow &spanned, const PlanPtr &spans);
    std::string describe() const override { return "keys without a span"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
};

/* Inputs: the delta of the window's input, the stored rows. Shared by the two nodes below. */
class RowsAtChanges final : public SpanNode {
  public:
    RowsAtChanges(const SpannedWindow &spanned, const PlanPtr &delta);
    std::string describe() const override { return "stored rows at changes"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
};

/* Inputs: the spans, the stored rows at changes, the stored rows. */
class ReplacedRows final : public SpanNode {
  public:
    ReplacedRows(const SpannedWindow &spanned, const PlanPtr &spans, const PlanPtr &at_changes);
    std::string describe() const override { return "stored rows of spans"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
};

/* Inputs: the spans, the delta of the window's input, the stored rows, those at changes. */
class EmittedRows final : public SpanNode {
  public:
    EmittedRows(const SpannedWindow &spanned, const PlanPtr &spans, const PlanPtr &delta, const PlanPtr &at_changes);
    std::string describe() const override { return "rows of spans"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
};

class RowsIfAny final : public PlanNode {
  public:
    RowsIfAny(const PlanPtr &rows, const PlanPtr &touched) : PlanNode({rows, touched}, rows->columns()) {}
    std::string describe() const override { return "rows if a key is touched"; }
    PlanPtr derivative(Differentiator &) const override { throw std::logic_error("a derivative has no derivative"); }
    bool is_weighted() const override { return inputs()[0]->is_weighted(); }
    ZSet meaning(const Evaluation &, const std::vector<ZSet> &inputs) const override
    {
        return inputs[1].is_empty() ? ZSet() : inputs[0];
    }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override { return rows_if_any(inputs.at(0), inputs.at(1)); }
};

/* Whether the value is computed from that of the row before. */
bool is_running(const Following::Call &call);
/* Returns the numbers of the running calls, in the order of their bases. */
std::vector<int> running_calls(const Following &following);
/* Returns how far the calls read in a direction: `&Following::Call::before` or `&Following::Call::after`. */
int64_t farthest(const Following &following, int64_t Following::Call::*reach);

} // namespace pgtrickle::engine
