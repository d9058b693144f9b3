#include "definition/partition_by.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include "utils/builtins.h"
}

#include <algorithm>
#include <charconv>
#include <iterator>

namespace pgtrickle {

namespace {

struct Unit {
    const char *word;
    RangeUnit unit;
};

constexpr Unit units[] = {
    {"hour", RangeUnit::hour}, {"day", RangeUnit::day}, {"month", RangeUnit::month}, {"year", RangeUnit::year}};

std::string folded(std::string word)
{
    for (char &character : word)
        character = static_cast<char>(pg_ascii_tolower(static_cast<unsigned char>(character)));
    return word;
}

bool is_of_name(char character)
{
    const auto byte = static_cast<unsigned char>(character);
    return isalnum(byte) != 0 || character == '_' || character == '$' || byte >= 0x80;
}

struct Token {
    enum class Kind { word, quoted_name, string, number, sign, end } kind;
    std::string text; /* a word is folded, quotes are removed */
    size_t position;
};

/* Reads the text token by token. */
class Reader {
  public:
    explicit Reader(const std::string &text) : text_(text) { advance(); }

    const Token &next() const { return next_; }

    bool is_sign(char sign) const { return next_.kind == Token::Kind::sign && next_.text[0] == sign; }

    Token take()
    {
        Token taken = next_;
        advance();
        return taken;
    }

    void expect(char sign)
    {
        if (!is_sign(sign))
            refuse(std::string("\"") + sign + "\"");
        advance();
    }

    std::string name()
    {
        if (next_.kind != Token::Kind::word && next_.kind != Token::Kind::quoted_name)
            refuse("the name of a column");
        return take().text;
    }

    int64_t number(int64_t least, int64_t most)
    {
        int64_t value = 0;
        const std::string &digits = next_.text;
        const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (next_.kind != Token::Kind::number || parsed.ec != std::errc() || *parsed.ptr != '\0' || value < least ||
            value > most)
            refuse("an integer from " + std::to_string(least) + " to " + std::to_string(most));
        advance();
        return value;
    }

    [[noreturn]] void refuse(const std::string &expected) const
    {
        raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE,
               .message = "invalid argument: partition_by \"" + text_ + "\"",
               .detail = "At character " + std::to_string(next_.position + 1) + ", " + expected + " is expected.",
               .hint = "Use hour(column), day(column), month(column), year(column), RANGE (column, width), "
                       "LIST (column, value, ...), HASH (column, modulus), or none."});
    }

  private:
    void advance()
    {
        while (place_ < text_.size() && isspace(static_cast<unsigned char>(text_[place_])))
            place_++;
        next_ = {Token::Kind::end, "", place_};
        if (place_ == text_.size())
            return;
        const char first = text_[place_];
        if (first == '"' || first == '\'')
            take_quoted(first);
        else if (isdigit(static_cast<unsigned char>(first)) != 0 || first == '-')
            take_while(Token::Kind::number, [](char c) { return is_of_name(c) || c == '.' || c == '-'; });
        else if (is_of_name(first))
            take_while(Token::Kind::word, is_of_name);
        else
            next_ = {Token::Kind::sign, std::string(1, text_[place_++]), next_.position};
    }

    template <class Condition> void take_while(Token::Kind kind, Condition condition)
    {
        const size_t begin = place_;
        while (place_ < text_.size() && condition(text_[place_]))
            place_++;
        next_ = {kind, folded(text_.substr(begin, place_ - begin)), begin};
    }

    /* Two quotes stand for one. */
    void take_quoted(char quote)
    {
        std::string value;
        for (place_++;; place_++) {
            if (place_ >= text_.size())
                refuse("the end of the quoted word");
            const bool is_quote = text_[place_] == quote;
            const bool is_doubled = is_quote && place_ + 1 < text_.size() && text_[place_ + 1] == quote;
            if (is_quote && !is_doubled)
                break;
            place_ += is_doubled ? 1 : 0;
            value += text_[place_];
        }
        place_++;
        next_ = {quote == '"' ? Token::Kind::quoted_name : Token::Kind::string, value, next_.position};
    }

    const std::string &text_;
    size_t place_ = 0;
    Token next_{};
};

std::vector<std::string> read_values(Reader &reader)
{
    std::vector<std::string> values;
    while (reader.is_sign(',')) {
        reader.take();
        const Token &value = reader.next();
        const bool is_word = value.kind == Token::Kind::word && (value.text == "true" || value.text == "false");
        if (value.kind != Token::Kind::string && value.kind != Token::Kind::number && !is_word)
            reader.refuse("a value in quotes, a number, true or false");
        values.push_back(reader.take().text);
    }
    if (values.empty())
        reader.expect(',');
    return values;
}

PartitionBy read_hash(Reader &reader)
{
    PartitionBy by;
    by.strategy = PartitionBy::Strategy::hash;
    while (reader.next().kind != Token::Kind::number) {
        if (std::ranges::find(by.columns, reader.next().text) != by.columns.end())
            reader.refuse("another column");
        by.columns.push_back(reader.name());
        reader.expect(',');
    }
    if (by.columns.empty())
        reader.refuse("the name of a column");
    by.modulus = static_cast<int>(reader.number(1, most_partitions));
    return by;
}

PartitionBy read(Reader &reader)
{
    const Token strategy = reader.next();
    const auto *unit =
        std::find_if(std::begin(units), std::end(units), [&](const Unit &one) { return strategy.text == one.word; });
    const bool has_arguments =
        unit != std::end(units) || strategy.text == "range" || strategy.text == "list" || strategy.text == "hash";
    if (strategy.kind != Token::Kind::word || !(has_arguments || strategy.text == "none"))
        reader.refuse("hour, day, month, year, RANGE, LIST, HASH or none");
    reader.take();
    PartitionBy by;
    if (!has_arguments)
        return by;
    reader.expect('(');
    if (strategy.text == "hash") {
        by = read_hash(reader);
    } else {
        by.columns.push_back(reader.name());
        by.strategy = strategy.text == "list" ? PartitionBy::Strategy::list : PartitionBy::Strategy::range;
        if (strategy.text == "list") {
            by.values = read_values(reader);
        } else if (unit != std::end(units)) {
            by.width = {unit->unit, 1};
        } else {
            reader.expect(',');
            by.width = {RangeUnit::number, reader.number(1, INT64_MAX)};
        }
    }
    reader.expect(')');
    return by;
}

std::string quoted_name(const std::string &name)
{
    return call([&] { return quote_identifier(name.c_str()); });
}

std::string quoted_value(const std::string &value)
{
    std::string quoted = "'";
    for (char character : value)
        quoted += character == '\'' ? "''" : std::string(1, character);
    return quoted + "'";
}

} // namespace

std::string PartitionBy::text() const
{
    if (!is_partitioned())
        return "none";
    std::string names;
    for (const std::string &column : columns)
        names += (names.empty() ? "" : ", ") + quoted_name(column);
    for (const Unit &one : units)
        if (one.unit == width.unit)
            return std::string(one.word) + "(" + names + ")";
    if (strategy == Strategy::range)
        return "RANGE (" + names + ", " + std::to_string(width.number) + ")";
    if (strategy == Strategy::hash)
        return "HASH (" + names + ", " + std::to_string(modulus) + ")";
    for (const std::string &value : values)
        names += ", " + quoted_value(value);
    return "LIST (" + names + ")";
}

PartitionBy parse_partition_by(const std::string &text)
{
    Reader reader(text);
    PartitionBy by = read(reader);
    if (reader.next().kind != Token::Kind::end)
        reader.refuse("the end");
    return by;
}

} // namespace pgtrickle
