/*
 * Expressions are text with slots; all functions here substitute slots.
 */
#include "engine/plan/expression.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace pgtrickle::engine {

std::string Expression::print(const std::function<std::string(int)> &print_slot) const
{
    std::string text;
    for (const auto &piece : pieces)
        text += piece.index() == 0 ? std::get<0>(piece) : print_slot(std::get<1>(piece));
    return text;
}

std::vector<int> Expression::columns() const
{
    std::set<int> positions;
    for (const auto &piece : pieces)
        if (piece.index() == 1)
            positions.insert(std::get<1>(piece));
    return {positions.begin(), positions.end()};
}

int Expression::as_column() const
{
    return pieces.size() == 1 && pieces[0].index() == 1 ? std::get<1>(pieces[0]) : -1;
}

namespace {

void append(std::vector<std::variant<std::string, int>> &pieces, const std::variant<std::string, int> &piece)
{
    if (piece.index() == 0 && !pieces.empty() && pieces.back().index() == 0)
        std::get<0>(pieces.back()) += std::get<0>(piece);
    else
        pieces.push_back(piece);
}

/* Returns the expression as a subquery, whose collation is implicit. An index cannot have a subquery. Without the cast,
 * which does nothing, ANY and ALL would compare with each row of the subquery and not with each element of its value.
 */
Expression as_subquery(Expression expression)
{
    expression.pieces.insert(expression.pieces.begin(), "(SELECT ");
    append(expression.pieces, ")::" + expression.result.type);
    expression.needs_column = expression.is_immutable = false;
    return expression;
}

} // namespace

bool Expression::needs_columns(const std::vector<Expression> &inner) const
{
    const std::vector<int> read = columns();
    return as_column() < 0 && std::any_of(read.begin(), read.end(), [&](int i) { return inner.at(i).needs_column; });
}

Expression Expression::compose(const std::vector<Expression> &inner) const
{
    if (!needs_columns(inner))
        return around(inner);
    std::vector<Expression> parts(inner.size());
    for (const int i : columns())
        parts[i] = inner.at(i).needs_column ? as_subquery(inner.at(i)) : inner.at(i);
    return around(parts);
}

Expression Expression::around(const std::vector<Expression> &inner) const
{
    Expression result = *this;
    int only = as_column();
    if (only >= 0) {
        Column column = result.result;
        result = inner.at(only);
        /* The outer expression may have more properties of the column than the inner one. */
        if (result.result.type.empty())
            result.result = column;
        return result;
    }
    result.pieces.clear();
    for (const auto &piece : pieces) {
        if (piece.index() == 0) {
            append(result.pieces, piece);
            continue;
        }
        const Expression &part = inner.at(std::get<1>(piece));
        bool is_column = part.as_column() >= 0;
        if (!is_column)
            append(result.pieces, std::string("("));
        for (const auto &inner_piece : part.pieces)
            append(result.pieces, inner_piece);
        if (result.pieces.size() > most_pieces)
            throw OversizedExpression();
        if (!is_column)
            append(result.pieces, std::string(")"));
        result.may_fail = result.may_fail || part.may_fail;
        result.is_strict = result.is_strict && part.is_strict;
        result.is_immutable = result.is_immutable && part.is_immutable;
        result.needs_column = result.needs_column || part.needs_column;
    }
    return result;
}

std::string typed_null(const Column &column)
{
    std::string null = "NULL::" + column.type;
    if (column.is_domain)
        null = "(ARRAY[]::" + column.type + "[])[1]";
    return column.collation.empty() ? null : null + " COLLATE " + column.collation;
}

Expression null_of(const Column &column)
{
    Expression expression;
    expression.pieces = {typed_null(column)};
    expression.result = column;
    expression.may_fail = false;
    expression.needs_column = !column.collation.empty();
    return expression;
}

Column column_of(TypeKind kind)
{
    auto named = [=](const char *type) {
        Column column;
        column.type = type;
        column.kind = kind;
        column.most_bytes = kind == TypeKind::numeric ? 0 : kind == TypeKind::interval ? 16 : 8;
        return column;
    };
    switch (kind) {
    case TypeKind::int2: return named("pg_catalog.int2");
    case TypeKind::int4: return named("pg_catalog.int4");
    case TypeKind::int8: return named("pg_catalog.int8");
    case TypeKind::numeric: return named("pg_catalog.numeric");
    case TypeKind::float4: return named("pg_catalog.float4");
    case TypeKind::float8: return named("pg_catalog.float8");
    case TypeKind::money: return named("pg_catalog.money");
    case TypeKind::interval: return named("pg_catalog.interval");
    case TypeKind::other: break;
    }
    throw std::invalid_argument("a kind that stands for many types");
}

bool is_loose(const Column &column)
{
    bool has_one_scale = column.equality == Equality::scaled && column.scale;
    return column.equality != Equality::image && !has_one_scale;
}

bool has_plain_equality(const Column &column)
{
    return column.equals == "=" && column.operand_type.empty();
}

Expression column_reference(int position, const Column &column)
{
    Expression expression;
    expression.pieces = {position};
    expression.result = column;
    expression.is_strict = true;
    expression.may_fail = false;
    expression.is_immutable = true;
    return expression;
}

} // namespace pgtrickle::engine
