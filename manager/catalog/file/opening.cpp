/*
 * Creating, replacing and removing the file needs the lock: otherwise two processes that both find the file
 * damaged would remove each other's new one. The lock is held only while the file is opened, and every check
 * is repeated under it.
 */
#include "catalog/file/database.hpp"
#include "catalog/file/migrations.hpp"

#include <sqlite3.h>
#include <unistd.h>

namespace pgtrickle::catalog {

namespace {

/* The first process that opens the file after a crash reads the whole log while it holds the lock. */
constexpr int open_timeout_ms = 2000;
/* Distinct from SQLite's codes. */
constexpr int newer_release = -1;

bool is_damage(int code)
{
    int primary = code & 0xff;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_SCHEMA ||
           primary == SQLITE_ERROR || primary == SQLITE_MISMATCH || primary == SQLITE_CONSTRAINT ||
           code == SQLITE_IOERR_SHORT_READ;
}

bool is_moved(int code)
{
    return code == SQLITE_READONLY_DBMOVED || (code & 0xff) == SQLITE_IOERR;
}

} // namespace

void Database::notice(const std::string &text)
{
    if (notice_.empty())
        notice_ = text;
}

/* Whether the open file is unchanged: catalog.db is changed only under the lock, and its attributes are then
 * as recorded. */
bool Database::is_ours()
{
    FileMarks now = files_.look();
    if (process_ != getpid() || !now.main.exists() || !now.main.is_same_file(marks_.main) ||
        !now.has_same_log(marks_) || !now.has_same_index(marks_))
        return false;
    if (!now.main.is_unchanged(marks_.main)) {
        std::optional<FileMark> recorded = files_.recorded();
        if (recorded && !recorded->is_unchanged(now.main))
            return false;
    }
    marks_ = now;
    return true;
}

/* Makes sure that the file at path() may be opened. Returns false if its contents must be checked. */
bool Database::find_file()
{
    bool was_open = marks_.main.exists() && process_ == getpid();
    FileMarks found = files_.look();
    std::optional<FileMark> recorded = files_.recorded();
    if (files_.is_in_the_way()) {
        notice("it cannot be read and written, and is kept as " + files_.put_aside("unusable"));
        found.main = {};
    }
    if (!found.main.exists()) {
        if (was_open || recorded)
            notice("it was removed");
        files_.remove_logs();
        is_new_ = true;
        return true;
    }
    /* While no process has the catalog open, SQLite may remove and recreate the log and the index. Their loss
     * matters only if this connection lost them while they were open. */
    bool is_same = has_lost_files_ && found.main.is_same_file(marks_.main);
    has_lost_files_ = false;
    bool is_overwritten = recorded && !recorded->is_unchanged(found.main);
    bool has_lost_log = (is_same && !found.has_same_log(marks_)) || files_.is_in_the_way("-wal");
    bool has_lost_index = (is_same && !found.has_same_index(marks_)) || files_.is_in_the_way("-shm");
    if (!is_overwritten && !has_lost_log && !has_lost_index)
        return true;
    notice(is_overwritten ? "it was replaced or written to by another process"
                          : "a file that belongs to it was removed, truncated or replaced");
    files_.renew(!is_overwritten && !has_lost_log);
    is_new_ = true;
    return false;
}

void Database::open()
{
    files_.make_folder();
    FileLock lock(files_.lock_path(), open_timeout_ms);
    bool is_trusted = find_file();
    FileMark opened;
    try {
        open_file(path().c_str());
        opened = files_.look().main;
        configure();
        migrate();
        if (!is_trusted && !is_whole())
            throw CatalogError(SQLITE_CORRUPT, "it is not whole");
    } catch (const CatalogError &error) {
        close();
        if (is_moved(error.code) && !(opened.exists() && files_.look().main.is_same_file(opened)))
            throw CatalogError(SQLITE_READONLY_DBMOVED, path() + " was removed");
        throw;
    }
    marks_ = files_.look();
    std::optional<FileMark> recorded = files_.recorded();
    if (!recorded || !recorded->is_unchanged(marks_.main))
        files_.record();
    process_ = getpid();
    /* The file was removed meanwhile, and no process creates it while this one holds the lock. The next
     * attempt does. */
    if (!marks_.main.exists())
        throw CatalogError(SQLITE_READONLY_DBMOVED, path() + " was removed");
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
    sqlite3_busy_handler(connection_, wait_for_others, this);
    sqlite3_extended_result_codes(connection_, 1);
    int is_on = 1;
    sqlite3_file_control(connection_, nullptr, SQLITE_FCNTL_PERSIST_WAL, &is_on);
    check(sqlite3_db_config(connection_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr));
    /* Applies to a new file: a refresh changes a row each on five pages, and the log contains whole pages. */
    execute("PRAGMA page_size = 1024");
    execute("PRAGMA journal_mode = WAL");
    execute("PRAGMA synchronous = OFF");
    sqlite3_wal_hook(connection_, note_log_pages, this);
}

int Database::version()
{
    Statement statement = prepare("PRAGMA user_version");
    return statement.step() ? static_cast<int>(statement.number(0)) : 0;
}

/* Applies the missing steps, in one transaction. */
void Database::migrate()
{
    int found = version();
    if (found > schema_version())
        throw CatalogError(newer_release, "it is of a later release: version " + std::to_string(found));
    if (found == schema_version())
        return;
    execute("BEGIN IMMEDIATE");
    for (int next = version() + 1; next <= schema_version(); next++) {
        execute(migration_to(next));
        execute(("PRAGMA user_version = " + std::to_string(next)).c_str());
    }
    execute("COMMIT");
}

/* Whether the file has everything that a new one would have, and can be read from end to end. */
bool Database::is_whole()
{
    Database fresh(files_.folder());
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

/* Closes the connection. Returns true if another attempt may succeed. */
bool Database::mend(const CatalogError &error)
{
    has_lost_files_ = connection_ != nullptr && is_moved(error.code) && !is_ours();
    bool is_elsewhere = has_lost_files_ || error.code == SQLITE_READONLY_DBMOVED;
    is_new_ |= is_elsewhere;
    close();
    try {
        if (error.code == newer_release)
            put_newer_aside();
        else if (is_damage(error.code) && !is_elsewhere)
            remove_damaged(error.message);
        else
            return is_elsewhere;
        return true;
    } catch (const CatalogError &again) {
        failure_ = again.message;
        return false;
    }
}

void Database::put_newer_aside()
{
    FileLock lock(files_.lock_path(), open_timeout_ms);
    int found = 0;
    try {
        Database probe(files_.folder());
        probe.open_file(probe.path().c_str());
        probe.configure();
        found = probe.version();
    } catch (const CatalogError &) {
        return; /* the next attempt examines the file that is there now */
    }
    if (found > schema_version())
        notice("it is of a later release, version " + std::to_string(found) + " where this one knows " +
               std::to_string(schema_version()) + ", and is kept as " +
               files_.put_aside("version-" + std::to_string(found)));
}

void Database::remove_damaged(const std::string &reason)
{
    FileLock lock(files_.lock_path(), open_timeout_ms);
    /* Another process may have replaced the file already. */
    if (!is_suspect_) {
        Database probe(files_.folder());
        try {
            probe.open_file(probe.path().c_str());
            probe.configure();
            probe.migrate();
            is_suspect_ = probe.is_whole();
            if (is_suspect_)
                return;
        } catch (const CatalogError &) {
        }
    }
    notice_.clear();
    notice("it was damaged (" + reason + ") and is kept as " + files_.put_aside("damaged"));
    is_new_ = true;
}

} // namespace pgtrickle::catalog
