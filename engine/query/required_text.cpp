#include "engine/query/required_text.hpp"

#include "engine/sabotage.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::query {
namespace {

/// Looking for more texts than this costs as much as parsing.
constexpr std::size_t texts_max = 4;

bool holds_text(std::string_view payload, std::string_view text) noexcept {
  return memmem(payload.data(), payload.size(), text.data(), text.size()) != nullptr;
}

} // namespace

RequiredText::RequiredText(const Predicate& predicate, const FieldTable& fields, std::size_t step) {
  for (const Predicate::Node& term : predicate.root().terms) {
    if (is_tree(term.kind))
      continue;
    const Leaf& leaf = predicate.leaves()[term.leaf];
    if (!leaf.is_simple())
      continue;
    const FieldTable::Field& field = fields[leaf.slot()];
    if (field.step != step || field.core != Core::payload || !field.has_path)
      continue;
    auto texts = leaf.required_texts();
    if (!texts.empty() && texts.size() <= texts_max)
      demands_.push_back(std::move(texts));
  }
}

bool RequiredText::may_match(std::string_view payload) const noexcept {
  if (demands_.empty())
    return true;
  const auto holds = [payload](std::string_view text) { return holds_text(payload, text); };
  const bool all = std::all_of(demands_.begin(), demands_.end(), [&](const std::vector<std::string_view>& texts) {
    return std::any_of(texts.begin(), texts.end(), holds);
  });
  // JSON may write any character of a text in another way, and has to write some so, but none without a backslash.
  return all || (payload.find('\\') != std::string_view::npos && !sabotaged(Sabotage::required_text_forgets_escapes));
}

} // namespace weir::query
