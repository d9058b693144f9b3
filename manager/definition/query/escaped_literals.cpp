#include "definition/query/escaped_literals.hpp"

namespace pgtrickle {

namespace {

/* Returns the place behind the literal or quoted name that begins at `begin`. In it, a quote is doubled. */
size_t end_of_quoted(const std::string &text, size_t begin)
{
    size_t end = begin + 1;
    while (end < text.size() && (text[end] != text[begin] || text[end + 1] == text[begin]))
        end += text[end] == text[begin] ? 2 : 1;
    return end + 1;
}

} // namespace

std::string with_escaped_literals(const std::string &text)
{
    std::string result;
    size_t begin = 0, end;
    for (; (end = text.find_first_of("'\"", begin)) != std::string::npos; begin = end_of_quoted(text, end)) {
        result += text.substr(begin, end - begin);
        const std::string quoted = text.substr(end, end_of_quoted(text, end) - end);
        const bool is_escaped = quoted[0] == '\'' && quoted.find('\\') != std::string::npos;
        if (is_escaped)
            result += 'E';
        for (const char character : quoted)
            result += is_escaped && character == '\\' ? "\\\\" : std::string(1, character);
    }
    return result + text.substr(begin);
}

} // namespace pgtrickle
