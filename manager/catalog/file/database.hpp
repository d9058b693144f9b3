/*
 * The connection of a process to the catalog, an SQLite file.
 *
 * The file may be missing, damaged, removed, replaced or overwritten under the running server, read-only, or
 * of another release. run() creates a new file where it can, which take_notice() reports, and otherwise
 * returns false with a reason; it never throws, for lack of memory neither. Before each use the files are compared with
 * those that were opened (files.hpp).
 *
 * A commit costs no fsync, since the catalog is not worth delaying a writer; a file torn by a crash of the
 * machine is recognized as damaged. checkpoint() orders its writes by fsync, so that this is rare. A process
 * that finds the file locked waits for up to 200 ms, and does not wait at all during the following second.
 *
 * Connections do not delete the write-ahead log when they close: a connection left over from a removed file
 * would delete the log of the new file.
 *
 * The file is opened on first use, after the fork. PostgreSQL must not be called while a transaction is open:
 * `work` does not call it, and no transaction outlives its run() or read(), however it ends: it would lock out
 * all other processes. For the same reason every prepared statement has an owner: SQLite keeps a closed
 * connection, with its transaction, for as long as one of its statements exists. Pure C++.
 */
#pragma once

#include "catalog/file/files.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

namespace pgtrickle::catalog {

/* SQLite's result code and message; thrown within run() and read() only. */
struct CatalogError : std::exception {
    CatalogError(int result, std::string text) : code(result), message(std::move(text)) {}
    const char *what() const noexcept override { return message.c_str(); }
    int code;
    std::string message;
};
/* Throws the CatalogError for contents that no release has written: the file is damaged. */
[[noreturn]] void throw_damaged(const std::string &what);

/* A prepared statement in use; reset when the object goes out of scope. */
class Statement {
  public:
    explicit Statement(sqlite3_stmt *statement) : statement_(statement) {}
    ~Statement();
    Statement(const Statement &) = delete;
    Statement &operator=(const Statement &) = delete;

    template <class... Values> Statement &bind(const Values &...values)
    {
        int position = 0;
        (bind_one(++position, values), ...);
        return *this;
    }
    /* Returns true while there is a row. */
    bool step();
    int64_t number(int column) const;
    std::string text(int column) const;

  private:
    void bind_one(int position, int64_t value);
    void bind_one(int position, const std::string &value);
    sqlite3_stmt *statement_;
};

/* The text of a statement. The constructor runs at compile time only, so the text lives as long as the
 * process. */
class SqlLiteral {
  public:
    consteval SqlLiteral(const char *text) : text_(text) {}
    constexpr const char *text() const { return text_; }

  private:
    const char *text_;
};

class Database {
  public:
    using Work = std::function<void(Database &)>;

    /* Creates `folder` on first use if it is missing. */
    explicit Database(std::string folder) : files_(std::move(folder)) {}
    ~Database() { close(); }
    Database(const Database &) = delete;
    Database &operator=(const Database &) = delete;

    /* Runs `work` in a transaction and commits it. Returns false if that is impossible now; failure() says
     * why. `work` may be run more than once, and throws CatalogError only. */
    bool run(const Work &work);
    /* Runs `work`, which only reads, in a transaction: it waits for no writer, and no writer waits for it. */
    bool read(const Work &work);
    const std::string &failure() const { return failure_; }
    /* Whether the last failure was a lock that another process holds. */
    bool is_busy() const { return is_busy_; }
    /* Returns true once after the file was created or replaced by another file. */
    bool take_is_new();
    /* Returns once what this process did about a file that was missing, damaged or replaced; otherwise
     * empty. */
    std::string take_notice();

    /* For use within run() and read(). Statements are kept by the address of their text. */
    Statement prepare(SqlLiteral sql);
    void execute(const char *sql);
    int64_t changed_rows() const;

    /* Moves the write-ahead log into the file if the log has grown, or in any case. */
    void checkpoint(bool in_any_case = false);
    /* Sets the number of pages of the log after which a commit makes run() move the log into the file. */
    void checkpoint_after(int pages) { most_pages_ = pages; }
    /* Sets the number of pages beyond which a log that cannot start over, because a reader keeps an old
     * snapshot, is continued in new files. */
    void limit_log(int pages) { too_many_pages_ = pages; }
    std::string path() const { return files_.path(); }

  private:
    /* database.cpp */
    bool transact(const char *begin, const Work &work);
    bool transact_repeatedly(const char *begin, const Work &work);
    void attempt(const char *begin, const Work &work);
    void roll_back() noexcept;
    void close() noexcept;
    void check(int result);
    static int wait_for_others(void *self, int tries);
    static int note_log_pages(void *self, sqlite3 *, const char *, int pages);
    bool copy_log();

    /* opening.cpp */
    void open();
    bool find_file();
    bool is_ours();
    void open_file(const char *name);
    void configure();
    int version();
    void migrate();
    bool is_whole();
    bool mend(const CatalogError &error);
    void remove_damaged(const std::string &reason);
    void put_newer_aside();
    void notice(const std::string &text);

    struct Finalize {
        void operator()(sqlite3_stmt *statement) const noexcept;
    };
    struct Kept {
        const char *sql;
        std::unique_ptr<sqlite3_stmt, Finalize> statement;
    };
    Files files_;
    FileMarks marks_; /* of the files that are open, or were last */
    std::string failure_;
    std::string notice_;
    sqlite3 *connection_ = nullptr;
    bool is_new_ = false;
    bool has_lost_files_ = false; /* the files were lost while they were open */
    bool is_busy_ = false;
    bool is_suspect_ = false; /* the file was reported damaged, but its check found nothing */
    int process_ = 0;         /* the process that opened the file */
    int64_t deadline_us_ = 0;
    int64_t no_wait_until_us_ = 0;
    int most_pages_ = 16'000;
    int too_many_pages_ = 64'000;
    int log_pages_ = 0; /* after this connection's last commit */
    std::list<Kept> kept_;
};

} // namespace pgtrickle::catalog
