/*
 * ALTER TEXT SEARCH CONFIGURATION, DICTIONARY: the vectors and queries that are made of texts are others.
 */
#pragma once

#include "fdw/utility.hpp"

namespace pgtrickle {

void alter_text_search(const UtilityCall &utility); /* C++ frame. */

} // namespace pgtrickle
