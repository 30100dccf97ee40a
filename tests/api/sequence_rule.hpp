// The rule of sequences in docs/query-language.md, word by word, over a list of what was stored.
//
// Threading: plain values.
#pragma once

#include <weir/event.hpp>
#include <weir/query_result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::test {

using Rows = std::vector<std::vector<Value>>;

/// What was stored, and what became of it.
struct Fact {
  std::string context;
  std::string type;
  Timestamp at{};
  std::optional<std::int64_t> order; ///< None: the payload has none.
  std::int64_t amount = 0;
  Sequence sequence = 0;
  Position position = 0;
};
using Facts = std::vector<Fact>; ///< By position.
using Matched = std::vector<const Fact*>;

/// A sequence as the test's own matcher takes it.
struct Asked {
  std::vector<std::string> types;
  /// Nothing: does not link.
  std::function<std::optional<std::string>(const Fact&)> link;
  /// Whether the match so far may go on with its last event.
  std::function<bool(const Matched&)> fits = [](const Matched&) { return true; };
};

[[nodiscard]] inline std::optional<std::string> by_order(const Fact& fact) {
  return fact.order ? std::optional(std::to_string(*fact.order)) : std::nullopt;
}
[[nodiscard]] inline std::optional<std::string> by_context(const Fact& fact) {
  return fact.context;
}

/// The match that begins with `all[begin]`, if there is one: each further step takes the first later event that fits.
[[nodiscard]] inline std::optional<Matched> match_from(const Asked& asked, const Matched& all, std::size_t begin,
                                                       std::size_t& end) {
  Matched match;
  for (end = begin; end < all.size() && match.size() < asked.types.size(); ++end) {
    if (all[end]->type == asked.types[match.size()]) {
      match.push_back(all[end]);
      if (!asked.fits(match))
        match.pop_back();
    }
    if (match.empty())
      return std::nullopt;
  }
  return match.size() == asked.types.size() ? std::optional(std::move(match)) : std::nullopt;
}

[[nodiscard]] inline std::vector<Matched> matches(const Asked& asked, const Facts& facts) {
  std::map<std::string, Matched> linked;
  for (const Fact& fact : facts) {
    if (const auto link = asked.link(fact))
      linked[*link].push_back(&fact);
  }
  std::vector<Matched> found;
  for (const auto& [link, all] : linked) {
    std::size_t end = 0;
    for (std::size_t begin = 0; begin < all.size();) {
      if (auto match = match_from(asked, all, begin, end)) {
        found.push_back(*std::move(match));
        begin = end;
      } else {
        ++begin;
      }
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Matched& a, const Matched& b) { return a.front()->position < b.front()->position; });
  return found;
}

/// As `RETURN <each step>.position`.
[[nodiscard]] inline Rows positions(const std::vector<Matched>& found) {
  Rows rows;
  for (const Matched& match : found) {
    auto& row = rows.emplace_back();
    for (const Fact* fact : match)
      row.emplace_back(fact->position);
  }
  return rows;
}

} // namespace weir::test
