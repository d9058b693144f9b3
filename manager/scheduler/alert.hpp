/*
 * The text of an alert: a JSON object that NOTIFY accepts, whatever names and messages it contains.
 *
 * The text is valid JSON of at most 7,999 bytes: a value that is too long is cut between two characters, and
 * ends in "...". Names are expected to have at most 63 bytes. Texts are in the server's encoding; in an
 * encoding that assigns no characters to bytes beyond ASCII, those bytes are escaped. Pure C++; throws
 * bad_alloc only.
 */
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pgtrickle::scheduler {

constexpr size_t longest_alert = 7999;

/* Determines where texts may be cut, and what is escaped. */
struct Encoding {
    int (*character_length)(const char *at); /* length of the character that begins at `at` */
    bool is_ascii_only;                      /* bytes beyond ASCII have no defined meaning */
};

class Alert {
  public:
    Alert(std::string_view event, std::string_view schema, std::string_view name, const Encoding &encoding);

    Alert &number(std::string_view name, int64_t value);
    /* Appends a name or a short text, uncut. */
    Alert &text(std::string_view name, std::string_view value);
    /* Appends a text of any length, cut to the room that is left, and ends the object. */
    std::string ending_with(std::string_view name, std::string_view value);
    std::string end();

  private:
    void append_name(std::string_view name);
    /* The character as it is written in a JSON string, without quotes. */
    std::string escaped(std::string_view character) const;

    Encoding encoding_;
    std::string json_;
};

} // namespace pgtrickle::scheduler
