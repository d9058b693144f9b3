#include "fdw/definition/fill.hpp"

#include "definition/shown_as.hpp"
#include "fdw/read/refresh_others.hpp"
#include "refresh/batch/holds.hpp"
#include "refresh/history.hpp"
#include "refresh/refresh.hpp"

extern "C" {
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* Returns true if the failure belongs in the history: it is of a stream table that remains when the
 * transaction is rolled back, which is one that was read, or one that was redefined by a session that may not
 * see its texts. */
bool is_of_history(Oid relid, const PgError &error)
{
    const auto *of_member = dynamic_cast<const refresh::MemberError *>(&error);
    return of_member != nullptr && (of_member->relid != relid || of_member->is_hidden());
}

std::optional<scheduler::Hold> hold_on_data(Oid relid)
{
    std::optional<scheduler::Hold> hold = refresh::hold_on(relid);
    return hold && hold->is_about_data() ? hold : std::nullopt;
}

void fill_now(Oid relid)
{
    call([=] { refresh_others_for(relid); });
    const TimestampTz started_at = GetCurrentTimestamp();
    try {
        record_in_history(refresh::initialize(relid), catalog::InitiatedBy::initial);
    } catch (const PgError &error) {
        if (is_of_history(relid, error))
            record_failure_in_history(relid, started_at, catalog::InitiatedBy::initial, error);
        throw;
    }
}

} // namespace

void fill(Oid relid)
{
    const std::optional<scheduler::Hold> hold = hold_on_data(relid);
    if (!hold) {
        fill_now(relid);
        return;
    }
    std::string detail = refresh::sentence_of(*hold);
    std::string hint = refresh::hint_of(*hold, relid);
    call([&] {
        ereport(NOTICE, (errmsg("stream table \"%s\" is not filled yet", get_rel_name(relid)),
                         errdetail("%s", detail.c_str()), errhint("%s", hint.c_str())));
    });
}

void require_no_hold_on_data(Oid relid)
{
    const std::optional<scheduler::Hold> hold = hold_on_data(relid);
    if (!hold)
        return;
    const Oid shown = definition::ShownAs::of(relid);
    raise({.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
           .message = "cannot compute the new rows of stream table \"" +
                      std::string(call([=] { return get_rel_name(shown); })) + "\"",
           .detail = refresh::sentence_of(*hold),
           .hint = refresh::hint_of(*hold, shown),
           .is_public = true});
}

} // namespace pgtrickle
