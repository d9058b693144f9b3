#include "engine/operators/sql.hpp"

namespace pgtrickle::engine {

std::string quoted(const std::string &name)
{
    std::string text = "\"";
    for (char c : name) {
        if (c == '"')
            text += '"';
        text += c;
    }
    return text + '"';
}

std::string joined(const std::vector<std::string> &parts, const std::string &separator)
{
    std::string text;
    for (size_t i = 0; i < parts.size(); i++)
        text += (i == 0 ? "" : separator) + parts[i];
    return text;
}

std::string arguments_of(const std::vector<std::string> &values)
{
    const std::string list = joined(values, ", ");
    return values.size() <= most_arguments ? list : "ROW(" + list + ")";
}

std::string equal(const Column &column, const std::string &left, const std::string &right)
{
    const std::string cast = column.operand_type.empty() ? "" : "::" + column.operand_type;
    return left + cast + " " + column.equals + " " + right + cast;
}

/* IS NULL would also be true of a row of NULLs. */
std::string is_same(const Column &column, const std::string &left, const std::string &right)
{
    if (has_plain_equality(column))
        return "NOT " + left + " IS DISTINCT FROM " + right;
    return "(" + equal(column, left, right) + " OR " + left + " IS NOT DISTINCT FROM NULL AND " + right +
           " IS NOT DISTINCT FROM NULL)";
}

void Select::add_output(std::string text, bool atom)
{
    outputs.push_back(std::move(text));
    is_atom.push_back(atom);
}

std::string list_of(const std::vector<std::string> &values)
{
    return "ROW(" + joined(values, ", ") + ")";
}

std::string Select::slot(int position) const
{
    return is_atom.at(position) ? outputs[position] : "(" + outputs.at(position) + ")";
}

std::string Select::weight() const
{
    return weights.empty() ? "1::pg_catalog.int8" : joined(weights, " * ");
}

std::vector<std::string> Select::slots() const
{
    std::vector<std::string> all;
    for (size_t i = 0; i < outputs.size(); i++)
        all.push_back(slot(static_cast<int>(i)));
    return all;
}

std::string Printer::alias()
{
    return "t" + std::to_string(++aliases_);
}

namespace {

std::vector<std::string> numbered_columns(int width)
{
    std::vector<std::string> names;
    for (int i = 0; i < width; i++)
        names.push_back("c" + std::to_string(i + 1));
    return names;
}

} // namespace

Select Printer::wrap(const std::string &text, int width, bool with_weight, bool with_replaced)
{
    Select select;
    std::string name = alias();
    select.from.push_back("(" + text + ") AS " + name);
    for (const auto &column : numbered_columns(width))
        select.add_output(name + "." + column, true);
    if (with_weight)
        select.weights.push_back(name + ".pgt_weight");
    if (with_replaced)
        select.replaced = {name + ".pgt_heap", name + ".pgt_ctid"};
    return select;
}

Select Printer::select_with_fences(const PlanPtr &plan)
{
    filters_above_++;
    Select select = this->select(plan);
    filters_above_--;
    return select;
}

Select Printer::select(const PlanPtr &plan)
{
    if (!is_shared(plan))
        return plan->print(*this);
    auto known = shared_.find(plan.get());
    if (known == shared_.end())
        known = shared_.emplace(plan.get(), add_entry(numbered(plan->print(*this), true))).first;
    Select select;
    std::string name = alias();
    select.from.push_back(known->second + " AS " + name);
    for (const auto &column : numbered_columns(plan->width()))
        select.add_output(name + "." + column, true);
    select.weights.push_back(name + ".pgt_weight");
    return select;
}

bool Printer::is_shared(const PlanPtr &plan) const
{
    const auto uses = uses_.find(plan.get());
    return uses != uses_.end() && uses->second >= 2;
}

std::string Printer::add_entry(const std::string &text)
{
    const std::string name = "d" + std::to_string(with_.size() + 1);
    with_.push_back(name + " AS MATERIALIZED (" + text + ")");
    return name;
}

std::string Printer::entry_over(const PlanPtr &plan, const std::vector<int> &columns,
                                const std::function<std::string()> &print)
{
    if (!is_shared(plan))
        return "";
    const std::pair key{plan.get(), columns};
    auto known = entries_over_.find(key);
    if (known == entries_over_.end())
        known = entries_over_.emplace(key, add_entry(print())).first;
    return known->second;
}

std::string Printer::numbered(const Select &select, bool with_weight)
{
    return statement(select, numbered_columns(static_cast<int>(select.outputs.size())), with_weight);
}

std::string Printer::statement(const Select &select, const std::vector<std::string> &column_names, bool with_weight)
{
    std::vector<std::string> targets;
    for (size_t i = 0; i < select.outputs.size(); i++)
        targets.push_back(select.outputs[i] + " AS " + column_names[i]);
    if (with_weight)
        targets.push_back(select.weight() + " AS pgt_weight");
    if (!select.replaced.empty()) {
        targets.push_back(select.replaced[0] + " AS pgt_heap");
        targets.push_back(select.replaced[1] + " AS pgt_ctid");
    }
    std::string text = (select.is_distinct ? "SELECT DISTINCT " : "SELECT ") + joined(targets, ", ");
    if (!select.from.empty())
        text += " FROM " + joined(select.from, ", ");
    if (!select.where.empty())
        text += " WHERE " + joined(select.where, " AND ");
    return select.fences.empty() ? text : "(" + text + " OFFSET 0)";
}

std::string Printer::subquery(const PlanPtr &plan, bool with_weight)
{
    return numbered(select(plan), with_weight);
}

std::string Printer::condition(const Condition &condition, const std::vector<std::string> &slots) const
{
    std::vector<std::string> parts;
    auto print_slot = [&](int position) { return slots.at(position); };
    for (const auto &pair : condition.equalities)
        parts.push_back("(" + pair.whole.print(print_slot) + ")");
    for (const auto &other : condition.others)
        parts.push_back("(" + other.print(print_slot) + ")");
    return parts.empty() ? "true" : joined(parts, " AND ");
}

void Printer::share(const PlanPtr &plan)
{
    count_uses(plan);
}

/* A leaf needs no WITH entry; nor does a plan without a delta, though the keys touched by a delta may be
 * looked up below it. */
void Printer::count_uses(const PlanPtr &plan)
{
    if (plan->inputs().empty())
        return;
    /* At the second use of a node without an entry, all below it is used twice: a third one adds nothing. */
    if (plan->is_weighted() ? uses_[plan.get()]++ > 0 : visits_[plan.get()]++ > 1)
        return;
    for (const auto &input : plan->inputs())
        count_uses(input);
}

std::string Printer::new_entry()
{
    return "r" + std::to_string(++recursive_entries_);
}

void Printer::add_recursive(const std::string &name_and_columns, const std::string &text)
{
    with_.push_back(name_and_columns + " AS (" + text + ")");
}

std::string Printer::entry_of(const PlanNode *node) const
{
    auto known = entries_.find(node);
    return known == entries_.end() ? "" : known->second;
}

std::string Printer::with_clause() const
{
    return with_.empty() ? "" : (recursive_entries_ > 0 ? "WITH RECURSIVE " : "WITH ") + joined(with_, ", ") + " ";
}

} // namespace pgtrickle::engine
