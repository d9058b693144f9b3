#include "scheduler/alert.hpp"

#include <gtest/gtest.h>

#include <optional>

using namespace pgtrickle::scheduler;

namespace {

int utf8_length(const char *at)
{
    const auto byte = static_cast<unsigned char>(*at);
    return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

const Encoding utf8 = {utf8_length, false};
const Encoding ascii = {utf8_length, true};

/* Returns the text at the end of a JSON object such as an alert, or nothing if the object is not valid. */
std::optional<std::string> last_text(const std::string &json)
{
    size_t from = json.rfind(": \"");
    if (from == std::string::npos || json.size() < 2 || json.substr(json.size() - 2) != "\"}")
        return std::nullopt;
    std::string text = json.substr(from + 3, json.size() - 2 - from - 3);
    for (size_t i = 0; i < text.size(); i++) {
        if (static_cast<unsigned char>(text[i]) < 0x20 || text[i] == '"')
            return std::nullopt;
        if (text[i] != '\\')
            continue;
        if (i + 1 == text.size())
            return std::nullopt;
        i += text[i + 1] == 'u' ? 5 : 1;
        if (i >= text.size())
            return std::nullopt;
    }
    return text;
}

std::string failed(const std::string &message, const Encoding &encoding = utf8)
{
    return Alert("refresh_failed", "s", "t", encoding).number("consecutive_errors", 2).ending_with("error", message);
}

TEST(Alert, is_an_object)
{
    EXPECT_EQ(failed("division by zero"), "{\"event\": \"refresh_failed\", \"pgt_schema\": \"s\", \"pgt_name\": \"t\", "
                                          "\"consecutive_errors\": 2, \"error\": \"division by zero\"}");
    EXPECT_EQ(Alert("resumed", "s", "t", utf8).end(),
              "{\"event\": \"resumed\", \"pgt_schema\": \"s\", \"pgt_name\": \"t\"}");
    EXPECT_EQ(Alert("x", "o\"d\\d", "\x01\n\té", utf8).text("y", "").end(),
              "{\"event\": \"x\", \"pgt_schema\": \"o\\\"d\\\\d\", \"pgt_name\": \"\\u0001\\n\\té\", \"y\": \"\"}");
}

TEST(Alert, is_never_too_long_and_always_valid)
{
    for (const char *piece : {"a", "é", "€", "😀", "\"", "\\", "\n", "\x01"})
        for (size_t bytes = 7800; bytes < 8100; bytes++) {
            std::string message;
            while (message.size() < bytes)
                message += piece;
            for (const Encoding &encoding : {utf8, ascii}) {
                std::string json = failed(message, encoding);
                ASSERT_LE(json.size(), longest_alert);
                std::optional<std::string> text = last_text(json);
                ASSERT_TRUE(text) << json;
                if (text->size() < message.size()) {
                    ASSERT_EQ(text->substr(text->size() - 3), "...");
                    ASSERT_GT(json.size(), longest_alert - 20) << "no more is cut than has to be";
                }
            }
        }
}

TEST(Alert, is_cut_between_characters)
{
    std::string message(7850, 'x');
    for (int i = 0; i < 100; i++)
        message += "😀";
    std::string text = *last_text(failed(message));
    EXPECT_EQ((text.size() - 7850 - 3) % 4, 0u);
}

TEST(Alert, holds_the_longest_names)
{
    std::string name(63, '\x01');
    std::string json = Alert("refresh_failed", name, name, ascii).ending_with("error", std::string(9000, '"'));
    EXPECT_LE(json.size(), longest_alert);
    EXPECT_TRUE(last_text(json));
}

TEST(Alert, escapes_what_no_encoding_explains)
{
    EXPECT_EQ(*last_text(failed("caf\xe9", ascii)), "caf\\u00e9");
    /* The text ends within a character. */
    EXPECT_TRUE(last_text(failed("caf\xc3")));
}

} // namespace
