/*
 * Switching the current user and the security context.
 *
 * Text, nodes and types of a user are parsed, folded, planned, evaluated, indexed and analyzed only with the
 * rights of the stream table's owner in a security-restricted operation: AsOwner. tests/lint/rules/rights.py
 * lists the purpose of every other switch, and why no code of a user can run under it.
 *
 * A switch restores the previous user and security context when it is destroyed; after a PostgreSQL error the
 * abort of the (sub)transaction restores them as well.
 */
#pragma once

#include "pg/boundary.hpp"
#include "pg/settings.hpp"

namespace pgtrickle {

class UserSwitch {
  public:
    UserSwitch(Oid user, int added_flags)
    {
        GetUserIdAndSecContext(&user_, &flags_);
        SetUserIdAndSecContext(user, flags_ | added_flags);
        is_outermost_ = asking_ == InvalidOid;
        if (is_outermost_)
            asking_ = user_;
    }
    ~UserSwitch()
    {
        SetUserIdAndSecContext(user_, flags_);
        if (is_outermost_)
            asking_ = InvalidOid;
    }
    UserSwitch(const UserSwitch &) = delete;
    UserSwitch &operator=(const UserSwitch &) = delete;

    static Oid statement_user() { return asking_ != InvalidOid ? asking_ : GetUserId(); }

  private:
    static inline Oid asking_ = InvalidOid;
    Oid user_;
    int flags_;
    bool is_outermost_;
};

/* Rights of the stream table's owner in a security-restricted operation. User code does not see custom
 * settings of the session; settings that it changes are restored afterwards, as in every security-restricted
 * operation of PostgreSQL. */
class AsOwner : SharedSettings, UserSwitch {
  public:
    AsOwner(Oid owner, Sharing sharing)
        : SharedSettings(sharing), UserSwitch(owner, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION)
    {
    }
};

/* Returns the user of the statement that the session runs: the current user outside of all switches. */
inline Oid statement_user()
{
    return UserSwitch::statement_user();
}

} // namespace pgtrickle
