/*
 * Switching the current user and the security context.
 *
 * Text, nodes and types of a user are parsed, folded, planned, evaluated, indexed and analyzed only with the
 * rights of the stream table's owner in a security-restricted operation: AsOwner. tests/lint/rules/rights.py
 * lists the purpose of every other switch, and why no code of a user can run under it.
 *
 * Below an action of a foreign key, PostgreSQL lets the owner of a table pass over FORCE ROW LEVEL SECURITY, also in
 * triggers that the action fires. Behind a switch, it does not: a refresh by such a trigger would store the rows.
 *
 * A switch restores the previous user and security context when it is destroyed; after a PostgreSQL error the
 * abort of the (sub)transaction restores them as well.
 */
#pragma once

#include "pg/boundary.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/guc.h"
}

namespace pgtrickle {

class UserSwitch {
  public:
    UserSwitch(Oid user, int added_flags, bool is_for_code_of_user = false) : outer_caller_(caller_)
    {
        GetUserIdAndSecContext(&user_, &flags_);
        SetUserIdAndSecContext(user, (flags_ & ~SECURITY_NOFORCE_RLS) | added_flags);
        is_outermost_ = asking_ == InvalidOid;
        if (is_outermost_)
            asking_ = user_;
        if (is_for_code_of_user)
            caller_ = InvalidOid;
        else if (caller_ == InvalidOid)
            caller_ = user_;
    }
    ~UserSwitch()
    {
        SetUserIdAndSecContext(user_, flags_);
        if (is_outermost_)
            asking_ = InvalidOid;
        caller_ = outer_caller_;
    }
    UserSwitch(const UserSwitch &) = delete;
    UserSwitch &operator=(const UserSwitch &) = delete;

    static Oid statement_user() { return asking_ != InvalidOid ? asking_ : GetUserId(); }
    static Oid calling_user() { return caller_ != InvalidOid ? caller_ : GetUserId(); }

  private:
    static inline Oid asking_ = InvalidOid, caller_ = InvalidOid;
    Oid user_, outer_caller_;
    int flags_;
    bool is_outermost_;
};

/* In a worker of the extension, session_user is the user, too: policies, views and functions with the rights of their
 * owner may decide by it, and the session of the worker is one of a superuser. In other sessions, session_user remains
 * the role that has logged in. C++ frames. */
class SessionSwitch {
  public:
    /* In a parallel operation, an outer switch is in force. */
    explicit SessionSwitch(Oid user)
        : session_user_(GetSessionUserId()), is_needed_(is_in_worker_ && user != session_user_ && !IsInParallelMode())
    {
        if (!is_needed_)
            return;
        was_superuser_ = is_superuser_;
        is_superuser_ = call([=] { return superuser_arg(user); });
        become(user);
    }
    /* PostgreSQL refuses it in a parallel operation, which an error may have left open. */
    ~SessionSwitch()
    {
        if (!is_needed_ || IsInParallelMode())
            return;
        is_superuser_ = was_superuser_;
        become(session_user_);
    }
    SessionSwitch(const SessionSwitch &) = delete;
    SessionSwitch &operator=(const SessionSwitch &) = delete;

    /* Called by a worker before each transaction: its session is that of the superuser again, if an error has left it
     * to another user. */
    static void begin_in_worker()
    {
        is_in_worker_ = true;
        is_superuser_ = true;
        if (GetSessionUserId() != BOOTSTRAP_SUPERUSERID)
            SetSessionAuthorization(BOOTSTRAP_SUPERUSERID, true);
    }

    static bool is_in_worker() { return is_in_worker_; }

  private:
    /* PostgreSQL sets the session user outside of security-restricted operations only, and the current user with it. */
    static void become(Oid user)
    {
        Oid current;
        int flags;
        GetUserIdAndSecContext(&current, &flags);
        SetUserIdAndSecContext(current, 0);
        SetSessionAuthorization(user, is_superuser_);
        SetUserIdAndSecContext(current, flags);
    }

    static inline bool is_in_worker_ = false;
    static inline bool is_superuser_ = true; /* the user of the session */
    Oid session_user_;
    bool is_needed_;
    bool was_superuser_ = true;
};

/* The owner whose code a worker of the extension runs: that of its first job, and no other as long as it lives
 * (worker/refresher/code_of_owners.hpp). A stream table may have got another owner after its job was sent. C++ frames.
 */
class ServedOwner {
  public:
    /* Raises 40001 in a worker that serves another one. The worker takes the limits of the owner. */
    explicit ServedOwner(Oid owner)
    {
        if (SessionSwitch::is_in_worker())
            require(owner);
    }

    /* Takes the owner unless there is one. Returns whether this is it. */
    static bool serve(Oid owner);
    /* InvalidOid in a process that has not served yet. */
    static Oid owner() { return owner_; }

  private:
    static void require(Oid owner);

    static inline Oid owner_ = InvalidOid;
    static inline bool has_limits_ = false; /* of the owner */
};

/* Rights of the stream table's owner in a security-restricted operation. User code does not see custom
 * settings of the session; settings that it changes are restored afterwards, as in every security-restricted
 * operation of PostgreSQL. A session of another role gets no LOG and DEBUG messages of what runs: those of
 * auto_explain and of the owner's functions contain values that the role may not read. */
class AsOwner : ServedOwner, SharedSettings, SessionSwitch, UserSwitch {
  public:
    AsOwner(Oid owner, Sharing sharing)
        : ServedOwner(owner), SharedSettings(sharing), SessionSwitch(owner),
          UserSwitch(owner, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION, true)
    {
        if (client_min_messages < NOTICE)
            hide_messages_from_others(owner);
    }

  private:
    static void hide_messages_from_others(Oid owner);
};

/* Returns the user of the statement that the session runs: the current user outside of all switches. */
inline Oid statement_user()
{
    return UserSwitch::statement_user();
}

/* Returns the user of the statement or function that calls the extension: where code of an owner does, that owner,
 * whatever session or worker it runs in. */
inline Oid calling_user()
{
    return UserSwitch::calling_user();
}

} // namespace pgtrickle
