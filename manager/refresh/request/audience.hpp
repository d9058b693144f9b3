/*
 * Who sees what goes wrong with a stream table.
 *
 * Maintenance runs in sessions of other roles than the owner's: a stream table is refreshed with those that read it, filled when
 * one is created on it, defined again when the owner of a source alters that. Errors of the owner's query and functions quote
 * data. They are shown whole to roles that may see the stream table's texts (definition/texts.hpp); to all others, here and
 * nowhere else, as "could not refresh stream table s.t", with the class of the SQLSTATE and nothing else. The whole error goes
 * to the history and to the server's log.
 *
 * C++ frames unless said otherwise; they throw PgError.
 */
#pragma once

#include "refresh/request/request.hpp"

namespace pgtrickle::refresh {

/* While it lives, what is done is done for `relid`: its statements are not shown in the context of messages unless errors
 * are. It looks before anything can go wrong, as catalogs cannot be read after an error. */
class Audience {
  public:
    explicit Audience(Oid relid);
    ~Audience();
    Audience(const Audience &) = delete;
    Audience &operator=(const Audience &) = delete;

    bool may_see() const { return name_.empty(); }
    /* As messages name the stream table to those that may not see; empty: they may. */
    const std::string &name() const { return name_; }

  private:
    std::string name_;
    bool was_hiding_;
};

/* Whether the text of the statements that run is to be left out of messages. PostgreSQL frame. */
bool hides_statements();

/* Raises what roles that may not see `error`, of the stream table of that name, see in its place; and logs it whole. `verb` is
 * what could not be done: refresh, redefine, explain. */
[[noreturn]] void raise_without_texts(const ErrorData &error, const std::string &name, const char *verb);

/* Runs `act`, which is `relid`'s part of the refresh: what it throws, names it. */
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

/* Runs `act`, which does something else than a refresh for `relid`, and raises its errors as the session may see them. What a
 * refresh in it raises is so already, and so is an objection, which quotes no data: the query, that any role may read. */
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
    raise_without_texts(*hidden, audience.name(), verb);
}

} // namespace pgtrickle::refresh
