#include <weir/event.hpp>

namespace weir {

std::string_view to_string(Durability durability) noexcept {
  switch (durability) {
  case Durability::buffered: return "buffered";
  case Durability::written: return "written";
  case Durability::synced: return "synced";
  }
  return "unknown";
}

void EventBatch::own_lent(std::size_t more) {
  const auto lent = std::exchange(lent_.events, {});
  events_.reserve(lent.size() + more);
  events_.assign(lent.begin(), lent.end());
}

} // namespace weir
