#include "setup/maintenance.hpp"

#include "definition/query/query.hpp"
#include "setup/capture_objection.hpp"
#include "setup/full_refresh_sources.hpp"
#include "translate/check/refusal.hpp"

namespace pgtrickle::setup {

namespace {

void note_full_refreshes(const std::string &name, const engine::Objection &objection)
{
    bool is_news = !objection.hint.empty() && objection.hint != translate::use_full;
    call([&] {
        ereport(NOTICE, (errmsg("stream table \"%s\" will be maintained by full refreshes: %s", name.c_str(),
                                objection.construct.c_str()),
                         errdetail("%s", objection.why.c_str()), is_news ? errhint("%s", objection.hint.c_str()) : 0));
    });
}

/* Returns the sources of a query that has a program. It is maintained by deltas only if all sources may be
 * captured. */
std::vector<translate::SourceRef> sources_of_program(const std::string &name, translate::Translation &translation,
                                                     RefreshMode mode, Oid owner, DeniedCapture denied)
{
    std::vector<translate::SourceRef> sources = std::move(translation.sources);
    set_captured(sources, owner);
    std::optional<translate::Objection> objection = capture_objection(sources, owner);
    if (!objection || denied == DeniedCapture::is_accepted)
        return sources;
    if (!rules_of(mode).may_fall_back && denied == DeniedCapture::is_refused)
        raise_denied_capture(*objection);
    note_full_refreshes(name, *objection);
    return sources;
}

std::vector<translate::SourceRef> sources_without_program(const Query *query, const std::string &text, Oid owner)
{
    std::vector<translate::SourceRef> sources = sources_of_full_refresh(query, text);
    set_captured(sources, owner);
    return sources;
}

} // namespace

std::vector<translate::SourceRef> plan_maintenance(const std::string &name, const Query *query, const std::string &text,
                                                   RefreshMode mode, Oid owner, DeniedCapture denied)
{
    definition::TransposedPositions transposed(text);
    if (!rules_of(mode).may_use_deltas)
        return sources_without_program(query, text, owner);
    auto translated = translate::translate(query, owner);
    if (auto *translation = std::get_if<translate::Translation>(&translated))
        return sources_of_program(name, *translation, mode, owner, denied);
    const translate::Objection &objection = std::get<translate::Objection>(translated);
    if (!rules_of(mode).may_fall_back)
        translate::raise_objection(objection, text.empty() ? nullptr : text.c_str());
    /* This comes before the notice, because a source that cannot be captured is an error in AUTO mode too. */
    std::vector<translate::SourceRef> sources = sources_without_program(query, text, owner);
    note_full_refreshes(name, objection);
    return sources;
}

} // namespace pgtrickle::setup
