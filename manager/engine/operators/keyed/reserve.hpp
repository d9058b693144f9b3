/*
 * The first rows of an order, kept with a reserve.
 *
 * A node that reads the first `count` rows of P does not need the others. The step R keeps a prefix of P:
 * more than `count` rows at first, so that a deletion rarely reads P for the next ones, while a row beyond
 * the last of R costs nothing.
 *
 *     R = { p in P : p <= max(R) },  and R = P if it is complete
 *
 * This stays true when rows of D(P) beyond max(R) are ignored. R is filled again, by the first `kept` rows of
 * P, only when fewer than `count` rows remain and R is not complete, or when it has grown beyond twice the
 * size of a fill. Rows equal in the order are in R together or not at all; unless ties are wanted, the image
 * of a row ends the order, so that such rows are copies.
 *
 * The number of rows in R, and which of them are hidden, depend on past changes. As a plan, a reserve means
 * its input: it has that meaning for a node that reads the first `count` rows.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

/* A column of ORDER BY, and the text that follows it, such as ` DESC NULLS LAST`. */
struct SortKey {
    int position;
    std::string direction;
};

struct ReserveTerms {
    std::vector<SortKey> order;
    int64_t count;  /* number of rows that are always present, if P has them */
    int64_t kept;   /* number of rows after a fill */
    bool with_ties; /* rows that tie with the last of `count` are needed, too */
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

/* Returns the content for a fill of R: the first rows, and whether these are all. */
PlanPtr reserve_rows(PlanPtr input, const ReserveTerms &terms);
/* Returns the change of R: `stored` are its rows, `delta` and `input` are of P. */
PlanPtr reserve_delta(PlanPtr delta, PlanPtr stored, PlanPtr input, const ReserveTerms &terms);

/* Returns for each of `rows` its rank in the order. */
std::vector<Value> ranks(const Evaluation &evaluation, const ReserveTerms &terms, const std::vector<Row> &rows);

} // namespace pgtrickle::engine
