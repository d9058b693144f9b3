#include "engine/operators/keyed/reserve.hpp"

#include "engine/operators/sql.hpp"

#include <algorithm>
#include <ranges>
#include <stdexcept>

namespace pgtrickle::engine {

namespace {

Column complete_column()
{
    Column column;
    column.name = "pgt_complete";
    column.type = "pg_catalog.bool";
    return column;
}

std::vector<Column> with_complete(std::vector<Column> columns)
{
    columns.push_back(complete_column());
    return columns;
}

/* Returns "c1, c2 …" of the relation `alias`. */
std::vector<std::string> numbered(const std::string &alias, int width)
{
    std::vector<std::string> names;
    for (int i = 1; i <= width; i++)
        names.push_back(alias + ".c" + std::to_string(i));
    return names;
}

/* A value that is read from a table and one that comes from a change log are to have one place in the order. */
std::string order_by(const ReserveTerms &terms, const std::string &alias, const std::vector<Column> &columns)
{
    std::vector<std::string> parts, images = numbered(alias, static_cast<int>(columns.size()));
    for (size_t i = 0; i < columns.size(); i++)
        if (columns[i].has_rows)
            images[i] = "pgtrickle.row_image(" + images[i] + ")";
    for (const auto &key : terms.order)
        parts.push_back(alias + ".c" + std::to_string(key.position + 1) + key.direction);
    if (!terms.with_ties)
        parts.push_back("ROW(" + joined(images, ", ") + ") USING OPERATOR(pg_catalog.*<)");
    return " ORDER BY " + joined(parts, ", ");
}

int64_t size_of(const ZSet &rows)
{
    int64_t size = 0;
    for (const auto &[row, weight] : rows.rows())
        size += weight;
    return size;
}

/* Returns the first rows and whether these are all, as a statement with columns c1 …; `gate`, if not empty,
 * is a condition that does not depend on the rows: unless it is true, no row is read. */
std::string first_rows(Printer &printer, const PlanPtr &input, const ReserveTerms &terms, const std::string &gate)
{
    const int width = input->width();
    std::string rows = printer.alias(), first = printer.alias();
    std::vector<std::string> targets = numbered(first, width);
    targets.push_back("pg_catalog.count(*) OVER () < " + std::to_string(terms.kept) + " AS c" +
                      std::to_string(width + 1));
    return "SELECT " + joined(targets, ", ") + " FROM (SELECT " + joined(numbered(rows, width), ", ") + " FROM (" +
           printer.subquery(input, false) + ") AS " + rows + order_by(terms, rows, input->columns()) + " FETCH FIRST " +
           std::to_string(terms.kept) + " ROWS WITH TIES) AS " + first + (gate.empty() ? "" : " WHERE " + gate);
}

class ReserveNode : public PlanNode {
  public:
    ReserveNode(std::vector<PlanPtr> inputs, std::vector<Column> columns, ReserveTerms terms)
        : PlanNode(std::move(inputs), std::move(columns)), terms_(std::move(terms))
    {
    }
    PlanPtr derivative(Differentiator &) const override
    {
        throw std::logic_error("a reserve is differentiated through its arrangement");
    }

  protected:
    ZSet first_of(const Evaluation &evaluation, const ZSet &input) const
    {
        std::vector<Row> copies;
        for (const auto &[row, weight] : input.rows())
            copies.insert(copies.end(), static_cast<size_t>(weight), row);
        const auto rank = ranks(evaluation, terms_, copies);
        std::vector<Row> first;
        for (size_t i = 0; i < copies.size(); i++)
            if (*rank[i] <= terms_.kept)
                first.push_back(copies[i]);
        const bool is_complete = static_cast<int64_t>(first.size()) < terms_.kept;
        ZSet result;
        for (auto &row : first) {
            row.push_back(Value{is_complete});
            result.add(row, 1);
        }
        return result;
    }

    ReserveTerms terms_;
};

class ReserveRows final : public ReserveNode {
  public:
    using ReserveNode::ReserveNode;
    std::string describe() const override { return "first rows"; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override
    {
        return first_of(evaluation, inputs[0]);
    }
    Select print(Printer &printer) const override
    {
        return printer.wrap(first_rows(printer, inputs()[0], terms_, ""), width(), false);
    }
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override { return reserve_rows(inputs.at(0), terms_); }
};

/* Inputs: D(P), R, P. */
class ReserveDelta final : public ReserveNode {
  public:
    using ReserveNode::ReserveNode;
    std::string describe() const override { return "change of a reserve"; }
    bool is_weighted() const override { return true; }
    ZSet meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const override;
    Select print(Printer &printer) const override;
    PlanPtr with_inputs(std::vector<PlanPtr> inputs) const override
    {
        return reserve_delta(inputs.at(0), inputs.at(1), inputs.at(2), terms_);
    }

  private:
    std::string rows_within(Printer &printer, const std::string &delta, const std::string &stored) const;
};

ZSet ReserveDelta::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    bool is_complete = true;
    std::vector<Row> rows;
    for (Row row : inputs[1].rows() | std::views::keys) {
        is_complete = row.back() != Value{0};
        row.pop_back();
        rows.push_back(row);
    }
    const size_t stored_count = rows.size();
    for (const auto &row : inputs[0].rows() | std::views::keys)
        rows.push_back(row);
    const auto rank = ranks(evaluation, terms_, rows);
    Value last{0};
    for (size_t i = 0; i < stored_count; i++)
        last = std::max(last, rank[i]);
    ZSet result;
    for (size_t i = stored_count; i < rows.size(); i++) {
        if (!is_complete && rank[i] > last)
            continue;
        Row row = rows[i];
        row.push_back(Value{is_complete});
        result.add(row, inputs[0].rows().at(rows[i]));
    }
    const int64_t size = size_of(inputs[1]) + size_of(result);
    ZSet stored;
    for (size_t i = 0; i < stored_count; i++)
        stored.add(rows[i], std::next(inputs[1].rows().begin(), static_cast<long>(i))->second);
    const bool has_grown = size > 2 * terms_.kept && size > 2 * size_of(first_of(evaluation, stored));
    if (!has_grown && (is_complete || size >= terms_.count))
        return result;
    result = first_of(evaluation, inputs[2]);
    result.add(inputs[1], -1);
    return result;
}

/* Returns the rows of the delta that are not beyond the last stored one. The executor finds them by sorting
 * both together, so that directions, NULLS FIRST and collations are PostgreSQL's own. */
std::string ReserveDelta::rows_within(Printer &printer, const std::string &delta, const std::string &stored) const
{
    const int width = inputs()[0]->width();
    std::string both = printer.alias(), marked = printer.alias();
    std::string columns = joined(numbered(both, width), ", ");
    return "SELECT " + marked + ".* FROM (SELECT " + columns + ", " + both + ".pgt_weight, " + both +
           ".is_stored, pg_catalog.bool_or(" + both + ".is_stored) OVER (" +
           order_by(terms_, both, inputs()[0]->columns()) +
           " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS is_within FROM (SELECT " +
           joined(numbered(delta, width), ", ") + ", " + delta + ".pgt_weight, false AS is_stored FROM " + delta +
           " UNION ALL SELECT " + joined(numbered(stored, width), ", ") + ", 1, true FROM " + stored + ") AS " + both +
           ") AS " + marked + " WHERE NOT " + marked + ".is_stored AND (" + marked +
           ".is_within OR (SELECT coalesce(pg_catalog.bool_and(" + stored + ".c" + std::to_string(width + 1) +
           "), true) FROM " + stored + "))";
}

Select ReserveDelta::print(Printer &printer) const
{
    const int width = inputs()[0]->width();
    std::string delta = printer.alias(), stored = printer.alias(), within = printer.alias(), facts = printer.alias();
    std::string flag = "c" + std::to_string(width + 1);
    std::string complete = "(SELECT " + facts + ".is_complete FROM " + facts + ")";
    std::string refill = "(SELECT " + facts + ".must_refill FROM " + facts + ")";
    std::string size = "(SELECT pg_catalog.count(*) FROM " + stored + ") + (SELECT coalesce(pg_catalog.sum(" + within +
                       ".pgt_weight), 0) FROM " + within + ")";
    std::string ranked = printer.alias();
    std::string kept = std::to_string(terms_.kept);
    std::string has_grown = "f.size > 2 * " + kept + " AND f.size > 2 * (SELECT pg_catalog.count(*) FROM (SELECT " +
                            "pg_catalog.rank() OVER (" + order_by(terms_, stored, inputs()[0]->columns()) +
                            ") AS rank FROM " + stored + ") AS " + ranked + " WHERE " + ranked + ".rank <= " + kept +
                            ")";
    std::string parts[] = {
        "WITH " + delta + " AS MATERIALIZED (" + printer.subquery(inputs()[0], true) + ")",
        stored + " AS MATERIALIZED (" + printer.subquery(inputs()[1], false) + ")",
        within + " AS MATERIALIZED (" + rows_within(printer, delta, stored) + ")",
        facts + " AS MATERIALIZED (SELECT f.is_complete, f.size < " + std::to_string(terms_.count) +
            " AND NOT f.is_complete OR " + has_grown + " AS must_refill FROM (SELECT coalesce(pg_catalog.bool_and(s." +
            flag + "), true) AS is_complete, " + size + " AS size FROM " + stored + " AS s) AS f)",
    };
    std::string refilled = printer.alias();
    std::string text = joined({parts[0], parts[1], parts[2], parts[3]}, ", ") + " SELECT " +
                       joined(numbered(within, width), ", ") + ", " + complete + " AS " + flag + ", " + within +
                       ".pgt_weight FROM " + within + " WHERE NOT " + refill + " UNION ALL SELECT " +
                       joined(numbered(stored, width + 1), ", ") + ", -1 FROM " + stored + " WHERE " + refill +
                       " UNION ALL SELECT " + joined(numbered(refilled, width + 1), ", ") + ", 1 FROM (" +
                       first_rows(printer, inputs()[2], terms_, refill) + ") AS " + refilled;
    return printer.wrap(text, width + 1, true);
}

} // namespace

std::string Reserve::describe() const
{
    std::vector<std::string> parts;
    for (const auto &key : terms_.order)
        parts.push_back(columns().at(key.position).name + key.direction);
    return "first " + std::to_string(terms_.count) + " by " + joined(parts, ", ") + ", with a reserve";
}

ZSet Reserve::meaning(const Evaluation &, const std::vector<ZSet> &inputs) const
{
    return inputs[0];
}

PlanPtr Reserve::derivative(Differentiator &) const
{
    throw std::logic_error("a reserve is differentiated through its arrangement");
}

Select Reserve::print(Printer &) const
{
    throw std::logic_error("a reserve is read through its arrangement");
}

PlanPtr Reserve::with_inputs(std::vector<PlanPtr> inputs) const
{
    return reserve(inputs.at(0), terms_);
}

PlanPtr reserve(PlanPtr input, ReserveTerms terms)
{
    for (const auto &key : terms.order)
        if (key.position < 0 || key.position >= input->width())
            throw std::invalid_argument("a sort key that the input does not have");
    if (terms.count < 1 || terms.kept < terms.count)
        throw std::invalid_argument("a reserve must hold what is asked of it");
    return std::make_shared<Reserve>(std::move(input), std::move(terms));
}

PlanPtr reserve_rows(PlanPtr input, const ReserveTerms &terms)
{
    return std::make_shared<ReserveRows>(std::vector{input}, with_complete(input->columns()), terms);
}

PlanPtr reserve_delta(PlanPtr delta, PlanPtr stored, PlanPtr input, const ReserveTerms &terms)
{
    return std::make_shared<ReserveDelta>(std::vector{delta, stored, input}, with_complete(input->columns()), terms);
}

std::vector<Value> ranks(const Evaluation &evaluation, const ReserveTerms &terms, const std::vector<Row> &rows)
{
    Expression call;
    call.pieces.emplace_back(std::string("pg_catalog.rank() OVER (ORDER BY "));
    for (const auto &key : terms.order) {
        call.pieces.emplace_back(std::in_place_type<int>, key.position);
        call.pieces.emplace_back(key.direction + ", ");
    }
    const int width = rows.empty() || terms.with_ties ? 0 : static_cast<int>(rows[0].size());
    for (int i = 0; i < width; i++) {
        call.pieces.emplace_back(std::in_place_type<int>, i);
        call.pieces.emplace_back(std::string(", "));
    }
    call.pieces.emplace_back(std::string(")"));
    return evaluation.windowed(call, rows);
}

PlanPtr sample_reserve(Sampler &sampler)
{
    PlanPtr input = sampler.plan();
    const int width = input->width();
    ReserveTerms terms{{}, 1 + sampler.below(3), 0, sampler.below(2) == 0};
    terms.kept = terms.count + sampler.below(3);
    const char *direction = sampler.below(2) == 0 ? " DESC" : " ASC";
    for (int i = 0; i < width; i++)
        if (!terms.with_ties || sampler.below(2) == 0)
            terms.order.push_back({i, direction});
    if (terms.order.empty())
        return input;
    /* Without ties the order is total, so the result is unique. */
    Expression call, first;
    call.pieces.emplace_back(std::string("pg_catalog.rank() OVER ("));
    for (size_t i = 0; i < terms.order.size(); i++) {
        call.pieces.emplace_back(std::string(i == 0 ? "ORDER BY " : ", "));
        call.pieces.emplace_back(std::in_place_type<int>, terms.order[i].position);
        call.pieces.emplace_back(terms.order[i].direction);
    }
    call.pieces.emplace_back(std::string(")"));
    if (!terms.with_ties)
        call.pieces[0] = std::string("pg_catalog.row_number() OVER (");
    call.result = first.result = sampler.column();
    first.pieces.emplace_back(std::in_place_type<int>, width);
    first.pieces.emplace_back(" <= " + std::to_string(terms.count));
    return filter(window(reserve(input, terms), {}, {{call, "first"}}), first);
}

} // namespace pgtrickle::engine
