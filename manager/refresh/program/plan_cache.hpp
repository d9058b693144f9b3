/*
 * How much memory the compiled stream tables of this process take, and which of them is freed first if that
 * exceeds pg_trickle.plan_cache_size: the least recently used one.
 *
 * The entries belong to compiled.cpp, which frees them between two refreshes, and therefore never one in use.
 * Memory contexts are counted, those of plans included; C++ objects add about a tenth. Counting takes
 * microseconds, and only entries that have grown are counted again.
 */
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstddef>

namespace pgtrickle::refresh {

struct Compiled;

/* The part of a Compiled by which it is linked here. */
struct CacheEntry : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    size_t counted_bytes = 0;
    bool has_grown = false;
};

/* Makes the entry the most recently used one. */
void note_use(Compiled &compiled);
/* Records that the entry was created, or has an additional plan. */
void note_growth(Compiled &compiled);
/* Removes the entry, which is about to be freed. */
void note_gone(Compiled &compiled);

/* To be called after entries have been freed: returns memory to the kernel if much was freed. Otherwise a
 * worker would keep it permanently after all its stream tables were invalidated at once and assigned to other
 * workers. */
void return_memory();

/* Returns the entry to be freed next; nullptr if all entries fit into `limit_bytes`. */
Compiled *next_to_free(size_t limit_bytes);

} // namespace pgtrickle::refresh
