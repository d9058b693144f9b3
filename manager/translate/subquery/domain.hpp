/*
 * Subqueries that read columns of the queries around them.
 *
 * Such a subquery is first *detached*: a copy in which each outer reference is a Param
 * (PARAM_EXEC, numbered by the Translator). A Param means the same at every depth of the
 * subquery, so nothing below has to count levels. Then either its correlated conjuncts become
 * the condition of a join with the outer rows, or it is translated with a *domain*: the
 * distinct combinations of the values it reads, as one more relation of its FROM clause. Every
 * operator on the way up carries the domain's columns, as grouping keys, partition keys, columns
 * of DISTINCT, on both sides of a set operation; the result is joined back to the outer rows by
 * null-safe equality on them (Neumann and Kemper, Unnesting Arbitrary Queries).
 *
 * All are C++ frames. Nodes live in the memory context of the translation.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

/* `known`: outer nodes that have their Param already, or an expression over one. */
Detached detached(const Query *subquery, int &next_param, const std::vector<Reference> &known = {});
Node *new_param(const ValueType &value, int &next_param);

/* Whether the tree, at whatever depth, reads a domain. */
bool reads_domain(const void *tree);
/* The Params of domains in it, as references to themselves. */
std::vector<Reference> params_of(const void *tree);

/* `outer` as the subquery sees it: what it reads, by its Param; nothing else. */
Scope seen_from_inside(const Scope &outer, const std::vector<Reference> &references);

/* The distinct values of `references` over the rows of `outer`. */
Domain domain_of(const Input &outer, const std::vector<Reference> &references);

/* Slot `left` = slot `right`, or both are NULL: as an equality that can be hashed and be answered
 * from plain indexes, and a plain one if one side cannot be NULL. */
engine::Condition::Pair null_safe_pair(int left, const engine::Column &left_column, int right,
                                       const engine::Column &right_column, const ValueType &value);
/* What joins `outer` with `result`, whose scope has the Params of the references. */
engine::Condition joining_back(const Input &outer, const std::vector<Reference> &references, const Input &result);
/* Before a domain is made: rows of it that look different in the subquery, though what they read of
 * the outer rows is equal, are told apart by one more reference each, to the image (domain_images.cpp).
 * Values without equality are read as their text: `query`, a detached one, makes them of it. Without
 * `query` everything counts as looked at. */
void distinguish_images(Query *query, std::vector<Reference> &references, int &next_param);
/* To the image alone, of what is to be told apart and not read. */
Reference image_reference(Node *outer, int &next_param);
bool has_equality(const ValueType &value);
/* A reference after that, as the subquery has it: what it is to read a text for is that text's value. */
Reference what_is_read(const Reference &reference);
/* `scope` without the Params of the references. */
void hide(Scope &scope, const std::vector<Reference> &references);
/* The domain's columns as references to themselves. */
std::vector<Reference> references_to(const Domain &domain);

/* Adds to a condition over two inputs side by side, the first of `left_width` columns. */
void add_conjunct(engine::Condition &condition, Node *conjunct, const Scope &scope, int left_width);

/* A copy of the level that groups, if it does, by the domain's columns as well. */
Query *with_domain_keys(const Query *query, const Domain &domain);

} // namespace pgtrickle::translate
