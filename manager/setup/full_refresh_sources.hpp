/*
 * The base relations that a query reads once its views are expanded.
 */
#pragma once

#include "translate/translate.hpp"

namespace pgtrickle::setup {

/* The base relations of a query that is kept by full refreshes, with the columns read, ascending by
 * OID. Raises 0A000 if one of them cannot be captured; `text`, empty if unknown, is what its position
 * counts in. C++ frame. */
std::vector<translate::SourceRef> sources_of_full_refresh(const Query *query, const std::string &text);

} // namespace pgtrickle::setup
