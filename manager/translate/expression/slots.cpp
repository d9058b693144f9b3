#include "translate/expression/slots.hpp"

#include <stdexcept>

namespace pgtrickle::translate {

namespace {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether `c` can be part of an identifier; bytes above ASCII can. */
bool continues_word(char c)
{
    return is_digit(c) || c == '_' || c == '$' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           static_cast<unsigned char>(c) >= 0x80;
}

bool starts_word(char c)
{
    return continues_word(c) && !is_digit(c) && c != '$';
}

class Splitter {
  public:
    explicit Splitter(std::string_view sql) : sql_(sql) {}

    std::vector<std::variant<std::string, int>> run()
    {
        while (at_ < sql_.size())
            step();
        flush();
        return std::move(pieces_);
    }

  private:
    char peek(size_t ahead = 0) const { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }

    void step()
    {
        const char c = peek();
        if (c == '\'')
            quoted('\'', false);
        else if (c == '"')
            quoted('"', false);
        else if (c == '$')
            parameter();
        else if (starts_word(c))
            word();
        else if (is_digit(c))
            number();
        else
            take(1);
    }

    void take(size_t count)
    {
        text_.append(sql_.substr(at_, count));
        at_ += count;
    }

    /* A quote inside is doubled; in E'…' a backslash escapes the next character. */
    void quoted(char quote, bool has_escapes)
    {
        take(1);
        while (at_ < sql_.size()) {
            const char c = peek();
            if (c == '\\' && has_escapes && at_ + 1 < sql_.size()) {
                take(2);
            } else if (c == quote && peek(1) == quote) {
                take(2);
            } else {
                take(1);
                if (c == quote)
                    return;
            }
        }
        throw std::invalid_argument("unterminated quoted text in an expression");
    }

    void word()
    {
        const size_t start = at_;
        while (at_ < sql_.size() && continues_word(peek()))
            take(1);
        if (peek() == '\'' && at_ - start == 1 && (sql_[start] == 'E' || sql_[start] == 'e'))
            quoted('\'', true);
    }

    void number()
    {
        while (is_digit(peek()))
            take(1);
    }

    void parameter()
    {
        size_t length = 1;
        int position = 0;
        while (is_digit(peek(length)) && length <= 5)
            position = position * 10 + (peek(length++) - '0');
        if (position == 0 || is_digit(peek(length)))
            throw std::invalid_argument("a dollar that is no parameter in an expression");
        flush();
        pieces_.emplace_back(position - 1);
        at_ += length;
    }

    void flush()
    {
        if (!text_.empty())
            pieces_.emplace_back(std::move(text_));
        text_.clear();
    }

    std::string_view sql_;
    size_t at_ = 0;
    std::string text_;
    std::vector<std::variant<std::string, int>> pieces_;
};

} // namespace

std::vector<std::variant<std::string, int>> split_slots(std::string_view sql)
{
    return Splitter(sql).run();
}

} // namespace pgtrickle::translate
