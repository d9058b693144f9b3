#include "refresh/run/value_error.hpp"

namespace pgtrickle::refresh {

namespace {

/* The SQL standard leaves classes that begin with 5 to 9 or I to Z to the implementation. PostgreSQL uses few of them;
 * the others are those of functions. */
bool is_code_of_function(int sqlerrcode)
{
    const int category = ERRCODE_TO_CATEGORY(sqlerrcode);
    for (int own : {ERRCODE_INSUFFICIENT_RESOURCES, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                    ERRCODE_OPERATOR_INTERVENTION, ERRCODE_SYSTEM_ERROR, ERRCODE_INTERNAL_ERROR})
        if (category == ERRCODE_TO_CATEGORY(own))
            return false;
    const char first = unpack_sql_state(sqlerrcode)[0];
    return (first >= '5' && first <= '9') || (first >= 'I' && first <= 'Z');
}

} // namespace

bool is_about_values(const ErrorData &error)
{
    const int found = ERRCODE_TO_CATEGORY(error.sqlerrcode);
    if (found == ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION))
        return error.internalpos == 0;
    for (int category : {ERRCODE_DATA_EXCEPTION, ERRCODE_CARDINALITY_VIOLATION, ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION,
                         ERRCODE_FEATURE_NOT_SUPPORTED, ERRCODE_SQL_ROUTINE_EXCEPTION,
                         ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION})
        if (found == ERRCODE_TO_CATEGORY(category))
            return true;
    return is_code_of_function(error.sqlerrcode);
}

} // namespace pgtrickle::refresh
