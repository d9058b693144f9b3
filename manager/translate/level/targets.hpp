/*
 * Expressions that a level computes from its rows: targets, sort keys and DISTINCT keys.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

using Targets = std::vector<const TargetEntry *>;

/* Returns the expressions: the needed targets first, then, each once, the sort and DISTINCT keys. */
Targets targets_of(const Query *query, const std::vector<int> &numbers, bool is_sorted);
/* Returns the numbers of targets, including junk ones. */
std::vector<int> numbers_of(const Targets &targets);
/* Returns the expressions from which targets, windows and set-returning functions are computed. */
std::vector<Node *> outputs_of(const Query *query, const Targets &targets);
std::vector<Node *> expressions_of(const Targets &targets);
std::vector<Node *> grouping_keys(const Query *query);
/* Returns the expressions that the level reads of its FROM clause. */
std::vector<Node *> read_by(const Query *query, const Targets &targets);
/* Computes the targets, followed by the domain's columns. */
engine::PlanPtr project(const Input &input, const Targets &targets, const Domain *domain);
/* Applies DISTINCT, DISTINCT ON and LIMIT, separately for each combination of the domain. */
engine::PlanPtr ordered(Translator &translator, const Level &level, engine::PlanPtr plan, const Targets &targets,
                        const std::vector<int> &needed);

} // namespace pgtrickle::translate
