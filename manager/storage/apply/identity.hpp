/*
 * Defines when two rows of an arrangement are the same row.
 *
 * Layout rows: all value columns have the same *image* (the detoasted bytes; of rows within values, the plain ones:
 * plain_rows.hpp). Layout groups: the key columns
 * are equal under the equality of their types, NULL being equal to NULL.
 *
 * The *place* of a row is what an index finds it by, and only narrows the search down: every look-up rechecks the
 * identity with is_same(). Where a step has columns that few rows share (Step::found_by), the place is their
 * values, in a btree. Otherwise the hidden column pgt_hash stores the 64-bit hash of the identity, with a btree on
 * it: a hash, because a value can be too long for a btree entry and because every type has an image.
 *
 * All functions are PostgreSQL frames: they may raise errors.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "executor/tuptable.h"
}

namespace pgtrickle::storage {

struct IdentityColumn {
    int16 typlen;
    bool typbyval;
    Oid collation;
    Oid rows;         /* type_with_rows() */
    FmgrInfo *equal;  /* NULL: by image */
    FmgrInfo *hash;   /* NULL: by image */
    bool is_extended; /* hash takes a seed */
    bool is_hashed;   /* false: equal values have nothing in common that could be hashed */
};

class Identity {
  public:
    /* Identity by image of the first `count` columns of `descriptor`. Allocates in the current context. */
    static Identity of_image(TupleDesc descriptor, int count);
    /* Identity by equality of the `count` columns at `positions` (0-based). Allocates in the current
     * context. */
    static Identity of_key(TupleDesc descriptor, const int *positions, int count);

    /* `values`/`isnull` are indexed by position in the identity: 0 … count-1. */
    int64 hash(const Datum *values, const bool *isnull) const;
    bool is_same(const Datum *a, const bool *a_null, const Datum *b, const bool *b_null) const;
    /* The columns of the identity are at `positions` of both rows. */
    bool is_same_at(const int *positions, const Datum *a, const bool *a_null, const Datum *b, const bool *b_null) const;
    /* Returns the value of the column at `position` of the identity as one whose bytes are its image. */
    Datum plain(int position, Datum value) const;
    int count() const { return count_; }

  private:
    IdentityColumn *columns_ = nullptr;
    int count_ = 0;
};

/* Whether two values have the same bytes once they are detoasted: the same image, unless they contain rows. NULLs are
 * the same. */
bool has_same_bytes(Datum a, bool a_null, Datum b, bool b_null, bool typbyval, int16 typlen);

} // namespace pgtrickle::storage
