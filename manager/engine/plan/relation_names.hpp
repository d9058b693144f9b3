/*
 * The names that statements of a program have for relations.
 */
#pragma once

#include "engine/plan/plan.hpp"

namespace pgtrickle::engine {

/* How a statement calls what it reads. All are FROM items without alias, quoted and
 * qualified where that applies. */
class RelationNames {
  public:
    virtual ~RelationNames() = default;
    /* New state of a source: `ONLY public.orders`, or a parenthesised query. */
    virtual std::string source(int index) const = 0;
    /* Heap of an earlier step's arrangement, all physical columns. */
    virtual std::string arrangement(int step) const = 0;
    /* Delta of a source or step: its columns, then pgt_weight bigint. */
    virtual std::string delta(DeltaInput input) const = 0;
    /* groups: the touched keys to be recomputed: the key columns. */
    virtual std::string touched() const = 0;
};

} // namespace pgtrickle::engine
