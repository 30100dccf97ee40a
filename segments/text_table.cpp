#include "segments/text_table.hpp"

#include <algorithm>

namespace weir::segments {
namespace {

constexpr std::size_t slots_min = 64;

} // namespace

std::uint32_t TextTable::code_of(std::string_view text, std::uint64_t hash) {
  if (2 * (entries_.size() + 1) > slots_.size())
    grow();
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = static_cast<std::size_t>(hash) & mask;; at = (at + 1) & mask) {
    if (slots_[at] == 0) {
      slots_[at] = static_cast<std::uint32_t>(entries_.size() + 1);
      entries_.push_back({hash, static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(text.size())});
      bytes_ += text;
      return slots_[at] - 1;
    }
    const std::uint32_t code = slots_[at] - 1;
    if (entries_[code].hash == hash && this->text(code) == text)
      return code;
  }
}

void TextTable::grow() {
  slots_.assign(std::max(slots_min, 2 * slots_.size()), 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t code = 0; code < entries_.size(); ++code) {
    std::size_t at = static_cast<std::size_t>(entries_[code].hash) & mask;
    while (slots_[at] != 0)
      at = (at + 1) & mask;
    slots_[at] = static_cast<std::uint32_t>(code + 1);
  }
}

void TextTable::clear() noexcept {
  std::fill(slots_.begin(), slots_.end(), 0);
  entries_.clear();
  bytes_.clear();
}

} // namespace weir::segments
