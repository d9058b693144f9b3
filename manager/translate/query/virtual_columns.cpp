#include "translate/query/virtual_columns.hpp"

#include "pg/versions/generated_columns.hpp"

namespace pgtrickle::translate {

VirtualColumns virtual_columns_of(int number, Oid relid, const std::map<AttrNumber, Node *> &used)
{
    VirtualColumns columns;
    for (const auto &[attribute, var] : used) {
        const AttrNumber column = attribute;
        if (Node *expression = call([=] { return virtual_expression(relid, column, number); }); expression != nullptr)
            columns[attribute] = {var, expression};
    }
    return columns;
}

std::set<AttrNumber> attributes_of(const VirtualColumns &columns)
{
    std::set<AttrNumber> attributes;
    for (const auto &[attribute, column] : columns) {
        for (const Var *read : vars_of(column.expression))
            attributes.insert(read->varattno);
    }
    return attributes;
}

Input with_virtual_columns(Input input, const VirtualColumns &columns)
{
    std::vector<std::string> names;
    for (const auto &column : engine::columns(input.plan))
        names.push_back(column.name);
    const size_t held = names.size();
    names.resize(held + columns.size(), "computed");
    names = distinct_names(std::move(names));
    std::vector<engine::NamedExpression> outputs;
    for (size_t i = 0; i < held; i++)
        outputs.push_back({engine::column_reference(static_cast<int>(i), engine::columns(input.plan)[i]), names[i]});
    Scope scope = input.scope;
    for (const auto &[attribute, column] : columns) {
        outputs.push_back({expression_of(column.expression, input.scope), names[outputs.size()]});
        scope.push_back(column.var);
    }
    input.plan = engine::project(input.plan, std::move(outputs));
    input.scope = std::move(scope);
    return input;
}

} // namespace pgtrickle::translate
