/*
 * The names of users' indexes while these are not yet, or not only, what the user sees: until an index is moved to the
 * schema of its stream table, while a successor is filled (setup/successor.hpp), and on partitions. Errors of
 * PostgreSQL name them so, and name the storage; they are translated, with their fields for programs.
 */
#pragma once

#include "storage/user_indexes.hpp"

namespace pgtrickle::storage {

/* The name of an index until it is moved. It conflicts with no other session. PostgreSQL frame. */
char *passing_name(Oid relid);
/* The name of a successor's index in the reserved schema. PostgreSQL frame. */
char *hidden_name(Oid relid, int number);

/* Have an error name the stream table, as ShownAs says, instead of its storage, and the index as the user does: instead
 * of passing_name(), or of the hidden names. C++ frames. */
void show_name(ErrorData *error, Oid relid, const char *index);
void show_hidden_names(ErrorData *error, Oid relid, const UserIndexes &indexes);
/* Adds the index to the context of the error of a statement that does not name it. C++ frame. */
void add_index_to_context(ErrorData *error, const char *index);

/* Runs `create`, a PostgreSQL frame that calls define_user_index() for an index whose name it has put into `index`.
 * C++ frame. */
template <class Create> void naming_index(Oid relid, const char *const &index, Create create)
{
    try {
        call(create);
    } catch (const PgError &error) {
        if (index != nullptr)
            show_name(error.data, relid, index);
        throw;
    }
}

} // namespace pgtrickle::storage
