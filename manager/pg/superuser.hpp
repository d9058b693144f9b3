/*
 * Whose rights are in force.
 *
 * AsOwner: maintenance runs the expressions of a defining query with the rights of the
 * stream table's owner, restricted as a security-restricted operation.
 * AsSuperuser: creating and naming objects in the reserved schemas, in which users have no
 * rights. Used only around statements whose text is ours entirely; user code (functions
 * of the defining query, event triggers aside) never runs under it.
 *
 * Both restore what was in force when they are destroyed; a PostgreSQL error that passes
 * restores it by (sub)transaction abort as well.
 */
#pragma once

#include "pg/boundary.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "catalog/pg_authid.h"
}

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

    static Oid asking_user() { return asking_ != InvalidOid ? asking_ : GetUserId(); }

  private:
    static inline Oid asking_ = InvalidOid;
    Oid user_;
    int flags_;
    bool is_outermost_;
};

/* What user code sets meanwhile is undone with it, as in every security-restricted operation of PostgreSQL. */
class AsOwner : SettingsLevel, UserSwitch {
  public:
    explicit AsOwner(Oid owner)
        : UserSwitch(owner, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION)
    {
    }
};

class AsSuperuser : public UserSwitch {
  public:
    AsSuperuser() : UserSwitch(BOOTSTRAP_SUPERUSERID, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION) {}
};

/* Who brought the session to what it does: the user outside of all switches. */
inline Oid asking_user()
{
    return UserSwitch::asking_user();
}

} // namespace pgtrickle
