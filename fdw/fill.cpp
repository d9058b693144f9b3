#include "fdw/fill.hpp"

#include "fdw/history.hpp"
#include "refresh/holds.hpp"
#include "refresh/refresh.hpp"

extern "C" {
#include "utils/lsyscache.h"
}

namespace pgtrickle {

void fill(Oid relid)
{
    std::optional<scheduler::Hold> hold = refresh::hold_on(relid);
    if (!hold || !hold->is_about_data()) {
        note_refresh(refresh::initialize(relid), "INITIAL");
        return;
    }
    std::string detail = refresh::sentence_of(*hold);
    std::string hint = refresh::hint_of(*hold, relid);
    call([&] {
        ereport(NOTICE, (errmsg("stream table \"%s\" is not filled yet", get_rel_name(relid)),
                         errdetail("%s", detail.c_str()), errhint("%s", hint.c_str())));
    });
}

} // namespace pgtrickle
