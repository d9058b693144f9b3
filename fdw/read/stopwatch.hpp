/*
 * Measures elapsed time, unaffected by changes of the clock. The value has no meaning as a time of day or in
 * another process.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "portability/instr_time.h"
}

#include <cstdint>

namespace pgtrickle {

class Stopwatch {
  public:
    Stopwatch() noexcept { INSTR_TIME_SET_CURRENT(started_); }

    int64_t us() const noexcept
    {
        instr_time passed;
        INSTR_TIME_SET_CURRENT(passed);
        INSTR_TIME_SUBTRACT(passed, started_);
        return static_cast<int64_t>(INSTR_TIME_GET_MICROSEC(passed));
    }
    int64_t ms() const noexcept { return us() / 1000; }

  private:
    instr_time started_;
};

} // namespace pgtrickle
