/*
 * Damaged pages: those of heaps and indexes that PostgreSQL cannot read, as after a fault of a disk. It does not notice
 * such a page before it reads the page; this function reads all of them.
 *
 * C++ frame; it keeps no lock.
 */
#pragma once

#include "pg/boundary.hpp"

#include <string>

namespace pgtrickle {

/* Reads each page of the heap, or of all partitions, with indexes and TOAST table, and follows the entries of indexes.
 * Returns the error about the first damage; empty if there is none. */
std::string damage_of_pages(Oid heap);

} // namespace pgtrickle
