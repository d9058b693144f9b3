/*
 * One process's connection to the catalog, an SQLite file.
 *
 * The file may be missing, damaged, removed or replaced under the running server, read-only, or
 * of another release: run() makes a new one where it can, and otherwise fails with a
 * reason, never with an exception. Before each use the file's identity is compared with the one that was opened.
 * Connections neither checkpoint nor delete the write-ahead log when they close: one that is left
 * over from a removed file would do it to the new file's.
 *
 * Opened on first use, after the fork. Not to be used while PostgreSQL is called: no
 * transaction here outlives a run(). Pure C++.
 */
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <string>
#include <string_view>

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

class Database {
  public:
    /* `folder` is made when missing. */
    explicit Database(std::string folder) : folder_(std::move(folder)) {}
    ~Database() { close(); }
    Database(const Database &) = delete;
    Database &operator=(const Database &) = delete;

    /* Runs `work` in a transaction and commits it. False if that is impossible now; failure()
     * says why. `work` may be run twice, and throws CatalogError only. */
    bool run(const std::function<void(Database &)> &work);
    const std::string &failure() const { return failure_; }
    /* True once after the file turned out to be another than before, or was made. */
    bool take_is_new();

    /* Within run(). `sql` must be a literal: statements are kept by its address. */
    Statement prepare(const char *sql);
    void execute(const char *sql);

    /* Moves the write-ahead log into the file; to be called by one process now and then. */
    void checkpoint();
    std::string path() const { return folder_ + "/catalog.db"; }

  private:
    void attempt(const std::function<void(Database &)> &work);
    void open();
    void open_file(const char *name);
    void configure();
    int version();
    void migrate();
    void close();
    bool is_same_file() const;
    bool is_whole();
    void make_folder();
    void remove_damaged();
    void check(int result);

    struct Kept {
        const char *sql;
        sqlite3_stmt *statement;
    };
    std::string folder_;
    std::string failure_;
    sqlite3 *connection_ = nullptr;
    uint64_t device_ = 0; /* of the file that is open */
    uint64_t inode_ = 0;
    bool is_new_ = false;
    int process_ = 0; /* that opened it */
    std::list<Kept> kept_;
};

} // namespace pgtrickle::catalog
