/*
 * Expressions: from PostgreSQL's trees to SQL text with slots.
 *
 * PostgreSQL prints the tree (deparse_expression); then the text is parsed again and compared with the tree.
 * If they differ, there is an objection, so the executor always runs the intended expression. Both steps take
 * place under the text settings (pg/settings.hpp), with the rights of the stream table's owner. Constants of
 * types that a user can influence are not printed (constants.hpp).
 */
#pragma once

#include "engine/plan/plan.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

#include <string>
#include <vector>

namespace pgtrickle::translate {

/* scope[i] is the subtree that slot i represents: a Var, a grouping expression, an Aggref; nullptr represents
 * nothing. The nodes live in the memory context of the translation. */
using Scope = std::vector<Node *>;

struct ValueType {
    Oid type;
    int32 typmod;
    Oid collation;
    bool operator==(const ValueType &) const = default;
};

ValueType value_type(Node *node);

/* Returns the node with constants folded, unless that would call functions of users, or of settings: those in force are
 * not those of the definition. PostgreSQL frame. */
Node *fold_constants(Node *node);
engine::Column column_of(const ValueType &value, std::string name = {});
/* Returns the name of the operator for use between two operands; `=` for InvalidOid. PostgreSQL frame. */
const char *operator_name(Oid number);

/* Returns the node as a value with this type modifier, which its values comply with: that of an expression in which a
 * subquery was replaced by a call. It is not printed. PostgreSQL frame. */
Node *with_typmod(Node *node, int32 typmod);

/* Prints `node` over the columns of `scope`. Every Var of `node` must be in the scope, alone or as part of a
 * larger subtree. The text of a window function ends with ` OVER ()`, which the caller completes. */
engine::Expression expression_of(Node *node, const Scope &scope); /* also a TableFunc, which has no result */
/* Prints an aggregate call as a whole, over the columns that its arguments read. */
engine::Expression call_of(Node *node, const Scope &scope);

} // namespace pgtrickle::translate
