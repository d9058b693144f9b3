/*
 * Groups that have lost an extremum, where indexes have the rows of a group in its order.
 *
 *     the row of a group = its states as merged, but for each lost extremum and its ties
 *                          the aggregates over the first rows of the group in the order that tie
 *
 * The same aggregates compute the states of a fill, and min() and max() depend on the rows that tie with the extremum
 * alone. A recomputation so reads the ends of an index for each group, where it would read the group. Keys with NULLs
 * are none of an index's equalities, and are recomputed from all rows.
 */
#include "engine/operators/sql.hpp"
#include "engine/step_plan.hpp"

#include <algorithm>
#include <map>

namespace pgtrickle::engine {

namespace {

/* Returns the states of an end, as a FROM item of columns m and t. */
std::string states_at_end(const StepPlan &plan, const GroupEnd &end, const std::string &rows,
                          const std::vector<std::string> &of_group)
{
    const std::string value = "i.a" + std::to_string(end.argument + 1);
    std::vector<std::string> where = of_group;
    where.push_back(value + " IS DISTINCT FROM NULL");
    return "LATERAL (SELECT " + plan.group->states[end.extremum].full + " AS m, " + plan.group->states[end.ties].full +
           " AS t FROM (SELECT i.* FROM (" + rows + ") AS i WHERE " + joined(where, " AND ") + " ORDER BY " + value +
           (end.is_maximum ? " DESC" : "") + " FETCH FIRST 1 ROWS WITH TIES) AS i)";
}

} // namespace

std::optional<std::string> recompute_at_ends(const Step &step, const StepPlan &plan, const RelationNames &names)
{
    const bool has_orders = std::all_of(plan.ends.begin(), plan.ends.end(), [&](const FoundEnd &found) {
        return names.has_order_for(found.lookup.relation, found.lookup.terms, found.lookup.first);
    });
    if (plan.ends.empty() || !has_orders)
        return {};
    Printer printer(names);
    const std::string touched = printer.alias();
    std::vector<std::string> of_group, has_key;
    for (size_t i = 0; i < plan.key_names.size(); i++) {
        const std::string key = touched + "." + quoted(plan.key_names[i]);
        of_group.push_back(equal(plan.group->key_columns[i], "i.k" + std::to_string(i + 1), key));
        has_key.push_back(key + " IS DISTINCT FROM NULL");
    }
    std::string from = names.touched() + " AS " + touched;
    std::map<std::string, std::string> found; /* a column of the arrangement, and what it is */
    for (const FoundEnd &one : plan.ends) {
        const std::string rows =
            Printer::statement(printer.select(plan.prepared(plan.input)), plan.prepared_names(), false);
        const std::string alias = printer.alias();
        from += ", " + states_at_end(plan, one.end, rows, of_group) + " AS " + alias;
        found[plan.state_names[one.end.extremum]] = alias + ".m";
        found[plan.state_names[one.end.ties]] = alias + ".t";
    }
    std::vector<std::string> inner, outer;
    for (const auto &column : step.columns) {
        const std::string name = quoted(column.column.name);
        outer.push_back((column.role == Role::final ? column.sql : "n." + name) + " AS " + name);
        if (column.role == Role::final)
            continue;
        const auto end = found.find(column.column.name);
        inner.push_back((end != found.end() ? end->second : touched + "." + name) + " AS " + name);
    }
    const std::string where = has_key.empty() ? "" : " WHERE " + joined(has_key, " AND ");
    return printer.with_clause() + "SELECT " + joined(outer, ", ") + " FROM (SELECT " + joined(inner, ", ") + " FROM " +
           from + where + ") AS n";
}

} // namespace pgtrickle::engine
