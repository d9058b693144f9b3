/*
 * Whose rights are in force.
 *
 * No text, node or type of a user is parsed, folded, planned, evaluated, indexed or analyzed with any rights but those of
 * the stream table's owner in a security-restricted operation: AsOwner. What another switch of rights is for, and why no code of
 * a user can run under it, is listed in tests/lint/rules/rights.py.
 *
 * A switch restores what was in force when it is destroyed; a PostgreSQL error that passes restores it by (sub)transaction
 * abort as well.
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

/* Settings of the session's own do not reach user code; what that sets meanwhile is undone with it, as in every security-restricted operation of PostgreSQL. */
class AsOwner : SharedSettings, UserSwitch {
  public:
    explicit AsOwner(Oid owner)
        : UserSwitch(owner, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION)
    {
    }
};

/* The user of the statement that the session runs: the user outside of all switches. */
inline Oid statement_user()
{
    return UserSwitch::statement_user();
}

} // namespace pgtrickle
