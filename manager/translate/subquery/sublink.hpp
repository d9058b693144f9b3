/*
 * One subquery of an expression, over the rows whose columns it may read.
 */
#pragma once

#include "translate/subquery/domain.hpp"

namespace pgtrickle::translate {

class SublinkOver {
  public:
    /* Columns are added to `input`. The value is read only of rows that meet `guard`; null: of all. */
    SublinkOver(Translator &translator, const Level &level, Input &input, const SubLink *link, Node *guard = nullptr);

    /* Returns the value of the subquery, as an expression over the input. */
    Node *value();
    /* Keeps the rows of the input for which the subquery is true or, if `is_negated`, false. Returns false,
     * without any effect, for a scalar subquery. */
    bool select(bool is_negated);

  private:
    void refer_to_guard();

    /* The rows of the subquery, as the other side of a semi join: its scope has the targets, as the link's
     * own Params, and the columns that the conjuncts read. */
    struct Other {
        Input input;
        std::vector<Node *> conjuncts;
        bool has_domain = false;
        engine::PlanPtr has_row = nullptr; /* one row with a boolean, if it has been asked for */
    };

    Other other_of(const std::vector<int> &needed);
    engine::Condition condition(const Other &other, const std::vector<Node *> &tests) const;
    Node *add_column(engine::PlanPtr plan, const ValueType &type);
    static const engine::PlanPtr &has_row(Other &other);
    Node *mark(Other &other, const std::vector<Node *> &tests, const std::vector<Node *> &of_input = {});
    void keep(engine::SemiKind kind, Other &other, const std::vector<Node *> &tests);
    void keep_by_row(engine::SemiKind kind, Other &other, const std::vector<Node *> &of_input);
    std::vector<Node *> tests();

    /* A way in which the tests are true for some row, or NULL and not false: some row of `other` passes `tests`. */
    struct Case {
        Other other;
        std::vector<Node *> tests;
    };
    /* The cases for rows of the input that meet `of_input`. */
    struct Cases {
        std::vector<Node *> of_input;
        std::vector<Case> cases;
    };
    struct Tests;

    Tests sorted(const std::vector<Node *> &tests, const Other &other) const;
    std::vector<Cases> null_cases(const Other &other, const Tests &tests) const;
    void add_nulls_of_other(Cases &all, const Other &with_null, const Tests &tests) const;
    void add_nulls_of_input(std::vector<Cases> &result, const Other &other, const std::optional<Input> &with_null,
                            const Tests &tests) const;
    void keep_false(const Other &other, const std::vector<Node *> &tests);
    void keep_without(Case &one, const std::vector<Node *> &of_input);
    Node *any_or_null(Other other, const std::vector<Node *> &tests);
    template <class Apply> Node *by_parts(std::vector<Cases> &all, const Tests &tests, Apply apply);

    /* Returns the domain of the subquery, whose references it makes those of `query`. */
    Domain domain(Query *query);
    Node *scalar();
    Node *array();
    Node *row_comparison();
    std::vector<Node *> values_of(Query *subquery, const std::vector<int> &needed);
    std::vector<Node *> single_row(const std::vector<int> &needed);
    void join_with(Input result, bool is_complete);
    void add_row(const Input &row);

    Translator &translator_;
    const Level &level_;
    Input &input_;
    const SubLink *link_;
    Detached subquery_;
    Node *guard_;
    bool has_domain_of_guard_ = false; /* the subquery reads no column, and is computed only if a row meets the guard */
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
