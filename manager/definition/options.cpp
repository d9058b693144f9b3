#include "definition/options.hpp"
#include "definition/storage_parameters.hpp"

#include "definition/guc.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "commands/defrem.h"
#include "utils/guc.h"
}

#include <algorithm>
#include <cctype>
#include <iterator>

namespace pgtrickle::options {

namespace {

[[noreturn]] void refuse(const std::string &what, const std::string &detail = {}, const std::string &hint = {})
{
    raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE,
           .message = "invalid argument: " + what,
           .detail = detail,
           .hint = hint});
}

void check_query(const std::string &, const std::string &value)
{
    if (value.find_first_not_of(" \t\r\n;") == std::string::npos)
        raise({.sqlstate = ERRCODE_SYNTAX_ERROR,
               .message = "query parse error: the defining query is empty",
               .hint = "Specify one SELECT statement."});
}

void check_any(const std::string &, const std::string &) {}

void check_schedule(const std::string &, const std::string &value)
{
    std::string fault;
    std::optional<scheduler::Schedule> schedule = scheduler::parse_schedule(value, &fault);
    if (!schedule)
        refuse("schedule \"" + value + "\"", as_sentence(fault),
               "Use a duration in whole seconds (30s, 5m, 1h30m, 2d), a cron expression of 5 or 6 fields or @hourly, "
               "@daily ..., or calculated.");
}

void check_mode(const std::string &, const std::string &value)
{
    (void)parse_mode(value);
}

bool parse_boolean(const std::string &name, const std::string &value)
{
    bool result = false;
    if (!parse_bool(value.c_str(), &result))
        refuse(name + " \"" + value + "\"", {}, "Use true or false.");
    return result;
}

void check_boolean(const std::string &name, const std::string &value)
{
    parse_boolean(name, value);
}

void check_word(const std::string &name, const std::string &value, const std::vector<std::string> &words)
{
    if (std::find(words.begin(), words.end(), lower(value)) != words.end())
        return;
    std::string list;
    for (const std::string &word : words)
        list += (list.empty() ? "" : ", ") + word;
    refuse(name + " \"" + value + "\"", {}, "Valid values are: " + list + ".");
}

void check_diamond_consistency(const std::string &name, const std::string &value)
{
    check_word(name, value, {"atomic", "none"});
}

void check_diamond_policy(const std::string &name, const std::string &value)
{
    check_word(name, value, {"fastest", "slowest"});
}

void check_tier(const std::string &name, const std::string &value)
{
    check_word(name, value, {"hot", "warm", "cold", "frozen"});
}

/* `example`: a valid value, for the hint. */
int parse_quantity(const std::string &name, const std::string &value, int flags, const char *example)
{
    struct Parsed {
        int value;
        bool is_valid;
        const char *hint;
    } parsed = call([&] {
        Parsed result = {0, false, nullptr};
        result.is_valid = parse_int(value.c_str(), &result.value, flags, &result.hint);
        return result;
    });
    if (!parsed.is_valid || parsed.value < 0)
        refuse(name + " \"" + value + "\"", {},
               parsed.hint != nullptr ? parsed.hint : "Use a value such as " + std::string(example) + ".");
    return parsed.value;
}

void check_work_mem(const std::string &name, const std::string &value)
{
    if (parse_quantity(name, value, GUC_UNIT_KB, "64MB") < 64)
        refuse(name + " \"" + value + "\"", "The minimum is 64kB.");
}

void check_timeout(const std::string &name, const std::string &value)
{
    parse_quantity(name, value, GUC_UNIT_MS, "5min");
}

void check_partition_by(const std::string &, const std::string &value)
{
    (void)parse_partition_by(value);
}

void check_parameters(const std::string &, const std::string &value)
{
    definition::check_storage_parameters(value);
}

struct Known {
    const char *name; /* also the name of the argument of SQL functions */
    void (*check)(const std::string &name, const std::string &value);
    void (*apply)(Definition &definition, const std::string &value);
    std::string (*read)(const Definition &definition);
    bool is_internal = false;
};

std::string text_of(bool value)
{
    return value ? "true" : "false";
}

constexpr Known known_options[] = {
    {"query", check_query, [](Definition &definition, const std::string &value) { definition.query = value; },
     [](const Definition &definition) { return definition.query; }},
    {"schedule", check_schedule,
     [](Definition &definition, const std::string &value) { definition.schedule_text = value; },
     [](const Definition &definition) { return definition.schedule_text; }},
    {"refresh_mode", check_mode,
     [](Definition &definition, const std::string &value) { definition.mode = parse_mode(value); },
     [](const Definition &definition) { return std::string(name_of(definition.mode)); }},
    {"initialize", check_boolean,
     [](Definition &definition, const std::string &value) {
         definition.initialize = parse_boolean("initialize", value);
     },
     [](const Definition &definition) { return text_of(definition.initialize); }},
    {"diamond_consistency", check_diamond_consistency,
     [](Definition &definition, const std::string &value) { definition.is_diamond_atomic = lower(value) == "atomic"; },
     [](const Definition &definition) { return std::string(definition.is_diamond_atomic ? "atomic" : "none"); }},
    {"diamond_schedule_policy", check_diamond_policy,
     [](Definition &definition, const std::string &value) {
         definition.is_diamond_policy_slowest = lower(value) == "slowest";
     },
     [](const Definition &definition) {
         return std::string(definition.is_diamond_policy_slowest ? "slowest" : "fastest");
     }},
    {"append_only", check_boolean,
     [](Definition &definition, const std::string &value) {
         definition.is_append_only = parse_boolean("append_only", value);
     },
     [](const Definition &definition) { return text_of(definition.is_append_only); }},
    {"tier", check_tier, [](Definition &definition, const std::string &value) { definition.tier = lower(value); },
     [](const Definition &definition) { return definition.tier; }},
    {"partition_by", check_partition_by,
     [](Definition &definition, const std::string &value) { definition.partition_by = parse_partition_by(value); },
     [](const Definition &definition) { return definition.partition_by.text(); }},
    {"storage_parameters", check_parameters,
     [](Definition &definition, const std::string &value) { definition.storage_parameters = value; },
     [](const Definition &definition) { return definition.storage_parameters; }},
    {"work_mem", check_work_mem,
     [](Definition &definition, const std::string &value) {
         definition.work_mem_kb = parse_quantity("work_mem", value, GUC_UNIT_KB, "64MB");
     },
     [](const Definition &definition) { return std::to_string(definition.work_mem_kb) + "kB"; }},
    {"refresh_timeout", check_timeout,
     [](Definition &definition, const std::string &value) {
         definition.refresh_timeout_ms = parse_quantity("refresh_timeout", value, GUC_UNIT_MS, "5min");
     },
     [](const Definition &definition) { return std::to_string(definition.refresh_timeout_ms) + "ms"; }},
    {"original_query", check_any,
     [](Definition &definition, const std::string &value) { definition.original_query = value; },
     [](const Definition &definition) { return definition.original_query; }, true},
    {"canonical", check_boolean,
     [](Definition &definition, const std::string &value) {
         definition.is_canonical = parse_boolean("canonical", value);
     },
     [](const Definition &definition) { return text_of(definition.is_canonical); }, true},
};

bool is_setting(const std::string &name)
{
    return name.starts_with(setting_prefix);
}

const Known *find_known(const std::string &name)
{
    for (const Known &known : known_options)
        if (name == known.name)
            return &known;
    return nullptr;
}

[[noreturn]] void refuse_unknown(const std::string &name)
{
    std::string valid;
    for (const char *option : names_for_users())
        valid += (valid.empty() ? "" : ", ") + std::string(option);
    raise({.sqlstate = ERRCODE_FDW_INVALID_OPTION_NAME,
           .message = "invalid option \"" + name + "\"",
           .hint = "Valid options of a stream table are: " + valid + "."});
}

void check_setting(const std::string &name)
{
    const std::string setting = name.substr(strlen(setting_prefix));
    if (std::none_of(std::begin(recorded_settings), std::end(recorded_settings),
                     [&](const char *recorded) { return pg_strcasecmp(recorded, setting.c_str()) == 0; }))
        raise({.sqlstate = ERRCODE_FDW_INVALID_OPTION_NAME,
               .message = "invalid option \"" + name + "\"",
               .detail = "The setting cannot be recorded: no expression depends on \"" + setting + "\"."});
}

} // namespace

std::string lower(std::string word)
{
    for (char &character : word)
        character = static_cast<char>(pg_ascii_tolower(static_cast<unsigned char>(character)));
    return word;
}

std::string as_sentence(std::string phrase)
{
    if (phrase.empty())
        return phrase;
    phrase[0] = static_cast<char>(toupper(static_cast<unsigned char>(phrase[0])));
    return phrase + ".";
}

std::vector<Option> from_list(List *def_elements)
{
    std::vector<Option> found;
    ListCell *cell;
    foreach (cell, def_elements) {
        auto *element = static_cast<DefElem *>(lfirst(cell));
        const char *value = call([=] { return element->arg == nullptr ? "" : defGetString(element); });
        found.push_back({element->defname, value});
    }
    return found;
}

bool is_internal(const std::string &name)
{
    const Known *known = find_known(name);
    return known != nullptr ? known->is_internal : is_setting(name);
}

std::vector<const char *> names_for_users()
{
    std::vector<const char *> names;
    for (const Known &known : known_options)
        if (!known.is_internal)
            names.push_back(known.name);
    return names;
}

std::string value_of(const Definition &definition, const std::string &name)
{
    return find_known(name)->read(definition);
}

bool is_same(const Option &option, const Definition &definition)
{
    Definition after;
    apply({option}, &after);
    return value_of(after, option.name) == value_of(definition, option.name);
}

void check_value(const std::string &name, const std::string &value)
{
    const Known *known = find_known(name);
    if (known != nullptr)
        known->check(name, value);
    else if (is_setting(name))
        check_setting(name);
    else
        refuse_unknown(name);
}

void check(const std::vector<Option> &options)
{
    bool has_query = false;
    for (size_t i = 0; i < options.size(); i++) {
        const Option &option = options[i];
        for (size_t j = 0; j < i; j++)
            if (options[j].name == option.name)
                raise({.sqlstate = ERRCODE_DUPLICATE_OBJECT,
                       .message = "option \"" + option.name + "\" provided more than once"});
        check_value(option.name, option.value);
        has_query |= option.name == "query";
    }
    if (!has_query)
        refuse("a stream table needs the option \"query\"", {}, "Add OPTIONS (query 'SELECT ...').");
}

RefreshMode parse_mode(const std::string &text)
{
    const std::string word = lower(text);
    for (RefreshMode mode : refresh_modes)
        if (word == lower(name_of(mode)))
            return mode;
    if (word == "incremental")
        return RefreshMode::differential;
    raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE,
           .message = "unknown refresh mode: " + text + ". Must be 'AUTO', 'FULL', 'DIFFERENTIAL', or 'IMMEDIATE'",
           .hint = "INCREMENTAL is another name of DIFFERENTIAL."});
}

const char *name_of(RefreshMode mode)
{
    return rules_of(mode).name;
}

bool is_too_short(const scheduler::Schedule &schedule)
{
    return schedule.shortest_interval_s(guc::min_schedule_seconds) < guc::min_schedule_seconds;
}

void check_interval(const scheduler::Schedule &schedule)
{
    if (is_too_short(schedule))
        raise({.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE,
               .message = "schedule must be at least " + std::to_string(guc::min_schedule_seconds) + "s",
               .detail = "The minimum is set by pg_trickle.min_schedule_seconds.",
               .hint = "Use a longer schedule, or 0s for a stream table that is always fresh on read."});
}

scheduler::Schedule schedule_in_force(const std::string &text, const std::string &tier, RefreshMode mode)
{
    std::string fault;
    scheduler::Schedule schedule = scheduler::parse_schedule(text, &fault).value_or(scheduler::Schedule{});
    if (rules_of(mode).is_immediate)
        schedule = scheduler::always_fresh();
    const std::string word = lower(tier);
    int multiple = word == "warm" ? 2 : word == "cold" ? 10 : 1;
    schedule.seconds *= multiple;
    if (schedule.kind == scheduler::Schedule::Kind::cron)
        schedule.every = multiple;
    return schedule;
}

void apply(const std::vector<Option> &options, Definition *definition)
{
    definition->schedule_text = "calculated";
    for (const auto &[name, value] : options) {
        if (const Known *known = find_known(name))
            known->apply(*definition, value);
        else if (is_setting(name))
            definition->settings.push_back({name.substr(strlen(setting_prefix)), value});
    }
    definition->schedule = schedule_in_force(definition->schedule_text, definition->tier, definition->mode);
    std::sort(definition->settings.begin(), definition->settings.end(),
              [](const Setting &a, const Setting &b) { return a.name < b.name; });
}

} // namespace pgtrickle::options
