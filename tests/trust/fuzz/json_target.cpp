// Documents and event lines from anywhere: what is taken is JSON by SQLite's judgement too, paths find what SQLite
// finds, and an event survives its line and its encoding.
#include "trust/fuzz/fuzz.hpp"

#include "engine/event_codec.hpp"
#include "engine/json/json.hpp"
#include "engine/sqlite/database.hpp"
#include "engine/time_text.hpp"
#include "engine/validate.hpp"

#include <weir/limits.hpp>

using namespace weir;
using namespace weir::fuzz;

namespace {

sqlite::Database& judge() {
  static auto database = sqlite::Database::open_in_memory();
  require(database.ok(), "SQLite opens");
  return *database;
}

struct LookUp {
  json::Path path;
  const char* sqlite;
};
const std::vector<LookUp> look_ups = {{{"a"}, "$.\"a\""},
                                      {{"b"}, "$.\"b\""},
                                      {{"a", "b"}, "$.\"a\".\"b\""},
                                      {{"b", "a"}, "$.\"b\".\"a\""},
                                      {{""}, "$.\"\""}};

std::string_view type_of(const json::Scalar& scalar) {
  switch (scalar.index()) {
  case 0: return "absent";
  case 1: return "null";
  case 2: return std::get<bool>(scalar) ? "true" : "false";
  case 3:
  case 4:
  case 5: return "number";
  case 6: return "text";
  default: return std::get<json::Composite>(scalar).text.front() == '{' ? "object" : "array";
  }
}

void check_paths(std::string_view document) {
  std::vector<json::Path> paths;
  for (const LookUp& each : look_ups)
    paths.push_back(each.path);
  std::vector<json::Scalar> found;
  require(json::find_paths(document, paths, found).ok(), "a valid document can be searched");
  // SQLite compares keys as they are spelled, so it can be asked only where none is escaped.
  if (document.find('\\') != std::string_view::npos)
    return;
  static auto type = judge().prepare("SELECT json_type(?1, ?2)");
  for (std::size_t i = 0; i < look_ups.size(); ++i) {
    if (look_ups[i].path == json::Path{""})
      continue; // SQLite does not look up an empty key
    type->bind(1, document).bind(2, std::string_view(look_ups[i].sqlite));
    const auto row = type->step();
    require(row.ok() && *row, "SQLite reads a valid document");
    std::string theirs(type->is_null(0) ? "absent" : type->text(0));
    if (theirs == "integer" || theirs == "real")
      theirs = "number";
    if (theirs != type_of(found[i]))
      broken(format("{} is {} for SQLite, {} for us", look_ups[i].sqlite, theirs, type_of(found[i])));
    type->reset();
  }
}

void check_document(std::string_view text) {
  const Status valid = json::validate_object(text, "payload");
  if (!valid) {
    require(valid.code() == Errc::invalid_argument || valid.code() == Errc::too_large, "a document is refused as such");
    std::vector<json::Scalar> found;
    const std::vector<json::Path> paths = {{"a"}, {"a", "b"}};
    const Status searched = json::find_paths(text, paths, found); // damaged in memory, say: anything but a crash
    require(searched.ok() || searched.code() == Errc::corruption, "a search of no document says corruption");
    return;
  }
  static auto is_json = judge().prepare("SELECT json_valid(?1)");
  is_json->bind(1, text);
  const auto row = is_json->step();
  require(row.ok() && *row && is_json->integer(0) == 1, "a valid document is JSON for SQLite, too");
  is_json->reset();
  check_paths(text);
}

bool same(const Event& a, const Event& b) {
  return a.context_id == b.context_id && a.event_type == b.event_type && a.payload == b.payload &&
         a.timestamp == b.timestamp && a.event_id == b.event_id && a.metadata == b.metadata;
}

void check_encoding(const Event& event) {
  std::string encoded;
  encode_call(event.context_id, {&event, 1}, encoded);
  const CallNumbers numbers{7, 300, Timestamp(std::chrono::microseconds(-5))};
  std::string call(numbered_call_bytes(encoded.size(), numbers), '\0');
  number_call(encoded, numbers, call.data());
  auto reader = CallReader::open(call);
  require(reader.ok() && reader->header().events == 1 && reader->header().context_id == event.context_id &&
              reader->header().first_sequence == 7 && reader->header().first_position == 300,
          "the header of a call is read back");
  EventView view;
  require(reader->next(view).ok(), "an event is read back");
  require(view.event_type == event.event_type && view.event_id == event.event_id && view.metadata == event.metadata &&
              view.payload == event.payload && view.timestamp == event.timestamp.value_or(numbers.recorded_at),
          "an event is read back as it was");
  const auto end = reader->next(view);
  require(end.ok() && !*end, "a call ends behind its events");
}

void check_line(std::string_view line) {
  auto parsed = json::parse_event_line(line);
  if (!parsed) {
    require(parsed.code() == Errc::invalid_argument || parsed.code() == Errc::too_large, "a line is refused as such");
    return;
  }
  Event event = std::move(*parsed);
  if (!validate_call(event.context_id, {&event, 1}, limits::payload_bytes_default_max))
    return;
  std::string again = R"({"payload":)" + event.payload + R"(,"context_id":)";
  json::append_string(again, event.context_id);
  again += R"(,"event_type":)";
  json::append_string(again, event.event_type);
  if (!event.event_id.empty()) {
    again += R"(,"event_id":)";
    json::append_string(again, event.event_id);
  }
  if (!event.metadata.empty())
    again += R"(,"metadata":)" + event.metadata;
  if (event.timestamp)
    again += R"(,"timestamp":")" + format_timestamp(*event.timestamp) + '"';
  auto reparsed = json::parse_event_line(again + "}");
  require(reparsed.ok() && same(*reparsed, event), "an event survives its line");
  check_document(event.payload);
  check_encoding(event);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(data, size);
  check_document(json::trim(text));
  check_line(text);
  return 0;
}
