/* README's table of constructs is the one that the engine's lists make. With WRITE_README set, it is made so. */
#include "engine/operators/constructs.hpp"
#include "engine/operators/operator.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

using namespace pgtrickle::engine;

namespace {

const std::string begin = "<!-- constructs: made by tests/unit/readme_constructs.cpp -->\n", end = "<!-- end of constructs -->\n";

std::string read(const char *path)
{
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

TEST(Readme, table_is_up_to_date)
{
    std::string text = read("README.md");
    auto from = text.find(begin), to = text.find(end);
    ASSERT_NE(from, std::string::npos) << "README.md has no table of constructs (run me in the project's folder)";
    ASSERT_NE(to, std::string::npos);
    from += begin.size();
    if (std::getenv("WRITE_README") != nullptr) {
        text.replace(from, to - from, construct_markdown());
        std::ofstream("README.md") << text;
        return;
    }
    EXPECT_EQ(text.substr(from, to - from), construct_markdown()) << "WRITE_README=1 build/unit/readme_constructs makes it so";
}

TEST(Readme, every_operator_is_in_the_table)
{
    std::set<std::string> named;
    for (const auto &construct : construct_table())
        named.insert(construct.operators.begin(), construct.operators.end());
    for (const auto &one : operator_table())
        EXPECT_TRUE(named.count(one.name)) << one.name << " is not in constructs.cpp";
}

} // namespace
