/*
 * C++ objects that live in a memory context.
 *
 * make_in<T>(context, …) builds a T in `context`; its destructor runs when the context is
 * reset or deleted, exactly once. So a C++ object that must outlive a call has the same
 * life as the PostgreSQL objects beside it, also when a transaction aborts.
 */
#pragma once

#include "pg/boundary.hpp"

#include <new>
#include <utility>

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

/* Makes `context` current while it lives. */
class ContextSwitch {
  public:
    explicit ContextSwitch(MemoryContext context) : previous_(MemoryContextSwitchTo(context)) {}
    ~ContextSwitch() { MemoryContextSwitchTo(previous_); }
    ContextSwitch(const ContextSwitch &) = delete;
    ContextSwitch &operator=(const ContextSwitch &) = delete;

  private:
    MemoryContext previous_;
};

} // namespace pgtrickle
