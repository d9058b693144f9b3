/*
 * Serialization of jobs and results. Each struct names its members once, in visit(); the writer and the
 * reader are two visitors.
 */
#include "scheduler/job.hpp"

#include <cstring>
#include <stdexcept>
#include <type_traits>

namespace pgtrickle::scheduler {

namespace {

constexpr uint32_t job_mark = 0x4a6f6231;
constexpr uint32_t result_mark = 0x52657331;

template <class Item> constexpr bool is_value = std::is_arithmetic_v<Item> || std::is_same_v<Item, Ids>;

class Writer {
  public:
    template <class Value>
    requires std::is_arithmetic_v<Value> || std::is_enum_v<Value>
    void operator()(Value value) { bytes_.append(reinterpret_cast<const char *>(&value), sizeof(value)); }
    void operator()(const std::string &text)
    {
        (*this)(static_cast<uint64_t>(text.size()));
        bytes_.append(text);
    }
    template <class Item> void operator()(const std::vector<Item> &items);
    void operator()(const AtomicSets &sets)
    {
        std::vector<Ids> all;
        for (const auto &[first, members] : sets.all())
            all.push_back(members);
        (*this)(all);
    }
    std::string take() { return std::move(bytes_); }

  private:
    std::string bytes_;
};

class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}
    template <class Value>
    requires std::is_arithmetic_v<Value> || std::is_enum_v<Value>
    void operator()(Value &value) { memcpy(&value, take(sizeof(value)).data(), sizeof(value)); }
    void operator()(std::string &text) { text = take(take_count()); }
    template <class Item> void operator()(std::vector<Item> &items);
    void operator()(AtomicSets &sets)
    {
        std::vector<Ids> all;
        (*this)(all);
        for (Ids &members : all)
            sets.add(std::move(members));
    }
    bool is_at_end() const { return bytes_.empty(); }

  private:
    uint64_t take_count()
    {
        uint64_t count = 0;
        (*this)(count);
        return count;
    }
    std::string_view take(uint64_t size)
    {
        if (size > bytes_.size())
            throw std::runtime_error("the bytes of a job end too early");
        std::string_view taken = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return taken;
    }
    std::string_view bytes_;
};

template <class Visitor, class Item>
requires std::is_same_v<std::remove_const_t<Item>, Involved>
void visit(Visitor &visitor, Item &item)
{
    visitor(item.id);
    visitor(item.role);
    visitor(item.is_time_dependent);
    visitor(item.is_program_written);
    visitor(item.process_end);
    visitor(item.refresh_timeout_ms);
    visitor(item.failures);
    visitor(item.retries);
    visitor(item.owner);
    visitor(item.generation);
    visitor(item.schema_name);
    visitor(item.name);
    visitor(item.sources);
}

template <class Visitor, class Item>
requires std::is_same_v<std::remove_const_t<Item>, MemberResult>
void visit(Visitor &visitor, Item &item)
{
    visitor(item.id);
    visitor(item.verdict);
    visitor(item.is_suspended);
    visitor(item.is_program_written);
    visitor(item.has_changed);
    visitor(item.failures);
    visitor(item.retries);
    visitor(item.started_at);
    visitor(item.not_before);
}

template <class Visitor, class Item>
requires std::is_same_v<std::remove_const_t<Item>, Job>
void visit(Visitor &visitor, Item &job)
{
    visitor(job.kind);
    visitor(job.requested_by);
    visitor(job.no_lock_wait);
    visitor(job.is_prune_due);
    visitor(job.retention_days);
    visitor(job.history_count_due);
    visitor(job.is_of_all);
    visitor(job.slots);
    visitor(job.large_sources);
    visitor(job.atomic_sets);
    visitor(job.groups);
    visitor(job.taken);
    visitor(job.involved);
}

template <class Visitor, class Item>
requires std::is_same_v<std::remove_const_t<Item>, JobResult>
void visit(Visitor &visitor, Item &result)
{
    visitor(result.members);
    visitor(result.took_us);
    visitor(result.large_sources);
    visitor(result.untrimmed);
    visitor(result.unexamined);
    visitor(result.held_back);
    visitor(result.was_interrupted);
    visitor(result.has_unpruned);
    visitor(result.history_count_due);
    visitor(result.is_catalog_new);
    visitor(result.is_outdated);
}

template <class Item> void Writer::operator()(const std::vector<Item> &items)
{
    (*this)(static_cast<uint64_t>(items.size()));
    for (const Item &item : items) {
        if constexpr (is_value<Item>)
            (*this)(item);
        else
            visit(*this, item);
    }
}

template <class Item> void Reader::operator()(std::vector<Item> &items)
{
    uint64_t count = take_count();
    items.clear();
    /* One item at a time: with a damaged count, reading ends at the end of the bytes rather than by
     * exhausting memory. */
    for (uint64_t i = 0; i < count; i++) {
        Item item{};
        if constexpr (is_value<Item>)
            (*this)(item);
        else
            visit(*this, item);
        items.push_back(std::move(item));
    }
}

template <class Whole> std::string write(const Whole &whole, uint32_t mark)
{
    Writer writer;
    writer(mark);
    visit(writer, whole);
    return writer.take();
}

template <class Whole> Whole read(std::string_view bytes, uint32_t mark)
{
    Reader reader(bytes);
    uint32_t found = 0;
    Whole whole;
    reader(found);
    if (found != mark)
        throw std::runtime_error("the bytes are not those of a job");
    visit(reader, whole);
    if (!reader.is_at_end())
        throw std::runtime_error("the bytes of a job go on behind it");
    return whole;
}

} // namespace

std::string to_bytes(const Job &job)
{
    return write(job, job_mark);
}

std::string to_bytes(const JobResult &result)
{
    return write(result, result_mark);
}

Job job_of(std::string_view bytes)
{
    return read<Job>(bytes, job_mark);
}

JobResult job_result_of(std::string_view bytes)
{
    return read<JobResult>(bytes, result_mark);
}

} // namespace pgtrickle::scheduler
