/*
 * The catalog's files: catalog.db with SQLite's -wal and -shm, and catalog.lock.
 *
 * SQLite trusts its files: a write-ahead log is replayed into whatever file lies beside it, and a file
 * that is overwritten under open connections becomes a mixture of both. So who opens or checkpoints,
 * which are the only ways in which catalog.db itself is written, does it under the lock, and leaves in
 * the lock's file what catalog.db looks like afterwards. A catalog.db that looks otherwise
 * was put there by somebody else: it is taken as it stands, under a new inode and without the
 * log beside it, and every connection to the old one sees that its file is gone.
 *
 * Pure C++; throws CatalogError.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pgtrickle::catalog {

/* What stat() tells; all 0 if there is no such file. */
struct FileMark {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t modified_ns = 0;
    int64_t size = 0;

    bool exists() const { return inode != 0; }
    bool is_same_file(const FileMark &other) const { return device == other.device && inode == other.inode; }
    bool is_unchanged(const FileMark &other) const
    {
        return modified_ns == other.modified_ns && size == other.size;
    }
};

struct FileMarks {
    FileMark main, log, index;

    bool has_same_log(const FileMarks &other) const
    {
        return log.is_same_file(other.log) && log.size >= other.log.size;
    }
    /* It is mapped into memory: below the size it had, there is nothing behind the addresses. */
    bool has_same_index(const FileMarks &other) const
    {
        return index.is_same_file(other.index) && index.size >= other.index.size;
    }
};

/* Exclusive among processes while it lives; waits at most patience_ms. */
class FileLock {
  public:
    FileLock(const std::string &path, int patience_ms);
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
    /* Whether what is at path(suffix) is none that SQLite can use: a folder, a link to nothing, a file of somebody else. */
    bool is_in_the_way(const char *suffix = "") const;

    /* What was left in the lock's file: catalog.db must look like this, or it is not ours. Nothing while that may
     * not be asked. */
    std::optional<FileMark> recorded() const;
    /* Under the lock. Until a record is made again, whatever catalog.db looks like is ours. */
    void record_nothing() const;
    void record() const;

    /* Under the lock: catalog.db becomes a file of its own, and its log with it if that is to be believed, so that whoever
     * has the old one open sees that it is gone. */
    void renew(bool with_log) const;
    /* catalog.db becomes catalog.db.`name`, its log goes with it; what was put there before is replaced. Returns the
     * new name, without the folder. */
    std::string put_aside(const std::string &name) const;
    void remove_logs() const;

  private:
    std::string folder_;
};

} // namespace pgtrickle::catalog
