/*
 * C++ objects that live in a memory context.
 *
 * make_in<T>(context, …) builds a T in `context`; its destructor runs exactly once, when the context is reset
 * or deleted. A C++ object that must outlive a call therefore has the lifetime of the PostgreSQL objects
 * beside it, also when a transaction aborts.
 *
 * A Scratch is a memory context for work that allocates much and returns little. A result that is kept is
 * allocated, or copied, under a ContextSwitch inside the Scratch.
 *
 * A session table is a hash table, and a session stack an array, that lives as long as the process.
 */
#pragma once

#include "pg/boundary.hpp"

#include <new>
#include <utility>

extern "C" {
#include "utils/hsearch.h"
#include "utils/memutils.h"
}

namespace pgtrickle {

template <class T, class... Arguments> T *make_in(MemoryContext context, Arguments &&...arguments)
{
    struct Cell {
        MemoryContextCallback callback;
        alignas(T) unsigned char object[sizeof(T)];
    };
    auto *cell = static_cast<Cell *>(call([&] { return MemoryContextAlloc(context, sizeof(Cell)); }));
    T *object = new (cell->object) T(std::forward<Arguments>(arguments)...);
    cell->callback.func = [](void *argument) { static_cast<T *>(argument)->~T(); };
    cell->callback.arg = object;
    MemoryContextRegisterResetCallback(context, &cell->callback);
    return object;
}

/* Makes `context` current during the lifetime of the object. */
class ContextSwitch {
  public:
    explicit ContextSwitch(MemoryContext context) : previous_(MemoryContextSwitchTo(context)) {}
    ~ContextSwitch() { MemoryContextSwitchTo(previous_); }
    ContextSwitch(const ContextSwitch &) = delete;
    ContextSwitch &operator=(const ContextSwitch &) = delete;

  private:
    MemoryContext previous_;
};

/* A new memory context, which is current during the lifetime of the object and deleted with it. */
class Scratch {
  public:
    Scratch() : previous_(CurrentMemoryContext)
    {
        context_ = call(
            [] { return AllocSetContextCreate(CurrentMemoryContext, "pg_trickle scratch", ALLOCSET_DEFAULT_SIZES); });
        MemoryContextSwitchTo(context_);
    }
    ~Scratch()
    {
        MemoryContextSwitchTo(previous_);
        MemoryContextDelete(context_);
    }
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;

  private:
    MemoryContext previous_;
    MemoryContext context_;
};

/* Returns an empty session table of `Entry` objects, which begin with their `Key`, of which all bytes are compared.
 * `name` is for reports of memory contexts; the table grows beyond `expected` entries. PostgreSQL frame. */
template <class Key, class Entry> HTAB *new_session_table(const char *name, long expected)
{
    HASHCTL control = {};
    control.keysize = sizeof(Key);
    control.entrysize = sizeof(Entry);
    control.hcxt = CacheMemoryContext;
    return hash_create(name, expected, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* An object at namespace scope. The item pushed last is at the end. */
template <class Item> struct SessionStack {
    Item *items;
    int count; /* may be decreased */
    int capacity;

    /* PostgreSQL frame. */
    void push(const Item &item)
    {
        if (count == capacity) {
            const int larger = capacity == 0 ? 16 : capacity * 2;
            const Size size = sizeof(Item) * larger;
            items = static_cast<Item *>(items == nullptr ? MemoryContextAlloc(TopMemoryContext, size)
                                                         : repalloc(items, size));
            capacity = larger; /* last: memory may have run out */
        }
        items[count++] = item;
    }
};

} // namespace pgtrickle
