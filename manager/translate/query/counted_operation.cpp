/*
 * INTERSECT and EXCEPT, by how many copies of a row the left and the right side have:
 *
 *   left + tag 1 ─┐
 *                 ├─ UNION ALL ─► groups of all columns, l = copies of tag 1, r = of tag 2 ─► rows
 *   right + tag 2 ┘
 *
 *   INTERSECT   once where l > 0 and r > 0     INTERSECT ALL   least(l, r) times
 *   EXCEPT      once where l > 0 and r = 0     EXCEPT ALL      l - r times, where that is more than 0
 *
 * The result of EXCEPT has values of the left side, also where the right side has equal ones that look different.
 */
#include "translate/level/level.hpp"

#include "engine/operators/aggregates/aggregate.hpp"

namespace pgtrickle::translate {

namespace {

engine::Expression expression(std::vector<std::variant<std::string, int>> pieces, Oid type)
{
    engine::Expression made;
    made.pieces = std::move(pieces);
    made.result = column_of({type, -1, InvalidOid});
    made.may_fail = false;
    return made;
}

/* Returns the columns of the plan under distinct names. */
std::vector<engine::NamedExpression> all_columns(const engine::PlanPtr &plan, int count)
{
    std::vector<engine::NamedExpression> expressions;
    const auto &columns = engine::columns(plan);
    for (int i = 0; i < count; i++)
        expressions.push_back({engine::column_reference(i, columns[i]), "c" + std::to_string(i + 1)});
    return expressions;
}

engine::PlanPtr tagged(engine::PlanPtr plan, int tag)
{
    auto expressions = all_columns(plan, static_cast<int>(engine::columns(plan).size()));
    expressions.push_back({expression({std::to_string(tag) + "::pg_catalog.int4"}, INT4OID), "tag"});
    return engine::project(std::move(plan), std::move(expressions));
}

engine::AggregateCall copies(int tag_position, int tag)
{
    return {&engine::count_family,
            {},
            expression({tag_position, " = " + std::to_string(tag)}, BOOLOID),
            column_of({INT8OID, -1, InvalidOid}, "copies_" + std::to_string(tag))};
}

} // namespace

engine::PlanPtr counted_operation(SetOperation operation, bool all, engine::PlanPtr left, engine::PlanPtr right)
{
    const std::vector<engine::Column> columns = engine::columns(left);
    const int width = static_cast<int>(columns.size());
    const int l = width;
    const int r = width + 1;
    const bool is_intersection = operation == SETOP_INTERSECT;
    std::vector<int> keys;
    for (int i = 0; i < width; i++)
        keys.push_back(i);

    engine::PlanPtr plan = engine::union_all({tagged(std::move(left), 1), tagged(std::move(right), 2)});
    std::optional<engine::Expression> shown;
    if (!is_intersection)
        shown = expression({width, std::string(" = 1")}, BOOLOID);
    plan = std::make_shared<engine::Aggregate>(plan, keys, std::vector{copies(width, 1), copies(width, 2)},
                                               is_intersection ? "INTERSECT" : "EXCEPT", shown);
    const char *const present = is_intersection ? " > 0 AND " : all ? " > " : " > 0 AND ";
    const char *const other = is_intersection ? " > 0" : all ? "" : " = 0";
    plan = engine::fence(plan, expression({l, std::string(present), r, std::string(other)}, BOOLOID));
    auto outputs = all_columns(plan, width);
    if (all) {
        const auto times = is_intersection
                               ? expression({std::string("LEAST("), l, std::string(", "), r, std::string(")")}, INT8OID)
                               : expression({l, std::string(" - "), r}, INT8OID);
        outputs.push_back({times, "times"});
        plan = engine::project(plan, outputs);
        plan = engine::lateral(
            plan,
            expression({std::string("pg_catalog.generate_series(1::pg_catalog.int8, "), width, std::string(")")},
                       INT8OID),
            {column_of({INT8OID, -1, InvalidOid}, "copy")});
        outputs = all_columns(plan, width);
    }
    for (int i = 0; i < width; i++)
        outputs[i].name = columns[i].name;
    return engine::project(plan, std::move(outputs));
}

} // namespace pgtrickle::translate
