/*
 * The costs, in the words of the table: "follows the delta" is work proportional to the changed rows and
 * those they meet through an index; "touched groups" and "touched partitions" read the groups or partitions
 * that a changed row belongs to, and no others.
 */
#include "engine/operators/constructs.hpp"

#include "engine/operators/operator.hpp"

#include <algorithm>
#include <optional>

namespace pgtrickle::engine {

const std::vector<Construct> &construct_table()
{
    static const std::vector<Construct> table = {
        {"`WHERE`, expressions, views, sub-queries in `FROM`, `WITH`",
         {"scan", "filter", "project"},
         "follows the delta"},
        {"inner, cross, natural joins, self-joins", {"join"}, "follows the delta"},
        {"`LEFT`, `RIGHT`, `FULL JOIN` on any condition", {"outer join"}, "follows the delta"},
        {"`LATERAL`; functions in `FROM`, `ROWS FROM`, `WITH ORDINALITY`; set-returning functions in `SELECT`",
         {"lateral"},
         "follows the delta"},
        {"`VALUES`, `SELECT` without `FROM`", {"values"}, "none: it never changes"},
        {"`[NOT] EXISTS`, `[NOT] IN`, `ANY`, `ALL`, anywhere", {"semi join"}, "follows the delta"},
        {"`(a, b) NOT IN (SELECT …)` and the like", {"semi join", "partitioned", "copy"}, "follows the delta"},
        {"scalar and `ARRAY` sub-queries, correlated or not",
         {"semi join", "outer join", "aggregate"},
         "touched groups of the outer columns that they read; all rows if the value of an uncorrelated one changes, "
         "but for a comparison in `WHERE` only those between its old and new value"},
        {"`count`, `sum`, `avg`, `bool_and`, `bool_or`, `variance`; `GROUP BY`, `HAVING`, `FILTER`",
         {"aggregate"},
         "follows the delta"},
        {"`min`, `max`",
         {"aggregate"},
         "follows the delta; where the extremum leaves, an end of an index or the touched groups"},
        {"`count`, `sum`, `avg` of `DISTINCT` values without `GROUP BY`",
         {"aggregate", "distinct"},
         "follows the delta"},
        {"any other aggregate; `DISTINCT` and `ORDER BY` inside; ordered-set, hypothetical, user-defined",
         {"aggregate"},
         "touched groups"},
        {"`GROUPING SETS`, `ROLLUP`, `CUBE`", {"union all", "aggregate"}, "as each of their groupings"},
        {"`DISTINCT`, `UNION`", {"distinct"}, "follows the delta"},
        {"`UNION ALL`", {"union all"}, "follows the delta"},
        {"`INTERSECT`, `EXCEPT`, each with or without `ALL`", {"aggregate", "lateral"}, "follows the delta"},
        {"window functions, `DISTINCT ON`",
         {"window"},
         "the rows whose value may differ, the first rows of touched partitions, or all of these; all rows without "
         "`PARTITION BY`"},
        {"`ORDER BY … LIMIT`, `OFFSET`, `FETCH FIRST … WITH TIES`",
         {"first rows", "window"},
         "follows the delta; all rows where the reserve runs out"},
        {"`WITH RECURSIVE`, `SEARCH`, `CYCLE`", {"recursive"}, "follows the delta and what it reaches"},
        {"materialized views in `FROM`", {"scan"}, "follows what their `REFRESH` changed"},
        {"a CTE over more than eight relations that several references read", {"copy"}, "follows the delta"},
        {"foreign tables in `FROM`", {"copy"}, "all rows of them, compared when they may have changed"},
    };
    return table;
}

namespace {

const Operator *operator_called(const std::string &name)
{
    for (const auto &one : operator_table())
        if (one.name == name)
            return &one;
    return nullptr;
}

/* Returns nothing where an operator is not in the table: the construct is then refused, and has no line. */
std::optional<std::string> kept_by(const Construct &construct)
{
    std::vector<std::string> phrases;
    for (const char *name : construct.operators) {
        const Operator *found = operator_called(name);
        if (found == nullptr)
            return std::nullopt;
        if (std::find(phrases.begin(), phrases.end(), found->kept) == phrases.end())
            phrases.push_back(found->kept);
    }
    std::string text;
    for (const auto &phrase : phrases)
        text += (text.empty() ? "" : "; ") + phrase;
    return text;
}

} // namespace

std::string construct_markdown()
{
    std::string text = "| construct | kept | cost of a refresh |\n|---|---|---|\n";
    for (const auto &construct : construct_table())
        if (auto kept = kept_by(construct))
            text += std::string("| ") + construct.written + " | " + *kept + " | " + construct.cost + " |\n";
    return text;
}

} // namespace pgtrickle::engine
