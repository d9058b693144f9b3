/*
 * The relational tree of a defining query, and functions that build it.
 *
 * A plan is immutable and shared. Its meaning is a Z-set: rows with signed weights. Slots of an expression
 * number the columns of the node's input; those of a join's condition, the concatenation of its inputs'
 * columns.
 *
 * The functions below are the only way to create a node; translate/ and the law test both use them. They
 * throw std::invalid_argument on an invalid plan (a slot out of range), which is a bug of the caller. Whether
 * a plan can be maintained by deltas is determined by objection() (program.hpp), not here.
 */
#pragma once

#include "engine/plan/expression.hpp"
#include "engine/plan/following.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pgtrickle::engine {

class PlanNode; /* operators/operator.hpp */
using PlanPtr = std::shared_ptr<const PlanNode>;

/* A conjunction: every `equalities[i]` (left side = right side, the type's own equality, each side reading
 * the columns of one input only) and every expression of `others`. An empty condition is true. Equalities
 * drive index look-ups by key. */
struct Condition {
    struct Pair {
        Expression left;  /* reads one input of the join */
        Expression right; /* reads another, later input */
        Expression whole; /* `left = right` as PostgreSQL prints it */
    };
    std::vector<Pair> equalities;
    std::vector<Expression> others;
};

/* The only conjunct of a condition, if it is `left op right` by the order of a btree, so that the rows for which it is
 * true are determined by the least and the greatest `right`. Slots of left and right are those of the condition: what
 * renumbers the columns of the rows or of the other side renumbers both. */
struct Comparison {
    Expression left;  /* reads the rows only */
    Expression right; /* reads the other side only */
    Expression holds; /* `left op right`; slot 0 is left, slot 1 is right */
    Expression fails; /* its opposite for values that are not NULL */
    std::string less; /* the operators of the order of `right`, qualified */
    std::string greater;
    bool is_upwards; /* true for most rows with the least `right`, otherwise with the greatest */
};

enum class OuterKind { left, right, full };

/* Rows with a match; rows without one; every row, with whether it has one as a last column. */
enum class SemiKind { semi, anti, mark };

/* How an aggregate is kept; operators/aggregates/family.hpp lists the families. */
struct Family;
extern const Family count_family, sum_family, holistic_family;

/* One aggregate call. `argument` is empty for count(*). `result` names the output column and its type;
 * argument and result types together determine the state that is kept. A holistic call is any other
 * aggregate: `whole` is the entire call, as SQL over the input's columns. */
struct AggregateCall {
    const Family *family;
    std::optional<Expression> argument;
    std::optional<Expression> filter;
    Column result;
    std::optional<Expression> whole = {};
};

struct NamedExpression {
    Expression expression;
    std::string name;
};

/* Returns a scan of source number `source` of the query (relations are counted, not occurrences: a self-join
 * scans one source twice); `columns` have their names in the source, `key` is that of a unique index of the
 * source, if there is one. It is enforced if no two rows of the source have one key at any time. */
PlanPtr scan(int source, std::vector<Column> columns, std::vector<int> key = {}, bool is_key_enforced = false);
/* Returns constant rows; their expressions read no column. Without columns: exactly one row. */
PlanPtr values(std::vector<Column> columns, std::vector<std::vector<Expression>> rows);
/* A column of type int8 that is at most `most` where a predicate is true. */
struct UpperBound {
    int column;
    int64_t most;
};
/* `bound` is what the predicate implies, if it is known. */
PlanPtr filter(PlanPtr input, Expression predicate, std::optional<UpperBound> bound = {});
/* Returns a filter that is part of an operator: an expression above that may fail is not evaluated for rows
 * that the fence removes (operators/filter.hpp). */
PlanPtr fence(PlanPtr input, Expression predicate, std::optional<UpperBound> bound = {});
PlanPtr project(PlanPtr input, std::vector<NamedExpression> expressions);
/* Returns the inner join of two or more inputs; an empty condition is the cross product. */
PlanPtr join(std::vector<PlanPtr> inputs, Condition condition);
PlanPtr outer_join(OuterKind kind, PlanPtr left, PlanPtr right, Condition condition);
/* Slots of the condition: `rows`, then `other`. Output: `rows`, and for a mark join a boolean. `comparison`
 * is the meaning of the condition, if that is a comparison. */
PlanPtr semi_join(SemiKind kind, PlanPtr rows, PlanPtr other, Condition condition,
                  std::optional<Comparison> comparison = std::nullopt);
/* Output: the key columns of `input` in the order given, then one column for each aggregate. Without keys:
 * the global aggregate, always one row. */
PlanPtr aggregate(PlanPtr input, std::vector<int> keys, std::vector<AggregateCall> calls, std::string written = {});
PlanPtr distinct(PlanPtr input);
/* Why rows are copied: the changes of their source cannot be captured, or many nodes read them. */
enum class CopyReason { compared, shared };
/* Returns the same rows, kept in an arrangement (operators/copy.hpp). */
PlanPtr copy(PlanPtr input, CopyReason reason);
/* Whether a copy raises no error for a row that the query may exclude before it computes its columns, and is not part
 * of a recursion. */
bool can_be_copied(const PlanPtr &plan);
/* Returns `rows`; their changes are computed as those of `parts`, which has the same rows, such as a union of disjoint
 * parts of them (operators/partitioned.cpp). */
PlanPtr partitioned(PlanPtr rows, PlanPtr parts);
/* Returns each row of `input` with the rows computed from it: `rows` is the SQL of a FROM item without an
 * alias over the input's columns, `computed` are its columns. With a condition (a conjunction over both), a
 * row that no computed row matches is kept, padded with NULLs. */
PlanPtr lateral(PlanPtr input, Expression rows, std::vector<Column> computed,
                std::optional<std::vector<Expression>> condition = std::nullopt);
/* Output: the columns of `input`, then one for each call, a window function with its OVER clause. Every call
 * must partition by the columns `partition`, possibly among others; if `partition` is empty, the rows are one
 * partition. With `following`, by no others, and by its order. */
PlanPtr window(PlanPtr input, std::vector<int> partition, std::vector<NamedExpression> calls,
               std::optional<Following> following = std::nullopt);
/* The inputs have the same number and types of columns; the names are those of the first. */
PlanPtr union_all(std::vector<PlanPtr> inputs);
/* Returns the rows that a recursion has found so far; used in its recursive term only. */
PlanPtr recursion_leaf(std::vector<Column> columns);
/* Returns the rows of `base` and those that `step`, which reads them through `leaf`, derives from them and
 * from rows it has derived: as a set, or every derivation once. */
PlanPtr recursive(PlanPtr base, PlanPtr step, PlanPtr leaf, bool is_set);

const std::vector<Column> &columns(const PlanPtr &plan);
/* Returns how many relations the plan's statement reads, one for each arrangement; at most a million. */
int reads(const PlanPtr &plan);

/* A delta that a step reads: of source `index`, or of the earlier step `index`. */
struct DeltaInput {
    enum class Kind { source, step } kind;
    int index;
    bool operator==(const DeltaInput &) const = default;
};

/* Why `plan` cannot be maintained by deltas: the construct, the reason, and a hint. */
struct Objection {
    std::string construct;
    std::string why;
    std::string hint;
};

/* A term of an index: a column of its relation, or an expression that is immutable and cannot fail. */
struct IndexTerm {
    std::string text; /* the column's name, or SQL over quoted column names */
    bool is_column = true;
    bool is_fixed_length = true; /* false: a value can be too long for a btree entry */
    bool has_order = true;       /* false: a btree is impossible */
    bool has_hash = true;        /* false: a hash index is impossible */
    bool is_range = false;       /* looked up by a range: a hash index is unusable */
    bool operator==(const IndexTerm &) const = default;
};

/* A column of a relation, and where a btree puts its values. */
struct OrderTerm {
    std::string column;
    bool is_descending;
    bool has_nulls_first;
    bool operator==(const OrderTerm &) const = default;
};

/* A relation that a statement looks up by key, driven by a delta: with an index on these terms a refresh does
 * not read all of it. With `first`, only the first rows of a key in an order that begins with it are read, if the index
 * has it behind the terms, which are columns then. */
struct Lookup {
    DeltaInput relation;
    std::vector<IndexTerm> terms;
    std::optional<OrderTerm> first = {};
    bool operator==(const Lookup &) const = default;
};

} // namespace pgtrickle::engine
