/*
 * The first rows of an order, kept with a reserve.
 *
 * Whoever reads the first `count` rows of P need not know the others. The step R keeps a
 * prefix of P: more than `count` rows at first, so that a deletion rarely asks P for the
 * next ones, while a row beyond the last of R costs nothing.
 *
 *     R = { p in P : p <= max(R) },  and R = P if it is complete
 *
 * It stays true when rows of D(P) beyond max(R) are left out. R is filled again, by the first
 * `kept` rows of P, only when fewer than `count` rows remain and R is not complete, or when
 * it has grown beyond twice of what a fill would keep. Rows equal in the order are in R together
 * or not at all; unless ties are wanted, the image of a row ends the order, so that those
 * are copies.
 *
 * How many rows R has depends on what happened, and so does which of them are hidden. As a
 * plan, a reserve means its input: that is what it is for whoever reads the first `count` rows.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

/* A column, and ` DESC NULLS LAST` … after it. */
struct SortKey {
    int position;
    std::string direction;
};

struct ReserveTerms {
    std::vector<SortKey> order;
    int64_t count; /* so many rows are always there, if P has them */
    int64_t kept;  /* so many are there after a fill */
    bool with_ties; /* rows that tie with the last of `count` are asked for, too */
};

class Reserve final : public PlanNode {
  public:
    Reserve(PlanPtr input, ReserveTerms terms) : PlanNode({input}, input->columns()), terms_(std::move(terms)) {}
    const ReserveTerms &terms() const { return terms_; }

    std::string describe() const override;
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    PlanPtr derivative(Differentiator &differentiator) const override;
    bool keeps() const override { return true; }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override;
    std::pair<int, int> origin(int position) const override { return {0, position}; }

  private:
    ReserveTerms terms_;
};

PlanPtr reserve(PlanPtr input, ReserveTerms terms);

/* What R is filled with: the first rows, and whether these are all. */
PlanPtr reserve_rows(PlanPtr input, const ReserveTerms &terms);
/* The change of R: `stored` are its rows, `delta` and `input` are of P. */
PlanPtr reserve_delta(PlanPtr delta, PlanPtr stored, PlanPtr input, const ReserveTerms &terms);

/* For each of `rows` its rank in the order. */
std::vector<Value> ranks(const Evaluation &evaluation, const ReserveTerms &terms, const std::vector<Row> &rows);

} // namespace pgtrickle::engine
