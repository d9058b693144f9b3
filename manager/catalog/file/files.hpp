/*
 * The files of the catalog: catalog.db with SQLite's -wal and -shm, and catalog.lock.
 *
 * SQLite trusts its files: a write-ahead log is replayed into any file that lies beside it, and a file that
 * is overwritten under open connections becomes a mixture of both. catalog.db itself is written only when it
 * is opened and by checkpoints. A process does both under the lock, and records in the lock file what
 * catalog.db looks like afterwards. A catalog.db that looks different was put there from outside: it is
 * accepted as it stands, under a new inode and without the log beside it, and every connection to the old
 * file notices that its file is gone.
 *
 * Pure C++; throws CatalogError.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pgtrickle::catalog {

/* The attributes of a file that stat() returns; all 0 if there is no such file. */
struct FileMark {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t modified_ns = 0;
    int64_t size = 0;

    bool exists() const { return inode != 0; }
    bool is_same_file(const FileMark &other) const { return device == other.device && inode == other.inode; }
    bool is_unchanged(const FileMark &other) const { return modified_ns == other.modified_ns && size == other.size; }
};

struct FileMarks {
    FileMark main, log, index;

    bool has_same_log(const FileMarks &other) const
    {
        return log.is_same_file(other.log) && log.size >= other.log.size;
    }
    /* The index is mapped into memory: if the file is shorter than it was, there is nothing behind the
     * addresses. */
    bool has_same_index(const FileMarks &other) const
    {
        return index.is_same_file(other.index) && index.size >= other.index.size;
    }
};

/* An exclusive lock among processes, held during the lifetime of the object. The constructor waits for at
 * most lock_timeout_ms, then throws CatalogError (SQLITE_BUSY). */
class FileLock {
  public:
    FileLock(const std::string &path, int lock_timeout_ms);
    ~FileLock();
    FileLock(const FileLock &) = delete;
    FileLock &operator=(const FileLock &) = delete;

  private:
    int file_;
};

class Files {
  public:
    explicit Files(std::string folder) : folder_(std::move(folder)) {}

    const std::string &folder() const { return folder_; }
    std::string path(const char *suffix = "") const { return folder_ + "/catalog.db" + suffix; }
    std::string lock_path() const { return folder_ + "/catalog.lock"; }

    void make_folder() const;
    FileMarks look() const;
    /* Whether SQLite cannot use the object at path(suffix): a folder, a dangling link, a file that this user
     * may not read and write. */
    bool is_in_the_way(const char *suffix = "") const;

    /* The attributes that the lock file records: a catalog.db that differs was changed from outside. Nothing
     * while there is no record to compare with. */
    std::optional<FileMark> recorded() const;
    /* Removes the record; needs the lock. Until the next record(), every state of catalog.db is accepted as
     * our own. */
    void record_nothing() const;
    void record() const;

    /* Replaces catalog.db by a copy with an inode of its own, and likewise its log if that can be trusted, so
     * that every process that has the old file open notices that it is gone. Needs the lock. */
    void renew(bool with_log) const;
    /* Renames catalog.db to catalog.db.`name`, and its log with it; replaces a file of that name. Returns the
     * new name, without the folder. */
    std::string put_aside(const std::string &name) const;
    void remove_logs() const;

  private:
    std::string folder_;
};

} // namespace pgtrickle::catalog
