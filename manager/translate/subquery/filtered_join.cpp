/*
 * The inner join of the parts of a FROM clause.
 *
 * Conditions without subqueries are those of one join. A conjunct with a subquery is a filter, a semi join or a mark
 * join above a join, and filters the join of those parts only that it reads, and that conditions connect with these:
 * other parts would multiply its input, and the delta of its input.
 *
 *     A × B × C, where A.b = B.b and EXISTS (… A …, … B …)    ─►    ((A ⋈ B) ⋉ …) × C
 *
 * For the same reason, a subquery that is a part of a conjunct is computed for the parts that it reads itself, if it
 * cannot fail: other conditions may exclude the rows for which it would.
 */
#include "translate/check/can_fail.hpp"
#include "translate/subquery/sublink.hpp"

#include <algorithm>

namespace pgtrickle::translate {

namespace {

struct Conjunct {
    Node *node;
    Relids relids;
};

/* Parts that conditions connect, or the domain that they carry. */
struct Connected {
    std::vector<Part> parts;

    Relids relids() const
    {
        Relids all;
        for (const Part &part : parts)
            all.insert(part.relids.begin(), part.relids.end());
        return all;
    }
    bool is_read(const Relids &by) const
    {
        const Relids own = relids();
        return std::any_of(by.begin(), by.end(), [&](int relid) { return own.contains(relid); });
    }
};

size_t count_read(const std::vector<Connected> &groups, const Relids &relids)
{
    return std::count_if(groups.begin(), groups.end(), [&](const Connected &group) { return group.is_read(relids); });
}

Connected &first_read(std::vector<Connected> &groups, const Relids &relids)
{
    return *std::find_if(groups.begin(), groups.end(), [&](const Connected &group) { return group.is_read(relids); });
}

/* Makes one group of those that have the relations, in the place of the first of them, and returns it. */
Connected &united(std::vector<Connected> &groups, const Relids &relids)
{
    Connected &first = first_read(groups, relids);
    for (size_t i = &first - groups.data() + 1; i < groups.size();) {
        if (!groups[i].is_read(relids)) {
            i++;
            continue;
        }
        first.parts.insert(first.parts.end(), groups[i].parts.begin(), groups[i].parts.end());
        groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return first;
}

/* Returns the parts in groups that no condition connects: a join by an order, such as one of ranges, may have few rows,
 * and a product of what it would join has many. */
std::vector<Connected> groups_of(const std::vector<Part> &parts, const std::vector<Conjunct> &conjuncts)
{
    std::vector<Connected> groups;
    for (const Part &part : parts)
        groups.push_back({{part}});
    for (const Part &part : parts)
        united(groups, part.relids);
    for (const Conjunct &conjunct : conjuncts)
        if (!conjunct.relids.empty())
            united(groups, conjunct.relids);
    return groups;
}

/* Removes the conjuncts that read no other relations, and returns them. */
std::vector<Node *> take_within(std::vector<Conjunct> &conjuncts, const Relids &relids)
{
    std::vector<Node *> taken;
    std::vector<Conjunct> left;
    for (const Conjunct &conjunct : conjuncts) {
        if (is_within(conjunct.relids, relids))
            taken.push_back(conjunct.node);
        else
            left.push_back(conjunct);
    }
    conjuncts = std::move(left);
    return taken;
}

bool has_value_for_all(Node *node)
{
    const auto *link = castNode(SubLink, node);
    const bool is_of_one_row = link->subLinkType == EXPR_SUBLINK || link->subLinkType == ROWCOMPARE_SUBLINK;
    return (!is_of_one_row || has_one_row(castNode(Query, link->subselect))) &&
           !call([=] { return may_fail_in(link); });
}

/* Returns the conjunct, which reads several groups, with the values of those of its subqueries that read one group at
 * most. If it only compares with the values of uncorrelated subqueries, it is a semi join with these. */
Node *with_values_of_groups(Translator &translator, const Level &level, std::vector<Connected> &groups,
                            const Conjunct &conjunct)
{
    const std::vector<Node *> links = sublinks_of(conjunct.node);
    if (count_read(groups, conjunct.relids) < 2 ||
        std::all_of(links.begin(), links.end(), [](Node *link) { return relids_of(link).empty(); }))
        return conjunct.node;
    std::vector<Node *> known, values;
    for (Node *link : links) {
        const Relids own = relids_of(link);
        if (count_read(groups, own) > 1 || !has_value_for_all(link))
            continue;
        std::vector<Node *> value = {link};
        Connected &group = first_read(groups, own.empty() ? conjunct.relids : own);
        translator.evaluate_sublinks(level, group.parts.front().input, value);
        known.push_back(link);
        values.push_back(value.front());
    }
    return replaced(conjunct.node, known, values);
}

} // namespace

/* Returns the inner join of the parts by the conjuncts that read no others, and removes these conjuncts. */
Part FromClause::merged(std::vector<Part> parts, std::vector<Node *> &conjuncts)
{
    Relids relids;
    std::vector<Conjunct> plain;
    std::vector<Conjunct> with_sublinks;
    std::vector<Node *> rest;

    for (const Part &part : parts)
        relids.insert(part.relids.begin(), part.relids.end());
    for (Node *node : conjuncts) {
        const Relids own = relids_of(node);
        if (is_within(own, relids))
            (has_sublink(node) ? with_sublinks : plain).push_back({node, own});
        else
            rest.push_back(node);
    }
    conjuncts = std::move(rest);
    if (parts.empty())
        return {{engine::values({}, {{}}), {}}, relids};
    if (with_sublinks.empty())
        return {joined(parts, take_within(plain, relids)), relids};

    std::vector<Connected> groups = groups_of(parts, plain);
    const auto join_within = [&](Connected &group) {
        const Relids own = group.relids();
        group.parts = {{joined(group.parts, take_within(plain, own)), own}};
    };
    for (Connected &group : groups)
        join_within(group);
    /* Those that multiply rows come last. */
    std::stable_sort(with_sublinks.begin(), with_sublinks.end(), [&](const Conjunct &one, const Conjunct &other) {
        return count_read(groups, one.relids) < count_read(groups, other.relids);
    });
    for (const Conjunct &conjunct : with_sublinks) {
        Node *node = with_values_of_groups(translator_, level_, groups, conjunct);
        if (!has_sublink(node)) {
            plain.push_back({node, conjunct.relids});
            continue;
        }
        Connected &group = united(groups, conjunct.relids);
        join_within(group);
        Input &rows = group.parts.front().input;
        rows = translator_.filtered(level_, std::move(rows), {node});
    }
    std::vector<Part> left;
    for (const Connected &group : groups)
        left.push_back(group.parts.front());
    return {joined(left, take_within(plain, relids)), relids};
}

/* Joins the parts. If several parts carry the domain, the columns of the first represent it. */
Input FromClause::joined(const std::vector<Part> &parts, const std::vector<Node *> &conjuncts) const
{
    if (parts.size() == 1) {
        Input input = parts.front().input;
        input.plan = filtered(input, conjuncts);
        return input;
    }
    Scope scope;
    std::vector<engine::PlanPtr> inputs;
    std::vector<int> starts;
    std::vector<engine::Column> columns;
    std::vector<std::pair<int, int>> same; /* columns of the same Param */

    for (const Part &part : parts) {
        if (!inputs.empty())
            starts.push_back(static_cast<int>(scope.size()));
        inputs.push_back(part.input.plan);
        const auto &own = engine::columns(part.input.plan);
        columns.insert(columns.end(), own.begin(), own.end());
        for (Node *node : part.input.scope) {
            const int known = node != nullptr && IsA(node, Param) ? position_in(scope, node) : -1;
            if (known >= 0)
                same.emplace_back(known, static_cast<int>(scope.size()));
            scope.push_back(known >= 0 ? nullptr : node);
        }
    }
    engine::Condition all;
    for (Node *conjunct : conjuncts)
        add_conjunct(all, conjunct, scope, starts);
    for (const auto &[first, other] : same)
        all.equalities.push_back(
            null_safe_pair(first, columns[first], other, columns[other], value_type(scope[first])));
    return {engine::join(std::move(inputs), std::move(all)), std::move(scope)};
}

} // namespace pgtrickle::translate
