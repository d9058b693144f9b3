#include "catalog/file/database.hpp"

#include <algorithm>
#include <chrono>
#include <sqlite3.h>
#include <unistd.h>

namespace pgtrickle::catalog {

void throw_damaged(const std::string &what)
{
    throw CatalogError(SQLITE_CORRUPT, what);
}

namespace {

constexpr int64_t time_limit_us = 200'000;
constexpr int64_t haste_us = 1'000'000;
constexpr int longest_nap_us = 1000;
/* A smaller log is not worth two fsyncs. */
constexpr int few_pages = 1000;

int64_t clock_us()
{
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

} // namespace

Statement::~Statement()
{
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

bool Statement::step()
{
    int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW)
        return true;
    if (result == SQLITE_DONE)
        return false;
    sqlite3 *connection = sqlite3_db_handle(statement_);
    throw CatalogError(sqlite3_extended_errcode(connection), sqlite3_errmsg(connection));
}

int64_t Statement::number(int column) const
{
    return sqlite3_column_int64(statement_, column);
}

std::string Statement::text(int column) const
{
    const auto *text = reinterpret_cast<const char *>(sqlite3_column_text(statement_, column));
    return text != nullptr ? std::string(text, sqlite3_column_bytes(statement_, column)) : std::string();
}

void Statement::bind_one(int position, int64_t value)
{
    sqlite3_bind_int64(statement_, position, value);
}

void Statement::bind_one(int position, const std::string &value)
{
    sqlite3_bind_text(statement_, position, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
}

bool Database::run(const Work &work)
{
    if (!transact("BEGIN IMMEDIATE", work))
        return false;
    if (log_pages_ > most_pages_)
        checkpoint(true);
    return true;
}

bool Database::read(const Work &work)
{
    return transact("BEGIN", work);
}

bool Database::transact(const char *begin, const Work &work)
{
    bool is_done = false;
    try {
        is_done = transact_repeatedly(begin, work);
    } catch (const std::bad_alloc &) {
        failure_ = "out of memory"; /* short enough to need none */
        is_busy_ = false;
    }
    if (!is_done && !is_busy_)
        close();
    return is_done;
}

/* Tries the transaction again after the file was opened again or created. */
bool Database::transact_repeatedly(const char *begin, const Work &work)
{
    int64_t now = clock_us();
    deadline_us_ = now < no_wait_until_us_ ? now : now + time_limit_us;
    is_busy_ = false;
    is_suspect_ = false;
    for (int round = 0; round < 4; round++) {
        try {
            attempt(begin, work);
            failure_.clear();
            return true;
        } catch (const CatalogError &error) {
            failure_ = error.message;
            is_busy_ = (error.code & 0xff) == SQLITE_BUSY;
            if (is_busy_)
                no_wait_until_us_ = clock_us() + haste_us;
            if (is_busy_ || !mend(error))
                return false;
        }
    }
    return false;
}

/* Leaves no transaction open. */
void Database::attempt(const char *begin, const Work &work)
{
    if (connection_ != nullptr && !is_ours()) {
        close();
        is_new_ = true;
        has_lost_files_ = true;
    }
    if (connection_ == nullptr)
        open();
    try {
        execute(begin);
        /* The file may have been removed while this process waited for the lock. */
        if (!files_.look().main.is_same_file(marks_.main))
            throw CatalogError(SQLITE_READONLY_DBMOVED, path() + " was replaced by another file");
        work(*this);
        execute("COMMIT");
    } catch (...) {
        roll_back();
        throw;
    }
}

void Database::roll_back() noexcept
{
    if (connection_ != nullptr && sqlite3_get_autocommit(connection_) == 0)
        sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
}

/* Sleeps between attempts to get SQLite's lock. Transactions take microseconds, and so do the naps; those of
 * SQLite's own handler begin with a millisecond. */
int Database::wait_for_others(void *self, int tries)
{
    if (clock_us() >= static_cast<Database *>(self)->deadline_us_)
        return 0;
    usleep(static_cast<useconds_t>(std::min(20 << std::min(tries, 10), longest_nap_us)));
    return 1;
}

int Database::note_log_pages(void *self, sqlite3 *, const char *, int pages)
{
    static_cast<Database *>(self)->log_pages_ = pages;
    return SQLITE_OK;
}

bool Database::take_is_new()
{
    bool is_new = is_new_;
    is_new_ = false;
    return is_new;
}

/* A notice is kept until an attempt succeeds: what a failed attempt began is done again by the next one. */
std::string Database::take_notice()
{
    std::string taken;
    if (failure_.empty())
        taken.swap(notice_);
    return taken;
}

Statement Database::prepare(SqlLiteral sql)
{
    for (const Kept &kept : kept_) {
        if (kept.sql == sql.text())
            return Statement(kept.statement.get());
    }
    sqlite3_stmt *prepared = nullptr;
    check(sqlite3_prepare_v3(connection_, sql.text(), -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr));
    std::unique_ptr<sqlite3_stmt, Finalize> statement(prepared);
    kept_.push_back({sql.text(), std::move(statement)});
    return Statement(prepared);
}

void Database::execute(const char *sql)
{
    check(sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr));
}

int64_t Database::changed_rows() const
{
    return sqlite3_changes64(connection_);
}

/* Beside open() the only function that writes to catalog.db itself, and therefore under the lock. It does not
 * wait for the lock: a process that holds it opens the file or makes a checkpoint itself. */
void Database::checkpoint(bool in_any_case)
{
    if (connection_ == nullptr || (!in_any_case && log_pages_ < few_pages))
        return;
    try {
        FileLock lock(files_.lock_path(), 0);
        if (!is_ours())
            return;
        files_.record_nothing();
        bool is_held_back = copy_log();
        files_.record();
        if (!is_held_back)
            return; /* and keep the connection */
        deadline_us_ = clock_us() + time_limit_us;
        execute("BEGIN IMMEDIATE");
        files_.renew(true);
    } catch (const std::exception &) { /* CatalogError or bad_alloc: the log is moved another time */
    }
    close();
}

/* Returns true if the log is too long and a reader's snapshot keeps it from starting over. */
bool Database::copy_log()
{
    int pages = 0;
    int copied = 0;
    execute("PRAGMA synchronous = NORMAL");
    int result = sqlite3_wal_checkpoint_v2(connection_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
    execute("PRAGMA synchronous = OFF");
    log_pages_ = 0;
    return result == SQLITE_OK && pages >= too_many_pages_ && copied < pages;
}

void Database::check(int result)
{
    if (result != SQLITE_OK)
        throw CatalogError(sqlite3_extended_errcode(connection_), sqlite3_errmsg(connection_));
}

void Database::Finalize::operator()(sqlite3_stmt *statement) const noexcept
{
    sqlite3_finalize(statement);
}

void Database::close() noexcept
{
    kept_.clear();
    roll_back();
    if (connection_ != nullptr)
        sqlite3_close_v2(connection_);
    connection_ = nullptr;
    log_pages_ = 0;
}

} // namespace pgtrickle::catalog
