#include "refresh/request/audience.hpp"

#include "definition/stream_table.hpp"
#include "definition/texts.hpp"

#include <cstring>

namespace pgtrickle::refresh {

namespace {

bool is_hiding = false;

/* Values, or a function of the owner, determine which error of a class is raised, so only its class is shown.
 * Errors that do not depend on values are shown as they are: they decide whether to try again, or which
 * administrator can help. */
int shown_sqlstate(int sqlstate)
{
    for (int category :
         {ERRCODE_TRANSACTION_ROLLBACK, ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION, ERRCODE_INSUFFICIENT_RESOURCES,
          ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, ERRCODE_OPERATOR_INTERVENTION, ERRCODE_SYSTEM_ERROR})
        if (ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_TO_CATEGORY(category))
            return sqlstate;
    return ERRCODE_TO_CATEGORY(sqlstate);
}

/* Whether the error is a cancel request or a timeout of the session itself, raised by PostgreSQL and not by a
 * function. */
bool is_interruption(const ErrorData &error)
{
    return (error.sqlerrcode == ERRCODE_QUERY_CANCELED || error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE) &&
           error.filename != nullptr && strcmp(error.filename, "postgres.c") == 0;
}

/* PostgreSQL frame. */
void log_whole(const ErrorData &error, const char *name, const char *verb)
{
    ereport(LOG_SERVER_ONLY,
            (errcode(error.sqlerrcode), errmsg("could not %s stream table %s: %s", verb, name, error.message),
             error.detail != nullptr ? errdetail_internal("%s", error.detail) : 0,
             error.hint != nullptr ? errhint("%s", error.hint) : 0,
             error.context != nullptr ? errcontext("%s", error.context) : 0));
}

/* Keeps where PostgreSQL has raised the error, by which is_interrupt() knows it. */
[[noreturn]] void raise_again_without_texts(const ErrorData &error)
{
    call([&] {
        ErrorData shown = error;
        shown.detail = shown.detail_log = shown.hint = shown.context = shown.internalquery = nullptr;
        ReThrowError(&shown);
    });
    __builtin_unreachable();
}

} // namespace

Audience::Audience(Oid relid) : was_hiding_(is_hiding)
{
    const char *name = call([=]() -> const char * {
        if (definition::may_show_texts(relid))
            return nullptr;
        return definition::qualified_name(relid);
    });
    if (name != nullptr)
        name_ = name;
    is_hiding = is_hiding || !may_see();
}

Audience::~Audience()
{
    is_hiding = was_hiding_;
}

bool hides_statements()
{
    return is_hiding;
}

void raise_without_texts(const ErrorData &error, const std::string &name, const char *verb, bool is_in_history)
{
    if (is_interruption(error))
        raise_again_without_texts(error);
    call([&] { log_whole(error, name.c_str(), verb); });
    raise({.sqlstate = shown_sqlstate(error.sqlerrcode),
           .message = std::string("could not ") + verb + " stream table " + name,
           .hint = is_in_history
                       ? "The owner of the stream table and members of pg_monitor can see the error in "
                         "pgtrickle.pgt_refresh_history."
                       : "The error is in the server log; it is shown only to the owner of the stream table."});
}

} // namespace pgtrickle::refresh
