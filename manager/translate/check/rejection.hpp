/*
 * Rejections: constructs that no refresh mode accepts. C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <optional>
#include <string>

namespace pgtrickle::translate {

/* A construct that no refresh mode accepts (FOR UPDATE, TABLESAMPLE, LIMIT without ORDER BY, system catalogs,
 * temporary tables, other statements than SELECT, the stream table `self` as its own source). */
struct Rejection {
    int sqlstate;
    std::string message;
    std::string detail;
    std::string hint;
    int location = -1;      /* as in Objection */
    Oid relid = InvalidOid; /* the relation that causes the rejection, if there is one */
};

std::optional<Rejection> find_rejection(const Query *query, Oid self = InvalidOid);

/* Raises an error if the query has such a construct. `query_text` is as in raise_objection(). */
void check_rejected(const Query *query, const char *query_text, Oid self = InvalidOid);

} // namespace pgtrickle::translate
