/*
 * Expressions: from PostgreSQL's trees to SQL text with slots.
 *
 * PostgreSQL prints the tree itself (deparse_expression); then the text is parsed again
 * and compared with the tree, so that what the executor will run is what was meant, or
 * there is an objection. Both happen under the text settings (pg/settings.hpp), with the rights of
 * the stream table's owner. Constants of types that a user can influence are not printed (constants.hpp).
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

/* scope[i] is the subtree that slot i stands for: a Var, a grouping expression, an Aggref;
 * nullptr stands for nothing. The nodes live in the memory context of the translation. */
using Scope = std::vector<Node *>;

struct ValueType {
    Oid type;
    int32 typmod;
    Oid collation;
    bool operator==(const ValueType &) const = default;
};

ValueType value_type(Node *node);

/* With constants folded, unless functions of users would be called for it. PostgreSQL frame. */
Node *fold_constants(Node *node);
engine::Column column_of(const ValueType &value, std::string name = {});
/* PostgreSQL frame: the operator as an expression between others names it; `=` for none. */
const char *operator_name(Oid number);

/* Of a window function the text ends with ` OVER ()`, for the caller to fill in.
 * Every Var of `node` must be in the scope, alone or inside of a larger subtree. */
engine::Expression expression_of(Node *node, const Scope &scope); /* a TableFunc, too: without a result */
/* An aggregate call as a whole, over the columns that its arguments read. */
engine::Expression call_of(Node *node, const Scope &scope);

} // namespace pgtrickle::translate
