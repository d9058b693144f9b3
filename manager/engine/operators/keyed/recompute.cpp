#include "engine/operators/keyed/recompute.hpp"

#include "engine/operators/filter.hpp"
#include "engine/operators/project.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

namespace pgtrickle::engine {

namespace {

class RecomputeNode : public PlanNode {
  public:
    using PlanNode::PlanNode;
    PlanPtr derivative(Differentiator &) const override { throw std::logic_error("a derivative has no derivative"); }
};

std::vector<Column> chosen(const PlanPtr &plan, const std::vector<int> &positions)
{
    std::vector<Column> columns;
    for (int position : positions)
        columns.push_back(plan->columns().at(position));
    return columns;
}

Row key_of(const Row &row, const std::vector<int> &keys)
{
    Row key;
    for (int position : keys)
        key.push_back(row[position]);
    return key;
}

/* Weighted, so that it is printed once and shared: each key has weight 1. */
class TouchedKeys final : public RecomputeNode {
  public:
    TouchedKeys(const PlanPtr &delta, std::vector<int> keys)
        : RecomputeNode({delta}, chosen(delta, keys)), keys_(std::move(keys))
    {
    }
    std::string describe() const override { return "touched keys"; }
    bool is_weighted() const override { return true; }
    ZSet meaning(const Evaluation &, const std::vector<ZSet> &inputs) const override
    {
        std::set<Row> keys;
        for (const auto &[row, weight] : inputs[0].rows())
            keys.insert(key_of(row, keys_));
        ZSet result;
        for (const auto &key : keys)
            result.add(key, 1);
        return result;
    }
    Select print(Printer &printer) const override
    {
        Select delta = printer.select(inputs()[0]);
        Select keys = delta;
        keys.outputs.clear();
        keys.is_atom.clear();
        keys.weights.clear();
        for (int position : keys_)
            keys.add_output(delta.outputs.at(position), delta.is_atom.at(position));
        keys.is_distinct = true;
        return printer.wrap(Printer::numbered(keys, true), width(), true);
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override { return touched_keys(inputs.at(0), keys_); }

  private:
    std::vector<int> keys_;
};

/* Which keys a branch matches. The branch without NULLs is an IN, which the planner turns into look-ups, or
 * an EXISTS if an operator is not that of the catalog, since a row IN uses one operator only; the branch with
 * NULLs is behind a one-time filter, which costs nothing while no touched key has a NULL. IS NULL would also
 * be true of a row of NULLs. */
enum class Branch { without_nulls, with_nulls };

class KeyedRows final : public RecomputeNode {
  public:
    KeyedRows(const PlanPtr &input, const PlanPtr &touched, std::vector<int> keys, Branch branch)
        : RecomputeNode({input, touched}, input->columns()), keys_(std::move(keys)), branch_(branch)
    {
    }
    std::string describe() const override { return "rows of touched keys"; }
    bool is_weighted() const override { return inputs()[0]->is_weighted(); }
    ZSet meaning(const Evaluation &, const std::vector<ZSet> &inputs) const override
    {
        ZSet result;
        for (const auto &[row, weight] : inputs[0].rows()) {
            Row key = key_of(row, keys_);
            bool has_null = std::any_of(key.begin(), key.end(), [](const auto &value) { return !value; });
            if (has_null == (branch_ == Branch::with_nulls) && inputs[1].rows().contains(key))
                result.add(row, weight);
        }
        return result;
    }
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return std::make_shared<KeyedRows>(inputs.at(0), inputs.at(1), keys_, branch_);
    }

  private:
    std::vector<int> keys_;
    Branch branch_;
};

std::string from_clause(const Select &select, const std::vector<std::string> &conditions)
{
    std::vector<std::string> where = select.where;
    where.insert(where.end(), conditions.begin(), conditions.end());
    return " FROM " + joined(select.from, ", ") + (where.empty() ? "" : " WHERE " + joined(where, " AND "));
}

Select KeyedRows::print(Printer &printer) const
{
    Select select = printer.select(inputs()[0]);
    Select touched = printer.select(inputs()[1]);
    std::vector<std::string> sides, nulls, equals, same;
    bool is_plain = true;
    for (size_t i = 0; i < keys_.size(); i++) {
        const Column &column = columns()[keys_[i]];
        is_plain = is_plain && has_plain_equality(column);
        sides.push_back(select.slot(keys_[i]));
        nulls.push_back(touched.outputs[i] + " IS NOT DISTINCT FROM NULL");
        equals.push_back(equal(column, sides.back(), touched.slot(static_cast<int>(i))));
        same.push_back("(" + equals.back() + " OR " + sides.back() + " IS NOT DISTINCT FROM NULL AND " + nulls.back() +
                       ")");
    }
    if (keys_.empty()) {
        select.where.push_back("EXISTS (SELECT" + from_clause(touched, {}) + ")");
        return select;
    }
    if (branch_ == Branch::without_nulls) {
        select.where.push_back(is_plain ? list_of(sides) + " IN (SELECT " + joined(touched.outputs, ", ") +
                                              from_clause(touched, {}) + ")"
                                        : "EXISTS (SELECT" + from_clause(touched, equals) + ")");
        return select;
    }
    const std::string has_null = "(" + joined(nulls, " OR ") + ")";
    select.where.push_back("EXISTS (SELECT" + from_clause(touched, {has_null}) + ")");
    if (keys_.size() == 1) {
        select.where.push_back(sides[0] + " IS NOT DISTINCT FROM NULL");
        return select;
    }
    /* A join is possible, since each key exists once, and in this form an index is usable. */
    select.from.insert(select.from.end(), touched.from.begin(), touched.from.end());
    select.where.insert(select.where.end(), touched.where.begin(), touched.where.end());
    select.where.push_back(has_null);
    select.where.insert(select.where.end(), same.begin(), same.end());
    return select;
}

/* Inputs: the rows, the touched keys, and the rows of these keys, which are read without an index. */
class LeadingRowsOfKeys final : public RecomputeNode {
  public:
    LeadingRowsOfKeys(std::vector<PlanPtr> inputs, std::vector<int> keys, LeadingRows leading)
        : RecomputeNode(inputs, inputs[0]->columns()), keys_(std::move(keys)), leading_(std::move(leading))
    {
    }
    std::string describe() const override { return "leading rows of touched keys"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return std::make_shared<LeadingRowsOfKeys>(std::move(inputs), keys_, leading_);
    }

  private:
    std::vector<int> keys_;
    LeadingRows leading_;
};

ZSet LeadingRowsOfKeys::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    Expression rank;
    const char *word = "pg_catalog.rank() OVER (PARTITION BY ";
    for (int key : keys_) {
        rank.pieces.emplace_back(std::exchange(word, ", "));
        rank.pieces.emplace_back(std::in_place_type<int>, key);
    }
    word = keys_.empty() ? "pg_catalog.rank() OVER (ORDER BY " : " ORDER BY ";
    for (const auto &term : leading_.order) {
        rank.pieces.emplace_back(std::exchange(word, ", "));
        rank.pieces.emplace_back(std::in_place_type<int>, term.column);
        rank.pieces.emplace_back(term.direction);
    }
    rank.pieces.emplace_back(")");
    std::vector<Row> rows;
    for (const auto &[row, weight] : inputs[2].rows())
        rows.insert(rows.end(), static_cast<size_t>(weight), row);
    const std::vector<Value> ranks = evaluation.windowed(rank, rows);
    ZSet result;
    for (size_t i = 0; i < rows.size(); i++)
        if (*ranks[i] <= leading_.count)
            result.add(rows[i], 1);
    return result;
}

Select LeadingRowsOfKeys::print(Printer &printer) const
{
    const Lookup &lookup = leading_.lookup;
    if (!printer.names().has_order_for(lookup.relation, lookup.terms, lookup.first))
        return printer.select(inputs()[2]);
    const Select touched = printer.select(inputs()[1]);
    const std::string rows = printer.alias(), leading = printer.alias();
    Select select;
    std::vector<std::string> targets, equals, order;
    for (int i = 1; i <= width(); i++) {
        targets.push_back(rows + ".c" + std::to_string(i));
        select.add_output(leading + ".c" + std::to_string(i), true);
    }
    for (size_t i = 0; i < keys_.size(); i++)
        equals.push_back(equal(columns()[keys_[i]], targets[keys_[i]], touched.slot(static_cast<int>(i))));
    for (const auto &term : leading_.order)
        order.push_back(targets[term.column] + term.direction);
    select.from = touched.from;
    select.from.push_back(
        "LATERAL (SELECT " + joined(targets, ", ") + " FROM (" + printer.subquery(inputs()[0], false) + ") AS " + rows +
        (equals.empty() ? "" : " WHERE " + joined(equals, " AND ")) + " ORDER BY " + joined(order, ", ") +
        " FETCH FIRST " + std::to_string(leading_.count) + " ROWS WITH TIES) AS " + leading);
    select.where = touched.where;
    return select;
}

class StoredRows final : public RecomputeNode {
  public:
    StoredRows(int step, std::vector<Column> columns) : RecomputeNode({}, std::move(columns)), step_(step) {}
    std::string describe() const override { return "stored rows"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &) const override
    {
        return evaluation.stored(step_);
    }
    Select print(Printer &printer) const override
    {
        Select select;
        std::string alias = printer.alias();
        select.from.push_back(printer.names().arrangement(step_) + " AS " + alias);
        for (const auto &column : columns())
            select.add_output(alias + "." + quoted(column.name), true);
        select.address = {alias + ".tableoid", alias + ".ctid"};
        return select;
    }
    PlanPtr with_inputs(std::vector<PlanPtr>) const override { return shared_from_this(); }

  private:
    int step_;
};

PlanPtr branch_of_keys(const PlanPtr &input, const std::vector<int> &keys, const PlanPtr &touched, Branch branch);

/* Returns the rows of the keys, selected below `input`; null where the keys are not columns of one input. */
PlanPtr pushed_down(const PlanPtr &input, const std::vector<int> &keys, const PlanPtr &touched, Branch branch)
{
    if (input->is_union()) {
        std::vector<PlanPtr> parts;
        for (const auto &part : input->inputs())
            parts.push_back(branch_of_keys(part, keys, touched, branch));
        return input->with_inputs(parts);
    }
    const bool is_transparent = dynamic_cast<const Filter *>(input.get()) || dynamic_cast<const Project *>(input.get());
    std::vector<int> below;
    for (int key : keys) {
        auto [place, position] = input->origin(key);
        if (place == 0)
            below.push_back(position);
    }
    if (!is_transparent || below.size() < keys.size())
        return nullptr;
    return input->with_inputs({branch_of_keys(input->inputs()[0], below, touched, branch)});
}

PlanPtr branch_of_keys(const PlanPtr &input, const std::vector<int> &keys, const PlanPtr &touched, Branch branch)
{
    if (PlanPtr pushed = pushed_down(input, keys, touched, branch))
        return pushed;
    return std::make_shared<KeyedRows>(input, touched, keys, branch);
}

} // namespace

PlanPtr touched_keys(PlanPtr delta, const std::vector<int> &keys)
{
    return std::make_shared<TouchedKeys>(delta, keys);
}

PlanPtr rows_of_keys(const PlanPtr &input, const std::vector<int> &keys, const PlanPtr &touched)
{
    PlanPtr plain = branch_of_keys(input, keys, touched, Branch::without_nulls);
    if (keys.empty())
        return plain;
    return union_all({plain, branch_of_keys(input, keys, touched, Branch::with_nulls)});
}

PlanPtr leading_rows_of_keys(const PlanPtr &input, const std::vector<int> &keys, const PlanPtr &touched,
                             const LeadingRows &leading)
{
    PlanPtr plain = branch_of_keys(input, keys, touched, Branch::without_nulls);
    PlanPtr first = std::make_shared<LeadingRowsOfKeys>(std::vector{input, touched, plain}, keys, leading);
    return keys.empty() ? first : union_all({first, branch_of_keys(input, keys, touched, Branch::with_nulls)});
}

std::vector<IndexTerm> index_terms(const std::vector<Column> &columns, const std::vector<int> &keys)
{
    std::vector<IndexTerm> terms;
    for (int key : keys) {
        const Column &column = columns.at(key);
        IndexTerm term{column.name, true, column.is_fixed_length, column.is_sortable, column.has_hash};
        const bool can_be_held = column.has_hash || (column.is_fixed_length && column.is_sortable);
        if (can_be_held && std::find(terms.begin(), terms.end(), term) == terms.end())
            terms.push_back(term);
    }
    return terms;
}

/* An entry of a btree has at most a third of a page; each value may be aligned to eight bytes. */
std::vector<int> indexable(const std::vector<int> &key, const std::vector<Column> &columns)
{
    constexpr int most_columns = 32, most_bytes = 2600, alignment = 8;
    int bytes = 0;
    for (int position : key) {
        const Column &column = columns.at(position);
        if (!column.is_sortable || !column.has_hash || column.most_bytes == 0)
            return {};
        bytes += std::min(column.most_bytes, most_bytes) + alignment;
    }
    return key.size() <= most_columns && bytes <= most_bytes ? key : std::vector<int>{};
}

PlanPtr stored_rows(int step, std::vector<Column> columns)
{
    return std::make_shared<StoredRows>(step, std::move(columns));
}

} // namespace pgtrickle::engine
