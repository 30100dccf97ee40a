#include "engine/views/view_book.hpp"

#include "engine/query/text_pieces.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <weir/limits.hpp>

#include <utility>

namespace weir {

Status ViewBook::load(std::span<const ViewRecord> records) {
  for (const ViewRecord& record : records) {
    auto query = parse_query(record.query);
    if (!query || to_text(*query) != record.query)
      return fail(Errc::corruption,
                  query ? "the query is not as it is written" : "the query cannot be read: " + query.error().message,
                  format("catalog: view '{}'", record.name));
    add(record.name, *std::move(query));
  }
  return {};
}

Status ViewBook::check(std::string_view name, const Query& query, bool& known) const {
  known = false;
  WEIR_TRY(validate_name("name", name, limits::view_name_bytes_max));
  WEIR_TRY(query.validate());
  if (query.is_sequence())
    return fail(Errc::unsupported,
                "a sequence cannot be remembered: what comes may be part of a match that began earlier");
  const std::string text = query::text_of(query, limits::query_text_bytes_max);
  if (text.size() > limits::query_text_bytes_max)
    return fail(Errc::too_large, format("as text the query has more than {} bytes, and as text it is remembered",
                                        limits::query_text_bytes_max));
  const std::lock_guard lock(mutex_);
  const auto found = views_.find(name);
  known = found != views_.end() && found->second.text == text;
  if (found != views_.end() && !known)
    return fail(Errc::invalid_argument, format("'{}' is another query: {}", name, found->second.text), "name");
  if (!known && views_.size() >= limits::views_max)
    return fail(Errc::too_large, format("{} views are remembered, more are not", limits::views_max));
  return {};
}

void ViewBook::add(const std::string& name, Query query) {
  View view{std::move(query), {}, {}};
  view.text = to_text(view.query);
  const std::lock_guard lock(mutex_);
  views_.insert_or_assign(name, std::move(view));
}

bool ViewBook::remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = views_.find(name);
  if (found == views_.end())
    return false;
  views_.erase(found);
  return true;
}

Result<ViewBook::View> ViewBook::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = views_.find(name);
  if (found == views_.end())
    return fail(Errc::not_found, format("no query is remembered as '{}'", name), "name");
  return found->second;
}

void ViewBook::keep(std::string_view name, const std::string& text, std::shared_ptr<const ViewState> state) {
  const std::lock_guard lock(mutex_);
  const auto found = views_.find(name);
  if (found == views_.end() || found->second.text != text)
    return;
  std::shared_ptr<const ViewState>& kept = found->second.state;
  if (kept == nullptr || kept->older_than(*state))
    std::swap(kept, state); // what was kept is freed by the caller, perhaps, but not under the lock
}

std::vector<RememberedQuery> ViewBook::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<RememberedQuery> all;
  all.reserve(views_.size());
  for (const auto& [name, view] : views_)
    all.push_back({name, view.text});
  return all;
}

} // namespace weir
