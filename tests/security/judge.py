"""Which rights a canary may run with: those with which plain PostgreSQL would run it for a materialized view
in the stream table's place."""

OWNER = "canary_owner"


def is_allowed(event, caller_may=False, owner=OWNER, may_meet=True):
    """The stream table's owner in a security-restricted operation, or its own statement; and, where plain
    PostgreSQL allows it, the role that executed the statement. In a worker the session is the owner's, too. In the session
    of another role only if it may_meet(): what one has called or created there, the other one's code could find."""
    if event.has_stolen and not event.is_superuser:
        return False
    if event.process.startswith("pg_trickle") and event.session != event.user:
        return False
    if event.user == owner and event.is_of_client and event.session != owner and not may_meet:
        return False
    if event.user == owner and (event.is_restricted or event.is_of_client and event.session == owner):
        return True
    return caller_may and event.is_of_client and event.user == event.session


def may_meet(kind, way, action):
    """Whether a role's statement may run code of the owner in its session: VACUUM and ANALYZE do in PostgreSQL; so do
    utility statements and functions of a superuser for other roles' objects, or a function with its rights."""
    is_superusers = kind == "superuser" or action.startswith("in a function of a superuser")
    return is_superusers and way not in ("read", "write") or kind in ("superuser", "dba") and ("ANALYZE" in action or "VACUUM" in action)


def wrongs(events, caller_may=False, owner=OWNER):
    """Returns the events that are not allowed, as sentences, each once."""
    return sorted({str(event) + f", whose session is {event.session}"
                   for event in events if not is_allowed(event, caller_may, owner)})


def demand(events, caller_may=False, owner=OWNER):
    found = wrongs(events, caller_may, owner)
    assert not found, "; ".join(found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
