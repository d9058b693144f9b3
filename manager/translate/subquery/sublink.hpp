/*
 * One subquery of an expression, over the rows whose columns it may read.
 */
#pragma once

#include "translate/subquery/domain.hpp"

namespace pgtrickle::translate {

class SublinkOver {
  public:
    /* Columns are added to `input`. */
    SublinkOver(Translator &translator, const Level &level, Input &input, const SubLink *link);

    /* Returns the value of the subquery, as an expression over the input. */
    Node *value();
    bool is_correlated() const { return !subquery_.references.empty(); }
    /* Keeps the rows of the input for which the subquery is true or, if `is_negated`, false. Returns false,
     * without any effect, for a scalar subquery. */
    bool select(bool is_negated);

  private:
    /* The rows of the subquery, as the other side of a semi join: its scope has the targets, as the link's
     * own Params, and the columns that the conjuncts read. */
    struct Other {
        Input input;
        std::vector<Node *> conjuncts;
        bool has_domain = false;
    };
    /* A way in which the tests can be NULL: the row of the input has these NULLs, and some row passes the tests. */
    struct NullCase {
        std::vector<Node *> nulls;
        Other other;
        std::vector<Node *> tests;
    };

    Other other_of(const std::vector<int> &needed);
    engine::Condition condition(const Other &other, const std::vector<Node *> &tests) const;
    Node *add_column(engine::PlanPtr plan, const ValueType &type);
    Node *mark(const Other &other, const std::vector<Node *> &tests);
    void keep(engine::SemiKind kind, const Other &other, const std::vector<Node *> &tests);

    std::vector<Node *> tests();
    std::vector<NullCase> null_cases(const Other &other, const std::vector<Node *> &tests) const;
    std::vector<NullCase> split_by_nulls(const std::vector<NullCase> &cases, const OpExpr *test) const;
    Node *mark(const NullCase &one);
    bool may_be_null(Node *node, const Input &input) const;
    bool is_certain(Node *test, const Other &other) const;

    Node *scalar();
    Node *array();
    Node *row_comparison();
    std::vector<Node *> values_of(Query *subquery, const std::vector<int> &needed);
    std::vector<Node *> single_row(const std::vector<int> &needed);
    void add_row(const Input &row);

    Translator &translator_;
    const Level &level_;
    Input &input_;
    const SubLink *link_;
    Detached subquery_;
};

/* Whether the query returns one row for every input. */
bool has_one_row(const Query *query);

/* Keeps the rows for which the conjunct is true, if all its subqueries are scalar and not correlated, by a
 * semi join with their only row (sublink_filter.cpp). Returns false otherwise. */
bool filter_by_scalars(Translator &translator, const Level &level, Input &input, Node *conjunct);

/* Returns the function that returns the value of a scalar subquery, or raises an error if there is a second
 * row. */
Oid only_row_function();

/* Returns `node` with each of `originals` replaced. */
Node *replaced(Node *node, const std::vector<Node *> &originals, const std::vector<Node *> &replacements);

} // namespace pgtrickle::translate
