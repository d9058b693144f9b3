/*
 * Which indexes on sources would keep a refresh from reading a whole source.
 *
 * The statements of a program look rows of a source up by key, driven by the few rows of a
 * delta. An index that begins with one of the key's columns or expressions serves. We neither create
 * indexes on sources nor copy sources: we say what is missing.
 * C++ frame; throws PgError.
 */
#pragma once

#include "pg/boundary.hpp"

#include <string>
#include <vector>

namespace pgtrickle::refresh {

struct MissingIndex {
    Oid source;
    std::string statement; /* the exact CREATE INDEX, without a semicolon */
};

/* Each once, in the order of the sources; none for a stream table kept by full refresh. */
std::vector<MissingIndex> missing_indexes(Oid relid);

} // namespace pgtrickle::refresh
