/*
 * A time zone as the scheduler needs it: which offset is in force, and until when.
 *
 * The rules of time zones are in definition/time_zone; here a zone is an argument, as `now` is. Times are
 * microseconds since 2000-01-01 00:00 UTC. Pure C++.
 */
#pragma once

#include <cstdint>

namespace pgtrickle::scheduler {

using Microseconds = int64_t;
constexpr Microseconds second_us = 1'000'000;

class Zone {
  public:
    struct Span {
        Microseconds offset = 0;        /* local time minus UTC */
        Microseconds until = INT64_MAX; /* the first moment at which another offset may be in force */
    };
    /* The span that contains `at`; its `until` is later than `at`. */
    virtual Span span_at(Microseconds at) const = 0;

  protected:
    ~Zone() = default;
};

/* A zone whose offset never changes. */
class FixedZone final : public Zone {
  public:
    explicit constexpr FixedZone(int64_t offset_s) : offset_(offset_s * second_us) {}
    Span span_at(Microseconds) const override { return {offset_, INT64_MAX}; }

  private:
    Microseconds offset_;
};

/* UTC. */
inline constexpr FixedZone utc{0};

} // namespace pgtrickle::scheduler
