#include "definition/state/frontier.hpp"

extern "C" {
#include "access/transam.h"
#include "access/xact.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <charconv>
#include <cstring>

namespace pgtrickle {

Snapshot latest_snapshot()
{
    return IsInParallelMode() ? GetTransactionSnapshot() : GetLatestSnapshot();
}

bool Frontier::includes(uint64_t xid, int32_t seq) const
{
    if (own_xid != 0 && xid == own_xid)
        return seq <= own_seq;
    return xid < xmax && !std::binary_search(xip.begin(), xip.end(), xid);
}

bool Frontier::includes(const Frontier &other) const
{
    bool is_own_included = other.own_xid == 0 || includes(other.own_xid, other.own_seq);
    return is_own_included && other.xmax <= xmax && std::all_of(xip.begin(), xip.end(), [&](uint64_t xid) {
               return xid >= other.xmax || std::binary_search(other.xip.begin(), other.xip.end(), xid);
           });
}

namespace {

/* Extends an xid of a snapshot, which is less than 2^31 behind the next xid and never ahead of it, by its
 * epoch. */
uint64_t widened(TransactionId xid, FullTransactionId next)
{
    uint32_t epoch = EpochFromFullTransactionId(next);
    if (!TransactionIdIsNormal(xid))
        return xid;
    if (xid > XidFromFullTransactionId(next))
        epoch--;
    return U64FromFullTransactionId(FullTransactionIdFromEpochAndXid(epoch, xid));
}

} // namespace

Frontier Frontier::of_snapshot(Snapshot snapshot, int32_t own_seq)
{
    const FullTransactionId next = ReadNextFullTransactionId();
    Frontier frontier;
    frontier.xmin = widened(snapshot->xmin, next);
    frontier.xmax = widened(snapshot->xmax, next);
    for (uint32_t i = 0; i < snapshot->xcnt; i++)
        frontier.xip.push_back(widened(snapshot->xip[i], next));
    /* That of a standby has all running transactions among its subtransactions; those that it leaves out when they
     * become too many have logged nothing under an xid of their own. */
    for (int32_t i = 0; snapshot->takenDuringRecovery && i < snapshot->subxcnt; i++)
        frontier.xip.push_back(widened(snapshot->subxip[i], next));

    /* A snapshot does not list its own transaction in xip. For later readers of the frontier, the own
     * transaction must count as not included, except for its changes up to own_seq. */
    const FullTransactionId own = GetTopFullTransactionIdIfAny();
    if (FullTransactionIdIsValid(own)) {
        frontier.own_xid = U64FromFullTransactionId(own);
        frontier.own_seq = own_seq;
        if (frontier.own_xid < frontier.xmax)
            frontier.xip.push_back(frontier.own_xid);
        frontier.xmin = std::min(frontier.xmin, frontier.own_xid);
    }
    std::sort(frontier.xip.begin(), frontier.xip.end());
    frontier.xip.erase(std::unique(frontier.xip.begin(), frontier.xip.end()), frontier.xip.end());
    return frontier;
}

std::string Frontier::to_text() const
{
    std::string text = std::to_string(xmin) + ':' + std::to_string(xmax) + ':';
    for (size_t i = 0; i < xip.size(); i++)
        text += (i > 0 ? "," : "") + std::to_string(xip[i]);
    return text;
}

Frontier Frontier::from_text(const char *text, uint64_t own_xid, int32_t own_seq)
{
    const char *at = text;
    const char *const end = text + strlen(text);
    auto number = [&](char after) {
        uint64_t value = 0;
        auto [rest, error] = std::from_chars(at, end, value);
        if (error != std::errc() || (after != '\0' && (rest == end || *rest != after)))
            raise(
                {.sqlstate = ERRCODE_INVALID_TEXT_REPRESENTATION, .message = "invalid frontier: " + std::string(text)});
        at = after == '\0' ? rest : rest + 1;
        return value;
    };
    Frontier frontier;
    frontier.xmin = number(':');
    frontier.xmax = number(':');
    while (at != end) {
        frontier.xip.push_back(number('\0'));
        if (at != end && *at == ',')
            at++;
        else if (at != end)
            number(','); /* raises */
    }
    frontier.own_xid = own_xid;
    frontier.own_seq = own_seq;
    return frontier;
}

} // namespace pgtrickle
