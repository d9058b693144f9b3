#include "setup/capture_objection.hpp"

#include "capture/permission.hpp"
#include "pg/relation_name.hpp"

extern "C" {
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::setup {

namespace {

capture::Denial denial_of(Oid source, Oid role, bool is_captured)
{
    return call([=] { return capture::denial_of(source, role, is_captured); });
}

/* Returns the name of a relation that is not locked, or its OID as text if the relation has been dropped.
 * PostgreSQL frame. */
const char *name_or_number(Oid relation, bool is_qualified)
{
    const char *name = get_rel_name(relation);
    if (name == nullptr)
        return psprintf("%u", relation);
    return is_qualified ? quoted_relation_name(relation) : name;
}

translate::Objection objection_to(Oid source, const capture::Denial &denial, Oid role)
{
    const std::string name = call([=] { return name_or_number(source, false); });
    const std::string denied = call([&] { return name_or_number(denial.relation, true); });
    translate::Objection objection;
    objection.construct = "permission denied to capture changes of table \"" + name + "\"";
    if (denial.is_stopped) {
        objection.why = "The owner of " + denied + " has stopped the capture of its changes.";
        objection.hint = "The owner can allow it again with pgtrickle.allow_capture().";
        return objection;
    }
    const std::string grantee = call([=] { return quote_identifier(GetUserNameFromId(role, false)); });
    objection.why =
        "Capture creates triggers on " + denied + ", and " + grantee + " lacks the TRIGGER privilege on it.";
    objection.hint = "GRANT TRIGGER ON " + denied + " TO " + grantee + " allows it.";
    return objection;
}

} // namespace

std::optional<translate::Objection> capture_objection(const std::vector<translate::SourceRef> &sources, Oid role)
{
    for (const translate::SourceRef &source : sources)
        if (std::optional<translate::Objection> objection = capture_objection(source.relid, role, false))
            return objection;
    return std::nullopt;
}

std::optional<translate::Objection> capture_objection(Oid source, Oid role, bool is_captured)
{
    if (const capture::Denial denial = denial_of(source, role, is_captured))
        return objection_to(source, denial, role);
    return std::nullopt;
}

void set_captured(std::vector<translate::SourceRef> &sources, Oid role)
{
    for (translate::SourceRef &source : sources)
        source.is_captured = !denial_of(source.relid, role, false);
}

void raise_denied_capture(const translate::Objection &objection)
{
    raise({.sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE,
           .message = objection.construct,
           .detail = objection.why,
           .hint = objection.hint + " refresh_mode 'FULL' does not need it."});
}

} // namespace pgtrickle::setup
