/*
 * Which roles see the errors of a stream table.
 *
 * Maintenance also runs in sessions of other roles than the owner: a stream table is refreshed together with
 * its dependents, filled when a dependent is created, and redefined when the owner of a source alters the
 * source. Errors of the owner's query and functions quote data. Roles that may see the stream table's texts
 * (definition/texts.hpp) see these errors as they are. For all other roles, the functions below, and no other
 * code, replace an error by "could not refresh stream table s.t" with the class of the SQLSTATE and nothing
 * else. The whole error is written to the server's log, and that of a refresh to the history, but for one at a commit.
 *
 * C++ frames unless said otherwise; they throw PgError.
 */
#pragma once

#include "refresh/request/request.hpp"

namespace pgtrickle::refresh {

/* During its lifetime the session works for `relid`: statements are omitted from the context of messages
 * unless the role may see errors. The constructor determines this before anything can fail, as catalogs
 * cannot be read after an error. */
class Audience {
  public:
    explicit Audience(Oid relid);
    ~Audience();
    Audience(const Audience &) = delete;
    Audience &operator=(const Audience &) = delete;

    bool may_see() const { return name_.empty(); }
    /* The stream table's name in messages for roles that may not see its errors; empty if the session's role
     * may. */
    const std::string &name() const { return name_; }

  private:
    std::string name_;
    bool was_hiding_;
};

/* Whether the texts of running statements are to be omitted from messages. PostgreSQL frame. */
bool hides_statements();

/* Raises the replacement of `error`, of the stream table `name`, for roles that may not see it, and logs the
 * whole error. `verb` is the operation that failed: refresh, redefine, explain. Whether the history has the error, too,
 * or will have it, decides what the hint says. */
[[noreturn]] void raise_without_texts(const ErrorData &error, const std::string &name, const char *verb,
                                      bool is_in_history);

/* Runs `act`, which is the part of the refresh that concerns `relid`: its errors become MemberErrors of
 * `relid`. */
template <class Act> void as_part_of(Oid relid, const Action &tried, Act act)
{
    const Audience audience(relid);
    try {
        act();
    } catch (const MemberError &) {
        throw;
    } catch (const PgError &error) {
        throw MemberError(error, relid, tried, audience.name());
    }
}

/* Runs `act`, which does something other than a refresh for `relid`, and raises its errors as the session may
 * see them. Errors of a refresh within it have this form already, and so have objections, which quote no data
 * but the query, which every role may read. */
template <class Act> auto for_stream_table(Oid relid, const char *verb, Act act) -> decltype(act())
{
    const Audience audience(relid);
    const ErrorData *hidden;
    try {
        return act();
    } catch (const MemberError &) {
        throw;
    } catch (const PgError &error) {
        if (audience.may_see() || error.is_public)
            throw;
        hidden = error.data; /* in the memory of the transaction */
    }
    raise_without_texts(*hidden, audience.name(), verb, false);
}

} // namespace pgtrickle::refresh
