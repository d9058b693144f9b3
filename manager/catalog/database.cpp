/*
 * Who may make or remove the file: whoever holds the lock file. Two processes that both find the
 * file damaged would otherwise remove each other's new one. The lock is held for the
 * moment of opening only, and every check is repeated under it.
 */
#include "catalog/database.hpp"

#include "catalog/migrations.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pgtrickle::catalog {

namespace {

constexpr int busy_timeout_ms = 200;

bool is_damage(int code)
{
    int primary = code & 0xff;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_SCHEMA ||
           primary == SQLITE_ERROR || primary == SQLITE_MISMATCH || primary == SQLITE_CONSTRAINT;
}

bool is_moved(int code)
{
    return code == SQLITE_READONLY_DBMOVED || (code & 0xff) == SQLITE_IOERR;
}

/* Exclusive among processes while it lives. */
class FileLock {
  public:
    explicit FileLock(const std::string &path) : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600))
    {
        if (file_ < 0)
            throw CatalogError(SQLITE_CANTOPEN, path + ": " + std::strerror(errno));
        for (int tries = 0; flock(file_, LOCK_EX | LOCK_NB) != 0; tries++) {
            if (tries == busy_timeout_ms) {
                ::close(file_);
                throw CatalogError(SQLITE_BUSY, path + " is locked by another process");
            }
            usleep(1000);
        }
    }
    ~FileLock() { ::close(file_); }
    FileLock(const FileLock &) = delete;
    FileLock &operator=(const FileLock &) = delete;

  private:
    int file_;
};

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

bool Database::run(const std::function<void(Database &)> &work)
{
    /* Once as it is; once more after the file was made anew or opened again. */
    for (int round = 0; round < 3; round++) {
        try {
            attempt(work);
            failure_.clear();
            return true;
        } catch (const CatalogError &error) {
            failure_ = error.message;
            bool is_damaged = is_damage(error.code);
            bool is_elsewhere = is_moved(error.code) && !is_same_file();
            is_new_ |= is_elsewhere;
            close();
            if (!is_damaged && !is_elsewhere)
                return false;
            try {
                if (is_damaged)
                    remove_damaged();
            } catch (const CatalogError &) {
                return false;
            }
        } catch (const std::exception &error) {
            failure_ = error.what();
            close();
            return false;
        }
    }
    return false;
}

void Database::attempt(const std::function<void(Database &)> &work)
{
    if (connection_ != nullptr && !is_same_file()) {
        close();
        is_new_ = true;
    }
    if (connection_ == nullptr)
        open();
    execute("BEGIN IMMEDIATE");
    work(*this);
    execute("COMMIT");
}

bool Database::is_same_file() const
{
    struct stat status;
    return process_ == getpid() && ::stat(path().c_str(), &status) == 0 && status.st_dev == device_ &&
           status.st_ino == inode_;
}

void Database::make_folder()
{
    if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST)
        throw CatalogError(SQLITE_CANTOPEN, folder_ + ": " + std::strerror(errno));
}

void Database::open()
{
    make_folder();
    FileLock lock(folder_ + "/catalog.lock");
    struct stat status;
    if (::stat(path().c_str(), &status) != 0) {
        /* A write-ahead log left by a removed file must not be replayed into the new one. */
        ::unlink((path() + "-wal").c_str());
        ::unlink((path() + "-shm").c_str());
        is_new_ = true;
    }
    open_file(path().c_str());
    configure();
    migrate();
    /* Removed since: nobody makes it again while we hold the lock. Another round will. */
    if (::stat(path().c_str(), &status) != 0)
        throw CatalogError(SQLITE_READONLY_DBMOVED, path() + ": " + std::strerror(errno));
    device_ = status.st_dev;
    inode_ = status.st_ino;
    process_ = getpid();
}

void Database::open_file(const char *name)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int result = sqlite3_open_v2(name, &connection_, flags, nullptr);
    if (connection_ == nullptr)
        throw std::bad_alloc();
    check(result);
}

void Database::configure()
{
    sqlite3_busy_timeout(connection_, busy_timeout_ms);
    sqlite3_extended_result_codes(connection_, 1);
    int is_on = 1;
    sqlite3_file_control(connection_, nullptr, SQLITE_FCNTL_PERSIST_WAL, &is_on);
    check(sqlite3_db_config(connection_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr));
    execute("PRAGMA journal_mode = WAL");
    execute("PRAGMA synchronous = NORMAL");
    execute("PRAGMA wal_autocheckpoint = 0");
}

int Database::version()
{
    Statement statement = prepare("PRAGMA user_version");
    return statement.step() ? static_cast<int>(statement.number(0)) : 0;
}

/* All steps or none. */
void Database::migrate()
{
    if (version() == schema_version())
        return;
    execute("BEGIN IMMEDIATE");
    for (int next = version() + 1; next <= schema_version(); next++) {
        execute(migration_to(next));
        execute(("PRAGMA user_version = " + std::to_string(next)).c_str());
    }
    execute("COMMIT");
    if (version() != schema_version())
        throw CatalogError(SQLITE_CORRUPT, path() + ": its schema is of version " + std::to_string(version()));
}

void Database::remove_damaged()
{
    FileLock lock(folder_ + "/catalog.lock");
    /* Somebody else may have replaced it already. */
    Database probe(folder_);
    try {
        probe.open_file(probe.path().c_str());
        probe.configure();
        probe.migrate();
        if (probe.is_whole())
            return;
    } catch (const CatalogError &) {
    }
    probe.close();
    for (const char *suffix : {"", "-wal", "-shm"}) {
        std::string file = path() + suffix;
        if (::unlink(file.c_str()) != 0 && errno != ENOENT)
            throw CatalogError(SQLITE_CANTOPEN, file + ": " + std::strerror(errno));
    }
    is_new_ = true;
}

/* Whether it has everything that a new one would have, and can be read from end to end. */
bool Database::is_whole()
{
    Database fresh(folder_);
    fresh.open_file(":memory:");
    fresh.migrate();
    Statement wanted = fresh.prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL");
    while (wanted.step()) {
        Statement found = prepare("SELECT 1 FROM sqlite_schema WHERE type = ? AND name = ? AND sql = ?");
        if (!found.bind(wanted.text(0), wanted.text(1), wanted.text(2)).step())
            return false;
    }
    Statement check = prepare("PRAGMA quick_check(1)");
    return check.step() && check.text(0) == "ok";
}

bool Database::take_is_new()
{
    bool is_new = is_new_;
    is_new_ = false;
    return is_new;
}

Statement Database::prepare(const char *sql)
{
    for (const Kept &kept : kept_) {
        if (kept.sql == sql)
            return Statement(kept.statement);
    }
    sqlite3_stmt *statement = nullptr;
    check(sqlite3_prepare_v3(connection_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    kept_.push_back({sql, statement});
    return Statement(statement);
}

void Database::execute(const char *sql)
{
    check(sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr));
}

void Database::checkpoint()
{
    if (connection_ != nullptr && is_same_file())
        sqlite3_wal_checkpoint_v2(connection_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

void Database::check(int result)
{
    if (result != SQLITE_OK)
        throw CatalogError(sqlite3_extended_errcode(connection_), sqlite3_errmsg(connection_));
}

void Database::close()
{
    for (const Kept &kept : kept_)
        sqlite3_finalize(kept.statement);
    kept_.clear();
    if (connection_ != nullptr)
        sqlite3_close_v2(connection_);
    connection_ = nullptr;
}

} // namespace pgtrickle::catalog
