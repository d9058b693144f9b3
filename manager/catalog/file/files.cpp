#include "catalog/file/files.hpp"

#include "catalog/file/database.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pgtrickle::catalog {

namespace {

/* The server's umask removes the permissions that its data directory does not grant. */
constexpr mode_t folder_mode = 0750;
constexpr mode_t file_mode = 0640;
constexpr int most_aside = 9;

[[noreturn]] void fail(const std::string &path)
{
    int error = errno;
    throw CatalogError(error == ENOSPC || error == EDQUOT ? SQLITE_FULL : SQLITE_CANTOPEN,
                       path + ": " + std::strerror(error));
}

/* A file descriptor that is closed when the object goes out of scope. */
struct File {
    File(const std::string &name, int flags)
        : path(name), descriptor(::open(name.c_str(), flags | O_CLOEXEC, file_mode))
    {
        if (descriptor < 0)
            fail(path);
    }
    ~File() { ::close(descriptor); }
    File(const File &) = delete;
    File &operator=(const File &) = delete;

    size_t read(char *buffer, size_t size) const
    {
        ssize_t length = ::read(descriptor, buffer, size);
        if (length < 0)
            fail(path);
        return static_cast<size_t>(length);
    }
    void write(const char *buffer, size_t size) const
    {
        for (size_t done = 0; done < size;) {
            ssize_t length = ::write(descriptor, buffer + done, size - done);
            if (length < 0)
                fail(path);
            done += static_cast<size_t>(length);
        }
    }

    std::string path;
    int descriptor;
};

/* Removes a file or an empty folder; a missing one is not an error. */
void remove(const std::string &path)
{
    if (std::remove(path.c_str()) != 0 && errno != ENOENT)
        fail(path);
}

void rename(const std::string &from, const std::string &to)
{
    if (::rename(from.c_str(), to.c_str()) != 0)
        fail(from);
}

void copy(const std::string &from, const std::string &to)
{
    File source(from, O_RDONLY);
    remove(to);
    File target(to, O_WRONLY | O_CREAT | O_EXCL);
    std::array<char, 65536> buffer;
    while (size_t length = source.read(buffer.data(), buffer.size()))
        target.write(buffer.data(), length);
}

FileMark mark_of(const std::string &path)
{
    struct stat status;
    if (::stat(path.c_str(), &status) != 0)
        return {};
    return {status.st_dev, status.st_ino, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec,
            status.st_size};
}

} // namespace

FileLock::FileLock(const std::string &path, int lock_timeout_ms)
    : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, file_mode))
{
    if (file_ < 0)
        fail(path);
    for (int waited_us = 0; flock(file_, LOCK_EX | LOCK_NB) != 0; waited_us += 500) {
        if (waited_us >= lock_timeout_ms * 1000) {
            ::close(file_);
            throw CatalogError(SQLITE_BUSY, path + " is locked by another process");
        }
        usleep(500);
    }
}

FileLock::~FileLock()
{
    ::close(file_);
}

void Files::make_folder() const
{
    if (::mkdir(folder_.c_str(), folder_mode) != 0 && errno != EEXIST)
        fail(folder_);
}

FileMarks Files::look() const
{
    return {mark_of(path()), mark_of(path("-wal")), mark_of(path("-shm"))};
}

bool Files::is_in_the_way(const char *suffix) const
{
    const std::string name = path(suffix);
    struct stat status;
    if (::lstat(name.c_str(), &status) != 0)
        return false;
    if (::stat(name.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
        return true;
    return ::access(name.c_str(), R_OK | W_OK) != 0 && errno == EACCES;
}

std::optional<FileMark> Files::recorded() const
{
    std::array<char, 64> line = {};
    long long modified_ns = 0;
    long long size = 0;
    File(lock_path(), O_RDONLY).read(line.data(), line.size() - 1);
    if (std::sscanf(line.data(), "%lld %lld", &modified_ns, &size) != 2)
        return std::nullopt;
    return FileMark{0, 0, modified_ns, size};
}

void Files::record_nothing() const
{
    File(lock_path(), O_WRONLY | O_TRUNC);
}

void Files::record() const
{
    FileMark main = mark_of(path());
    std::string line = std::to_string(main.modified_ns) + " " + std::to_string(main.size) + "\n";
    File(lock_path(), O_WRONLY | O_TRUNC).write(line.data(), line.size());
}

void Files::renew(bool with_log) const
{
    copy(path(), path(".new"));
    if (with_log)
        copy(path("-wal"), path(".new-wal"));
    rename(path(".new"), path());
    remove_logs();
    if (with_log)
        rename(path(".new-wal"), path("-wal"));
    record();
}

std::string Files::put_aside(const std::string &name) const
{
    /* A folder of that name prevents the rename; a file is replaced. */
    std::string aside = "." + name;
    for (int number = 2; ::rename(path().c_str(), path(aside.c_str()).c_str()) != 0; number++) {
        bool is_in_the_way = errno == EISDIR || errno == ENOTDIR || errno == ENOTEMPTY || errno == EEXIST;
        if (!is_in_the_way || number > most_aside)
            fail(path());
        aside = "." + name + "-" + std::to_string(number);
    }
    if (mark_of(path("-wal")).exists())
        rename(path("-wal"), path((aside + "-wal").c_str()));
    else
        remove(path((aside + "-wal").c_str()));
    remove(path((aside + "-shm").c_str()));
    remove_logs();
    return "catalog.db" + aside;
}

void Files::remove_logs() const
{
    remove(path("-wal"));
    remove(path("-shm"));
}

} // namespace pgtrickle::catalog
