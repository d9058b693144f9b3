#include "fdw/read/session/own_effects.hpp"

#include "capture/source/inheritance.hpp"
#include "definition/stream_table.hpp"
#include "fdw/scan/served_relation.hpp"
#include "pg/boundary.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <vector>

namespace pgtrickle {

namespace {

/* Whether this transaction holds a lock under which rows change: of INSERT, UPDATE and DELETE, of REFRESH MATERIALIZED
 * VIEW CONCURRENTLY, or of TRUNCATE and what rewrites the relation. */
bool is_locked_by_writer(Oid relid)
{
    LOCKTAG tag;
    SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
    return holds_lock(tag, RowExclusiveLock) || holds_lock(tag, ExclusiveLock) || holds_lock(tag, AccessExclusiveLock);
}

/* Whether this transaction may have changed rows of the tree. The rows of a foreign table change in a transaction of
 * another server, and this one need not have an id. */
bool is_tree_changed(Oid root)
{
    const bool has_id = TransactionIdIsValid(GetTopTransactionIdIfAny());
    bool is_changed = false;
    List *tree = capture::tree_of(root, NoLock);
    ListCell *cell;
    foreach (cell, tree) {
        const Oid member = lfirst_oid(cell);
        is_changed |= is_locked_by_writer(member) && (has_id || get_rel_relkind(member) == RELKIND_FOREIGN_TABLE);
    }
    list_free(tree);
    return is_changed;
}

bool is_any_changed(const std::vector<Source> &sources)
{
    return std::any_of(sources.begin(), sources.end(), [](const Source &source) {
        return (!source.is_captured || source.kind == SourceKind::foreign_table) &&
               call([&] { return is_tree_changed(source.relid); });
    });
}

/* Whether a function of the query, or of an upstream's, may have read what this transaction has changed: any table. */
bool may_read_own_changes(Oid relid)
{
    if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
        return false;
    const std::vector<Oid> all = definition::with_upstreams(relid);
    return std::any_of(all.begin(), all.end(),
                       [](Oid one) { return call([=] { return may_read_unknown_tables(one); }); });
}

} // namespace

mailbox::OwnEffects own_effects_on(Oid relid)
{
    mailbox::OwnEffects own = mailbox::own_effects(relid);
    const mailbox::MailboxStatus known = mailbox::status_of(relid);
    if (!own.has_changes && (!known.is_known || known.time_dependent_since != 0))
        own.has_changes =
            enter([=] { return is_any_changed(definition::all_sources_of(relid)) || may_read_own_changes(relid); });
    return own;
}

bool has_refreshed_any(const Oid *relids, int count)
{
    return std::any_of(relids, relids + count, [](Oid relid) { return mailbox::own_effects(relid).holds_it; });
}

} // namespace pgtrickle
