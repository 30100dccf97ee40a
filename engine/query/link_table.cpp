#include "engine/query/link_table.hpp"

#include <algorithm>
#include <cstring>

namespace weir::query {

LinkTable::Entry LinkTable::number_of(std::string_view link, std::uint64_t hash) {
  if (4 * size_ >= 3 * slots_.size())
    grow();
  const auto lower = static_cast<std::uint32_t>(hash);
  for (std::size_t at = first_slot(hash);; at = (at + 1) & (slots_.size() - 1)) {
    Slot& slot = slots_[at];
    if (slot.number == Slot::none) {
      slot = {links_.size(), lower, static_cast<std::uint32_t>(size_++)};
      const Head head{static_cast<std::uint32_t>(link.size()), 0};
      links_.append(reinterpret_cast<const char*>(&head), sizeof head);
      links_.append(link);
      return {slot.number, true, slot.place};
    }
    std::size_t place = slot.place;
    if (slot.hash == lower && next(place).value == link)
      return {slot.number, false, slot.place};
  }
}

void LinkTable::add_events(std::size_t place, std::uint32_t count) noexcept {
  Head head;
  std::memcpy(&head, links_.data() + place, sizeof head);
  head.events += count;
  std::memcpy(links_.data() + place, &head, sizeof head);
}

LinkTable::Link LinkTable::next(std::size_t& place) const noexcept {
  Head head;
  std::memcpy(&head, links_.data() + place, sizeof head);
  const std::string_view value(links_.data() + place + sizeof head, head.bytes);
  place += sizeof head + head.bytes;
  return {value, head.events};
}

std::uint64_t LinkTable::bytes_of(std::string_view link) noexcept {
  return 2 * (sizeof(Slot) + sizeof(Head) + link.size()); // twice: what an array has room for beside
}

void LinkTable::grow() {
  constexpr std::size_t slots_min = 16;
  std::vector<Slot> before(std::max(slots_min, 2 * slots_.size()));
  before.swap(slots_);
  for (const Slot& slot : before) {
    if (slot.number == Slot::none)
      continue;
    std::size_t at = first_slot(slot.hash);
    while (slots_[at].number != Slot::none)
      at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

} // namespace weir::query
