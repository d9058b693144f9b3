#include "scheduler/alert.hpp"

#include <algorithm>
#include <cstdio>

namespace pgtrickle::scheduler {

namespace {

constexpr std::string_view cut_mark = "...";

} // namespace

Alert::Alert(std::string_view event, std::string_view schema, std::string_view name, const Encoding &encoding)
    : encoding_(encoding)
{
    json_ = "{\"event\": \"" + std::string(event) + "\"";
    text("pgt_schema", schema);
    text("pgt_name", name);
}

void Alert::append_name(std::string_view name)
{
    json_ += ", \"" + std::string(name) + "\": ";
}

std::string Alert::escaped(std::string_view character) const
{
    if (character.size() > 1)
        return std::string(character);
    const auto byte = static_cast<unsigned char>(character[0]);
    if (byte == '"' || byte == '\\')
        return {'\\', character[0]};
    if (byte == '\n')
        return "\\n";
    if (byte == '\t')
        return "\\t";
    if (byte >= 0x20 && (byte < 0x80 || !encoding_.is_ascii_only) && byte != 0x7f)
        return std::string(character);
    char code[8];
    snprintf(code, sizeof(code), "\\u%04x", byte);
    return code;
}

Alert &Alert::number(std::string_view name, int64_t value)
{
    append_name(name);
    json_ += std::to_string(value);
    return *this;
}

namespace {

/* The first character of `text`: whole, unless `text` ends within it. */
std::string_view first_character(std::string_view text, const Encoding &encoding)
{
    size_t length =
        encoding.is_ascii_only ? 1 : static_cast<size_t>(std::max(1, encoding.character_length(text.data())));
    return text.substr(0, length);
}

} // namespace

Alert &Alert::text(std::string_view name, std::string_view value)
{
    append_name(name);
    json_ += '"';
    while (!value.empty()) {
        std::string_view character = first_character(value, encoding_);
        json_ += escaped(character);
        value.remove_prefix(character.size());
    }
    json_ += '"';
    return *this;
}

std::string Alert::ending_with(std::string_view name, std::string_view value)
{
    append_name(name);
    json_ += '"';
    const size_t room = longest_alert - std::string_view("\"}").size();
    size_t fitting = json_.size(); /* up to this size, the mark of a cut still fits */
    while (!value.empty()) {
        std::string_view character = first_character(value, encoding_);
        std::string written = escaped(character);
        if (json_.size() + written.size() > room) {
            json_.resize(fitting);
            json_ += cut_mark;
            break;
        }
        json_ += written;
        if (json_.size() + cut_mark.size() <= room)
            fitting = json_.size();
        value.remove_prefix(character.size());
    }
    return std::move(json_) + "\"}";
}

std::string Alert::end()
{
    return std::move(json_) + "}";
}

} // namespace pgtrickle::scheduler
