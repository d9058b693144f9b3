/*
 * The halves of the derivatives of anti, semi and mark joins and therefore of outer joins (outer_join.cpp and
 * semi_join.cpp have the equations).
 *
 * Counting matches is bounded: to determine whether cnt_old = cnt_new - d is zero it is sufficient to find
 * max(d, 0) + 1 matches in the new B. d is summed once for each key where the condition is a conjunction of
 * equalities of columns, by a grouped D(B) that is then joined; otherwise once for each row, for all rows in
 * one join that the condition's equalities can drive: if D(B) were read again for each row, the cost would be
 * the product of both deltas.
 *
 * Where no index finds the matches, they would be searched in all of B for each row. For many rows, all matches of
 * all keys are counted instead, in one pass over B.
 *
 * Conditions over one side only are filters of that side (condition_sides.hpp): more often than before, equalities of
 * columns are what is left.
 */
#include "engine/operators/delta.hpp"
#include "engine/operators/index_terms.hpp"
#include "engine/operators/joins/condition_sides.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace pgtrickle::engine {

namespace {

/* A join of the changed rows with B is read up to so many pairs for each of them. */
constexpr double most_pairs_of_row = 100;

class AntiJoinHalf : public PlanNode {
  public:
    AntiJoinHalf(std::vector<PlanPtr> inputs, std::vector<Column> columns, Condition condition)
        : PlanNode(std::move(inputs), std::move(columns)), condition_(std::move(condition))
    {
    }
    PlanPtr derivative(Differentiator &) const override { throw std::logic_error("a derivative has no derivative"); }
    bool is_weighted() const override { return true; }

  protected:
    int64_t matches(const Evaluation &evaluation, const Row &row, const ZSet &other) const
    {
        int64_t count = 0;
        for (const auto &[match, weight] : other.rows()) {
            Row pair = row;
            pair.insert(pair.end(), match.begin(), match.end());
            if (evaluation.holds(condition_, pair))
                count += weight;
        }
        return count;
    }
    bool has_delta() const { return inputs().size() == 3; }

    /* Whether D(B) can be grouped by the condition's columns of B. */
    bool is_keyed() const
    {
        const auto &columns = inputs()[1]->columns();
        return condition_.others.empty() && !condition_.equalities.empty() &&
               std::all_of(condition_.equalities.begin(), condition_.equalities.end(), [&](const auto &pair) {
                   int position = pair.right.as_column() - inputs()[0]->width();
                   return position >= 0 && columns[position].has_hash && columns[position].equality != Equality::none;
               });
    }
    /* Returns D(B) by key: c1 …, d. Both halves of a derivative read it, so it is a WITH entry where D(B) is one. */
    std::string delta_by_key(Printer &printer) const
    {
        std::vector<std::string> names;
        for (size_t i = 1; i <= condition_.equalities.size(); i++)
            names.push_back("c" + std::to_string(i));
        const std::string entry =
            printer.entry_over(inputs()[2], key_of_other(), [&] { return print_delta_by_key(printer); });
        return entry.empty() ? print_delta_by_key(printer) : "SELECT " + joined(names, ", ") + ", d FROM " + entry;
    }
    std::string print_delta_by_key(Printer &printer) const
    {
        Select delta = printer.select(inputs()[2]);
        /* Grouped by position: a constant in GROUP BY would be taken as a position. */
        std::vector<std::string> keys, targets;
        bool is_sortable = printer.names().has_many_changes();
        for (const int column : key_of_other()) {
            keys.push_back(std::to_string(keys.size() + 1));
            targets.push_back(delta.outputs[column] + " AS c" + keys.back());
            is_sortable = is_sortable && inputs()[1]->columns()[column].is_sortable;
        }
        std::string weight = "pg_catalog.sum(" + delta.weight() + ")::pg_catalog.int8";
        std::string text = "SELECT " + joined(targets, ", ") + ", " + weight + " AS d FROM " + joined(delta.from, ", ");
        if (!delta.where.empty())
            text += " WHERE " + joined(delta.where, " AND ");
        text += " GROUP BY " + joined(keys, ", ") + " HAVING " + weight + " <> 0";
        /* Look-ups in the order of an index find its pages, and those of its table, in the processor's cache. */
        return is_sortable ? text + " ORDER BY " + joined(keys, ", ") : text;
    }
    std::vector<int> key_of_other() const
    {
        std::vector<int> key;
        for (const auto &pair : condition_.equalities)
            key.push_back(pair.right.as_column() - inputs()[0]->width());
        return key;
    }
    /* Returns the right sides of the equalities, over the columns of B. */
    std::vector<Expression> values_of_other() const
    {
        std::vector<Expression> values;
        for (const auto &pair : condition_.equalities) {
            values.push_back(pair.right);
            for (auto &piece : values.back().pieces)
                if (piece.index() == 1)
                    piece = std::get<1>(piece) - inputs()[0]->width();
        }
        return values;
    }
    bool lacks_index(const Printer &printer) const
    {
        return printer.names().has_many_changes() &&
               !are_found_by_index(inputs()[1], values_of_other(), printer.names());
    }
    /* Keys of B are compared with each other by their equality, for which a NULL is equal to nothing. */
    bool counts_in_one_pass(const Printer &printer) const
    {
        return is_keyed() && lacks_index(printer) &&
               std::all_of(condition_.equalities.begin(), condition_.equalities.end(),
                           [](const auto &pair) { return pair.whole.is_strict; });
    }
    /* Whether all matches of each row are counted, by one join with B: without an index, and if the equalities leave
     * few pairs. Where there are many, the first matches are found soon. */
    bool counts_by_join(const Printer &printer) const
    {
        const bool is_hashed = std::any_of(condition_.equalities.begin(), condition_.equalities.end(),
                                           [](const auto &pair) { return pair.right.result.has_hash; });
        return !is_keyed() && is_hashed && lacks_index(printer) &&
               rows_of_value(inputs()[1], values_of_other(), printer.names()) <= most_pairs_of_row;
    }
    /* Returns the number of rows of the new B by key, where `is_wanted` holds for the texts of the key: c1 …, n. */
    template <class IsWanted> std::string count_by_key(Printer &printer, IsWanted is_wanted) const
    {
        Select other = printer.select(inputs()[1]);
        std::vector<std::string> numbers, targets, keys;
        for (int column : key_of_other()) {
            numbers.push_back(std::to_string(numbers.size() + 1));
            keys.push_back(other.slot(column));
            targets.push_back(keys.back() + " AS c" + numbers.back());
        }
        other.where.push_back(is_wanted(keys));
        return "SELECT " + joined(targets, ", ") + ", pg_catalog.count(*) AS n FROM " + joined(other.from, ", ") +
               " WHERE " + joined(other.where, " AND ") + " GROUP BY " + joined(numbers, ", ");
    }
    /* Returns `rows` as a Select whose last outputs are each row's d, and the number of its matches in the new B. */
    Select with_counts_of_keys(Printer &printer, const Select &rows) const
    {
        const int width = inputs()[0]->width();
        const std::string kept = printer.alias(), sums = printer.alias(), counts = printer.alias();
        std::vector<std::string> slots, outputs;
        for (int i = 1; i <= width; i++)
            slots.push_back(kept + ".c" + std::to_string(i));
        outputs = slots;
        outputs.push_back("coalesce(" + sums + ".d, 0) AS c" + std::to_string(width + 1));
        outputs.push_back("coalesce(" + counts + ".n, 0) AS c" + std::to_string(width + 2));
        const std::string counted = count_by_key(printer, [&](const std::vector<std::string> &keys) {
            return "EXISTS (SELECT FROM " + kept + " WHERE " + key_condition(printer, slots, keys) + ")";
        });
        return printer.wrap("WITH " + kept + " AS MATERIALIZED (" + Printer::numbered(rows, true) + ") SELECT " +
                                joined(outputs, ", ") + ", " + kept + ".pgt_weight FROM " + kept + " LEFT JOIN (" +
                                delta_by_key(printer) + ") AS " + sums + " ON " +
                                key_condition(printer, slots, columns_of_key(sums)) + " LEFT JOIN (" + counted +
                                ") AS " + counts + " ON " + key_condition(printer, slots, columns_of_key(counts)),
                            width + 2, true);
    }
    /* Returns the keys of D(B), their d, and the number of their rows in the new B: c1 …, d, n. */
    std::string changed_keys_with_counts(Printer &printer) const
    {
        const std::string changed = printer.alias(), counts = printer.alias();
        const std::vector<int> key = key_of_other();
        const std::vector<std::string> slots = columns_of_key(changed), of_counts = columns_of_key(counts);
        auto are_equal = [&](const std::vector<std::string> &texts) {
            std::vector<std::string> parts;
            for (size_t i = 0; i < key.size(); i++)
                parts.push_back(equal(inputs()[1]->columns()[key[i]], texts[i], slots[i]));
            return joined(parts, " AND ");
        };
        const std::string counted = count_by_key(printer, [&](const std::vector<std::string> &texts) {
            return "EXISTS (SELECT FROM " + changed + " WHERE " + are_equal(texts) + ")";
        });
        return "WITH " + changed + " AS MATERIALIZED (" + delta_by_key(printer) + ") SELECT " + joined(slots, ", ") +
               ", " + changed + ".d, coalesce(" + counts + ".n, 0) AS n FROM " + changed + " LEFT JOIN (" + counted +
               ") AS " + counts + " ON " + are_equal(of_counts);
    }
    std::vector<std::string> columns_of_key(const std::string &alias) const
    {
        std::vector<std::string> columns;
        for (size_t i = 1; i <= condition_.equalities.size(); i++)
            columns.push_back(alias + ".c" + std::to_string(i));
        return columns;
    }
    /* Returns the condition between rows whose slots are `rows` and the texts of a key of B. */
    std::string key_condition(Printer &printer, const std::vector<std::string> &rows,
                              const std::vector<std::string> &key) const
    {
        std::vector<std::string> parts;
        for (size_t i = 0; i < condition_.equalities.size(); i++) {
            std::vector<std::string> slots = rows;
            slots.resize(rows.size() + inputs()[1]->width(), key[i]);
            Condition one{{condition_.equalities[i]}, {}};
            parts.push_back(printer.condition(one, slots));
        }
        return joined(parts, " AND ");
    }
    /* Returns FROM … WHERE … of the rows of `other` that match the row whose slots are `rows`, which are
     * those of an outer query or of `source`. */
    std::string matching(const Select &other, Printer &printer, const std::vector<std::string> &rows,
                         const Condition &condition, const std::string &source = {}) const
    {
        std::vector<std::string> slots = rows, where = other.where;
        for (const auto &slot : other.slots())
            slots.push_back(slot);
        where.push_back(printer.condition(condition, slots));
        return " FROM " + (source.empty() ? "" : source + ", ") + joined(other.from, ", ") + " WHERE " +
               joined(where, " AND ");
    }
    /* Returns `rows` as a Select whose last output is the row's d, or, if they are counted by a join, its d and the
     * number of its matches in the new B; if `only_changed`, without the rows of A whose number of matches is
     * unchanged. The rows are numbered, because equal rows must stay separate and
     * not every type can be grouped by. A sum belongs to one of the rows, so the full join is a left join; but it is
     * done by hashing or merging always, whereas a nested loop, which is cheap for the few rows that a refresh is
     * planned for, reads all sums again for each row. coalesce keeps the planner from making it an inner join. */
    Select with_delta_of_row(Printer &printer, const Select &rows, bool only_changed) const
    {
        const int width = inputs()[0]->width();
        std::string all = printer.alias(), numbered = printer.alias(), sums = printer.alias();
        std::vector<std::string> slots;
        for (int i = 1; i <= width; i++)
            slots.push_back(numbered + ".c" + std::to_string(i));
        Select delta = printer.select(inputs()[2]);
        std::string weight = "pg_catalog.sum(" + delta.weight() + ")::pg_catalog.int8";
        std::string d = "coalesce(" + sums + ".d, 0)";
        std::string with = "WITH " + numbered + " AS MATERIALIZED (SELECT " + all +
                           ".*, pg_catalog.row_number() OVER () AS n FROM (" + Printer::numbered(rows, true) + ") AS " +
                           all + ")";
        std::string summed = "SELECT " + numbered + ".n, " + weight + " AS d" +
                             matching(delta, printer, slots, condition_, numbered) + " GROUP BY " + numbered +
                             ".n HAVING " + weight + " <> 0";
        std::string from =
            " FROM " + numbered + " FULL JOIN (" + summed + ") AS " + sums + " ON " + sums + ".n = " + numbered + ".n";
        std::vector<std::string> outputs = slots;
        outputs.push_back(d + " AS c" + std::to_string(width + 1));
        if (counts_by_join(printer)) {
            const std::string counts = printer.alias();
            from += " FULL JOIN (SELECT " + numbered + ".n, pg_catalog.count(*) AS matches" +
                    matching(printer.select(inputs()[1]), printer, slots, condition_, numbered) + " GROUP BY " +
                    numbered + ".n) AS " + counts + " ON " + counts + ".n = " + numbered + ".n";
            outputs.push_back("coalesce(" + counts + ".matches, 0) AS c" + std::to_string(width + 2));
        }
        std::string text = with + " SELECT " + joined(outputs, ", ") + ", " + numbered + ".pgt_weight" + from +
                           (only_changed ? " WHERE " + d + " <> 0" : "");
        return printer.wrap(text, static_cast<int>(outputs.size()), true);
    }
    /* Removes the last output of `rows` and returns its text. */
    static std::string take_last(Select &rows)
    {
        std::string last = rows.outputs.back();
        rows.outputs.pop_back();
        rows.is_atom.pop_back();
        return last;
    }
    /* Returns the number of matches in the new B, counted no further than needed. */
    std::string bounded_count(Printer &printer, const std::vector<std::string> &rows, const std::string &d) const
    {
        return "(SELECT pg_catalog.count(*) FROM (SELECT" +
               matching(printer.select(inputs()[1]), printer, rows, condition_) + " LIMIT greatest(" + d +
               ", 0) + 1) AS " + printer.alias() + ")";
    }

    Condition condition_;
};

/* Which rows of a delta to return, by whether they matched in the old B. */
enum class Chosen { unmatched, matched, marked };

std::vector<Column> columns_of(Chosen chosen, const PlanPtr &rows, const Column &mark)
{
    std::vector<Column> columns = rows->columns();
    if (chosen == Chosen::marked)
        columns.push_back(mark);
    return columns;
}

class Counted final : public AntiJoinHalf {
  public:
    Counted(std::vector<PlanPtr> inputs, Condition condition, Chosen chosen, const Column &mark)
        : AntiJoinHalf(inputs, columns_of(chosen, inputs[0], mark), std::move(condition)), chosen_(chosen)
    {
    }
    std::string describe() const override
    {
        return chosen_ == Chosen::unmatched ? "unmatched" : chosen_ == Chosen::matched ? "matched" : "marked";
    }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override
    {
        ZSet result;
        for (const auto &[row, weight] : inputs[0].rows()) {
            int64_t count_new = matches(evaluation, row, inputs[1]);
            int64_t d = has_delta() ? matches(evaluation, row, inputs[2]) : 0;
            bool is_matched = count_new - d != 0;
            Row chosen = row;
            if (chosen_ == Chosen::marked)
                chosen.push_back(Value{is_matched});
            if (chosen_ == Chosen::marked || is_matched == (chosen_ == Chosen::matched))
                result.add(chosen, weight);
        }
        return result;
    }
    Select print(Printer &printer) const override
    {
        Select rows = printer.select(inputs()[0]);
        if (!has_delta()) {
            std::string exists =
                "EXISTS (SELECT" + matching(printer.select(inputs()[1]), printer, rows.slots(), condition_) + ")";
            choose(rows, exists, "NOT " + exists);
            return rows;
        }
        if (counts_in_one_pass(printer)) {
            rows = with_counts_of_keys(printer, rows);
            const std::string count = take_last(rows), d = take_last(rows);
            choose(rows, count + " <> " + d, count + " = " + d);
            return rows;
        }
        std::string alias = printer.alias();
        std::string d = alias + ".d", count;
        if (is_keyed()) {
            rows = printer.wrap(Printer::numbered(rows, true), inputs()[0]->width(), true);
            rows.from[0] += " LEFT JOIN (" + delta_by_key(printer) + ") AS " + alias + " ON " +
                            key_condition(printer, rows.slots(), columns_of_key(alias));
            d = "coalesce(" + d + ", 0)";
        } else {
            rows = with_delta_of_row(printer, rows, false);
            if (counts_by_join(printer))
                count = take_last(rows);
            d = take_last(rows);
        }
        if (count.empty())
            count = bounded_count(printer, rows.slots(), d);
        choose(rows, count + " <> " + d, count + " = " + d);
        return rows;
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return std::make_shared<Counted>(std::move(inputs), condition_, chosen_, columns().back());
    }

  private:
    void choose(Select &rows, const std::string &is_matched, const std::string &is_unmatched) const
    {
        if (chosen_ == Chosen::marked)
            rows.add_output(is_matched, false);
        else
            rows.where.push_back(chosen_ == Chosen::matched ? is_matched : is_unmatched);
    }

    Chosen chosen_;
};

class Transition final : public AntiJoinHalf {
  public:
    Transition(std::vector<PlanPtr> inputs, Condition condition)
        : AntiJoinHalf(inputs, inputs[0]->columns(), std::move(condition))
    {
    }
    std::string describe() const override { return "transition"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override
    {
        ZSet result;
        for (const auto &[row, weight] : inputs[0].rows()) {
            int64_t count_new = matches(evaluation, row, inputs[1]);
            int64_t d = matches(evaluation, row, inputs[2]);
            result.add(row, weight * ((count_new == 0) - (count_new - d == 0)));
        }
        return result;
    }
    Select print(Printer &printer) const override
    {
        Select rows = printer.select(inputs()[0]);
        std::string alias = printer.alias();
        std::string d = alias + ".d", n = alias + ".n";
        const bool is_counted = counts_in_one_pass(printer) || counts_by_join(printer);
        if (is_keyed()) {
            const std::string keys = is_counted ? changed_keys_with_counts(printer) : delta_by_key(printer);
            rows.from.insert(rows.from.begin(), "(" + keys + ") AS " + alias);
            rows.where.push_back(key_condition(printer, rows.slots(), columns_of_key(alias)));
        } else {
            rows.where.push_back(touched(printer, rows.slots()));
            rows = with_delta_of_row(printer, rows, true);
            if (is_counted)
                n = take_last(rows);
            d = take_last(rows);
        }
        if (!is_counted) {
            const std::string counted = printer.alias();
            rows.from.push_back("LATERAL " + bounded_count(printer, rows.slots(), d) + " AS " + counted + "(n)");
            n = counted + ".n";
        }
        rows.where.push_back("(" + n + " = 0 OR " + n + " = " + d + ")");
        rows.weights.push_back("(CASE WHEN " + n + " = 0 THEN 1::pg_catalog.int8 ELSE -1 END)");
        return rows;
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return transition(inputs[0], inputs[1], inputs[2], condition_);
    }

  private:
    /* Returns the condition for rows that some row of D(B) may match: by the equalities if there are any, so
     * that an index on the key finds them. */
    std::string touched(Printer &printer, const std::vector<std::string> &rows) const
    {
        Condition driving = condition_;
        if (!driving.equalities.empty())
            driving.others.clear();
        return "EXISTS (SELECT" + matching(printer.select(inputs()[2]), printer, rows, driving) + ")";
    }
};

} // namespace

namespace {

PlanPtr counted(PlanPtr rows, const ConditionSides &sides, Chosen chosen, const Column &mark)
{
    std::vector<PlanPtr> inputs{std::move(rows), sides.other};
    if (sides.delta)
        inputs.push_back(sides.delta);
    return std::make_shared<Counted>(inputs, sides.between, chosen, mark);
}

} // namespace

PlanPtr unmatched(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition)
{
    const ConditionSides sides(rows, std::move(other), std::move(delta), std::move(condition));
    PlanPtr without_match = counted(sides.that_may_match(rows), sides, Chosen::unmatched, {});
    PlanPtr left_out = sides.that_cannot_match(rows);
    return left_out ? union_all({left_out, without_match}) : without_match;
}

PlanPtr matched(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition)
{
    const ConditionSides sides(rows, std::move(other), std::move(delta), std::move(condition));
    return counted(sides.that_may_match(rows), sides, Chosen::matched, {});
}

PlanPtr marked(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition, const Column &mark)
{
    ConditionSides sides(rows, std::move(other), std::move(delta), std::move(condition));
    std::move(sides.of_rows.begin(), sides.of_rows.end(), std::back_inserter(sides.between.others));
    return counted(std::move(rows), sides, Chosen::marked, mark);
}

PlanPtr transition(PlanPtr rows, PlanPtr other, PlanPtr delta, Condition condition)
{
    const ConditionSides sides(rows, std::move(other), std::move(delta), std::move(condition));
    return std::make_shared<Transition>(std::vector<PlanPtr>{sides.that_may_match(rows), sides.other, sides.delta},
                                        sides.between);
}

} // namespace pgtrickle::engine
