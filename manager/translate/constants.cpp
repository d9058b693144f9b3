#include "translate/constants.hpp"

#include "pg/settings.hpp"
#include "translate/slots.hpp"

extern "C" {
#include "utils/ruleutils.h"
}

namespace pgtrickle::translate {

Constants *Constants::current_ = nullptr;

int Constants::number_of(const Const *constant)
{
    if (current_ == nullptr)
        elog(ERROR, "a constant outside of a translation");
    ListCell *cell;
    foreach (cell, current_->nodes_)
        if (equal(lfirst(cell), constant))
            return foreach_current_index(cell) + 1;
    MemoryContext previous = MemoryContextSwitchTo(current_->context_);
    auto *kept = static_cast<Const *>(copyObjectImpl(constant));
    kept->location = -1;
    current_->nodes_ = lappend(current_->nodes_, kept);
    MemoryContextSwitchTo(previous);
    return list_length(current_->nodes_);
}

std::string with_literals(const std::string &text, const List *constants)
{
    if (constants == NIL)
        return text;
    TextSettings text_settings;
    std::string result;
    for (const auto &piece : split_slots(text))
        result += piece.index() == 0 ? std::get<0>(piece) : std::string(call([&] {
            return deparse_expression(static_cast<Node *>(list_nth(constants, std::get<1>(piece))), NIL, false, false);
        }));
    return result;
}

} // namespace pgtrickle::translate
