/*
 * What a level computes of its rows: targets, and what it sorts and tells apart by.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

using Targets = std::vector<const TargetEntry *>;

/* What a level computes: the needed targets first, then, each once, what it sorts and tells apart by. */
Targets targets_of(const Query *query, const std::vector<int> &numbers, bool is_sorted);
/* Numbers of targets, junk ones included. */
std::vector<int> numbers_of(const Targets &targets);
/* What the targets, the windows and the functions that return sets are computed from. */
std::vector<Node *> outputs_of(const Query *query, const Targets &targets);
std::vector<Node *> expressions_of(const Targets &targets);
std::vector<Node *> grouping_keys(const Query *query);
/* What the level reads of its FROM. */
std::vector<Node *> read_by(const Query *query, const Targets &targets);
/* The targets, then the domain's columns. */
engine::PlanPtr project(const Input &input, const Targets &targets, const Domain *domain);
/* DISTINCT, DISTINCT ON and LIMIT, each for every combination of the domain by itself. */
engine::PlanPtr ordered(Translator &translator, const Level &level, engine::PlanPtr plan, const Targets &targets,
                        const std::vector<int> &needed);

} // namespace pgtrickle::translate
