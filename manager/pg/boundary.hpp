/*
 * The boundary between PostgreSQL (C, errors by longjmp) and the C++ code of the extension (exceptions).
 *
 * Each stack frame belongs to one of two worlds:
 *
 *   - a *PostgreSQL frame* may call anything that ereports, and owns nothing with
 *     a destructor while it does;
 *   - a *C++ frame* owns what it likes, and calls PostgreSQL only through call().
 *
 * enter() leads from C into C++: it is the body of each SQL function, and hooks, triggers and callbacks, which
 * are PostgreSQL frames, call it where they need C++. call() leads from C++ into PostgreSQL: an ereport(ERROR) inside
 * it becomes a PgError exception, or bad_alloc if there is no memory to copy it. Either must reach enter(), or the
 * catch of a subtransaction that is then rolled back: only the abort of a (sub)transaction releases locks, pins and
 * snapshots, so none may be swallowed.
 */
#pragma once

#include "pg/versions/postgres.hpp"

#include <exception>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

namespace pgtrickle {

/* A PostgreSQL error that propagates through C++ frames. `data` lives in the memory context of the current
 * transaction; the copy in ErrorContext has been flushed. */
struct PgError : std::exception {
    explicit PgError(ErrorData *error) noexcept : data(error) {}
    const char *what() const noexcept override { return data->message; }
    ErrorData *data;
    bool is_public = false; /* the message is the extension's own and quotes no data of a user */
};

/* An error for raise(). `position` is a 1-based character offset into the query that the client sent, 0 for
 * none. */
struct Report {
    int sqlstate = ERRCODE_INTERNAL_ERROR;
    std::string message;
    std::string detail = {};
    std::string hint = {};
    int position = 0;
    bool is_public = false; /* as in PgError */
};

/* Throws `report` as a PgError. For C++ frames; PostgreSQL frames use ereport. */
[[noreturn]] void raise(const Report &report);

namespace boundary {

/* Saves PostgreSQL's error handling state, and restores it when the frame is left by return or by
 * exception. */
class SavedErrorState {
  public:
    SavedErrorState() : stack_(PG_exception_stack), context_stack_(error_context_stack), memory_(CurrentMemoryContext)
    {
    }
    ~SavedErrorState() { restore(); }
    SavedErrorState(const SavedErrorState &) = delete;
    SavedErrorState &operator=(const SavedErrorState &) = delete;
    void restore()
    {
        PG_exception_stack = stack_;
        error_context_stack = context_stack_;
    }
    MemoryContext memory() const { return memory_; }

  private:
    sigjmp_buf *stack_;
    ErrorContextCallback *context_stack_;
    MemoryContext memory_;
};

[[noreturn]] void throw_current_error(MemoryContext memory);
[[noreturn]] void rethrow(ErrorData *error, bool is_out_of_memory, const char *message);
char *copy_message(const char *message) noexcept;

} // namespace boundary

/* Runs `lambda`, in which PostgreSQL may ereport, and returns its result. The lambda is a PostgreSQL frame:
 * it owns nothing with a destructor and returns a trivial type. Throws PgError, or bad_alloc. A call costs some
 * nanoseconds: wrap a batch of rows, not each row. */
template <class Lambda> auto call(Lambda &&lambda) -> std::invoke_result_t<Lambda>
{
    using Result = std::invoke_result_t<Lambda>;
    static_assert(std::is_void_v<Result> || std::is_trivially_copyable_v<Result>,
                  "a longjmp would skip the destructor of the result");
    boundary::SavedErrorState saved;
    sigjmp_buf buffer;
    if (sigsetjmp(buffer, 0) == 0) {
        PG_exception_stack = &buffer;
        return lambda();
    }
    saved.restore();
    boundary::throw_current_error(saved.memory());
}

/* Runs `lambda`, a C++ frame, from a function that PostgreSQL called. An exception of the lambda is raised
 * again by ereport(ERROR), after the catch block has been left: a PgError unchanged (SQLSTATE, DETAIL, HINT,
 * position), bad_alloc as 53200, any other exception as XX000. */
template <class Lambda> auto enter(Lambda &&lambda) -> std::invoke_result_t<Lambda>
{
    static_assert(std::is_void_v<std::invoke_result_t<Lambda>> ||
                      std::is_trivially_copyable_v<std::invoke_result_t<Lambda>>,
                  "C cannot own a C++ object");
    ErrorData *error = nullptr;
    char *message = nullptr;
    bool is_out_of_memory = false;
    try {
        return lambda();
    } catch (const PgError &pg_error) {
        error = pg_error.data;
    } catch (const std::bad_alloc &) {
        is_out_of_memory = true;
    } catch (const std::exception &exception) {
        message = boundary::copy_message(exception.what());
    } catch (...) {
        message = boundary::copy_message("unknown C++ exception");
    }
    boundary::rethrow(error, is_out_of_memory, message);
}

} // namespace pgtrickle

/* Defines the SQL-callable C function `name`; the body that follows is a C++ frame
 * with `fcinfo` in scope. */
#define SQL_FUNCTION(name)                                                                                             \
    static Datum name##_body(FunctionCallInfo fcinfo);                                                                 \
    extern "C" {                                                                                                       \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                                                          \
    PG_FUNCTION_INFO_V1(name);                                                                                         \
    Datum name(PG_FUNCTION_ARGS)                                                                                       \
    {                                                                                                                  \
        return pgtrickle::enter([&] { return name##_body(fcinfo); });                                                  \
    }                                                                                                                  \
    }                                                                                                                  \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
