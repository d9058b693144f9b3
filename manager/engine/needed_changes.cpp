#include "engine/needed_changes.hpp"

#include "engine/operators/filter.hpp"
#include "engine/operators/project.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>
#include <set>

namespace pgtrickle::engine {

namespace {

using Conjuncts = std::vector<Expression>;

/* Beyond this number of scans the condition costs more than the rows that it discards. */
constexpr size_t most_scans = 8;

bool is_usable(const Expression &conjunct)
{
    return !conjunct.may_fail && conjunct.is_immutable && !conjunct.columns().empty();
}

/* Walks from the root to the scans of one source, with the filters on the way. */
class Walk {
  public:
    explicit Walk(int source) : input_{DeltaInput::Kind::source, source} {}

    void visit(const PlanPtr &plan, const Conjuncts &above)
    {
        const bool is_known =
            above.empty() ? !unconditional_.insert(plan.get()).second : unconditional_.contains(plan.get());
        if (is_everything_ || is_known)
            return;
        if (plan->leaf() == input_)
            return add(plan, above);
        for (size_t i = 0; i < plan->inputs().size(); i++)
            visit(plan->inputs()[i], passed_on(plan, i, above));
    }

    std::string text() const
    {
        if (is_everything_)
            return {};
        return joined({of_scans_.begin(), of_scans_.end()}, " OR ");
    }

  private:
    void add(const PlanPtr &scan, const Conjuncts &conjuncts)
    {
        std::vector<std::string> parts;
        for (const Expression &conjunct : conjuncts)
            parts.push_back("(" + conjunct.print([&](int i) { return quoted(scan->columns()[i].name); }) + ")");
        of_scans_.insert("(" + joined(parts, " AND ") + ")");
        is_everything_ = parts.empty() || of_scans_.size() > most_scans;
    }

    /* Returns the conjuncts over the columns of the input that the rows of the input must meet for a row of the node
     * to meet those above it. */
    static Conjuncts passed_on(const PlanPtr &plan, size_t input, const Conjuncts &above)
    {
        Conjuncts result;
        if (auto found = dynamic_cast<const Filter *>(plan.get())) {
            result = above;
            if (is_usable(found->predicate()))
                result.push_back(found->predicate());
        } else if (auto project = dynamic_cast<const Project *>(plan.get())) {
            for (const Expression &conjunct : above)
                result.push_back(conjunct.compose(expressions_of(*project)));
        } else if (plan->is_union()) {
            return above;
        } else if (plan->is_linear_in(input)) {
            for (Expression conjunct : above)
                if (is_over(plan, input, conjunct))
                    result.push_back(conjunct);
        }
        std::erase_if(result, [](const Expression &conjunct) { return !is_usable(conjunct); });
        return result;
    }

    /* Whether `conjunct` reads columns of that input only; then its slots are those of the input. */
    static bool is_over(const PlanPtr &plan, size_t input, Expression &conjunct)
    {
        for (auto &piece : conjunct.pieces) {
            if (piece.index() == 0)
                continue;
            const auto [from, column] = plan->origin(std::get<1>(piece));
            if (from != static_cast<int>(input))
                return false;
            piece = column;
        }
        return true;
    }

    DeltaInput input_;
    std::set<std::string> of_scans_;
    std::set<const PlanNode *> unconditional_; /* visited without conjuncts: all of their rows are needed */
    bool is_everything_ = false;
};

} // namespace

std::string needed_changes(const PlanPtr &plan, int source)
{
    Walk walk(source);
    walk.visit(plan, {});
    return walk.text();
}

} // namespace pgtrickle::engine
