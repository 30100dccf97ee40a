// Encoded calls from anywhere: what is taken is taken whole, and encoding it again gives the same bytes.
#include "trust/fuzz/fuzz.hpp"

#include "engine/event_codec.hpp"

using namespace weir;
using namespace weir::fuzz;

namespace {

/// A record of several calls is exactly these calls, each of which is read by itself.
void split(std::string_view record) {
  std::vector<std::string_view> calls;
  if (const Status split = split_record(record, calls); !split) {
    require(split.code() == Errc::corruption, "bytes that are no record are corruption");
    return;
  }
  require(!calls.empty() && (calls.size() == 1) == !has_several_calls(record), "a record has the calls that it says");
  std::size_t bytes = 0;
  for (const std::string_view call : calls) {
    require(calls.size() == 1 || (!call.empty() && !has_several_calls(call)), "a call in a record is one call");
    bytes += call.size();
  }
  require(bytes <= record.size(), "the calls of a record are inside it");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view call = text_of(data, size);
  split(call);
  auto reader = CallReader::open(call);
  if (!reader) {
    require(reader.code() == Errc::corruption, "bytes that are no call are corruption");
    return 0;
  }
  const CallHeader header = reader->header();
  std::vector<Event> events;
  std::size_t bytes = 0;
  while (true) {
    EventView view;
    const auto next = reader->next(view);
    if (!next) {
      require(next.code() == Errc::corruption, "bytes that are no event are corruption");
      return 0;
    }
    if (!*next)
      break;
    require(view.sequence == header.first_sequence + events.size() &&
                view.position == header.first_position + events.size() && view.context_id == header.context_id,
            "events of a call are numbered one after the other");
    bytes += view.payload.size() + view.metadata.size() + view.event_id.size() + view.event_type.size();
    events.push_back({std::string(view.context_id), std::string(view.event_type), std::string(view.payload),
                      view.timestamp == header.recorded_at ? std::nullopt : std::optional(view.timestamp),
                      std::string(view.event_id), std::string(view.metadata)});
  }
  require(events.size() == header.events && bytes <= call.size(), "a call holds what it says");
  std::string encoded;
  if (header.events == 0)
    encode_removal(header.context_id, header.first_live, header.closes, encoded);
  else
    encode_call(header.context_id, events, encoded);
  const CallNumbers numbers{header.first_sequence, header.first_position, header.recorded_at};
  std::string again(numbered_call_bytes(encoded.size(), numbers), '\0');
  number_call(encoded, numbers, again.data());
  // The one choice there is: a timestamp equal to recorded_at may be written or left out.
  require(again.size() <= call.size(), "a call encoded again is no longer");
  auto reread = CallReader::open(again);
  require(reread.ok() && reread->header().events == header.events, "a call encoded again is read");
  if (again.size() == call.size())
    require(again == call, "a call has one encoding");
  return 0;
}
