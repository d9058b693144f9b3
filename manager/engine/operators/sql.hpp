/*
 * The printer: a plan as SQL that PostgreSQL's planner can optimize as a whole.
 *
 * A linear node is printed into a Select, to which its parent adds: one FROM list and one WHERE for a whole
 * tree of filters, projections and inner joins. Constructs that would stop the planner from reordering
 * (OFFSET 0, aggregates, DISTINCT) are printed only where the meaning requires them. A delta used more than
 * once is a WITH entry.
 */
#pragma once

#include "engine/operators/operator.hpp"
#include "engine/plan/relation_names.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace pgtrickle::engine {

/* A call of a function has as many arguments at most (FUNC_MAX_ARGS). */
constexpr size_t most_arguments = 100;

/* A SELECT under construction. */
struct Select {
    std::vector<std::string> from;
    std::vector<std::string> where;
    std::vector<std::string> fences;  /* those of `where` behind which a later filter is evaluated */
    std::vector<std::string> outputs; /* one for each column */
    std::vector<std::string> weights; /* factors of pgt_weight; none: 1 */
    std::vector<bool> is_atom;        /* outputs[i] is a column reference: no parentheses needed */
    /* The stored row that the row replaces: its heap and its ctid, which are NULL if it replaces none. A row that
     * replaces another one has weight 1, and stands for itself minus the other. Empty: no row replaces one. */
    std::vector<std::string> replaced;
    std::vector<std::string> address; /* the heap and the ctid of a stored row, where one is read as it is */
    bool is_distinct = false;         /* the SELECT is DISTINCT, and is wrapped unchanged */

    void add_output(std::string text, bool atom);
    /* Returns output i in a form that can be inserted into an expression. */
    std::string slot(int position) const;
    std::string weight() const;
    /* Returns all outputs in that form. */
    std::vector<std::string> slots() const;
};

class Printer {
  public:
    explicit Printer(const RelationNames &names) : names_(names) {}

    const RelationNames &names() const { return names_; }
    std::string alias();
    Select select(const PlanPtr &plan);
    /* For a filter that may fail: the conditions of the plan that remove rows first are returned as fences,
     * or are in a subquery that is not merged. */
    Select select_with_fences(const PlanPtr &plan);
    bool keeps_fences() const { return filters_above_ > 0; }
    /* Returns `select` as a complete SELECT, columns named `column_names`, then pgt_weight if requested, then pgt_heap
     * and pgt_ctid if its rows may replace stored ones. */
    static std::string statement(const Select &select, const std::vector<std::string> &column_names, bool with_weight);
    /* Returns the plan as a SELECT with columns c1 … cn. */
    std::string subquery(const PlanPtr &plan, bool with_weight);
    static std::string numbered(const Select &select, bool with_weight);
    /* Returns a Select over `(text) AS alias`, columns c1 … cn, and the columns pgt_weight, pgt_heap and pgt_ctid. */
    Select wrap(const std::string &text, int width, bool with_weight, bool with_replaced = false);
    std::string condition(const Condition &condition, const std::vector<std::string> &slots) const;

    /* Finds the deltas of `plan` that are used more than once. Must be called before printing. */
    void share(const PlanPtr &plan);
    /* Returns the name of a WITH entry of what `print` returns, one for each `plan` and `columns`; empty if `plan` is
     * used only once. */
    std::string entry_over(const PlanPtr &plan, const std::vector<int> &columns,
                           const std::function<std::string()> &print);
    /* Returns a new name for a WITH entry, which add_recursive() adds; `columns` may follow the name. */
    std::string new_entry();
    void add_recursive(const std::string &name_and_columns, const std::string &text);
    /* Returns the name of the entry of a node; empty: none. */
    std::string entry_of(const PlanNode *node) const;
    void remember_entry(const PlanNode *node, const std::string &name) { entries_[node] = name; }
    /* Returns "WITH …" for the shared deltas and recursions printed so far, or an empty text. */
    std::string with_clause() const;

  private:
    void count_uses(const PlanPtr &plan);
    bool is_shared(const PlanPtr &plan) const;
    std::string add_entry(const std::string &text);

    const RelationNames &names_;
    int aliases_ = 0;
    int filters_above_ = 0;
    std::map<const PlanNode *, int> uses_, visits_; /* of nodes that may have an entry of WITH, and of others */
    std::map<const PlanNode *, std::string> shared_;
    std::map<std::pair<const PlanNode *, std::vector<int>>, std::string> entries_over_;
    std::map<const PlanNode *, std::string> entries_;
    std::vector<std::string> with_;
    int recursive_entries_ = 0;
};

/* Returns "name", with inner quotes doubled. */
std::string quoted(const std::string &name);
/* Returns values as the left side of IN (SELECT …). The only value of a list may itself be written
 * ROW(…)::type, which IN would take for the list. */
std::string list_of(const std::vector<std::string> &values);
/* Joins strings by a separator. */
std::string joined(const std::vector<std::string> &parts, const std::string &separator);
/* Returns the condition that two values of the column, in the form of slots, are equal. */
std::string equal(const Column &column, const std::string &left, const std::string &right);
/* Returns the condition that they are equal or both NULL. */
std::string is_same(const Column &column, const std::string &left, const std::string &right);
/* Returns values as the arguments of a function of pgtrickle that takes any number of them (storage/functions/
 * row_values.hpp): one by one, or as a ROW where they are more than the arguments of a call. */
std::string arguments_of(const std::vector<std::string> &values);

} // namespace pgtrickle::engine
