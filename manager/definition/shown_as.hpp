/*
 * The stream table that messages, the progress view and the history name in the place of another one: the contents of
 * an altered stream table are computed in a successor (setup/successor.hpp), which no user knows.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::definition {

/* During its lifetime, `hidden` is shown as `shown` in this process. One at a time. */
class ShownAs {
  public:
    ShownAs(Oid hidden, Oid shown) noexcept
    {
        hidden_ = hidden;
        shown_ = shown;
    }
    ~ShownAs() { hidden_ = shown_ = InvalidOid; }
    ShownAs(const ShownAs &) = delete;
    ShownAs &operator=(const ShownAs &) = delete;

    static Oid of(Oid relid) noexcept { return OidIsValid(hidden_) && relid == hidden_ ? shown_ : relid; }

  private:
    static inline Oid hidden_ = InvalidOid;
    static inline Oid shown_ = InvalidOid;
};

} // namespace pgtrickle::definition
