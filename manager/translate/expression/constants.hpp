/*
 * The constants of a translation that no printed text holds (pg/internal_query.hpp): each different one has a number,
 * and is `$number` in the text of expressions.
 *
 * There is one collection at a time, that of the translation under way; translations that a function of the user
 * starts meanwhile have their own.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

#include <string>

namespace pgtrickle::translate {

/* Collects constants while it lives. C++ frames. */
class Constants {
  public:
    Constants() : previous_(current_), context_(CurrentMemoryContext) { current_ = this; }
    ~Constants() { current_ = previous_; }
    Constants(const Constants &) = delete;
    Constants &operator=(const Constants &) = delete;

    /* The nodes, the first one being $1; in the memory context in which the collection began. */
    List *nodes() const { return nodes_; }

    /* The number of `constant` in the current collection. PostgreSQL frame. */
    static int number_of(const Const *constant);

  private:
    static Constants *current_;
    Constants *previous_;
    MemoryContext context_;
    List *nodes_ = NIL;
    List *hashes_ = NIL; /* integers: of each node, to compare few of them */
};

/* `text` with `constants` as literals, for people to read. Functions of their types are called as the current user,
 * under the text settings. C++ frame. */
std::string with_literals(const std::string &text, const List *constants);

} // namespace pgtrickle::translate
