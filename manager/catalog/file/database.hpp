/*
 * One process's connection to the catalog, an SQLite file.
 *
 * The file may be missing, damaged, removed, replaced or overwritten under the running server, read-only,
 * or of another release: run() makes a new one where it can, which take_notice() tells, and otherwise
 * fails with a reason, never with an exception. Before each use the files are compared with those that were opened
 * (files.hpp).
 *
 * A commit costs no fsync: nothing here is worth a writer's time, and a file that a crash of the machine tore is
 * found damaged. checkpoint() orders its writes by fsync, so that this is rare. Who finds the file locked waits
 * for 200 ms, and for the next second not at all.
 *
 * Connections do not delete the write-ahead log when they close: one that is left over from a removed file
 * would do it to the new file's.
 *
 * Opened on first use, after the fork. Not to be used while PostgreSQL is called: no
 * transaction here outlives a run(). Pure C++.
 */
#pragma once

#include "catalog/file/files.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

namespace pgtrickle::catalog {

/* SQLite's result code and message; thrown within run() only. */
struct CatalogError : std::exception {
    CatalogError(int result, std::string text) : code(result), message(std::move(text)) {}
    const char *what() const noexcept override { return message.c_str(); }
    int code;
    std::string message;
};

/* A prepared statement in use; reset when it goes out of scope. */
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
    /* True while there is a row. */
    bool step();
    int64_t number(int column) const;
    std::string text(int column) const;

  private:
    void bind_one(int position, int64_t value);
    void bind_one(int position, const std::string &value);
    sqlite3_stmt *statement_;
};

/* The text of a statement. The constructor runs at compile time only: the text lives as long as the process. */
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

    /* `folder` is made when missing. */
    explicit Database(std::string folder) : files_(std::move(folder)) {}
    ~Database() { close(); }
    Database(const Database &) = delete;
    Database &operator=(const Database &) = delete;

    /* Runs `work` in a transaction and commits it. False if that is impossible now; failure()
     * says why. `work` may be run twice, and throws CatalogError only. */
    bool run(const Work &work);
    /* The same for work that only reads: it waits for no writer, and none waits for it. */
    bool read(const Work &work);
    const std::string &failure() const { return failure_; }
    /* The last failure was a lock that somebody else holds. */
    bool is_busy() const { return is_busy_; }
    /* True once after the file turned out to be another than before, or was made. */
    bool take_is_new();
    /* Once, what this process has done to a file that was not as it should be; else empty. */
    std::string take_notice();

    /* Within run() and read(). Statements are kept by the address of their text. */
    Statement prepare(SqlLiteral sql);
    void execute(const char *sql);
    int64_t changed_rows() const;

    /* Moves the write-ahead log into the file if it has grown, or in any case. */
    void checkpoint(bool in_any_case = false);
    /* After a commit that leaves a log of so many pages, run() does it. */
    void checkpoint_after(int pages) { most_pages_ = pages; }
    /* A log that cannot start over, because somebody reads for long, goes on in another file beyond so many pages. */
    void limit_log(int pages) { too_many_pages_ = pages; }
    std::string path() const { return files_.path(); }

  private:
    /* database.cpp */
    bool transact(const char *begin, const Work &work);
    void attempt(const char *begin, const Work &work);
    void roll_back();
    void close();
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

    struct Kept {
        const char *sql;
        sqlite3_stmt *statement;
    };
    Files files_;
    FileMarks marks_; /* of the files that are open, or were */
    std::string failure_;
    std::string notice_;
    sqlite3 *connection_ = nullptr;
    bool is_new_ = false;
    bool has_lost_files_ = false; /* while they were open */
    bool is_busy_ = false;
    bool is_suspect_ = false; /* looks whole, and was found damaged */
    int process_ = 0; /* that opened it */
    int64_t give_up_at_us_ = 0;
    int64_t in_haste_until_us_ = 0;
    int most_pages_ = 16'000;
    int too_many_pages_ = 64'000;
    int log_pages_ = 0; /* after this connection's last commit */
    std::list<Kept> kept_;
};

} // namespace pgtrickle::catalog
