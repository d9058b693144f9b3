/*
 * The base relations that a query reads once its views are expanded.
 */
#pragma once

#include "translate/translate.hpp"

namespace pgtrickle::setup {

/* Returns the base relations of a query that is maintained by full refreshes, each once, with the columns
 * read. Raises 0A000 if one of them cannot be captured; the error's position counts in `text`, which is empty
 * if unknown. C++ frame. */
std::vector<translate::SourceRef> sources_of_full_refresh(const Query *query, const std::string &text);

} // namespace pgtrickle::setup
