/*
 * Constants of a translation that printed texts do not contain (pg/internal_query.hpp): each distinct
 * constant has a number, and is `$number` in the text of expressions.
 *
 * There is one current collection, that of the running translation; a translation that a function of the user
 * starts meanwhile has its own.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

#include <string>

namespace pgtrickle::translate {

/* Collects constants during its lifetime. C++ frames. */
class Constants {
  public:
    Constants() : previous_(current_), context_(CurrentMemoryContext) { current_ = this; }
    ~Constants() { current_ = previous_; }
    Constants(const Constants &) = delete;
    Constants &operator=(const Constants &) = delete;

    /* Returns the Const nodes, the first of which is $1; allocated in the memory context that was current
     * when the collection began. */
    List *nodes() const { return nodes_; }

    /* Returns the number of `constant` in the current collection. PostgreSQL frame. */
    static int number_of(const Const *constant);

  private:
    static Constants *current_;
    Constants *previous_;
    MemoryContext context_;
    List *nodes_ = NIL;
    List *hashes_ = NIL; /* integers: the hash of each node, to reduce comparisons */
};

/* Returns `text` with `constants` as literals, for messages. Output functions of their types are called as
 * the current user, under the text settings. C++ frame. */
std::string with_literals(const std::string &text, const List *constants);

} // namespace pgtrickle::translate
