#include "pg/boundary.hpp"

#include <cstring>

namespace pgtrickle {

namespace boundary {

namespace {

/* Returns null if there is no memory for the copy. */
ErrorData *copy_current_error()
{
    SavedErrorState saved;
    sigjmp_buf buffer;
    if (sigsetjmp(buffer, 0) != 0)
        return nullptr;
    PG_exception_stack = &buffer;
    return CopyErrorData();
}

} // namespace

void throw_current_error(MemoryContext memory)
{
    /* The error is copied out of ErrorContext into the transaction's context, which outlives every frame that
     * the exception passes, including the frame of a subtransaction. Outside of a transaction it is copied
     * into the context that was current. An error of the copy must not leave by longjmp, which would skip the
     * destructors of the C++ frames. */
    MemoryContextSwitchTo(TopTransactionContext != nullptr ? TopTransactionContext : memory);
    ErrorData *error = copy_current_error();
    FlushErrorState();
    MemoryContextSwitchTo(memory);
    if (error == nullptr)
        throw std::bad_alloc();
    throw PgError(error);
}

void rethrow(ErrorData *error, bool is_out_of_memory, const char *message)
{
    if (error != nullptr)
        ReThrowError(error);
    if (is_out_of_memory)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    ereport(ERROR,
            (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal("%s", message != nullptr ? message : "out of memory")));
}

char *copy_message(const char *message) noexcept
{
    auto *copy = static_cast<char *>(MemoryContextAllocExtended(ErrorContext, strlen(message) + 1, MCXT_ALLOC_NO_OOM));
    if (copy != nullptr)
        strcpy(copy, message);
    return copy;
}

} // namespace boundary

void raise(const Report &report)
{
    try {
        call([&] {
            ereport(ERROR, (errcode(report.sqlstate), errmsg("%s", report.message.c_str()),
                            report.detail.empty() ? 0 : errdetail("%s", report.detail.c_str()),
                            report.hint.empty() ? 0 : errhint("%s", report.hint.c_str()),
                            report.position > 0 ? errposition(report.position) : 0));
        });
    } catch (PgError &error) {
        error.is_public = report.is_public;
        throw;
    }
    __builtin_unreachable();
}

} // namespace pgtrickle
