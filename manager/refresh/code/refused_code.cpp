#include "refresh/code/refused_code.hpp"

#include "pg/hooks.hpp"
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

bool is_only_known_code_run()
{
    return KnownCodeOnly::is_in_force() || CodeOf::is_refused();
}

[[noreturn]] void refuse(Oid function)
{
    if (KnownCodeOnly::is_in_force())
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("function %s must not run at a commit", get_func_name(function))));
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                    errmsg("function %s must not run in this session", get_func_name(function)),
                    errdetail("What a stream table reads was redefined meanwhile."), errhint("Try again.")));
}

void refuse_if_interpreted(Oid function)
{
    if (function >= FirstNormalObjectId && is_only_known_code_run() && !is_compiled(function))
        refuse(function);
}

} // namespace

CodeOf::CodeOf(Oid relid) : outer_(is_refused_)
{
    is_refused_ = !may_run_any_code_of(relid);
}

void refuse_unknown_function(ObjectAccessType access, Oid class_id, Oid object_id, int, void *)
{
    if (access == OAT_FUNCTION_EXECUTE && class_id == ProcedureRelationId && is_only_known_code_run() &&
        !is_known(object_id))
        refuse(object_id);
}

bool refuse_interpreted_function(Oid function)
{
    refuse_if_interpreted(function);
    return previous_hooks().function_call != nullptr && previous_hooks().function_call(function);
}

void refuse_interpreted_switch(FmgrHookEventType event, FmgrInfo *called, Datum *argument)
{
    if (event == FHET_START)
        refuse_if_interpreted(called->fn_oid);
    if (previous_hooks().switched_call != nullptr)
        previous_hooks().switched_call(event, called, argument);
}

} // namespace pgtrickle::refresh
