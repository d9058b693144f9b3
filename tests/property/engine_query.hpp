/*
 * Random queries over three sources of real types: each a plan for the engine and, printed by
 * other means, the SQL that says the same.
 */
#pragma once

#include "../column_of_type.hpp"
#include "engine/operators/aggregates/family.hpp"
#include "engine/program.hpp"

#include <random>
#include <string>
#include <vector>

namespace property {

using namespace pgtrickle::engine;

/* A plan and its query, made side by side. */
struct Query {
    PlanPtr plan;
    std::string sql; /* columns q1, q2 … */
};

inline Column typed(const std::string &name, const std::string &type)
{
    Column column = column_of_type(name, type);
    if (type == "float8" || type == "interval")
        column.equality = Equality::none;
    if (type.rfind("numeric", 0) == 0)
        column.equality = Equality::scaled;
    column.has_hash = type != "money";
    return column;
}

inline const std::vector<std::vector<std::string>> source_types = {
    {"int4", "numeric", "text"}, {"int4", "int8", "numeric(10,2)", "float8"}, {"int4", "text", "interval", "money"}};

class Generator {
  public:
    explicit Generator(unsigned seed) : random_(seed) {}

    bool is_image_open = false;

    int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }

    std::string value(const std::string &type)
    {
        static const char *const numerics[] = {"1", "1.0", "1.00", "2.5", "3", "0.001", "-2.50", "'NaN'"};
        static const char *const texts[] = {"'a'", "'b'", "'c'", "''"};
        static const char *const intervals[] = {"'1 day'", "'24 hours'", "'1 mon'", "'-00:00:01'"};
        if (below(5) == 0)
            return "NULL";
        if (type == "numeric")
            return numerics[below(15) == 0 ? 7 : below(7)];
        if (type == "text")
            return texts[below(4)];
        if (type == "interval")
            return intervals[below(4)];
        if (type == "money")
            return "'" + std::to_string(below(5)) + ".50'";
        if (type == "numeric(10,2)")
            return std::to_string(below(4)) + ".25";
        return std::to_string(below(4));
    }

    Query query(int depth)
    {
        if (depth == 0 || below(8) == 0)
            return source();
        switch (below(8)) {
        case 0: return filtered(query(depth - 1));
        case 1: return projected(query(depth - 1));
        case 2:
        case 3: return joined(depth);
        case 4: return outer_joined(depth);
        case 5: return distinct_of(depth);
        case 6: return union_of(depth);
        default: return grouped(query(depth - 1));
        }
    }

    /* Half of the cases: what groups keep is where most of the printed text is. */
    Query root() { return below(2) ? query(1 + below(3)) : grouped(below(3) ? source() : query(1)); }

    /* At the root names must be unique, as a table's are. */
    Query finished(const Query &input)
    {
        std::vector<NamedExpression> expressions;
        for (int i = 0; i < static_cast<int>(columns(input.plan).size()); i++)
            expressions.push_back({column_reference(i, columns(input.plan)[i]), "q" + std::to_string(i + 1)});
        return {project(input.plan, expressions), input.sql};
    }

  private:
    static std::string list(const std::vector<std::string> &parts)
    {
        std::string text;
        for (const auto &part : parts)
            text += (text.empty() ? "" : ", ") + part;
        return text;
    }
    static std::string q(int position) { return "q" + std::to_string(position + 1); }
    std::string alias() { return "x" + std::to_string(++aliases_); }

    Query source()
    {
        int index = below(3);
        std::vector<Column> all;
        std::vector<std::string> targets;
        for (size_t i = 0; i < source_types[index].size(); i++) {
            all.push_back(typed("c" + std::to_string(i + 1), source_types[index][i]));
            targets.push_back("c" + std::to_string(i + 1) + " AS " + q(static_cast<int>(i)));
        }
        return {scan(index, all), "SELECT " + list(targets) + " FROM s" + std::to_string(index)};
    }
    Expression expression(std::vector<std::variant<std::string, int>> pieces, const Column &result)
    {
        Expression made;
        made.pieces = std::move(pieces);
        made.result = result;
        made.may_fail = below(2) == 0; /* where it is evaluated depends on it */
        return made;
    }
    static bool is_number(const std::string &type)
    {
        return type == "int4" || type == "int8" || type.rfind("numeric", 0) == 0;
    }
    Expression scalar(const std::vector<Column> &input)
    {
        int position = below(static_cast<int>(input.size()));
        const Column &column = input[position];
        bool is_plain = is_number(column.type);
        switch (below(6)) {
        case 0:
            if (is_plain)
                return expression({position, std::string(" + 1")},
                                  typed("", column.type == "int4" || column.type == "int8" ? column.type : "numeric"));
            break;
        case 1:
            if (is_plain)
                return expression(
                    {std::string("CASE WHEN "), position, std::string(" > 1 THEN "), position, std::string(" END")},
                    column);
            break;
        case 2:
            if (column.type == "text")
                return expression({std::string("coalesce("), position, std::string(", 'z'::text)")}, column);
            break;
        case 3: return expression({std::string("2::int4")}, typed("", "int4"));
        default: break;
        }
        return column_reference(position, column);
    }
    Expression predicate(const std::vector<Column> &input)
    {
        int position = below(static_cast<int>(input.size()));
        const std::string &type = input[position].type;
        Column boolean = typed("", "bool");
        switch (below(4)) {
        case 0: return expression({position, std::string(" IS NOT NULL")}, boolean);
        case 1: return expression({position, std::string(" IS NULL")}, boolean);
        default:
            if (is_number(type))
                return expression({position, std::string(below(2) ? " > 1" : " <= 2")}, boolean);
            if (type == "text")
                return expression({position, std::string(" <> 'a'")}, boolean);
            return expression({std::string(below(5) ? "true" : "NULL::bool")}, boolean);
        }
    }
    static std::string print(const Expression &made, const std::string &qualifier = "")
    {
        return made.print([&](int i) { return qualifier + q(i); });
    }
    Query filtered(const Query &input)
    {
        Expression condition = predicate(columns(input.plan));
        return {filter(input.plan, condition),
                "SELECT * FROM (" + input.sql + ") AS " + alias() + " WHERE " + print(condition)};
    }
    Query projected(const Query &input)
    {
        std::vector<NamedExpression> expressions;
        std::vector<std::string> targets;
        int count = 1 + below(4);
        for (int i = 0; i < count; i++) {
            expressions.push_back({scalar(columns(input.plan)), q(i)});
            targets.push_back(print(expressions.back().expression) + " AS " + q(i));
        }
        return {project(input.plan, expressions),
                "SELECT " + list(targets) + " FROM (" + input.sql + ") AS " + alias()};
    }
    static bool is_comparable(const std::string &left, const std::string &right)
    {
        return left == right || (is_number(left) && is_number(right));
    }
    /* A condition over inputs side by side, and its text over aliases. */
    std::string condition(const std::vector<Query> &inputs, const std::vector<std::string> &aliases, Condition &made,
                          bool only_equalities)
    {
        std::vector<Column> all;
        std::vector<std::string> names;
        std::vector<int> owner;
        for (size_t i = 0; i < inputs.size(); i++)
            for (size_t j = 0; j < columns(inputs[i].plan).size(); j++) {
                all.push_back(columns(inputs[i].plan)[j]);
                names.push_back(aliases[i] + "." + q(static_cast<int>(j)));
                owner.push_back(static_cast<int>(i));
            }
        auto name = [&](int i) { return names.at(i); };
        std::vector<std::string> parts;
        for (size_t i = 1; i < inputs.size(); i++)
            for (int tries = 0, pairs = 0; tries < 30 && pairs < 1 + below(2); tries++) {
                int left = below(static_cast<int>(all.size())), right = below(static_cast<int>(all.size()));
                if (owner[left] >= owner[right] || owner[right] != static_cast<int>(i) ||
                    !is_comparable(all[left].type, all[right].type))
                    continue;
                Expression whole = expression({left, std::string(" = "), right}, typed("", "bool"));
                Condition::Pair pair{column_reference(left, all[left]), column_reference(right, all[right]), whole};
                if (all[right].type == "int4" && below(3) == 0) {
                    pair.right = expression({std::string("abs("), right, std::string(")")}, all[right]);
                    pair.whole = expression({left, std::string(" = abs("), right, std::string(")")}, typed("", "bool"));
                }
                made.equalities.push_back(pair);
                parts.push_back(made.equalities.back().whole.print(name));
                pairs++;
            }
        if (!only_equalities && below(3) == 0) {
            made.others.push_back(predicate(all));
            parts.push_back("(" + made.others.back().print(name) + ")");
        }
        std::string text;
        for (const auto &part : parts)
            text += (text.empty() ? "" : " AND ") + part;
        return text.empty() ? "true" : text;
    }
    std::string side_by_side(const std::vector<Query> &inputs, const std::vector<std::string> &aliases)
    {
        std::vector<std::string> targets;
        for (size_t i = 0; i < inputs.size(); i++)
            for (size_t j = 0; j < columns(inputs[i].plan).size(); j++)
                targets.push_back(aliases[i] + "." + q(static_cast<int>(j)) + " AS " +
                                  q(static_cast<int>(targets.size())));
        return "SELECT " + list(targets) + " FROM ";
    }
    Query joined(int depth)
    {
        std::vector<Query> inputs{query(depth - 1), query(depth - 1)};
        if (below(4) == 0)
            inputs.push_back(query(depth - 1));
        std::vector<std::string> aliases, from;
        std::vector<PlanPtr> plans;
        for (const auto &input : inputs) {
            aliases.push_back(alias());
            from.push_back("(" + input.sql + ") AS " + aliases.back());
            plans.push_back(input.plan);
        }
        Condition made;
        std::string where = condition(inputs, aliases, made, false);
        return {join(plans, made), side_by_side(inputs, aliases) + list(from) + " WHERE " + where};
    }
    Query outer_joined(int depth)
    {
        std::vector<Query> inputs{query(depth - 1), query(depth - 1)};
        std::vector<std::string> aliases{alias(), alias()};
        const OuterKind kinds[] = {OuterKind::left, OuterKind::right, OuterKind::full};
        const char *const words[] = {" LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN "};
        int kind = below(3);
        Condition made;
        std::string on = condition(inputs, aliases, made, kind == 2);
        if (kind == 2 && made.equalities.empty())
            on = "true";
        return {outer_join(kinds[kind], inputs[0].plan, inputs[1].plan, made),
                side_by_side(inputs, aliases) + "(" + inputs[0].sql + ") AS " + aliases[0] + words[kind] + "(" +
                    inputs[1].sql + ") AS " + aliases[1] + " ON " + on};
    }
    std::vector<int> key_candidates(const Query &input)
    {
        std::vector<int> candidates;
        for (int i = 0; i < static_cast<int>(columns(input.plan).size()); i++)
            candidates.push_back(i);
        return candidates;
    }
    void note_key(const Column &column) { is_image_open = is_image_open || is_loose(column); }
    Query distinct_of(int depth)
    {
        Query input = query(depth - 1);
        std::vector<NamedExpression> expressions;
        std::vector<std::string> targets;
        for (int position : key_candidates(input)) {
            if (below(3) == 0 && !expressions.empty())
                continue;
            const Column &column = columns(input.plan)[position];
            note_key(column);
            targets.push_back(q(position) + " AS " + q(static_cast<int>(expressions.size())));
            expressions.push_back({column_reference(position, column), q(static_cast<int>(expressions.size()))});
        }
        if (expressions.empty())
            return input;
        return {distinct(project(input.plan, expressions)),
                "SELECT DISTINCT " + list(targets) + " FROM (" + input.sql + ") AS " + alias()};
    }
    Query union_of(int depth)
    {
        Query first = query(depth - 1);
        std::vector<PlanPtr> plans{first.plan};
        std::string sql = first.sql;
        const auto &wanted = columns(first.plan);
        Query other = below(2) ? filtered(first) : query(depth - 1);
        std::vector<NamedExpression> expressions;
        std::vector<std::string> targets;
        for (size_t i = 0; i < wanted.size(); i++) {
            const auto &offered = columns(other.plan);
            Expression one = expression({std::string("NULL::" + wanted[i].type)}, wanted[i]);
            for (int j = 0; j < static_cast<int>(offered.size()); j++)
                if (offered[j].type == wanted[i].type)
                    one = column_reference(j, offered[j]);
            expressions.push_back({one, wanted[i].name});
            targets.push_back(print(one) + " AS " + q(static_cast<int>(i)));
        }
        plans.push_back(project(other.plan, expressions));
        return {union_all(plans), "SELECT * FROM (" + sql + ") AS " + alias() + " UNION ALL SELECT " + list(targets) +
                                      " FROM (" + other.sql + ") AS " + alias()};
    }
    /* By default that of the argument, without its modifier. */
    static std::string result_type(const std::string &aggregate, const std::string &type)
    {
        if (aggregate == "count")
            return "int8";
        if (aggregate == "sum" && type == "int4")
            return "int8";
        if ((aggregate == "sum" && type == "int8") || type == "numeric(10,2)")
            return "numeric";
        if (aggregate == "avg" && (type == "int4" || type == "int8"))
            return "numeric";
        return type;
    }
    AggregateCall call(const std::vector<Column> &input, std::string &text)
    {
        Expression argument = scalar(input);
        const std::string &type = argument.result.type;
        AggregateCall made{families()[below(static_cast<int>(families().size()))], argument, {}, {}};
        if (made.family->sql_name == nullptr || made.family->objection(made))
            made.family = &count_family;
        made.result = typed("a", result_type(made.family->sql_name, type));
        if (made.family->is_idempotent && (type == "numeric" || type == "interval"))
            is_image_open = true;
        text = std::string(made.family->sql_name) + "(" + print(argument) + ")";
        if (made.family->counts_rows && below(2)) {
            made.argument.reset();
            text = std::string(made.family->sql_name) + "(*)";
        }
        if (below(3) == 0) {
            made.filter = predicate(input);
            text += " FILTER (WHERE " + print(*made.filter) + ")";
        }
        return made;
    }
    Query grouped(const Query &input)
    {
        std::vector<int> keys;
        std::vector<std::string> targets, by;
        for (int position : key_candidates(input))
            if (below(3) == 0) {
                note_key(columns(input.plan)[position]);
                keys.push_back(position);
                by.push_back(q(position));
                targets.push_back(q(position));
            }
        std::vector<AggregateCall> calls;
        int count = 1 + below(3);
        for (int i = 0; i < count; i++) {
            std::string text;
            calls.push_back(call(columns(input.plan), text));
            targets.push_back(text);
        }
        for (size_t i = 0; i < targets.size(); i++)
            targets[i] += " AS " + q(static_cast<int>(i));
        std::string sql = "SELECT " + list(targets) + " FROM (" + input.sql + ") AS " + alias();
        if (!by.empty())
            sql += " GROUP BY " + list(by);
        Query made{aggregate(input.plan, keys, calls), sql};
        if (below(3) == 0)
            made = filtered(made);
        return below(3) == 0 ? projected(made) : made;
    }

    std::mt19937 random_;
    int aliases_ = 0;
};

} // namespace property
