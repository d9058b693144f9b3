/*
 * The part of the C++ library that most files include, compiled once (PRECOMPILED in the Makefile).
 * No file includes this one.
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
