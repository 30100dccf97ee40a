#include "segments/text_table.hpp"

#include "engine/hash.hpp"

#include <algorithm>

namespace weir::segments {
namespace {

constexpr std::size_t slots_min = 64;

} // namespace

TextTable::Key TextTable::key_of_long(std::string_view text) noexcept {
  const Hash128 hash = hash128(text, 0);
  return {hash.low, hash.high};
}

std::uint32_t TextTable::add(std::string_view text, const Key& key) {
  if (2 * (entries_.size() + 1) > slots_.size())
    grow();
  const auto code = static_cast<std::uint32_t>(entries_.size());
  entries_.push_back({static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(text.size()), key});
  bytes_ += text;
  put(code);
  return code;
}

/// Into the first free place.
void TextTable::put(std::uint32_t code) noexcept {
  const std::size_t mask = slots_.size() - 1;
  const Entry& entry = entries_[code];
  std::size_t at = place_of(entry.key) & mask;
  while (slots_[at].size != 0)
    at = (at + 1) & mask;
  slots_[at] = {entry.key, code, entry.size + 1};
}

void TextTable::grow() {
  slots_.assign(std::max(slots_min, 2 * slots_.size()), Slot{});
  for (std::uint32_t code = 0; code < entries_.size(); ++code)
    put(code);
}

void TextTable::clear() noexcept {
  std::fill(slots_.begin(), slots_.end(), Slot{});
  entries_.clear();
  bytes_.clear();
}

} // namespace weir::segments
