#include "translate/level/window.hpp"

#include "engine/late_columns.hpp"
#include "pg/walker.hpp"
#include "translate/level/following.hpp"
#include "translate/level/ordering.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* PostgreSQL frame. */
bool find_windows(Node *node, void *context)
{
    auto *found = static_cast<List **>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, WindowFunc)) {
        *found = list_append_unique(*found, node);
        return false;
    }
    return walk_expression(node, find_windows, context);
}

std::vector<const WindowFunc *> windows_of(const std::vector<Node *> &outputs)
{
    Node *const *items = outputs.data();
    const size_t count = outputs.size();
    List *list = call([&] {
        List *found = NIL;
        for (size_t i = 0; i < count; i++)
            (void)find_windows(items[i], &found);
        return found;
    });
    std::vector<const WindowFunc *> windows;
    ListCell *cell;
    foreach (cell, list)
        windows.push_back(lfirst_node(WindowFunc, cell));
    return windows;
}

Node *sorted_expression(const Query *query, const SortGroupClause *clause)
{
    return call([&] { return get_sortgroupclause_expr(const_cast<SortGroupClause *>(clause), query->targetList); });
}

std::vector<Node *> expressions_of(const Query *query, const List *clauses)
{
    std::vector<Node *> expressions;
    ListCell *cell;
    foreach (cell, clauses)
        expressions.push_back(sorted_expression(query, lfirst_node(SortGroupClause, cell)));
    return expressions;
}

/* Returns `input` with each of `keys` among its columns, and with names that the columns of a heap may have. */
Input with_columns(const Input &input, const std::vector<Node *> &keys)
{
    Input result = input;
    std::vector<std::string> names;
    for (const auto &column : engine::columns(input.plan))
        names.push_back(column.name);
    for (Node *key : keys) {
        if (position_in(result.scope, key) >= 0)
            continue;
        result.scope.push_back(key);
        names.emplace_back("key");
    }
    if (result.scope.size() == input.scope.size() && std::none_of(names.begin(), names.end(), is_name_of_heaps))
        return input;
    names = distinct_names(std::move(names));
    std::vector<engine::NamedExpression> expressions;
    for (size_t i = 0; i < result.scope.size(); i++) {
        const auto &columns = engine::columns(input.plan);
        expressions.push_back({i < columns.size() ? engine::column_reference(static_cast<int>(i), columns[i])
                                                  : expression_of(result.scope[i], input.scope),
                               names[i]});
    }
    result.plan = engine::project(input.plan, std::move(expressions));
    return result;
}

/* Builds the text of an OVER clause, with slots. */
class Over {
  public:
    Over(engine::Expression function, const Scope &scope) : result_(std::move(function)), scope_(scope)
    {
        /* The text of the function ends with ` OVER ()`. */
        auto &last = std::get<std::string>(result_.pieces.back());
        last.pop_back();
    }

    void text(const std::string &piece) { result_.pieces.emplace_back(piece); }
    void node(Node *node)
    {
        text("(");
        for (const auto &piece : expression_of(node, scope_).pieces)
            result_.pieces.push_back(piece);
        text(")");
    }
    void partition(const std::vector<Node *> &keys)
    {
        for (size_t i = 0; i < keys.size(); i++) {
            text(i == 0 ? "PARTITION BY " : ", ");
            node(keys[i]);
        }
    }
    void order(const Query *query, const List *clauses)
    {
        const char *word = " ORDER BY ";
        ListCell *cell;
        foreach (cell, clauses) {
            const auto *clause = lfirst_node(SortGroupClause, cell);
            Node *sorted = sorted_expression(query, clause);
            text(word);
            node(sorted);
            text(direction_of(clause, value_type(sorted).type));
            word = ", ";
        }
    }
    void frame(const WindowClause *window);
    engine::Expression finish()
    {
        text(")");
        return std::move(result_);
    }

  private:
    void offset(Node *value, const char *direction)
    {
        if (call([&] { return contain_subplans(value); }))
            refuse("subquery in a window's frame", "The extent of the frame may change with every row.", use_full,
                   call([&] { return exprLocation(value); }));
        if (!relids_of(value).empty())
            refuse("column of an outer query in a window's frame",
                   "The extent of the frame may change with every row of the outer query.", use_full,
                   call([&] { return exprLocation(value); }));
        node(value);
        text(direction);
    }

    engine::Expression result_;
    const Scope &scope_;
};

void Over::frame(const WindowClause *window)
{
    const int options = window->frameOptions;
    if ((options & FRAMEOPTION_NONDEFAULT) == 0)
        return;
    text((options & FRAMEOPTION_ROWS) != 0     ? " ROWS BETWEEN "
         : (options & FRAMEOPTION_GROUPS) != 0 ? " GROUPS BETWEEN "
                                               : " RANGE BETWEEN ");
    if ((options & FRAMEOPTION_START_UNBOUNDED_PRECEDING) != 0)
        text("UNBOUNDED PRECEDING");
    else if ((options & FRAMEOPTION_START_CURRENT_ROW) != 0)
        text("CURRENT ROW");
    else
        offset(window->startOffset, (options & FRAMEOPTION_START_OFFSET_PRECEDING) != 0 ? " PRECEDING" : " FOLLOWING");
    text(" AND ");
    if ((options & FRAMEOPTION_END_UNBOUNDED_FOLLOWING) != 0)
        text("UNBOUNDED FOLLOWING");
    else if ((options & FRAMEOPTION_END_CURRENT_ROW) != 0)
        text("CURRENT ROW");
    else
        offset(window->endOffset, (options & FRAMEOPTION_END_OFFSET_PRECEDING) != 0 ? " PRECEDING" : " FOLLOWING");
    if ((options & FRAMEOPTION_EXCLUDE_CURRENT_ROW) != 0)
        text(" EXCLUDE CURRENT ROW");
    else if ((options & FRAMEOPTION_EXCLUDE_GROUP) != 0)
        text(" EXCLUDE GROUP");
    else if ((options & FRAMEOPTION_EXCLUDE_TIES) != 0)
        text(" EXCLUDE TIES");
}

/* Functions with the same partition keys. */
struct WindowsOfKeys {
    std::vector<int> partition; /* ascending, each once */
    std::vector<const WindowFunc *> functions;
};

/* Returns the partition keys of a function; constants are left out, as they divide nothing. */
std::vector<Node *> partition_keys(const Query *query, const WindowFunc *function, const std::vector<Node *> &outer)
{
    std::vector<Node *> keys = outer;
    for (Node *key : expressions_of(query, clause_of(query, function)->partitionClause)) {
        if (!IsA(key, Const))
            keys.push_back(key);
    }
    return keys;
}

engine::Expression window_call(const Query *query, const WindowFunc *function, const Scope &scope,
                               const std::vector<Node *> &outer)
{
    const WindowClause *clause = clause_of(query, function);
    Node *node = reinterpret_cast<Node *>(const_cast<WindowFunc *>(function));
    Over over(expression_of(node, scope), scope);
    over.partition(partition_keys(query, function, outer));
    over.order(query, clause->orderClause);
    over.frame(clause);
    return over.finish();
}

std::vector<WindowsOfKeys> nodes_of(const Query *query, const std::vector<const WindowFunc *> &functions,
                                    const Scope &scope, const std::vector<Node *> &outer)
{
    std::vector<WindowsOfKeys> nodes;
    for (const WindowFunc *function : functions) {
        std::set<int> positions;
        for (Node *key : partition_keys(query, function, outer))
            positions.insert(position_in(scope, key));
        const std::vector<int> partition(positions.begin(), positions.end());
        auto place =
            std::find_if(nodes.begin(), nodes.end(), [&](const auto &one) { return one.partition == partition; });
        if (place == nodes.end())
            place = nodes.insert(nodes.end(), {partition, {}});
        place->functions.push_back(function);
    }
    std::stable_sort(nodes.begin(), nodes.end(), [](const auto &left, const auto &right) {
        return left.partition.size() > right.partition.size();
    });
    return nodes;
}

/* The names of the plan's columns and of more, each once. */
std::vector<std::string> output_names(const engine::PlanPtr &plan, size_t more)
{
    std::vector<std::string> names;
    for (const auto &column : engine::columns(plan))
        names.push_back(column.name);
    names.resize(names.size() + more, "window");
    return distinct_names(std::move(names));
}

std::vector<int> over_late(const std::vector<int> &partition, const std::vector<engine::Expression> &columns)
{
    std::vector<int> positions;
    for (const int column : partition)
        positions.push_back(columns[column].as_column());
    std::sort(positions.begin(), positions.end());
    return positions;
}

std::optional<engine::Following> over_late(std::optional<engine::Following> following,
                                           const std::vector<engine::Expression> &columns)
{
    if (!following)
        return following;
    for (auto &term : following->order)
        term.column = columns[term.column].as_column();
    for (auto &call : following->calls)
        for (auto *part : {&call.argument, &call.filter})
            if (part->has_value())
                *part = (*part)->compose(columns);
    return following;
}

/* The plan as it is where the outputs are its columns. */
engine::PlanPtr with_outputs(engine::PlanPtr plan, std::vector<engine::Expression> outputs,
                             const std::vector<std::string> &names)
{
    bool is_same = outputs.size() == engine::columns(plan).size();
    std::vector<engine::NamedExpression> named;
    for (size_t i = 0; i < outputs.size(); i++) {
        is_same = is_same && outputs[i].as_column() == static_cast<int>(i);
        named.push_back({std::move(outputs[i]), names[i]});
    }
    return is_same ? plan : engine::project(std::move(plan), std::move(named));
}

} // namespace

const WindowClause *clause_of(const Query *query, const WindowFunc *function)
{
    ListCell *cell;
    foreach (cell, query->windowClause) {
        const auto *clause = lfirst_node(WindowClause, cell);
        if (clause->winref == function->winref)
            return clause;
    }
    raise({.message = "a window function without its window"});
}

std::vector<Node *> window_keys(const Query *query, const std::vector<Node *> &outputs)
{
    std::vector<Node *> keys;
    for (const WindowFunc *function : windows_of(outputs)) {
        const WindowClause *clause = clause_of(query, function);
        for (const List *clauses : {clause->partitionClause, clause->orderClause})
            for (Node *key : expressions_of(query, clauses))
                keys.push_back(key);
    }
    return keys;
}

Input windowed(const Query *query, const std::vector<Node *> &outputs, Input input, const std::vector<Node *> &outer)
{
    const auto functions = windows_of(outputs);
    std::vector<Node *> keys;
    for (const WindowFunc *function : functions)
        for (Node *key : partition_keys(query, function, outer))
            keys.push_back(key);
    input = with_columns(input, keys);
    const Scope scope = input.scope;
    const std::vector<WindowsOfKeys> nodes = nodes_of(query, functions, scope, outer);
    std::set<int> pinned;
    for (const WindowsOfKeys &node : nodes) {
        pinned.insert(node.partition.begin(), node.partition.end());
        if (const auto following = following_of(query, node.functions, scope))
            for (const auto &term : following->order)
                pinned.insert(term.column);
    }
    const std::vector<std::string> names = output_names(input.plan, functions.size());
    engine::LateColumns late = engine::with_late_columns(input.plan, pinned);
    std::vector<engine::Expression> shown = late.columns;
    for (const WindowsOfKeys &node : nodes) {
        std::vector<engine::NamedExpression> calls;
        const size_t first = engine::columns(late.plan).size();
        const std::vector<std::string> call_names = output_names(late.plan, node.functions.size());
        for (const WindowFunc *function : node.functions) {
            const engine::Expression call = window_call(query, function, scope, outer).compose(late.columns);
            const size_t position = first + calls.size();
            shown.push_back(engine::column_reference(static_cast<int>(position), call.result));
            calls.push_back({call, call_names[position]});
            input.scope.push_back(reinterpret_cast<Node *>(const_cast<WindowFunc *>(function)));
        }
        late.plan = engine::window(late.plan, over_late(node.partition, late.columns), std::move(calls),
                                   over_late(following_of(query, node.functions, scope), late.columns));
    }
    input.plan = with_outputs(late.plan, std::move(shown), names);
    return input;
}

} // namespace pgtrickle::translate
