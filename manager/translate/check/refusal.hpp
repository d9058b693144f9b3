/*
 * How translation stops: an objection is thrown through C++ frames only, and caught by translate(), which
 * returns it. It never crosses a PostgreSQL frame.
 */
#pragma once

#include "translate/check/objection.hpp"

namespace pgtrickle::translate {

struct Refusal {
    Objection objection;
};

[[noreturn]] inline void refuse(std::string construct, std::string why, std::string hint, int location = -1)
{
    Objection objection;
    objection.construct = std::move(construct);
    objection.why = std::move(why);
    objection.hint = std::move(hint);
    objection.location = location;
    throw Refusal{std::move(objection)};
}

/* Hint for most constructs. */
inline const char *const use_full = "Use refresh_mode 'FULL' or 'AUTO', which maintain the query by full refreshes.";
/* Hint for a relation whose changes are not captured in any refresh mode. */
inline const char *const use_a_table = "Read a permanent table, a partitioned table or a stream table.";

} // namespace pgtrickle::translate
