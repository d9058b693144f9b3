#include "translate/expression/constants.hpp"

#include "pg/settings.hpp"
#include "translate/expression/slots.hpp"

extern "C" {
#include "common/hashfn.h"
#include "utils/datum.h"
#include "utils/ruleutils.h"
}

namespace pgtrickle::translate {

namespace {

/* PostgreSQL frame. */
int hash_of(const Const *constant)
{
    const uint32 hash =
        constant->constisnull ? 0 : datum_image_hash(constant->constvalue, constant->constbyval, constant->constlen);
    return static_cast<int>(hash_combine(hash, constant->consttype));
}

} // namespace

Constants *Constants::current_ = nullptr;

int Constants::number_of(const Const *constant)
{
    if (current_ == nullptr)
        elog(ERROR, "a constant outside of a translation");
    const int hash = hash_of(constant);
    ListCell *cell;
    foreach (cell, current_->hashes_)
        if (lfirst_int(cell) == hash && equal(list_nth(current_->nodes_, foreach_current_index(cell)), constant))
            return foreach_current_index(cell) + 1;
    MemoryContext previous = MemoryContextSwitchTo(current_->context_);
    auto *kept = static_cast<Const *>(copyObjectImpl(constant));
    kept->location = -1;
    current_->nodes_ = lappend(current_->nodes_, kept);
    current_->hashes_ = lappend_int(current_->hashes_, hash);
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
