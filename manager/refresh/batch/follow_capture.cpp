#include "refresh/batch/follow_capture.hpp"

#include "capture/capture.hpp"
#include "capture/installer.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/attempt.hpp"
#include "pg/settings.hpp"
#include "refresh/program/captured.hpp"

extern "C" {
#include "storage/proc.h"
#include "utils/inval.h"
#include "utils/timestamp.h"
}

#include <algorithm>
#include <map>
#include <set>

namespace pgtrickle::refresh {

namespace {

/* How long a refresh waits for the locks under which capture begins; after it has waited for as long, the process does
 * not wait for the same source again for a while: others are waiting for it. */
constexpr int longest_wait_ms = 500, pause_ms = 5000, shortest_wait_ms = 1;

std::map<Oid, TimestampTz> &pauses()
{
    static std::map<Oid, TimestampTz> ends_by_source;
    return ends_by_source;
}

/* Sources of a member, as far as their capture matters to the refresh. */
struct ToCapture {
    std::set<Oid> permitted;                   /* all sources that may be captured */
    std::vector<capture::WantedSource> wanted; /* those of them whose capture has to begin, or to be repaired */
    std::string reason;                        /* why stored rows lack changes that it would have logged; or empty */

    bool wants(Oid relid) const
    {
        return std::ranges::any_of(wanted, [=](const capture::WantedSource &one) { return one.relid == relid; });
    }
};

/* Returns why the stored rows may lack changes of the source; null if they cannot. A log that was stopped and begun
 * again for another stream table may lack columns; that invalidates the source, so it is looked for after a
 * compilation. */
const char *damage_of(const Compiled &compiled, const CompiledSource &source)
{
    return call([&]() -> const char * {
        if (const char *damage = capture::damage_of(source.relid))
            return damage;
        const bool is_whole =
            compiled.logs_are_checked || source.is_compared ||
            capture::is_captured_with(source.relid, source.columns.data(), static_cast<int>(source.columns.size()));
        return is_whole ? nullptr : "a column was not logged";
    });
}

/* A restored stream table that was never filled has no capture yet, which includes the logs of upstream stream tables.
 */
ToCapture to_capture(const Member &member)
{
    const Compiled &compiled = *member.compiled;
    ToCapture answer;
    for (const Source &source : compiled.definition.sources)
        if (compiled.captures_match_privileges ? source.is_captured : may_capture(compiled.definition, source))
            answer.permitted.insert(source.relid);
    for (const CompiledSource &source : compiled.sources) {
        if (answer.permitted.count(source.relid) == 0)
            continue;
        std::string why;
        if (!source.is_captured)
            why = "a source was not captured before";
        else if (const char *damage = member.state.is_populated ? damage_of(compiled, source) : nullptr)
            why = std::string("damaged capture of a source: ") + damage;
        if (!why.empty())
            answer.reason = why;
        if (!why.empty() || !member.state.is_populated)
            answer.wanted.push_back({source.relid, source.columns});
    }
    return answer;
}

/* Begins the capture. Returns false if that would take too long, or a transaction that would have to end first waits
 * for this one. */
bool begin_capture(const Definition &definition, const ToCapture &to_capture)
{
    const TimestampTz now = GetCurrentTimestamp();
    const bool is_paused = std::ranges::any_of(to_capture.wanted, [=](const capture::WantedSource &source) {
        const auto pause = pauses().find(source.relid);
        return pause != pauses().end() && pause->second > now;
    });
    const int most_ms = is_paused ? shortest_wait_ms : longest_wait_ms;
    const int wait_ms = LockTimeout > 0 ? std::min(LockTimeout, most_ms) : most_ms;
    try {
        in_subtransaction([&] {
            SettingsLevel level;
            call([=] { set_for_now("lock_timeout", psprintf("%d", wait_ms)); });
            for (const Source &source : definition.sources)
                if (!source.is_captured && to_capture.permitted.count(source.relid) != 0)
                    call([&] { state::set_captured(definition.relid, source.relid, true); });
            capture::begin_capture(to_capture.wanted, definition.owner);
        });
    } catch (const PgError &error) {
        if (error.data->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
            error.data->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
            throw;
        for (const capture::WantedSource &source : to_capture.wanted)
            if (!is_paused)
                pauses()[source.relid] = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause_ms);
        return false;
    }
    for (const capture::WantedSource &source : to_capture.wanted)
        pauses().erase(source.relid);
    return true;
}

/* Records that a source is not captured for the stream table any more. */
void end_capture(Oid relid, Oid source)
{
    call([=] {
        state::set_captured(relid, source, false);
        capture::release(source);
    });
}

} // namespace

void follow_capture(Member &member)
{
    const Definition &definition = member.compiled->definition;
    const ToCapture answer = to_capture(member);
    const bool has_begun = answer.wanted.empty() || begin_capture(definition, answer);
    bool is_changed = false;
    for (const Source &source : definition.sources) {
        const bool may_be_captured = answer.permitted.count(source.relid) != 0;
        const bool is_captured = may_be_captured && (has_begun || !answer.wants(source.relid));
        is_changed = is_changed || is_captured != source.is_captured;
        if (source.is_captured && !is_captured)
            end_capture(definition.relid, source.relid);
    }
    if (has_begun && !answer.reason.empty())
        member.reinitialize_reason = answer.reason;
    if (!has_begun)
        member.why_uncaptured = "the capture of a source could not begin in time";
    if (is_changed) {
        const Oid relid = definition.relid;
        call([=] {
            CacheInvalidateRelcacheByRelid(relid);
            CommandCounterIncrement();
        });
        member.compiled = &compiled_of(relid);
    }
    /* The manager looks again whether the source may be captured, even if it knew that it is not. */
    if (is_changed || !has_begun)
        mailbox::note_definition_change();
    if (has_begun)
        member.compiled->logs_are_checked = true;
}

} // namespace pgtrickle::refresh
