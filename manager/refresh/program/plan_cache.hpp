/*
 * How much memory the compiled stream tables of this process take, and which of them goes first when
 * that is more than pg_trickle.plan_cache_size: the one that was used longest ago.
 *
 * It owns none of them: compiled.cpp does, and frees what it is told between two refreshes, so never one in use.
 * What is counted are memory contexts, those of plans included: a tenth more is in C++ objects. Counting takes
 * microseconds, and only what has grown is counted again.
 */
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstddef>

namespace pgtrickle::refresh {

struct Compiled;

/* The part of a Compiled by which it is found here. */
struct CacheEntry : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    size_t counted_bytes = 0;
    bool has_grown = false;
};

/* It is used now: its turn to go comes after all others'. */
void note_use(Compiled &compiled);
/* It was made, or has a plan more than before. */
void note_growth(Compiled &compiled);
/* It is about to be freed. */
void note_gone(Compiled &compiled);

/* To be called when all are freed that are to be: after much, the kernel has the memory back. Else a worker
 * whose stream tables were all invalidated at once, and went to others, would keep it for good. */
void give_back();

/* The one to free now, nullptr if all there are fit into `limit_bytes`. */
Compiled *next_to_free(size_t limit_bytes);

} // namespace pgtrickle::refresh
