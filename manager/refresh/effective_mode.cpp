#include "refresh/effective_mode.hpp"

#include "capture/permission.hpp"
#include "catalog/tables/history.hpp"
#include "pg/attempt.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/program/compiled.hpp"
#include "refresh/request/request.hpp"

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

bool is_denied(const Definition &definition)
{
    return std::any_of(definition.sources.begin(), definition.sources.end(), [&](const Source &source) {
        return call(
            [&] { return static_cast<bool>(capture::denial_of(source.relid, definition.owner, source.is_captured)); });
    });
}

/* Before the first fill the state row does not contain the answer, so the query is translated, in a session of its
 * owner. One that takes long, or cannot be translated any more, as its owner may have arranged, keeps no other from
 * being listed: there the mode is that of the definition. */
bool has_deltas(const Definition &definition, const state::StateRow &row)
{
    const ModeRules &rules = rules_of(definition.mode);
    if (!rules.may_use_deltas || is_denied(definition))
        return false;
    if (!rules.may_fall_back)
        return true;
    if (row.is_populated && row.is_incremental)
        return *row.is_incremental;
    bool answer = true;
    if (call([&] { return is_trusted_here(definition.relid); }))
        (void)attempt([&] { answer = is_incremental(definition); });
    return answer;
}

} // namespace

RefreshMode effective_mode(const Definition &definition, const state::StateRow &row)
{
    if (!has_deltas(definition, row))
        return RefreshMode::full;
    if (!rules_of(definition.mode).may_choose_full)
        return definition.mode;
    const std::optional<catalog::Refresh> last = catalog::read_last_choice(definition.relid);
    return last && last->action == Action::full ? RefreshMode::full : RefreshMode::differential;
}

} // namespace pgtrickle::refresh
