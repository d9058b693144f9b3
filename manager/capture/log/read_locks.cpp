#include "capture/log/read_locks.hpp"

#include "capture/source/source_rows.hpp"

extern "C" {
#include "storage/lmgr.h"
}

#include <algorithm>
#include <iterator>

namespace pgtrickle::capture {

namespace {

/* The locks belong to the resource owner of the outermost object: a subtransaction that is rolled back meanwhile does
 * not release them. */
class OwnerSwitch {
  public:
    explicit OwnerSwitch(ResourceOwner owner) : previous_(CurrentResourceOwner) { CurrentResourceOwner = owner; }
    ~OwnerSwitch() { CurrentResourceOwner = previous_; }
    OwnerSwitch(const OwnerSwitch &) = delete;
    OwnerSwitch &operator=(const OwnerSwitch &) = delete;

  private:
    ResourceOwner previous_;
};

/* PostgreSQL frame, which raises no error: the locks are held. */
void unlock(const Oid *segments, size_t count)
{
    for (size_t i = 0; i < count; i++)
        UnlockRelationOid(segments[i], AccessShareLock);
}

} // namespace

ReadLocks::ReadLocks() : owner_(CurrentResourceOwner)
{
    if (outermost_ == nullptr)
        outermost_ = this;
}

ReadLocks::~ReadLocks()
{
    if (outermost_ != this)
        return;
    outermost_ = nullptr;
    const OwnerSwitch as_owner(owner_);
    unlock(segments_.data(), segments_.size());
}

void ReadLocks::lock(Oid source)
{
    ReadLocks &all = *outermost_;
    if (std::find(all.sources_.begin(), all.sources_.end(), source) != all.sources_.end())
        return;
    SourceRow row;
    if (!call([&] { return find_source(source, &row); }))
        return;
    all.sources_.reserve(all.sources_.size() + 1);
    all.segments_.reserve(all.segments_.size() + std::size(row.segments));
    const OwnerSwitch as_owner(all.owner_);
    for (const Oid segment : row.segments) {
        call([=] { LockRelationOid(segment, AccessShareLock); });
        all.segments_.push_back(segment);
    }
    all.sources_.push_back(source);
}

} // namespace pgtrickle::capture
