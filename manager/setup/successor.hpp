/*
 * The successor of a stream table: another stream table, in the reserved schema, that has its columns and the options
 * that it is to have. It exists only within the transaction that alters the query:
 *
 *     create_successor()      empty; another transaction never sees it, so it is filled without a lock that a
 *                             reader, a refresh or a writer of the altered one could wait for
 *     a refresh fills it, others bring it up to date
 *     take_over()             under AccessExclusive: its heaps take the place of the old ones, its state that of
 *                             the altered stream table, and it is dropped
 *
 * Invariant: what take_over() does takes time in proportion to the number of heaps, columns and indexes, and reads no
 * row. Only the old heaps are removed, at the commit.
 *
 * An abort at any point leaves the altered stream table as it was. The owner's rights are in force. C++ frames; they
 * throw PgError.
 */
#pragma once

#include "definition/options.hpp"
#include "definition/query/altered_columns.hpp"
#include "definition/state/marks.hpp"
#include "storage/user_indexes.hpp"
#include "translate/translate.hpp"

namespace pgtrickle::setup {

struct Successor {
    Oid relid = InvalidOid;
    storage::UserIndexes indexes; /* of the storage to be replaced */
};

/* Creates the successor of `relid` for `query`, with these options and the columns of `relid` with these `changes`,
 * and with copies of the users' indexes. Raises 42P15 if `sources` close a cycle, and 55006 if this session
 * is reading the heaps that are to be replaced. The caller holds ShareUpdateExclusive on `relid`; the same lock on its
 * storage and the users' indexes, which keeps them as they are, is taken to the end of the transaction. */
Successor create_successor(Oid relid, Query *query, const std::vector<translate::SourceRef> &sources,
                           const std::vector<options::Option> &options, const definition::ColumnChanges &changes);

/* Replaces all that was set up for `relid` by what the successor has, as replace_setup() does, and drops the
 * successor. `marks` are those of `relid` that the contents of the successor have applied. The caller holds
 * AccessExclusive. */
void take_over(Oid relid, const Successor &successor, Query *query, const std::vector<translate::SourceRef> &sources,
               const std::vector<state::MarkId> &marks);

/* Drops a successor that has nothing left. */
void drop_successor(Oid successor);

} // namespace pgtrickle::setup
