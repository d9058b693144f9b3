/*
 * Which image of its key a group shows.
 *
 * Where equal values may look different ('A' and 'a' as citext, 1.0 and 1.00, 0 and -0), the rows of one
 * group have several images of the key. The group shows the least one, in an arbitrary but fixed order of
 * images; that is an extremum like any other, with its ties, so that a shown image whose last copy is deleted
 * is replaced by one that still exists. The images of all such columns are compared together: one of the rows
 * of a group has the image that the group shows. Where only some rows may be shown, the others have no image.
 *
 * Where the keys have no order there are no windows, and a touched group is recomputed.
 */
#include "engine/operators/aggregates/group.hpp"
#include "engine/operators/sql.hpp"

namespace pgtrickle::engine {

namespace {

std::vector<int> loose_keys(const Group &group)
{
    std::vector<int> loose;
    for (size_t i = 0; i < group.keys.size(); i++)
        if (is_loose(group.key_columns[i]))
            loose.push_back(static_cast<int>(i));
    return loose;
}

/* Returns the images of the loose keys as one text without collation. */
Expression image_of(const Group &group, const std::vector<int> &loose)
{
    const bool is_row = loose.size() > most_arguments;
    Expression image;
    auto print = [&](const char *text) { image.pieces.emplace_back(std::string(text)); };
    print(is_row ? "pgtrickle.image(ROW(" : "pgtrickle.image(");
    for (size_t i = 0; i < loose.size(); i++) {
        if (i > 0)
            print(", ");
        image.pieces.emplace_back(group.keys[loose[i]]);
    }
    print(is_row ? "))" : ")");
    print(" COLLATE pg_catalog.\"C\"");
    image.result.type = "pg_catalog.text";
    image.result.collation = "pg_catalog.\"C\"";
    image.result.is_fixed_length = false;
    image.result.most_bytes = 0;
    return image;
}

Expression image_if(const Expression &condition, const Expression &image)
{
    Expression frame;
    frame.pieces = {std::string("CASE WHEN "), 0, std::string(" THEN "), 1, std::string(" END")};
    Expression made = frame.around({condition, image});
    made.result = image.result;
    return made;
}

} // namespace

std::vector<Expression> shown_keys(GroupBuilder &builder, const std::optional<Expression> &of_rows)
{
    std::vector<Expression> shown;
    const Group &group = builder.group();
    for (size_t i = 0; i < group.keys.size(); i++)
        shown.push_back(column_reference(static_cast<int>(i), group.key_columns[i]));
    const std::vector<int> loose = loose_keys(group);
    if (loose.empty())
        return shown;

    const Expression image = of_rows ? image_if(*of_rows, image_of(group, loose)) : image_of(group, loose);
    const std::string argument = builder.add_argument(image);
    Extremum least{};
    std::string least_image;
    if (builder.has_windows()) {
        least = builder.extremum(argument, image.result, false, true);
        const std::string aggregate = "pg_catalog.min(" + argument + ")";
        least_image = builder.window(aggregate + " FILTER (WHERE i.pgt_weight > 0)", aggregate);
    }
    builder.expect_recomputation();
    const std::string if_shown = of_rows ? " FILTER (WHERE " + argument + " IS NOT NULL)" : "";
    for (int key : loose) {
        Column column = group.key_columns[key];
        const std::string value = "i.k" + std::to_string(key + 1);
        const int place = builder.next_state();
        column.name = "pgt_shown_" + std::to_string(key + 1);
        if (builder.has_windows()) {
            const std::string one =
                "pgtrickle.any_one(" + value + ") FILTER (WHERE " + argument + " = " + least_image + ")";
            const std::string number = "#" + std::to_string(place);
            builder.state(column, one, one,
                          "CASE WHEN " + least.is_beaten + " THEN d." + number + " ELSE o." + number + " END");
            shown[key] = builder.output_state(place);
        } else {
            shown[key] =
                builder.output_state(builder.recomputed(column, "pgtrickle.any_one(" + value + ")" + if_shown));
        }
        shown[key].result = group.key_columns[key];
    }
    return shown;
}

} // namespace pgtrickle::engine
