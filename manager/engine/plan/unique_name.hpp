/*
 * Names of columns that differ from each other. PostgreSQL cuts names off at 63 bytes, so a name is shortened where a
 * suffix is added: in whichever encoding, all bytes of a character that is not ASCII have the highest bit, and such
 * characters are removed together.
 */
#pragma once

#include <string>

namespace pgtrickle::engine {

inline std::string with_suffix(std::string name, const std::string &suffix)
{
    constexpr size_t longest = 63;
    size_t length = longest - suffix.size();
    if (name.size() > length) {
        while (length > 0 && (name[length - 1] & 0x80))
            length--;
        name.resize(length);
    }
    return name + suffix;
}

/* Returns `wanted`, with a number if that name is taken. */
template <class IsTaken> std::string unique_name(const std::string &wanted, IsTaken is_taken)
{
    std::string name = wanted;
    for (int i = 1; is_taken(name); i++)
        name = with_suffix(wanted, "_" + std::to_string(i));
    return name;
}

} // namespace pgtrickle::engine
