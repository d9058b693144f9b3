/*
 * Subqueries that read columns of the queries around them.
 *
 * Such a subquery is first *detached*: a copy in which each outer reference is a Param (PARAM_EXEC, numbered
 * by the Translator). A Param has the same meaning at every depth of the subquery, so deeper functions need
 * not count levels. Then either its correlated conjuncts become the condition of a join with the outer rows,
 * or it is translated with a *domain*: the distinct combinations of the values it reads, as one more relation
 * of its FROM clause. Every operator up to the subquery's result carries the domain's columns, as grouping
 * keys, partition keys, columns of DISTINCT, on both sides of a set operation; the result is joined back to
 * the outer rows by null-safe equality on them (Neumann and Kemper, Unnesting Arbitrary Queries).
 *
 * All functions are C++ frames. Nodes live in the memory context of the translation.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

/* Detaches a subquery. `known` are outer nodes that have a Param already, or an expression over one. */
Detached detached(const Query *subquery, int &next_param, const std::vector<Reference> &known = {});
Node *new_param(const ValueType &value, int &next_param);

/* Whether the tree, at any depth, reads a domain. */
bool reads_domain(const void *tree);
/* Returns the Params of domains in the tree, as references to themselves. */
std::vector<Reference> params_of(const void *tree);

/* Returns the scope of `outer` as the subquery sees it: the referenced columns as Params, and no other
 * column. */
Scope seen_from_inside(const Scope &outer, const std::vector<Reference> &references);

/* Returns the distinct values of `references` over the rows of `outer`. */
Domain domain_of(const Input &outer, const std::vector<Reference> &references);

/* Returns the condition that slot `left` = slot `right` or both are NULL, as an equality that can be hashed
 * and looked up in plain indexes; a plain equality if one side cannot be NULL. */
engine::Condition::Pair null_safe_pair(int left, const engine::Column &left_column, int right,
                                       const engine::Column &right_column, const ValueType &value);
/* Returns the condition that joins `outer` with `result`, whose scope has the Params of the references. */
engine::Condition joining_back(const Input &outer, const std::vector<Reference> &references, const Input &result);
/* Called before a domain is created. Adds a reference to the image (domain_images.cpp) for each value whose
 * image the subquery can see, so that rows of the domain that look different there are distinct although
 * their values are equal. Values without equality are read as text, from which `query`, a detached one,
 * computes them. Without `query`, every image counts as seen. */
void distinguish_images(Query *query, std::vector<Reference> &references, int &next_param);
/* Returns a reference to the image only, of a value that must be distinguished but is not read. */
Reference image_reference(Node *outer, int &next_param);
bool has_equality(const ValueType &value);
/* Returns such a reference as the subquery uses it: for a value read as text, a reference to the value. */
Reference what_is_read(const Reference &reference);
/* Removes the Params of the references from `scope`. */
void hide(Scope &scope, const std::vector<Reference> &references);
/* Returns the domain's columns as references to themselves. */
std::vector<Reference> references_to(const Domain &domain);

/* Adds a conjunct to a condition over several inputs; `starts` are the first columns of all inputs but the first. An
 * equality is a pair if each side reads columns of one input, and the two sides of two. The columns decide, and not the
 * FROM items of the nodes: the value of a subquery is a Param like a column of a domain, but belongs to one input. */
void add_conjunct(engine::Condition &condition, Node *conjunct, const Scope &scope, const std::vector<int> &starts);

/* Refuses a level whose rows PostgreSQL would have to sort by a column of its domain that has no order
 * (sorted_domain.cpp). */
void refuse_unsortable_domain(const Level &level);

/* Returns a copy of the level that also groups by the domain's columns, if it groups at all. */
Query *with_domain_keys(const Query *query, const Domain &domain);

} // namespace pgtrickle::translate
