/* The splitter of printed expressions: slots, and text that looks like a slot. */
#include "translate/expression/slots.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

using pgtrickle::translate::split_slots;

namespace {

/* Returns the pieces in one line: text unchanged, slots as <position>. */
std::string shown(std::string_view sql)
{
    std::string line;
    for (const auto &piece : split_slots(sql)) {
        if (const int *slot = std::get_if<int>(&piece))
            line += "<" + std::to_string(*slot) + ">";
        else
            line += std::get<std::string>(piece);
    }
    return line;
}

TEST(Slots, parameters_are_slots_counted_from_zero)
{
    EXPECT_EQ(shown("($1 + $12)"), "(<0> + <11>)");
    EXPECT_EQ(shown("$1"), "<0>");
    EXPECT_EQ(shown("$1$2"), "<0><1>");
    EXPECT_EQ(split_slots("($1 + $2)").size(), 5U);
}

TEST(Slots, a_slot_alone_is_one_piece)
{
    const auto pieces = split_slots("$3");
    ASSERT_EQ(pieces.size(), 1U);
    EXPECT_EQ(std::get<int>(pieces[0]), 2);
}

TEST(Slots, text_without_slots_is_one_piece)
{
    EXPECT_EQ(split_slots("pg_catalog.now()").size(), 1U);
    EXPECT_TRUE(split_slots("").empty());
}

TEST(Slots, strings_are_text)
{
    EXPECT_EQ(shown("('$1'::text || $2)"), "('$1'::text || <1>)");
    EXPECT_EQ(shown("'it''s $1' || $1"), "'it''s $1' || <0>");
    EXPECT_EQ(shown("'''$1' || $1"), "'''$1' || <0>");
    EXPECT_EQ(shown("'' || $1 || ''"), "'' || <0> || ''");
}

TEST(Slots, a_backslash_escapes_only_in_an_escape_string)
{
    EXPECT_EQ(shown("'\\' || $1"), "'\\' || <0>");
    EXPECT_EQ(shown("E'\\' $1' || $1"), "E'\\' $1' || <0>");
    EXPECT_EQ(shown("E'\\\\' || $1"), "E'\\\\' || <0>");
    /* A doubled quote does not end the string, so the escape after it still counts. */
    EXPECT_EQ(shown("E'a''\\' $1' || $1"), "E'a''\\' $1' || <0>");
    /* The E must be a separate word. */
    EXPECT_EQ(shown("Etc'\\' || $1"), "Etc'\\' || <0>");
    EXPECT_EQ(shown("N'\\' || $1"), "N'\\' || <0>");
}

TEST(Slots, bit_strings_are_text)
{
    EXPECT_EQ(shown("B'101' & $1"), "B'101' & <0>");
    EXPECT_EQ(shown("'101'::\"bit\" & $1"), "'101'::\"bit\" & <0>");
}

TEST(Slots, quoted_identifiers_are_text)
{
    EXPECT_EQ(shown("\"Odd $1\".\"f\"\"$2\"($3)"), "\"Odd $1\".\"f\"\"$2\"(<2>)");
    EXPECT_EQ(shown("\"it's $1\"($1, '\"$2')"), "\"it's $1\"(<0>, '\"$2')");
}

TEST(Slots, a_dollar_inside_of_a_word_is_text)
{
    EXPECT_EQ(shown("a$1($1)"), "a$1(<0>)");
    EXPECT_EQ(shown("\xc3\xa4$1($1)"), "\xc3\xa4$1(<0>)");
}

TEST(Slots, what_cannot_be_split_is_refused)
{
    EXPECT_THROW(split_slots("'open $1"), std::invalid_argument);
    EXPECT_THROW(split_slots("\"open $1"), std::invalid_argument);
    EXPECT_THROW(split_slots("E'open\\'"), std::invalid_argument);
    EXPECT_THROW(split_slots("$$text$$"), std::invalid_argument);
    EXPECT_THROW(split_slots("$0"), std::invalid_argument);
    EXPECT_THROW(split_slots("$123456"), std::invalid_argument);
}

} // namespace
