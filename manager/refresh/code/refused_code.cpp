#include "refresh/code/refused_code.hpp"

#include "pg/versions/text_runners.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/code/known_code.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::refresh {

namespace {

/* Whether a look would call the function known, but for what it takes, which only functions in C can. */
bool is_known(Oid function)
{
    if (function >= FirstNormalObjectId)
        return is_compiled(function) && func_volatile(function) == PROVOLATILE_IMMUTABLE;
    return !runs_text(function) && func_volatile(function) != PROVOLATILE_VOLATILE;
}

} // namespace

void refuse_unknown_function(ObjectAccessType access, Oid class_id, Oid object_id, int, void *)
{
    if (access != OAT_FUNCTION_EXECUTE || class_id != ProcedureRelationId || !KnownCodeOnly::is_in_force() ||
        is_known(object_id))
        return;
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("function %s must not run at a commit", get_func_name(object_id))));
}

} // namespace pgtrickle::refresh
