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

} // namespace weir
