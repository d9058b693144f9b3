/*
 * Indexes on sources without which a refresh may read a whole source.
 *
 * The statements of a program look up rows of a source by key, driven by the few rows of a delta. An index
 * that begins with one of the key's columns or expressions suffices; for the first rows of each key, one that has their
 * order, too. The extension neither creates indexes on
 * sources nor copies sources: it reports which indexes are missing. C++ frame; throws PgError.
 */
#pragma once

#include "refresh/program/compiled.hpp"

#include <string>
#include <vector>

namespace pgtrickle::refresh {

struct MissingIndex {
    Oid source;
    std::string statement; /* the exact CREATE INDEX, without a semicolon */
    bool reads_groups;     /* there is another one, by which whole groups are read for their first rows */
};

/* Returns each missing index once, in the order of the sources; none for a stream table that is maintained by
 * full refreshes. */
std::vector<MissingIndex> missing_indexes(const Compiled &compiled);

/* As above, of a query for which there is no stream table, in a translation for this owner. */
std::vector<MissingIndex> missing_indexes(const translate::Translation &translation, Oid owner);

} // namespace pgtrickle::refresh
