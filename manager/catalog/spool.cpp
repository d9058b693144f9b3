#include "catalog/spool.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pgtrickle::catalog {

namespace {

constexpr int64_t most_bytes = 64 * 1024 * 1024;
using Clock = std::chrono::steady_clock;
/* A process that appends waits only while others append or rename; the writer of the catalog can come back later. */
constexpr std::chrono::milliseconds append_timeout{1000};
constexpr std::chrono::milliseconds take_timeout{50};

std::string path_in(const std::string &folder)
{
    return folder + "/catalog.late";
}

std::string taken_in(const std::string &folder)
{
    return folder + "/catalog.taken";
}

/* Visits every member, in the same order for reading and writing. A new member comes last: a file that an earlier
 * build wrote may be read. */
template <class Refresh, class Numbers, class Texts> void each_member(Refresh &row, Numbers number, Texts text)
{
    number(row.relid);
    number(row.data_timestamp);
    number(row.started_at);
    number(row.ended_at);
    number(row.action);
    number(row.status);
    number(row.initiated_by);
    number(row.rows_inserted);
    number(row.rows_deleted);
    number(row.delta_rows);
    number(row.was_full_fallback);
    text(row.error_message);
    text(row.reason);
    number(row.is_fill);
    number(row.generation);
    /* The measurements are omitted: the next refresh is measured, too. */
}
static_assert(sizeof(Refresh) ==
                  5 * 8 + 3 * 4 + 4 + 4 * 8 + 2 * sizeof(std::string) + 2 * 8 + sizeof(Refresh::measured),
              "a member of Refresh is not in each_member");

void put(std::string &bytes, int64_t value)
{
    bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
}

/* The bytes of a row, preceded by their length, by which a row that was not written completely is
 * recognized. */
std::string bytes_of(const SpooledRefresh &late)
{
    std::string bytes;
    put(bytes, late.database);
    each_member(
        late.refresh, [&](auto value) { put(bytes, static_cast<int64_t>(value)); },
        [&](const std::string &value) {
            put(bytes, static_cast<int64_t>(value.size()));
            bytes += value;
        });
    std::string length;
    put(length, static_cast<int64_t>(bytes.size()));
    return length + bytes;
}

class Reader {
  public:
    Reader(const char *at, const char *end) : at_(at), end_(end) {}

    bool number(int64_t *value)
    {
        if (end_ - at_ < static_cast<std::ptrdiff_t>(sizeof *value))
            return false;
        std::memcpy(value, at_, sizeof *value);
        at_ += sizeof *value;
        return true;
    }
    bool bytes(int64_t size, const char **start)
    {
        if (size < 0 || end_ - at_ < size)
            return false;
        *start = at_;
        at_ += size;
        return true;
    }

  private:
    const char *at_;
    const char *end_;
};

bool read_one(Reader &all, SpooledRefresh *late)
{
    int64_t size = 0;
    int64_t database = 0;
    const char *start = nullptr;
    if (!all.number(&size) || !all.bytes(size, &start))
        return false;
    Reader reader(start, start + size);
    bool is_whole = reader.number(&database);
    late->database = static_cast<uint32_t>(database);
    each_member(
        late->refresh,
        [&](auto &value) {
            int64_t read = 0;
            is_whole = is_whole && reader.number(&read);
            value = static_cast<std::remove_reference_t<decltype(value)>>(read);
        },
        [&](std::string &value) {
            int64_t length = 0;
            const char *text = nullptr;
            is_whole = is_whole && reader.number(&length) && reader.bytes(length, &text);
            if (is_whole)
                value.assign(text, static_cast<size_t>(length));
        });
    return is_whole;
}

/* Returns false if another process keeps the file locked until `end`. */
bool lock(int file, Clock::time_point end)
{
    while (flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (Clock::now() >= end)
            return false;
        usleep(1000);
    }
    return true;
}

bool has_bytes(const std::string &path)
{
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 && status.st_size > 0;
}

/* Locks the file; false if it has meanwhile been renamed or removed, or another process keeps it locked until `end`. */
bool lock_named(int file, const std::string &path, Clock::time_point end, struct stat *status)
{
    struct stat named;
    return lock(file, end) && ::fstat(file, status) == 0 && ::stat(path.c_str(), &named) == 0 &&
           named.st_ino == status->st_ino && named.st_dev == status->st_dev;
}

/* Returns the file, locked, or -1. It is opened again as often as it was taken while its lock was waited for. */
int open_to_append(const std::string &path, struct stat *status)
{
    const Clock::time_point end = Clock::now() + append_timeout;
    do {
        const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (file < 0)
            return -1;
        if (lock_named(file, path, end, status))
            return file;
        ::close(file);
    } while (Clock::now() < end);
    return -1;
}

/* Renames the file unless another process keeps it locked. Who waits for the lock meanwhile opens another file. */
void take(const std::string &path, const std::string &taken)
{
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    if (lock(file, Clock::now() + take_timeout))
        (void)::rename(path.c_str(), taken.c_str());
    ::close(file);
}

} // namespace

bool append_to_spool(const std::string &folder, const std::vector<SpooledRefresh> &refreshes)
{
    std::string bytes;
    for (const SpooledRefresh &late : refreshes)
        bytes += bytes_of(late);
    struct stat status;
    const int file = open_to_append(path_in(folder), &status);
    if (file < 0)
        return false;
    bool is_written = status.st_size < most_bytes;
    if (is_written && ::write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
        is_written = false;
        if (::ftruncate(file, status.st_size) != 0)
            is_written = false; /* rows appended after the torn row are lost with it */
    }
    ::close(file);
    return is_written;
}

bool is_any_spooled(const std::string &folder)
{
    return has_bytes(path_in(folder)) || has_bytes(taken_in(folder));
}

SpooledRefreshes::SpooledRefreshes(const std::string &folder) : taken_(taken_in(folder))
{
    if (!has_bytes(taken_) && has_bytes(path_in(folder)))
        take(path_in(folder), taken_);
    struct stat status;
    file_ = ::open(taken_.c_str(), O_RDWR | O_CLOEXEC);
    if (file_ >= 0 && !lock_named(file_, taken_, Clock::now(), &status)) {
        ::close(file_);
        file_ = -1;
    }
    if (file_ < 0)
        return;
    std::string bytes;
    std::array<char, 65536> buffer;
    for (ssize_t length; (length = ::read(file_, buffer.data(), buffer.size())) > 0;)
        bytes.append(buffer.data(), static_cast<size_t>(length));
    Reader all(bytes.data(), bytes.data() + bytes.size());
    for (SpooledRefresh late; read_one(all, &late); late = {})
        rows_.push_back(late);
}

SpooledRefreshes::~SpooledRefreshes()
{
    if (file_ >= 0)
        ::close(file_);
}

void SpooledRefreshes::forget()
{
    if (file_ >= 0 && ::unlink(taken_.c_str()) != 0 && ::ftruncate(file_, 0) != 0)
        rows_.clear(); /* they are written again */
}

} // namespace pgtrickle::catalog
