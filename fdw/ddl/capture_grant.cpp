#include "fdw/ddl/capture_grant.hpp"

#include "capture/permission.hpp"
#include "definition/stream_table.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_owner.hpp"

extern "C" {
#include "access/xact.h"
}

namespace pgtrickle {

void request_allowed_captures()
{
    for (Oid relid : definition::all()) {
        for (const Source &source : definition::sources_of(relid)) {
            if (source.is_captured)
                continue;
            const bool is_allowed = call([&] {
                const Oid owner = owner_of_relation(relid, true);
                return OidIsValid(owner) && !capture::denial_of(source.relid, owner);
            });
            if (is_allowed)
                mailbox::note_change(source.relid);
        }
    }
}

void grant(const UtilityCall &utility)
{
    call([&] {
        utility.run();
        CommandCounterIncrement();
    });
    request_allowed_captures();
}

} // namespace pgtrickle
