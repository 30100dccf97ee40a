#include "segments/content_hash.hpp"

#include "segments/bytes.hpp"

namespace weir::segments {

Hash128 content_hash(const EventView& event, std::string& scratch) {
  scratch.clear();
  append_integer(scratch, static_cast<std::uint32_t>(event.event_type.size()));
  append_integer(scratch, static_cast<std::uint32_t>(event.payload.size()));
  append_integer(scratch, static_cast<std::uint32_t>(event.metadata.size()));
  scratch += event.event_type;
  scratch += event.payload;
  scratch += event.metadata;
  return hash128(scratch, 0);
}

} // namespace weir::segments
