#include "engine/operators/recursion/recursion_delta.hpp"

#include "engine/operators/delta.hpp"
#include "engine/operators/differentiator.hpp"
#include "engine/operators/recursion/recursive.hpp"
#include "engine/operators/sql.hpp"

#include <set>
#include <stdexcept>

namespace pgtrickle::engine {

namespace {

/* Limits the planner's estimate. A delta starts from a few rows, but without statistics of an arrangement
 * the planner estimates hundreds for each look-up, and ten times as many for a recursion that starts with
 * them, and would read whole tables for so many rows. It estimates that a LIMIT of unknown value returns a
 * tenth. */
std::string few(const std::string &text)
{
    const std::string limit = " LIMIT (SELECT 9223372036854775807)";
    return "SELECT f.* FROM (" + text + limit + ") AS f" + limit;
}

class KeptRows final : public PlanNode {
  public:
    KeptRows(int step, std::vector<Column> columns, std::string count)
        : PlanNode({}, std::move(columns)), step_(step), count_(std::move(count))
    {
    }
    std::string describe() const override { return "kept rows"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &) const override
    {
        ZSet result;
        ZSet stored = counts(evaluation);
        for (const auto &[row, count] : stored.rows())
            result.add(row, count_.empty() ? count : 1);
        return result;
    }
    /* Returns each row with its number of derivations, or of copies. */
    ZSet counts(const Evaluation &evaluation) const { return evaluation.kept(step_); }
    PlanPtr derivative(Differentiator &) const override { return nullptr; }
    PlanPtr with_inputs(std::vector<PlanPtr>) const override { return shared_from_this(); }
    std::optional<DeltaInput> leaf() const override { return DeltaInput{DeltaInput::Kind::step, step_}; }

    Select print(Printer &printer) const override
    {
        std::string alias = printer.alias();
        Select select = columns_of(alias);
        select.from.push_back(heap(printer, alias));
        return select;
    }
    Select columns_of(const std::string &alias) const
    {
        Select select;
        for (const auto &column : columns())
            select.add_output(alias + "." + quoted(column.name), true);
        return select;
    }
    std::string heap(Printer &printer, const std::string &alias) const
    {
        return printer.names().arrangement(step_) + " AS " + alias;
    }
    std::string count_of(const std::string &alias) const
    {
        return count_.empty() ? "1::pg_catalog.int8" : alias + "." + quoted(count_);
    }
    /* Returns the address of the first stored copy of the row of `values`, if there is one; `except` names an entry
     * whose addresses are excluded. Partitions share ctids. As the copies are sorted, the planner looks them up row by
     * row, by index, whatever its estimates. */
    std::string first_copy(Printer &printer, const std::vector<std::string> &values,
                           const std::string &except = {}) const
    {
        std::string alias = printer.alias(), heap_and_tid = alias + ".tableoid, " + alias + ".ctid";
        std::string found = "(SELECT " + alias + ".tableoid AS heap, " + alias + ".ctid AS tid FROM " +
                            heap(printer, alias) + " WHERE " + is_same(alias, values);
        if (!except.empty())
            found += " AND (" + heap_and_tid + ") NOT IN (SELECT heap, tid FROM " + except + ")";
        return found + " ORDER BY " + heap_and_tid + " LIMIT 1)";
    }
    /* Returns the condition that the stored row `alias` is the row of `values`. */
    std::string is_same(const std::string &alias, const std::vector<std::string> &values) const
    {
        std::string all = arguments_of(values);
        std::string hash = alias + ".pgt_hash = pgtrickle." + (count_.empty() ? "image" : "key") + "_hash(" + all + ")";
        if (count_.empty())
            return hash + " AND pgtrickle.row_image(" + arguments_of(columns_of(alias).outputs) +
                   ") = pgtrickle.row_image(" + all + ")";
        for (size_t i = 0; i < values.size(); i++)
            hash += " AND " + engine::is_same(columns()[i], alias + "." + quoted(columns()[i].name), values[i]);
        return hash;
    }

  private:
    int step_;
    std::string count_;
};

/* The stored rows whose addresses are listed in a WITH entry, which grows while it is read. */
class ListedRows final : public PlanNode {
  public:
    ListedRows(std::shared_ptr<const KeptRows> kept, std::string entry)
        : PlanNode({}, kept->columns()), kept_(std::move(kept)), entry_(std::move(entry))
    {
    }
    std::string describe() const override { return entry_; }
    ZSet meaning(const Evaluation &, const std::vector<ZSet> &) const override
    {
        throw std::logic_error("rows of a printed statement have no meaning outside of it");
    }
    PlanPtr derivative(Differentiator &) const override { return nullptr; }
    PlanPtr with_inputs(std::vector<PlanPtr>) const override { return shared_from_this(); }
    Select print(Printer &printer) const override { return print(printer, nullptr); }
    /* Prints the rows, and sets `count` to the count of each. */
    Select print(Printer &printer, std::string *count) const
    {
        std::string listed = printer.alias(), alias = printer.alias();
        Select select = kept_->columns_of(alias);
        select.from = {entry_ + " AS " + listed, kept_->heap(printer, alias)};
        select.where.push_back(alias + ".tableoid = " + listed + ".heap");
        select.where.push_back(alias + ".ctid = " + listed + ".tid");
        if (count)
            *count = kept_->count_of(alias);
        return select;
    }

  private:
    std::shared_ptr<const KeptRows> kept_;
    std::string entry_;
};

/* Common base of the following nodes. */
class RecursionNode : public PlanNode {
  public:
    RecursionNode(std::vector<PlanPtr> inputs, const RecursionPlan &recursion)
        : PlanNode(std::move(inputs), recursion.base->columns()), recursion_(recursion),
          kept_(std::dynamic_pointer_cast<const KeptRows>(recursion.kept))
    {
    }
    PlanPtr derivative(Differentiator &) const override { throw std::logic_error("a derivative has no derivative"); }

  protected:
    PlanPtr next(const PlanPtr &rows) const { return with_leaf(recursion_.step, recursion_.leaf, rows); }
    ZSet next(const ZSet &rows, const Evaluation &evaluation) const
    {
        return evaluate_with_leaf(recursion_.step, recursion_.leaf, rows, evaluation);
    }
    /* Returns the condition that the row of `values` is not in S: not stored, or among the addresses of
     * `removed`. */
    std::string goes(Printer &printer, const std::vector<std::string> &values, const std::string &removed) const
    {
        std::string alias = printer.alias();
        return "(SELECT " + alias + ".tid FROM " + kept_->first_copy(printer, values, removed) + " AS " + alias +
               ") IS NULL";
    }

    RecursionPlan recursion_;
    std::shared_ptr<const KeptRows> kept_;
};

/* O. The input is E; `lost_by_base` and `lost_by_step` are D(B) and, over the leaf, D(T). */
class Removed final : public RecursionNode {
  public:
    Removed(const PlanPtr &change, PlanPtr base_change, PlanPtr step_change, const RecursionPlan &recursion)
        : RecursionNode({change}, recursion), base_change_(std::move(base_change)), step_change_(std::move(step_change))
    {
    }
    std::string describe() const override { return "rows that may have gone"; }

    /* Evaluated row by row: derivations from different rows must not cancel, as they would in a Z-set. */
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &) const override
    {
        ZSet counts = kept_->counts(evaluation);
        std::set<Row> found;
        std::vector<Row> fresh;
        auto take = [&](const Row &row) {
            if (counts.rows().contains(row) && found.insert(row).second)
                fresh.push_back(row);
        };
        auto take_lost = [&](const ZSet &changes) {
            for (const auto &[row, weight] : changes.rows())
                if (weight < 0)
                    take(row);
        };
        if (base_change_)
            take_lost(evaluate(base_change_, evaluation));
        for (const auto &[row, count] : counts.rows())
            if (step_change_)
                take_lost(evaluate_with_leaf(step_change_, recursion_.leaf, one(row), evaluation));
        while (!fresh.empty()) {
            Row row = fresh.back();
            fresh.pop_back();
            ZSet reached = next(one(row), evaluation);
            for (const auto &[derived, weight] : reached.rows())
                take(derived);
        }
        ZSet result;
        for (const Row &row : found)
            result.add(row, recursion_.is_set ? 1 : counts.rows().at(row));
        return result;
    }
    /* Returns all copies of the rows listed. */
    Select print(Printer &printer) const override
    {
        Select rows = listed(printer)->print(printer);
        if (recursion_.is_set)
            return printer.wrap(few(Printer::numbered(rows, false)), width(), false);
        std::string alias = printer.alias(), copies = printer.alias();
        Select copy = kept_->columns_of(alias);
        copy.from.push_back(kept_->heap(printer, alias));
        copy.where.push_back(kept_->is_same(alias, rows.slots()));
        rows.from.push_back("LATERAL (" + few(Printer::numbered(copy, false)) + ") AS " + copies);
        for (int i = 0; i < width(); i++)
            rows.outputs[i] = copies + ".c" + std::to_string(i + 1);
        return printer.wrap(few(Printer::numbered(rows, false)), width(), false);
    }
    /* Returns the WITH entry that lists the address of each row of O, of one copy where there are several. */
    std::string entry(Printer &printer) const
    {
        std::string known = printer.entry_of(this);
        if (!known.empty())
            return known;
        std::string name = printer.new_entry();
        printer.add_recursive(name + "(heap, tid)", seeds(printer) + " UNION " + reached(printer, name));
        printer.remember_entry(this, name);
        return name;
    }
    std::shared_ptr<const ListedRows> listed(Printer &printer) const
    {
        return std::make_shared<ListedRows>(kept_, entry(printer));
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return std::make_shared<Removed>(inputs.at(0), base_change_, step_change_, recursion_);
    }

  private:
    static ZSet one(const Row &row)
    {
        ZSet rows;
        rows.add(row, 1);
        return rows;
    }
    std::string addresses(Printer &printer, Select rows) const
    {
        std::string alias = printer.alias();
        rows.from.push_back("LATERAL " + kept_->first_copy(printer, rows.slots()) + " AS " + alias);
        rows.outputs = {alias + ".heap", alias + ".tid"};
        return Printer::statement(rows, {"heap", "tid"}, false);
    }
    std::string seeds(Printer &printer) const
    {
        Select rows = printer.select(inputs()[0]);
        rows.where.push_back(rows.weight() + " < 0");
        return addresses(printer, printer.wrap(few(Printer::numbered(rows, false)), width(), false));
    }
    std::string reached(Printer &printer, const std::string &name) const
    {
        return addresses(printer, printer.select(next(std::make_shared<ListedRows>(kept_, name))));
    }

    PlanPtr base_change_, step_change_;
};

/* A. The inputs are E, T'(O) and O. */
class Seeds final : public RecursionNode {
  public:
    Seeds(const PlanPtr &change, const PlanPtr &lost, const PlanPtr &removed, const RecursionPlan &recursion)
        : RecursionNode({change, lost, removed}, recursion)
    {
    }
    std::string describe() const override { return "rows that are new or back again"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override
    {
        ZSet counts = kept_->counts(evaluation);
        ZSet sum = inputs[0];
        sum.add(inputs[1], -1);
        for (const auto &[row, weight] : inputs[2].rows())
            sum.add(row, counts.rows().at(row));
        ZSet result;
        for (const auto &[row, weight] : sum.rows()) {
            bool is_kept = counts.rows().contains(row) && !inputs[2].rows().contains(row);
            if (!recursion_.is_set)
                result.add(row, weight);
            else if (weight > 0 && !is_kept)
                result.add(row, 1);
        }
        return result;
    }
    Select print(Printer &printer) const override
    {
        std::vector<std::string> parts = {printer.subquery(inputs()[0], true),
                                          printer.subquery(negate(inputs()[1]), true), stored_counts(printer)};
        std::string rows = "(" + joined(parts, " UNION ALL ") + ") AS u";
        std::vector<std::string> columns;
        for (int i = 0; i < width(); i++)
            columns.push_back("u.c" + std::to_string(i + 1));
        return recursion_.is_set ? print_set(printer, rows, columns) : print_all(printer, rows, columns);
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return std::make_shared<Seeds>(inputs.at(0), inputs.at(1), inputs.at(2), recursion_);
    }

  private:
    const Removed &removed() const { return dynamic_cast<const Removed &>(*inputs()[2]); }
    std::string stored_counts(Printer &printer) const
    {
        if (!recursion_.is_set)
            return printer.subquery(inputs()[2], true);
        std::string count;
        Select rows = removed().listed(printer)->print(printer, &count);
        rows.weights = {count};
        return Printer::numbered(rows, true);
    }
    Select print_set(Printer &printer, const std::string &rows, const std::vector<std::string> &columns) const
    {
        std::string list = joined(columns, ", ");
        return printer.wrap("SELECT " + list + " FROM " + rows + " GROUP BY " + list +
                                " HAVING pg_catalog.sum(u.pgt_weight) > 0 AND " +
                                goes(printer, columns, removed().entry(printer)),
                            width(), false);
    }
    /* Rows are identified by image, which any type has; as many rows are returned as there are copies. */
    Select print_all(Printer &printer, const std::string &rows, const std::vector<std::string> &columns) const
    {
        std::string numbered = "SELECT u.*, pg_catalog.sum(u.pgt_weight) OVER p AS copies, "
                               "pg_catalog.row_number() OVER p AS number FROM " +
                               rows + " WINDOW p AS (PARTITION BY pgtrickle.row_image(" + arguments_of(columns) + "))";
        std::string counted = few("SELECT u.* FROM (" + numbered + ") AS u WHERE u.number = 1");
        return printer.wrap("SELECT " + joined(columns, ", ") + " FROM (" + counted +
                                ") AS u, pg_catalog.generate_series(1, u.copies::pg_catalog.int8)",
                            width(), false);
    }
};

/* N. The inputs are A and O. */
class Added final : public RecursionNode {
  public:
    Added(const PlanPtr &seeds, const PlanPtr &removed, const RecursionPlan &recursion)
        : RecursionNode({seeds, removed}, recursion)
    {
    }
    std::string describe() const override { return "rows added"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override
    {
        ZSet staying = kept_->counts(evaluation);
        for (const auto &[row, weight] : inputs[1].rows())
            staying.remove(row);
        ZSet all;
        ZSet fresh = inputs[0];
        for (int i = 0; !fresh.is_empty(); i++) {
            if (i > 1000)
                throw std::runtime_error("what a recursion gains does not end");
            all.add(fresh);
            ZSet found = next(fresh, evaluation);
            fresh = {};
            for (const auto &[row, weight] : found.rows())
                if (!recursion_.is_set)
                    fresh.add(row, weight);
                else if (!staying.rows().contains(row) && !all.rows().contains(row))
                    fresh.add(row, 1);
        }
        return all;
    }
    Select print(Printer &printer) const override
    {
        Select first = printer.select(inputs()[0]);
        first.outputs = typed_outputs(first, columns());
        std::string name = printer.new_entry();
        Select then = printer.select(next(named_rows(name, columns())));
        if (recursion_.is_set) {
            std::string removed = dynamic_cast<const Removed &>(*inputs()[1]).entry(printer);
            then.where.push_back(goes(printer, then.slots(), removed));
        }
        then.outputs = typed_outputs(then, columns());
        printer.add_recursive(name, "(" + few(Printer::numbered(first, false)) + ")" +
                                        (recursion_.is_set ? " UNION " : " UNION ALL ") +
                                        Printer::numbered(then, false));
        Select found = printer.select(named_rows(name, columns()));
        return printer.wrap(few(Printer::numbered(found, false)), width(), false);
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return std::make_shared<Added>(inputs.at(0), inputs.at(1), recursion_);
    }
};

} // namespace

PlanPtr kept_rows(int step, std::vector<Column> columns, std::string count)
{
    return std::make_shared<KeptRows>(step, std::move(columns), std::move(count));
}

PlanPtr recursion_delta(const RecursionPlan &recursion, const std::vector<DeltaInput> &changed)
{
    Differentiator differentiator(changed);
    PlanPtr base_change = differentiator.delta(recursion.base);
    PlanPtr step_change = differentiator.delta(recursion.step);
    PlanPtr change =
        sum_of({base_change, step_change ? with_leaf(step_change, recursion.leaf, recursion.kept) : nullptr});
    if (!change)
        return nullptr;
    auto next = [&](const PlanPtr &rows) { return with_leaf(recursion.step, recursion.leaf, rows); };
    PlanPtr removed = std::make_shared<Removed>(change, base_change, step_change, recursion);
    PlanPtr lost = next(removed);
    PlanPtr seeds = std::make_shared<Seeds>(change, lost, removed, recursion);
    PlanPtr added = std::make_shared<Added>(seeds, removed, recursion);
    if (recursion.is_set)
        return sum_of({change, next(added), negate(lost)});
    return sum_of({added, negate(removed)});
}

} // namespace pgtrickle::engine
