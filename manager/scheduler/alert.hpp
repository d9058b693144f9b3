/*
 * The text of an alert: a JSON object that NOTIFY takes, whatever names and messages are in it.
 *
 * It is valid JSON of at most 7,999 bytes: a text that is too long is cut between two characters, and ends in "...".
 * Of names at most 63 bytes are expected. Texts are in the server's encoding; in one that says nothing about
 * bytes beyond ASCII those are escaped. Pure C++; throws bad_alloc only.
 */
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pgtrickle::scheduler {

constexpr size_t longest_alert = 7999;

/* How texts are cut and escaped. */
struct Encoding {
    int (*character_length)(const char *at); /* of the character that begins there */
    bool is_ascii_only;                      /* bytes beyond ASCII mean nothing that anybody knows */
};

class Alert {
  public:
    Alert(std::string_view event, std::string_view schema, std::string_view name, const Encoding &encoding);

    Alert &number(std::string_view name, int64_t value);
    /* A name or a short text, whole. */
    Alert &text(std::string_view name, std::string_view value);
    /* A text of any length, with which the object ends: as much of it as there is room for. */
    std::string ending_with(std::string_view name, std::string_view value);
    std::string end();

  private:
    void append_name(std::string_view name);
    /* As JSON has it, without the quotes. */
    std::string escaped(std::string_view character) const;

    Encoding encoding_;
    std::string json_;
};

} // namespace pgtrickle::scheduler
