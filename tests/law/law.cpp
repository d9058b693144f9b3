/*
 * The law: after any sequence of refreshes, the sum of the emitted deltas equals the
 * meaning of the sum of the inputs; and every arrangement holds what a fill would give.
 *
 * Plans are made from the operator table's samples, so an operator in the table is in the
 * test. A failing case is shrunk (smaller plan, fewer rows, fewer rounds) and printed.
 *
 *   law [CASES [SEED]]
 */
#include "../column_of_type.hpp"
#include "machine.hpp"

#include <cstdio>
#include <cstdlib>
#include <iostream>

namespace law {

namespace {

constexpr int source_count = 3;
constexpr int source_width = 2;

Column toy_column(const std::string &type)
{
    Column column = column_of_type("x", type);
    if (type == "numeric" || type == "float8")
        column.equality = type == "numeric" ? Equality::scaled : Equality::none;
    column.is_sortable = type != "xid";
    return column;
}

class Dice final : public Sampler {
  public:
    explicit Dice(unsigned seed) : random_(seed) {}

    int below(int limit) override { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
    PlanPtr source(int index) override
    {
        std::vector<Column> columns;
        for (int i = 0; i < source_width; i++) {
            columns.push_back(toy_column(types[(index + i) % 5]));
            columns.back().name = "c" + std::to_string(i + 1);
        }
        /* No program may rely on a key: its rows need not differ. */
        return scan(index, columns, below(2) == 0 ? std::vector<int>{below(source_width)} : std::vector<int>{});
    }
    PlanPtr plan() override
    {
        if (depth_ == 0 || below(6) == 0)
            return source(below(source_count));
        /* A plan may use a node more than once. */
        if (!made_.empty() && below(6) == 0)
            return made_[below(static_cast<int>(made_.size()))];
        depth_--;
        const auto &table = operator_table();
        PlanPtr made = below(16) == 0 ? join_with_tables() : table[below(static_cast<int>(table.size()))].sample(*this);
        depth_++;
        made_.push_back(made->width() > 5 ? narrowed(made, 3) : made);
        return made_.back();
    }
    PlanPtr plan_of_width(int width) override { return narrowed(plan(), width); }
    Expression scalar(int width) override
    {
        static const char *const shapes[] = {
            "#", "#", "#", "(# + #) % 4", "coalesce(#, 1)", "2", "# - #", "CASE WHEN # > 1 THEN # END"};
        return shaped(shapes[below(8)], width);
    }
    Expression predicate(int width) override
    {
        static const char *const shapes[] = {
            "# > 1",         "# = #", "# IS NULL", "# <= # OR # = 2", "NOT (# = 1)",
            "# IS NOT NULL", "true",  "NULL",      "# < 2",           "# IS DISTINCT FROM 1"};
        return shaped(shapes[below(10)], width);
    }
    Expression rows(int width) override { return shaped("pg_catalog.generate_series(#, #)", width); }
    Expression equality(int left, int right) override
    {
        Expression expression;
        expression.pieces = {left, std::string(" = "), right};
        expression.result = toy_column("bool");
        expression.may_fail = below(4) == 0;
        return expression;
    }
    Column column() override { return toy_column(types[below(5)]); }
    PlanPtr plan_of_depth(int depth)
    {
        depth_ = depth;
        return plan();
    }

  private:
    static constexpr const char *types[] = {"pg_catalog.int4", "pg_catalog.int8", "numeric", "float8", "xid"};

    /* Rows, often behind semi joins, in a join with one or two tables of which they seem to meet one row each. */
    PlanPtr join_with_tables()
    {
        PlanPtr rows = plan_of_width(source_width);
        for (int i = below(3); i > 0; i--) {
            PlanPtr other = plan();
            rows = semi_join(below(2) == 0 ? SemiKind::semi : SemiKind::anti, rows, other,
                             condition({rows->width(), other->width()}));
        }
        std::vector<PlanPtr> inputs{rows};
        for (int i = below(2); i >= 0; i--) {
            PlanPtr table = source(below(source_count));
            inputs.insert(inputs.begin() + below(static_cast<int>(inputs.size()) + 1),
                          below(2) == 0 ? filter(table, predicate(source_width)) : table);
        }
        Condition on;
        for (size_t i = 1; i < inputs.size(); i++) {
            const int start = static_cast<int>(i) * source_width;
            const int left = below(start), right = start + below(source_width);
            on.equalities.push_back(
                {column_reference(left, column()), column_reference(right, column()), equality(left, right)});
        }
        return join(inputs, on);
    }
    Expression shaped(const std::string &shape, int width)
    {
        Expression expression;
        std::string literal;
        for (char c : shape) {
            if (c != '#') {
                literal += c;
                continue;
            }
            if (!literal.empty())
                expression.pieces.push_back(literal);
            literal.clear();
            if (width > 0)
                expression.pieces.emplace_back(std::in_place_type<int>, below(width));
            else
                expression.pieces.push_back(std::string("1"));
        }
        if (!literal.empty())
            expression.pieces.push_back(literal);
        expression.result = column();
        expression.may_fail = below(2) == 0; /* where it is evaluated depends on it */
        return expression;
    }
    PlanPtr narrowed(const PlanPtr &wide, int width)
    {
        std::vector<NamedExpression> expressions;
        for (int i = 0; i < width; i++)
            expressions.push_back({scalar(wide->width()), "n" + std::to_string(i + 1)});
        return project(wide, expressions);
    }

    std::mt19937 random_;
    int depth_ = 0;
    std::vector<PlanPtr> made_;
};

struct Change {
    int source;
    Row row;
    int weight;
};

struct Case {
    PlanPtr plan;
    std::vector<std::vector<Change>> rounds; /* the first fills */
    unsigned seed;
};

Case sample(unsigned seed)
{
    Dice dice(seed);
    Case one{dice.plan_of_depth(1 + dice.below(6)), {}, seed};
    int rounds = 2 + dice.below(4);
    for (int round = 0; round < rounds; round++) {
        std::vector<Change> changes;
        int count = round == 0 ? dice.below(9) : 1 + dice.below(5);
        for (int i = 0; i < count; i++) {
            Row row;
            for (int column = 0; column < source_width; column++)
                row.push_back(dice.below(5) == 0 ? Value{} : Value{dice.below(3)});
            changes.push_back({dice.below(source_count), row, dice.below(5) < 3 || round == 0 ? 1 : -1});
        }
        one.rounds.push_back(changes);
    }
    return one;
}

/* The deltas of one round; what is not there is not taken away. */
std::vector<ZSet> deltas_of(const std::vector<Change> &changes, std::vector<ZSet> &sources)
{
    std::vector<ZSet> deltas(source_count);
    for (const auto &change : changes) {
        auto &source = sources[change.source];
        if (change.weight < 0) {
            /* A random row would rarely be there: take the next one at or above it. */
            auto place = source.rows().lower_bound(change.row);
            if (place == source.rows().end())
                continue;
            Row row = place->first;
            source.add(row, -1);
            deltas[change.source].add(row, -1);
        } else {
            source.add(change.row, 1);
            deltas[change.source].add(change.row, 1);
        }
    }
    return deltas;
}

/* Empty when the law holds. */
std::string verdict(const Case &one)
{
    std::vector<ZSet> sources(source_count);
    try {
        if (!one.rounds.empty())
            deltas_of(one.rounds[0], sources);
        Machine machine(one.plan, sources, one.seed);
        machine.fill();
        for (size_t round = 1; round < one.rounds.size(); round++) {
            std::vector<ZSet> deltas = deltas_of(one.rounds[round], sources);
            machine.refresh(deltas);
        }
    } catch (const Broken &broken) {
        return broken.what();
    } catch (const std::exception &error) {
        return std::string("error: ") + error.what();
    }
    return {};
}

/* Half of a reserve and its window, which have one meaning together only. */
bool is_torn(const PlanPtr &plan)
{
    auto is_reserve = [](const PlanPtr &node) { return node->describe().ends_with("with a reserve"); };
    return is_reserve(plan) || (plan->inputs().size() == 1 && is_reserve(plan->inputs()[0]));
}

bool shrink_plan(Case &one)
{
    std::vector<PlanPtr> smaller = one.plan->inputs();
    std::erase_if(smaller, is_torn);
    /* Or the same node over an input's input, where the width fits. */
    for (size_t i = 0; i < one.plan->inputs().size(); i++) {
        std::vector<PlanPtr> below = one.plan->inputs()[i]->inputs();
        Dice dice(1);
        below.push_back(dice.source(0));
        for (const auto &candidate : below) {
            if (candidate->width() != one.plan->inputs()[i]->width() || candidate == one.plan->inputs()[i] ||
                is_torn(candidate) || is_torn(one.plan->inputs()[i]) || one.plan->inputs()[i]->inputs().empty())
                continue;
            auto inputs = one.plan->inputs();
            inputs[i] = candidate;
            smaller.push_back(one.plan->with_inputs(inputs));
        }
    }
    for (const auto &plan : smaller) {
        Case candidate = one;
        candidate.plan = plan;
        if (!verdict(candidate).empty()) {
            one = candidate;
            return true;
        }
    }
    return false;
}

bool shrink_rows(Case &one)
{
    for (size_t round = 0; round < one.rounds.size(); round++) {
        for (size_t i = 0; i < one.rounds[round].size(); i++) {
            Case candidate = one;
            candidate.rounds[round].erase(candidate.rounds[round].begin() + static_cast<long>(i));
            if (!verdict(candidate).empty()) {
                one = candidate;
                return true;
            }
        }
        if (round > 0) {
            Case candidate = one;
            candidate.rounds.erase(candidate.rounds.begin() + static_cast<long>(round));
            if (!verdict(candidate).empty()) {
                one = candidate;
                return true;
            }
        }
    }
    return false;
}

void report(Case one)
{
    for (int effort = 0; effort < 500 && (shrink_plan(one) || shrink_rows(one)); effort++)
        ;
    std::cout << "law broken: " << verdict(one) << " (seed " << one.seed << ")\n"
              << Program(one.plan).explain() << "\n";
    for (size_t round = 0; round < one.rounds.size(); round++) {
        std::cout << (round == 0 ? "fill" : "refresh") << "\n";
        for (const auto &change : one.rounds[round]) {
            std::cout << "  source " << change.source + 1 << (change.weight > 0 ? " +(" : " -(");
            for (size_t i = 0; i < change.row.size(); i++)
                std::cout << (i ? ", " : "") << (change.row[i] ? std::to_string(*change.row[i]) : "NULL");
            std::cout << ")\n";
        }
    }
}

} // namespace

} // namespace law

int main(int argc, char **argv)
{
    unsigned cases = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 2000;
    unsigned seed = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1;
    for (unsigned i = 0; i < cases; i++) {
        law::Case one = law::sample(seed + i);
        if (!law::verdict(one).empty()) {
            law::report(one);
            return 1;
        }
    }
    std::printf("law: %u cases passed\n", cases);
    return 0;
}
