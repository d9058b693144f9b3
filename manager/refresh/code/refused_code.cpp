#include "refresh/code/refused_code.hpp"

#include "pg/versions/text_runners.hpp"
#include "refresh/code/compile_right.hpp"
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

CodeOf::CodeOf(Oid relid) : outer_(is_refused_)
{
    is_refused_ = !may_run_any_code_of(relid);
}

void refuse_unknown_function(ObjectAccessType access, Oid class_id, Oid object_id, int, void *)
{
    const bool is_at_commit = KnownCodeOnly::is_in_force();
    if (access != OAT_FUNCTION_EXECUTE || class_id != ProcedureRelationId || !(is_at_commit || CodeOf::is_refused()) ||
        is_known(object_id))
        return;
    if (is_at_commit)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("function %s must not run at a commit", get_func_name(object_id))));
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                    errmsg("function %s must not run in this session", get_func_name(object_id)),
                    errdetail("What a stream table reads was redefined meanwhile."), errhint("Try again.")));
}

} // namespace pgtrickle::refresh
