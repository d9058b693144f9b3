#include "toy.hpp"

#include <cctype>
#include <cstdint>
#include <limits>
#include <set>
#include <stdexcept>
#include <unordered_map>

namespace law {

namespace {

struct Node;
using NodePtr = std::shared_ptr<Node>;

/* word: what it does; children: on what. */
struct Node {
    std::string word;
    Value constant;
    std::vector<NodePtr> children;
    NodePtr filter;
};

NodePtr make(std::string word, std::vector<NodePtr> children = {})
{
    auto node = std::make_shared<Node>();
    node->word = std::move(word);
    node->children = std::move(children);
    return node;
}

NodePtr make_constant(Value value)
{
    auto node = make("constant");
    node->constant = value;
    return node;
}

class Parser {
  public:
    explicit Parser(const std::string &text) : text_(text) { next(); }
    NodePtr parse()
    {
        NodePtr node = disjunction();
        if (!token_.empty())
            fail();
        return node;
    }

  private:
    [[noreturn]] void fail() const { throw std::runtime_error("cannot evaluate at '" + token_ + "': " + text_); }
    void next()
    {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])))
            at_++;
        is_quoted_ = false;
        size_t start = at_;
        if (at_ >= text_.size()) {
            token_.clear();
        } else if (text_[at_] == '"') {
            size_t end = text_.find('"', ++at_);
            token_ = text_.substr(at_, end - at_);
            is_quoted_ = true;
            at_ = end + 1;
        } else if (text_[at_] == '\'') {
            size_t end = text_.find('\'', at_ + 1);
            token_ = text_.substr(at_, end - at_ + 1);
            at_ = end + 1;
        } else if (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_') {
            while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
                at_++;
            token_ = text_.substr(start, at_ - start);
        } else {
            static const char *const pairs[] = {"::", "<>", "<=", ">="};
            token_ = text_.substr(at_, 1);
            for (const char *pair : pairs)
                if (text_.compare(at_, 2, pair) == 0)
                    token_ = pair;
            at_ += token_.size();
        }
    }
    bool is(const char *word) const { return !is_quoted_ && token_ == word; }
    bool take(const char *word)
    {
        if (!is(word))
            return false;
        next();
        return true;
    }
    void expect(const char *word)
    {
        if (!take(word))
            fail();
    }

    NodePtr disjunction()
    {
        NodePtr node = conjunction();
        while (take("OR"))
            node = make("OR", {node, conjunction()});
        return node;
    }
    NodePtr conjunction()
    {
        NodePtr node = negation();
        while (take("AND"))
            node = make("AND", {node, negation()});
        return node;
    }
    NodePtr negation() { return take("NOT") ? make("NOT", {negation()}) : test(); }
    NodePtr test()
    {
        NodePtr node = comparison();
        while (take("IS")) {
            bool is_not = take("NOT");
            if (take("NULL"))
                node = make("IS NULL", {node});
            else if (take("TRUE"))
                node = make("IS TRUE", {node});
            else {
                expect("DISTINCT");
                expect("FROM");
                node = make("IS DISTINCT", {node, comparison()});
            }
            if (is_not)
                node = make("NOT", {node});
        }
        return node;
    }
    NodePtr comparison()
    {
        NodePtr node = sum();
        for (const char *word : {"=", "<>", "<=", ">=", "<", ">"})
            if (take(word))
                return make(word, {node, sum()});
        return node;
    }
    NodePtr sum()
    {
        NodePtr node = product();
        for (;;) {
            if (take("+"))
                node = make("+", {node, product()});
            else if (take("-"))
                node = make("-", {node, product()});
            else
                return node;
        }
    }
    NodePtr product()
    {
        NodePtr node = unary();
        for (;;) {
            if (take("*"))
                node = make("*", {node, unary()});
            else if (take("/"))
                node = make("/", {node, unary()});
            else if (take("%"))
                node = make("%", {node, unary()});
            else
                return node;
        }
    }
    NodePtr unary()
    {
        if (take("-"))
            return make("-", {make_constant(0), unary()});
        NodePtr node = primary();
        while (take("::") || take("COLLATE"))
            name();
        return node;
    }
    std::string name()
    {
        std::string name = token_;
        next();
        while (take(".")) {
            name += "." + token_;
            next();
        }
        return name;
    }
    NodePtr primary()
    {
        if (take("(")) {
            NodePtr node = disjunction();
            expect(")");
            return node;
        }
        if (take("CASE"))
            return branches();
        if (take("NULL"))
            return make_constant({});
        if (take("true"))
            return make_constant(1);
        if (take("false"))
            return make_constant(0);
        if (!is_quoted_ && !token_.empty() && token_[0] == '\'')
            return literal();
        if (!is_quoted_ && !token_.empty() && std::isdigit(static_cast<unsigned char>(token_[0]))) {
            NodePtr node = make_constant(std::stoll(token_));
            next();
            return node;
        }
        if (token_.empty())
            fail();
        std::string word = name();
        if (!is("("))
            return make("column " + word);
        return call(word);
    }
    NodePtr literal()
    {
        int64_t value =
            token_ == "'Infinity'" ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
        if (token_ != "'Infinity'" && token_ != "'-Infinity'")
            fail();
        next();
        return make_constant(value);
    }
    NodePtr branches()
    {
        NodePtr node = make("CASE");
        NodePtr subject = is("WHEN") ? nullptr : disjunction();
        while (take("WHEN")) {
            NodePtr condition = disjunction();
            node->children.push_back(subject ? make("=", {subject, condition}) : condition);
            expect("THEN");
            node->children.push_back(disjunction());
        }
        node->children.push_back(take("ELSE") ? disjunction() : make_constant({}));
        expect("END");
        return node;
    }
    NodePtr call(std::string word)
    {
        if (word.rfind("pg_catalog.", 0) == 0)
            word = word.substr(11);
        expect("(");
        NodePtr node = make((take("DISTINCT") ? "call distinct " : "call ") + word);
        if (take("*"))
            node->children.push_back(make_constant(1));
        else
            do
                node->children.push_back(disjunction());
            while (take(","));
        expect(")");
        if (take("FILTER")) {
            expect("(");
            expect("WHERE");
            node->filter = disjunction();
            expect(")");
        }
        return node;
    }

    const std::string &text_;
    size_t at_ = 0;
    std::string token_;
    bool is_quoted_ = false;
};

int64_t wrap(uint64_t value)
{
    return static_cast<int64_t>(value);
}

Value arithmetic(char operation, int64_t left, int64_t right)
{
    auto l = static_cast<uint64_t>(left), r = static_cast<uint64_t>(right);
    switch (operation) {
    case '+': return wrap(l + r);
    case '-': return wrap(l - r);
    case '*': return wrap(l * r);
    case '/': return right == 0 ? throw std::runtime_error("division by zero") : left / right;
    case '%': return right == 0 ? throw std::runtime_error("division by zero") : left % right;
    default: throw std::runtime_error(std::string("an operator that is not evaluated: ") + operation);
    }
}

Value truth(bool value)
{
    return value ? 1 : 0;
}

class Run {
  public:
    Run(const Lookup &lookup, const Rows *rows) : lookup_(lookup), rows_(rows) {}

    Value value(const Node &node) const
    {
        const std::string &word = node.word;
        if (word == "constant")
            return node.constant;
        if (word.rfind("column ", 0) == 0)
            return lookup_(word.substr(7));
        if (word.rfind("call ", 0) == 0)
            return call(word.substr(5), node);
        if (word == "CASE")
            return branches(node);
        if (word == "AND" || word == "OR")
            return logic(word == "OR", value(*node.children[0]), value(*node.children[1]));
        Value left = value(*node.children[0]);
        if (word == "NOT")
            return left ? truth(*left == 0) : Value{};
        if (word == "IS NULL")
            return truth(!left);
        if (word == "IS TRUE")
            return truth(left.value_or(0) != 0);
        Value right = value(*node.children[1]);
        if (word == "IS DISTINCT")
            return truth(left != right);
        if (!left || !right)
            return {};
        return binary(word, *left, *right);
    }

  private:
    static Value logic(bool absorbing, const Value &left, const Value &right)
    {
        if ((left && (*left != 0) == absorbing) || (right && (*right != 0) == absorbing))
            return truth(absorbing);
        return left && right ? truth(!absorbing) : Value{};
    }
    static Value binary(const std::string &word, int64_t left, int64_t right)
    {
        if (word == "=")
            return truth(left == right);
        if (word == "<>")
            return truth(left != right);
        if (word == "<")
            return truth(left < right);
        if (word == ">")
            return truth(left > right);
        if (word == "<=")
            return truth(left <= right);
        if (word == ">=")
            return truth(left >= right);
        return arithmetic(word[0], left, right);
    }
    Value branches(const Node &node) const
    {
        for (size_t i = 0; i + 1 < node.children.size(); i += 2)
            if (value(*node.children[i]).value_or(0) != 0)
                return value(*node.children[i + 1]);
        return value(*node.children.back());
    }
    Value call(const std::string &name, const Node &node) const
    {
        if (name == "sum" || name == "count" || name == "min" || name == "max" || name == "pgtrickle.any_one" ||
            name == "pgtrickle.extremum" || name == "pgtrickle.ties_of_extremum" ||
            name.starts_with("pgtrickle.inserted_") || name.starts_with("pgtrickle.retracted_"))
            return aggregate(name, node);
        if (name == "distinct count" || name == "dot_product")
            return holistic_aggregate(name, node);
        if (name == "coalesce") {
            for (const auto &child : node.children)
                if (Value found = value(*child))
                    return found;
            return {};
        }
        Value first = value(*node.children[0]);
        if (name == "pgtrickle.image")
            return image(node);
        if (name == "scale") /* any function will do */
            return first ? Value{std::abs(*first % 3)} : Value{};
        if (name == "round") /* the toy has no images */
            return first;
        throw std::runtime_error("unknown function " + name);
    }
    /* Tells values apart that are equal (Machine::equality_class), in their order. */
    Value image(const Node &node) const
    {
        int64_t image = 0;
        for (const auto &child : node.children)
            image = image * 2 + (value(*child).value_or(0) & 1);
        return image;
    }
    /* The arguments of a call on each row that its filter accepts. */
    std::vector<std::vector<Value>> arguments(const std::string &name, const Node &node) const
    {
        if (!rows_)
            throw std::runtime_error("no aggregate here: " + name);
        std::vector<std::vector<Value>> all;
        for (const auto &row : *rows_) {
            Run inner(row, nullptr);
            if (node.filter && inner.value(*node.filter).value_or(0) == 0)
                continue;
            std::vector<Value> values;
            for (const auto &child : node.children)
                values.push_back(inner.value(*child));
            all.push_back(values);
        }
        return all;
    }
    Value holistic_aggregate(const std::string &name, const Node &node) const
    {
        std::set<int64_t> distinct;
        Value product;
        for (const auto &values : arguments(name, node)) {
            if (name == "distinct count" && values[0])
                distinct.insert(*values[0]);
            if (name == "dot_product" && values[0] && values[1])
                product = arithmetic('+', product.value_or(0), *arithmetic('*', *values[0], *values[1]));
        }
        return name == "dot_product" ? product : Value{static_cast<int64_t>(distinct.size())};
    }
    Value aggregate(const std::string &name, const Node &node) const
    {
        if (name == "pgtrickle.extremum" || name == "pgtrickle.ties_of_extremum")
            return extremum(name, arguments(name, node));
        if (name.starts_with("pgtrickle.") && name != "pgtrickle.any_one")
            return change_of_extremum(name, arguments(name, node));
        Value result;
        if (name == "count")
            result = 0;
        for (const auto &values : arguments(name, node)) {
            Value one = values[0];
            if (!one)
                continue;
            if (name == "count")
                result = *result + 1;
            else if (!result)
                result = one;
            else if (name == "pgtrickle.any_one")
                continue;
            else if (name == "sum")
                result = arithmetic('+', *result, *one);
            else
                result = name == "min" ? std::min(*result, *one) : std::max(*result, *one);
        }
        return result;
    }

    const Lookup &lookup_;
    const Rows *rows_;
};

const Node &parsed(const std::string &text)
{
    static std::unordered_map<std::string, NodePtr> known;
    if (known.size() > 100000)
        known.clear();
    auto place = known.find(text);
    if (place == known.end())
        place = known.emplace(text, Parser(text).parse()).first;
    return *place->second;
}

} // namespace

Value evaluate_text(const std::string &text, const Lookup &lookup, const Rows *rows)
{
    return Run(lookup, rows).value(parsed(text));
}

Value evaluate_expression(const pgtrickle::engine::Expression &expression, const Row &row)
{
    std::string text = expression.print([](int slot) { return "c" + std::to_string(slot); });
    return evaluate_text(text, [&](const std::string &name) { return row.at(std::stoi(name.substr(1))); });
}

std::vector<Row> evaluate_rows(const pgtrickle::engine::Expression &expression, const Row &row)
{
    std::string text = expression.print([](int slot) { return "c" + std::to_string(slot); });
    Lookup lookup = [&](const std::string &name) { return row.at(std::stoi(name.substr(1))); };
    const Node &call = parsed(text);
    if (call.word != "call generate_series")
        throw std::runtime_error("no rows: " + text);
    Value first = Run(lookup, nullptr).value(*call.children.at(0));
    Value last = Run(lookup, nullptr).value(*call.children.at(1));
    std::vector<Row> rows;
    if (!first || !last || *first > *last)
        return rows;
    uint64_t distance = static_cast<uint64_t>(*last) - static_cast<uint64_t>(*first);
    for (int64_t i = 0; i < 4 && static_cast<uint64_t>(i) <= distance; i++)
        rows.push_back({*first + i});
    return rows;
}

} // namespace law
