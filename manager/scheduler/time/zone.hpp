/*
 * A time zone, as the scheduler needs it: which offset is in force, and until when.
 *
 * The rules of the world's zones belong to somebody else (definition/time_zone); a zone is an
 * argument, like `now`. Times are microseconds since 2000-01-01 00:00 UTC. Pure C++.
 */
#pragma once

#include <cstdint>

namespace pgtrickle::scheduler {

using Microseconds = int64_t;
constexpr Microseconds second_us = 1'000'000;

class Zone {
  public:
    struct Span {
        Microseconds offset = 0;        /* local time less UTC */
        Microseconds until = INT64_MAX; /* the first moment at which another offset may be in force */
    };
    /* What is in force at `at`. `until` is later than `at`. */
    virtual Span span_at(Microseconds at) const = 0;

  protected:
    ~Zone() = default;
};

/* The same offset for ever. */
class FixedZone final : public Zone {
  public:
    explicit constexpr FixedZone(int64_t offset_s) : offset_(offset_s * second_us) {}
    Span span_at(Microseconds) const override { return {offset_, INT64_MAX}; }

  private:
    Microseconds offset_;
};

/* Greenwich. */
inline constexpr FixedZone utc{0};

} // namespace pgtrickle::scheduler
