/*
 * Which rows may be kept though the query does not: those whose columns are computed without an error, and that do not
 * depend on an iteration of a recursion.
 */
#include "engine/operators/project.hpp"
#include "engine/operators/recursion/recursive.hpp"

namespace pgtrickle::engine {

bool can_be_copied(const PlanPtr &plan)
{
    bool can_be = true;
    visit_once(plan, [&](const PlanPtr &node) {
        if (const auto *project = dynamic_cast<const Project *>(node.get()))
            for (const NamedExpression &one : project->expressions())
                can_be = can_be && !one.expression.may_fail;
        can_be = can_be && !is_recursion_leaf(node);
    });
    return can_be;
}

} // namespace pgtrickle::engine
