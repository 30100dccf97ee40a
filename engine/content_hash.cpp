#include "engine/content_hash.hpp"

#include "engine/sabotage.hpp"
#include "engine/stub.hpp"

#include <cstdint>
#include <cstring>

namespace weir {

namespace {

void append_length(std::string& out, std::string_view text) {
  const auto length = static_cast<std::uint32_t>(text.size());
  char bytes[sizeof length];
  std::memcpy(bytes, &length, sizeof length);
  out.append(bytes, sizeof bytes);
}

} // namespace

Hash128 content_hash(const EventView& event, std::string& scratch) {
  if (sabotaged(Sabotage::ignore_event_content))
    return {};
  if (is_stub(event))
    return content_of(event.payload);
  scratch.clear();
  append_length(scratch, event.event_type);
  append_length(scratch, event.payload);
  append_length(scratch, event.metadata);
  scratch += event.event_type;
  scratch += event.payload;
  scratch += event.metadata;
  return hash128(scratch, 0);
}

} // namespace weir
