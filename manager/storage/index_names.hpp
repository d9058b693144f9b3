/*
 * The names of users' indexes while these are not yet, or not only, what the user sees: until an index is moved to the
 * schema of its stream table, while a successor is filled (setup/successor.hpp), and on partitions. PostgreSQL's errors
 * name them so, and name the storage.
 *
 * Between an error and the abort of its transaction no catalog may be read. So the names are gathered before a
 * statement that may fail, and its error is only changed as text.
 */
#pragma once

#include "pg/boundary.hpp"

#include <string>
#include <utility>
#include <vector>

namespace pgtrickle::storage {

/* The name of an index until it is moved. It conflicts with no other session. PostgreSQL frame. */
char *passing_name(Oid relid);
/* The name of a successor's index in the reserved schema. PostgreSQL frame. */
char *hidden_name(Oid relid, int number);

/* The names by which the user knows a stream table and its indexes. C++ frames. */
class ShownNames {
  public:
    /* Gathers the names of the stream table, or of the one that it is shown as (definition/shown_as.hpp). */
    explicit ShownNames(Oid relid);
    /* Gathers the names of the indexes that are parts of others on the partitions of its storage. */
    void add_parts(Oid storage);
    void add(const std::string &index, const std::string &shown) { names_.emplace_back(quoted(index), quoted(shown)); }

    /* Replaces the names in the texts of an error, and in its fields for programs. An index without a name of its own
     * on a partition is called `index`, if that is not null. */
    void show_in(ErrorData *error, const char *index = nullptr) const;

  private:
    static std::string quoted(const std::string &name) { return '"' + name + '"'; }
    std::string shown(const char *text, const char *index) const;

    std::string storage_, schema_, stream_table_;
    std::vector<std::pair<std::string, std::string>> names_; /* with quotes */
};

/* Adds the index to the context of the error of a statement that does not name it. C++ frame. */
void add_index_to_context(ErrorData *error, const char *index);

/* Runs `create`, a PostgreSQL frame that calls define_user_index() for an index whose name it has put into `index`.
 * C++ frame. */
template <class Create> void naming_index(Oid relid, const char *const &index, Create create)
{
    ShownNames names(relid);
    const std::string passing = call([=] { return passing_name(relid); });
    try {
        call(create);
    } catch (const PgError &error) {
        if (index != nullptr)
            names.add(passing, index);
        names.show_in(error.data, index);
        throw;
    }
}

} // namespace pgtrickle::storage
