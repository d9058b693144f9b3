#include "fdw/monitor/sql_wrapping.hpp"

#include <string_view>
#include <vector>

namespace pgtrickle {

namespace {

constexpr std::string_view clauses[] = {"FROM ", "WHERE ", "GROUP BY ", "HAVING ", "UNION ALL SELECT "};

/* Returns the end of the quoted text that begins at `begin`. A doubled quote counts as the end of one text
 * and the start of another. */
size_t end_of_quoted(const std::string &sql, size_t begin)
{
    size_t end = sql.find(sql[begin], begin + 1);
    return end == std::string::npos ? sql.size() : end + 1;
}

bool begins_clause(std::string_view rest)
{
    for (std::string_view clause : clauses)
        if (rest.starts_with(clause))
            return true;
    return false;
}

/* Returns true after a comma in a long line. */
bool is_full(const std::string &text)
{
    constexpr size_t long_line = 90;
    size_t line = text.rfind('\n');
    return text.ends_with(',') && text.size() - (line == std::string::npos ? 0 : line + 1) > long_line;
}

/* Tracks which of the parentheses around a position are subqueries: only clauses of subqueries get lines of
 * their own. */
class Nesting {
  public:
    void open(bool is_subquery) { open_.push_back(is_subquery); }
    void close()
    {
        if (!open_.empty())
            open_.pop_back();
    }
    bool is_in_statement() const { return open_.empty() || open_.back(); }
    std::string indent() const
    {
        size_t depth = 0;
        for (bool is_subquery : open_)
            depth += is_subquery;
        return std::string(2 * depth, ' ');
    }

  private:
    std::vector<bool> open_;
};

} // namespace

std::string laid_out(const std::string &sql)
{
    std::string text;
    Nesting nesting;
    for (size_t i = 0; i < sql.size(); i++) {
        std::string_view rest = std::string_view(sql).substr(i + 1);
        if (sql[i] == '\'' || sql[i] == '"') {
            size_t end = end_of_quoted(sql, i);
            text += sql.substr(i, end - i);
            i = end - 1;
        } else if (sql[i] == '(') {
            bool is_subquery = rest.starts_with("SELECT ");
            nesting.open(is_subquery);
            text += is_subquery ? "(\n" + nesting.indent() : "(";
        } else if (sql[i] == ')') {
            nesting.close();
            text += ')';
        } else if (sql[i] == ' ' && nesting.is_in_statement() && begins_clause(rest)) {
            text += "\n" + nesting.indent();
        } else if (sql[i] == ' ' && nesting.is_in_statement() && is_full(text)) {
            text += "\n" + nesting.indent() + "  ";
        } else {
            text += sql[i];
        }
    }
    return text;
}

} // namespace pgtrickle
