/*
 * What of the C++ library most files include: `make check` compiles it once (PRECOMPILED in the
 * Makefile). No file includes this.
 */
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>
