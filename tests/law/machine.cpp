#include "machine.hpp"

#include <algorithm>

namespace law {

Machine::Machine(const PlanPtr &plan, std::vector<ZSet> sources, unsigned seed)
    : plan_(plan), program_(plan), sources_(std::move(sources)), source_deltas_(sources_.size()),
      rows_(program_.steps().size()), stored_(program_.steps().size()), groups_(program_.steps().size()),
      step_deltas_(program_.steps().size()), random_(seed)
{
}

ZSet Machine::state(DeltaInput input) const
{
    return input.kind == DeltaInput::Kind::source ? sources_.at(input.index) : rows_.at(input.index);
}

ZSet Machine::delta(DeltaInput input) const
{
    return input.kind == DeltaInput::Kind::source ? source_deltas_.at(input.index) : step_deltas_.at(input.index);
}

Value Machine::aggregate(const Expression &call, const ZSet &rows) const
{
    Rows copies;
    for (const auto &[row, weight] : rows.rows())
        for (int64_t i = 0; i < weight; i++)
            copies.push_back([&row](const std::string &name) { return row.at(std::stoul(name.substr(1))); });
    Lookup none = [](const std::string &name) -> Value { throw std::runtime_error("no column " + name); };
    return evaluate_text(call.print([](int slot) { return "c" + std::to_string(slot); }), none, &copies);
}

/* Pairs of neighbours are equal: their images are the numbers themselves. */
Value Machine::equality_class(const Column &column, const Value &value) const
{
    return value && is_loose(column) ? Value{*value >> 1} : value;
}

bool Machine::is_touched(const Row &key) const
{
    Row classes;
    for (size_t i = 0; i < key.size(); i++)
        classes.push_back(equality_class(touched_columns_.at(i), key[i]));
    return touched_.contains(classes);
}

ZSet Machine::kept(int step) const
{
    const StepPlan &plan = program_.step_plan(step);
    if (!plan.group)
        return rows_.at(step);
    ZSet result;
    for (const auto &[key, physical] : groups_.at(step))
        result.add(key, physical.at(plan.state_names.at(0)).value_or(0));
    return result;
}

/* Rows of one step's input by key, as columns k1 … a1 …. */
std::map<Row, Machine::WeightedRows> Machine::by_key(int step, const ZSet &rows) const
{
    const Group &group = *program_.step_plan(step).group;
    std::map<Row, WeightedRows> groups;
    if (group.keys.empty())
        groups[{}];
    for (const auto &[row, weight] : rows.rows()) {
        Row key;
        for (size_t i = 0; i < group.keys.size(); i++)
            key.push_back(equality_class(group.key_columns[i], row[i]));
        groups[key].emplace_back(row, weight);
    }
    return groups;
}

/* A delta may say the same thing in more words: weights split, rows that come and go. */
void Machine::stir(const Group &group, std::map<Row, WeightedRows> &groups)
{
    auto is_of_key = [](const Group &of, const Expression &argument) {
        const auto read = argument.columns();
        return std::all_of(read.begin(), read.end(), [&](int position) {
            return std::find(of.keys.begin(), of.keys.end(), position) != of.keys.end();
        });
    };
    for (auto &[key, rows] : groups) {
        WeightedRows stirred;
        for (const auto &[row, weight] : rows) {
            int64_t unit = weight > 0 ? 1 : -1;
            for (int64_t i = 0; i != weight; i += unit)
                stirred.emplace_back(row, unit);
            if (chance(4)) {
                stirred.emplace_back(row, 1);
                stirred.emplace_back(row, -1);
            }
        }
        if (!rows.empty() && chance(4)) {
            Row other = rows[0].first;
            for (size_t i = key.size(); i < other.size(); i++)
                if (!is_of_key(group, group.arguments[i - key.size()]))
                    other[i] = Value{std::uniform_int_distribution<int>(-1, 4)(random_)};
            stirred.emplace_back(other, 1);
            stirred.emplace_back(other, -1);
        }
        rows = stirred;
    }
}

Machine::Physical Machine::states(int step, const Row &key, const WeightedRows &rows, bool is_delta) const
{
    const StepPlan &plan = program_.step_plan(step);
    const Group &group = *plan.group;
    std::vector<Value> windows;
    Rows lookups;
    for (const auto &[row, weight] : rows) {
        const Row *values = &row;
        int64_t one = weight;
        lookups.push_back([values, one, &windows, &group](const std::string &name) -> Value {
            if (name == "i.pgt_weight")
                return one;
            size_t number = std::stoul(name.substr(3)) - 1;
            if (name[2] == 'w')
                return windows.at(number);
            return values->at(name[2] == 'k' ? number : group.keys.size() + number);
        });
    }
    Lookup none = [](const std::string &name) -> Value { throw std::runtime_error("no column " + name); };
    for (const auto &window : group.windows) {
        const std::string &text = is_delta ? window.delta : window.full;
        windows.push_back(text.empty() ? Value{} : evaluate_text(text, none, &lookups));
    }
    Physical result;
    for (size_t i = 0; i < key.size(); i++)
        result[plan.key_names[i]] = key[i];
    for (int i = 0; i < static_cast<int>(group.states.size()); i++)
        if (is_delta || !group.states_of_delta_only.contains(i))
            result[plan.state_names[i]] =
                evaluate_text(is_delta ? group.states[i].delta : group.states[i].full, none, &lookups);
    return result;
}

void Machine::add_finals(int step, Physical &row) const
{
    auto lookup = [&](const std::string &name) { return row.at(name.substr(2)); };
    for (const auto &column : program_.steps()[step].columns)
        if (column.role == Role::final)
            row[column.column.name] = evaluate_text(column.sql, lookup);
}

Machine::Groups Machine::full_groups(int step, const std::vector<PlanPtr> &inputs) const
{
    ZSet rows;
    for (const auto &input : inputs)
        rows.add(pgtrickle::engine::evaluate(program_.step_plan(step).prepared(input), *this));
    Groups groups;
    for (const auto &[key, plain] : by_key(step, rows)) {
        WeightedRows copies;
        for (const auto &[row, weight] : plain) {
            if (weight < 0)
                throw Broken("a row of negative weight in a new state");
            copies.insert(copies.end(), static_cast<size_t>(weight), {row, 1});
        }
        groups[key] = states(step, key, copies, false);
        add_finals(step, groups[key]);
    }
    return groups;
}

ZSet Machine::output_of_groups(int step) const
{
    const Step &one = program_.steps()[step];
    ZSet result;
    for (const auto &[key, physical] : groups_[step]) {
        Row row;
        for (int i = 0; i < one.output_count; i++)
            row.push_back(physical.at(one.columns[i].column.name));
        result.add(row, 1);
    }
    return result;
}

/* The output columns of rows that have hidden ones, too. */
ZSet Machine::output_of(int step, const ZSet &stored) const
{
    ZSet result;
    for (auto [row, weight] : stored.rows()) {
        Row output = row;
        output.resize(program_.steps()[step].output_count);
        result.add(output, weight);
    }
    return result;
}

void Machine::fill()
{
    for (size_t step = 0; step < program_.steps().size(); step++) {
        const StepPlan &plan = program_.step_plan(static_cast<int>(step));
        if (plan.group) {
            groups_[step] = full_groups(static_cast<int>(step), {plan.input});
            rows_[step] = output_of_groups(static_cast<int>(step));
        } else {
            stored_[step] = pgtrickle::engine::evaluate(plan.input, *this);
            rows_[step] = output_of(static_cast<int>(step), stored_[step]);
        }
        check(static_cast<int>(step));
    }
}

void Machine::refresh(const std::vector<ZSet> &deltas)
{
    source_deltas_ = deltas;
    for (size_t i = 0; i < sources_.size(); i++)
        sources_[i].add(deltas[i]);
    for (size_t step = 0; step < program_.steps().size(); step++) {
        const auto &inputs = program_.steps()[step].inputs;
        ChangedInputs changed(inputs.size());
        for (size_t i = 0; i < inputs.size(); i++)
            if (!delta(inputs[i]).is_empty() || chance(3))
                changed[i] = true;
        refresh_step(static_cast<int>(step), changed);
        check(static_cast<int>(step));
    }
}

void Machine::refresh_step(int step, const ChangedInputs &changed)
{
    std::vector<DeltaInput> inputs;
    for (size_t i = 0; i < program_.steps()[step].inputs.size(); i++)
        if (changed[i])
            inputs.push_back(program_.steps()[step].inputs[i]);
    step_deltas_[step] = {};
    const StepPlan &plan = program_.step_plan(step);
    PlanPtr delta = delta_plan(plan, inputs);
    if (!delta)
        return;
    ZSet before = rows_[step];
    if (plan.group) {
        refresh_groups(step, inputs);
        rows_[step] = output_of_groups(step);
    } else {
        stored_[step].add(pgtrickle::engine::evaluate(delta, *this));
        rows_[step] = output_of(step, stored_[step]);
    }
    step_deltas_[step] = rows_[step];
    step_deltas_[step].add(before, -1);
}

void Machine::refresh_groups(int step, const std::vector<DeltaInput> &changed)
{
    const Step &one = program_.steps()[step];
    const StepPlan &plan = program_.step_plan(step);
    auto deltas = by_key(step, pgtrickle::engine::evaluate(plan.prepared(delta_plan(plan, changed)), *this));
    stir(*plan.group, deltas);
    touched_.clear();
    for (const auto &[key, rows] : deltas) {
        Physical change = states(step, key, rows, true);
        Physical old = groups_[step][key];
        auto lookup = [&](const std::string &name) -> Value {
            if (name[0] == 'd')
                return change.at(name.substr(2));
            auto place = old.find(name.substr(2));
            return place == old.end() ? Value{} : place->second;
        };
        if (!one.recompute_sql_condition.empty() && evaluate_text(one.recompute_sql_condition, lookup).value_or(0) != 0)
            touched_[key] = true;
        Physical merged = change;
        for (const auto &column : one.columns)
            if (column.role == Role::state)
                merged[column.column.name] = evaluate_text(column.sql, lookup);
        if (!one.key.empty() && merged.at(one.columns[one.count_column].column.name) == Value{0}) {
            groups_[step].erase(key);
            continue;
        }
        for (const auto &column : one.changes)
            merged.erase(column.name);
        add_finals(step, merged);
        groups_[step][key] = merged;
    }
    if (touched_.empty())
        return;
    touched_columns_ = plan.group->key_columns;
    Groups fresh = full_groups(step, touched_plans(plan));
    for (const auto &[key, unused] : touched_) {
        groups_[step].erase(key);
        if (fresh.contains(key))
            groups_[step][key] = fresh.at(key);
    }
}

/* A prefix of the rows, with all of them or enough of them. */
void Machine::check_reserve(int step) const
{
    const ReserveStep &reserve = *program_.step_plan(step).reserve;
    const ZSet all = pgtrickle::engine::evaluate(reserve.rows, *this);
    std::vector<Row> rows;
    int64_t kept = 0, total = 0;
    bool is_complete = true, is_prefix = true;
    for (const auto &[row, weight] : stored_[step].rows()) {
        is_complete = row.back() != Value{0};
        rows.emplace_back(row.begin(), row.end() - 1);
        kept += weight;
        auto place = all.rows().find(rows.back());
        is_prefix = is_prefix && place != all.rows().end() && place->second == weight;
    }
    const size_t kept_count = rows.size();
    for (const auto &[row, weight] : all.rows()) {
        total += weight;
        rows.push_back(row);
    }
    const auto rank = ranks(*this, reserve.terms, rows);
    Value last{0};
    for (size_t i = 0; i < kept_count; i++)
        last = std::max(last, rank[i]);
    for (size_t i = kept_count; i < rows.size(); i++)
        is_prefix = is_prefix && (rank[i] > last || rows_[step].rows().contains(rows[i]));
    if (!is_prefix || kept < std::min(reserve.terms.count, total) || (is_complete && kept != total))
        throw Broken("the reserve of step " + std::to_string(step + 1) + " is not the first rows of its input");
}

void Machine::check(int step) const
{
    const StepPlan &plan = program_.step_plan(step);
    if (plan.group && groups_[step] != full_groups(step, {plan.input}))
        throw Broken("the arrangement of step " + std::to_string(step + 1) + " is not what a fill would give");
    if (plan.reserve)
        check_reserve(step);
    else if (!plan.group && stored_[step] != pgtrickle::engine::evaluate(plan.input, *this))
        throw Broken("the sum of the deltas of step " + std::to_string(step + 1) + " is not its meaning");
    bool is_last = step + 1 == static_cast<int>(program_.steps().size());
    if (is_last && rows_[step] != pgtrickle::engine::evaluate(plan_, *this))
        throw Broken("the stream table is not the meaning of its query");
}

} // namespace law
