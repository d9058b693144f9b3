/*
 * An expression, as the engine sees it: opaque SQL text with slots for columns.
 *
 * The engine never evaluates SQL; PostgreSQL's executor does. The engine only substitutes columns for the
 * slots, composes projections and reads the flags. The law test uses expressions of a small language over
 * integers and NULL, printed into the same form.
 *
 * Invariant: the text between the slots is a complete SQL fragment, parenthesised where needed and fully
 * qualified, so that it has the same meaning wherever it is inserted. The expressions around it do not, if it is
 * inserted for a column and needs_column(): a column has an implicit collation, whatever expression it is.
 */
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace pgtrickle::engine {

/* A composition has become too large: each level of nested sub-queries may multiply the expressions of the one below,
 * b + b over b + b. */
struct OversizedExpression : std::length_error {
    OversizedExpression() : std::length_error("the composed expressions of a query are too large") {}
};

/* How equality of a type relates to its image (the bytes that a user sees). */
enum class Equality {
    image,  /* equal values have equal images: int4, text under a deterministic collation … */
    scaled, /* numeric: 1.0 = 1.00; the image is the value and its scale */
    none,   /* neither: citext, float, interval … */
};

/* Types whose values the engine adds and subtracts. A domain over one of them is `other`. */
enum class TypeKind { int2, int4, int8, numeric, float4, float8, money, interval, other };

/* A column of a plan's output. `type` and `collation` are printed, qualified SQL ("pg_catalog.int4",
 * "pg_catalog.numeric(10,2)"); `collation` is empty for the type's own. */
struct Column {
    std::string name;
    std::string type;
    std::string collation = {};
    TypeKind kind = TypeKind::other;
    std::optional<int> scale = {}; /* the scale that every finite value has: 2 for numeric(10,2) */
    bool has_modifier = false;     /* the type has a modifier: numeric(10,2), interval(3) */
    Equality equality = Equality::image;
    std::string equals = "="; /* the operator of that equality, qualified outside of pg_catalog */
    /* The type to which a value is cast for its operators: those of enumerations take no domain. Empty: none. */
    std::string operand_type = {};
    bool has_hash = true;        /* the type has a hash function under its equality */
    bool is_sortable = true;     /* … and an order */
    bool is_fixed_length = true; /* false: a value can be too long for a btree entry */
    int most_bytes = 8;          /* that a value can take; 0: not limited */
    bool is_domain = false;
    bool has_rows = false;   /* its values contain rows, which may have several images */
    bool may_be_null = true; /* false: no row has a NULL here */
};

struct Expression {
    /* Literal SQL, or the position of an input column. */
    std::vector<std::variant<std::string, int>> pieces;
    Column result;             /* its name is unused */
    bool is_strict = false;    /* NULL whenever one of its columns is NULL */
    bool may_fail = true;      /* may raise an error (division by zero …) for some values, or runs code of a user */
    bool is_immutable = false; /* its value depends only on its columns */
    bool needs_column = false; /* its collation is explicit or indeterminate */

    /* Returns the text with slot i printed by print_slot(i). */
    std::string print(const std::function<std::string(int)> &print_slot) const;
    /* Returns the input columns that it reads, ascending, each once. */
    std::vector<int> columns() const;
    /* Returns the column position if the expression is a plain column, else -1. */
    int as_column() const;
    /* Whether a slot i is part of the expression, and inner[i] needs a column. */
    bool needs_columns(const std::vector<Expression> &inner) const;
    /* The following two throw OversizedExpression if the result has more pieces. */
    static constexpr size_t most_pieces = 100'000;
    /* Returns the expression with each slot i replaced by inner[i]: by a subquery if it needs a column. */
    Expression compose(const std::vector<Expression> &inner) const;
    /* Returns the expression with the text inner[i], parenthesised, in place of each slot i. */
    Expression around(const std::vector<Expression> &inner) const;
};

/* Returns a NULL of the column's type, as SQL. For a domain it is an element that an empty array does not
 * have: a cast to a domain checks its constraints, including NOT NULL, while the padding of an outer join and
 * an aggregate over no rows do not. */
std::string typed_null(const Column &column);

/* Returns that NULL as an expression. */
Expression null_of(const Column &column);

/* Returns a column without a name of a kind that is not `other`. */
Column column_of(TypeKind kind);

/* Whether one key of this column may have equal values with different images. */
bool is_loose(const Column &column);

/* Whether `=` between values of this column, with IN and IS DISTINCT FROM, is its equality. */
bool has_plain_equality(const Column &column);

/* Returns the expression that is column `position`, of type `column`. */
Expression column_reference(int position, const Column &column);

} // namespace pgtrickle::engine
