/*
 * How translation stops: an objection thrown through C++ frames only, and caught by
 * translate(), which returns it. It never crosses a frame of PostgreSQL's.
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

/* What to do about most constructs. */
inline const char *const use_full =
    "Use refresh_mode 'FULL' or 'AUTO', which maintain the query by full refreshes.";
/* What to do about a relation whose changes no refresh mode hears of. */
inline const char *const use_a_table = "Read a permanent table, a partitioned table or a stream table.";

} // namespace pgtrickle::translate
