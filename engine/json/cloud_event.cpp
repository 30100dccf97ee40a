#include "engine/json/json.hpp"
#include "engine/json/sax.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"

#include <algorithm>
#include <optional>

namespace weir::json {

namespace {

using detail::Outcome;

/// One member of the outermost object.
struct Member {
  enum class Kind : std::uint8_t { string, object, other };
  std::string key;
  Kind kind = Kind::other;
  std::string text; ///< A string's content; else the value as JSON.
};

/// Splits the outermost object into its members; what lies deeper is only checked for syntax and sliced.
class Splitter : public detail::Handler {
public:
  Splitter(std::string_view line, const detail::Input& input) : line_(line), input_(input) {}

  bool Null() { return scalar(Member::Kind::other, "null"); }
  bool Bool(bool value) { return scalar(Member::Kind::other, value ? "true" : "false"); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return scalar(Member::Kind::other, {text, size}); }
  bool String(const char* text, rapidjson::SizeType size, bool) { return scalar(Member::Kind::string, {text, size}); }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ > 1)
      return true;
    const std::string_view key(text, size);
    if (std::any_of(members_.begin(), members_.end(), [key](const Member& each) { return each.key == key; })) {
      problem_ = format("the attribute {} appears twice", detail::quoted(key));
      return false;
    }
    members_.push_back({std::string(key), Member::Kind::other, {}});
    return true;
  }
  bool StartObject() { return start(); }
  bool EndObject(rapidjson::SizeType) { return end(Member::Kind::object); }
  bool StartArray() { return depth_ == 0 ? not_an_object() : start(); }
  bool EndArray(rapidjson::SizeType) { return end(Member::Kind::other); }

  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] std::vector<Member> take() { return std::move(members_); }

private:
  bool not_an_object() {
    problem_ = "expected an object";
    return false;
  }
  bool scalar(Member::Kind kind, std::string_view text) {
    if (depth_ == 0)
      return not_an_object();
    if (depth_ == 1) {
      members_.back().kind = kind;
      members_.back().text = text;
    }
    return true;
  }
  bool start() {
    if (depth_++ == 1)
      start_ = input_.Tell();
    return true;
  }
  bool end(Member::Kind kind) {
    if (--depth_ == 1) {
      members_.back().kind = kind;
      members_.back().text = line_.substr(start_, input_.Tell() + 1 - start_);
    }
    return true;
  }

  std::string_view line_;
  const detail::Input& input_;
  std::vector<Member> members_;
  std::size_t depth_ = 0; // Containers that are open.
  std::size_t start_ = 0;
  std::string problem_;
};

Error refuse(std::string problem, Errc code = Errc::invalid_argument) {
  return fail(code, format("event line: {}", problem));
}

// The attributes of CloudEvents 1.0 that have a place in an event, then those of our own.
constexpr std::string_view specversion_name = "specversion", id_name = "id", source_name = "source", type_name = "type",
                           subject_name = "subject", time_name = "time", data_name = "data",
                           data_type_name = "datacontenttype", data_base64_name = "data_base64";
constexpr std::string_view export_name = "weirexport", sequence_name = "sequence", position_name = "position",
                           recorded_at_name = "recordedat", metadata_name = "metadata",
                           id_generated_name = "idgenerated", data_text_name = "datatext";
constexpr std::string_view data_type = "application/json";

class Attributes {
public:
  explicit Attributes(std::vector<Member> members) : members_(std::move(members)) {}

  [[nodiscard]] Member* find(std::string_view key) {
    const auto found =
        std::find_if(members_.begin(), members_.end(), [key](const Member& each) { return each.key == key; });
    return found == members_.end() ? nullptr : &*found;
  }
  /// Moves the text of the string attribute `key` to `out`. One that is not there is fine unless `needed`.
  Status take(std::string_view key, bool needed, std::string& out) {
    Member* const member = find(key);
    if (member == nullptr)
      return needed ? Status(refuse(format("the attribute \"{}\" is missing", key))) : Status();
    if (member->kind != Member::Kind::string || member->text.empty())
      return refuse(format("the value of \"{}\" must be a string that is not empty", key));
    out = std::move(member->text);
    member->text.clear();
    return {};
  }
  [[nodiscard]] const std::vector<Member>& all() const { return members_; }

private:
  std::vector<Member> members_;
};

/// What has a place neither in an event nor in what we write ourselves: as an object, or nothing.
std::string without_place(const Attributes& attributes) {
  std::string object;
  for (const Member& each : attributes.all()) {
    const std::string_view key = each.key;
    if (key == specversion_name || key == id_name || key == type_name || key == subject_name || key == time_name ||
        key == data_name)
      continue;
    object += object.empty() ? '{' : ',';
    append_string(object, key);
    object += ':';
    if (each.kind == Member::Kind::string)
      append_string(object, each.text);
    else
      object += each.text;
  }
  if (!object.empty())
    object += '}';
  return object;
}

Status take_data(Attributes& attributes, std::string& payload) {
  if (attributes.find(data_base64_name) != nullptr)
    return refuse("binary data (data_base64) has no place in a payload", Errc::unsupported);
  Member* const data = attributes.find(data_name);
  if (data == nullptr) {
    payload = "{}";
    return {};
  }
  if (data->kind != Member::Kind::object)
    return refuse("the value of \"data\" must be an object", Errc::unsupported);
  payload = std::move(data->text);
  return {};
}

bool has_line_break(std::string_view text) {
  return text.find_first_of("\r\n") != std::string_view::npos;
}

/// `json` in one line: outside of strings a line break is white space, inside there is none.
void append_in_one_line(std::string& out, std::string_view json) {
  const auto begin = static_cast<std::ptrdiff_t>(out.size());
  out += json;
  std::replace_if(
      out.begin() + begin, out.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
}

void append_member(std::string& out, std::string_view key, std::string_view text) {
  out += '"';
  out += key;
  out += "\":";
  append_string(out, text);
  out += ',';
}

void append_time(std::string& out, std::string_view key, Timestamp time) {
  out += '"';
  out += key;
  out += "\":\"";
  append_timestamp(out, time);
  out += "\",";
}

/// `json` as the member `name`, or, where that would not be the same bytes in one line, as the string `name`_text.
void append_document(std::string& out, std::string_view name, std::string_view json) {
  out += '"';
  out += name;
  if (has_line_break(json)) {
    out += "_text\":";
    append_string(out, json);
  } else {
    out += "\":";
    out += json;
  }
}

} // namespace

Result<Event> parse_cloud_event(std::string_view line) {
  detail::Input input(line);
  Splitter splitter(line, input);
  if (const Outcome outcome = detail::parse(input, line.size(), splitter); outcome.end != Outcome::End::complete) {
    const bool malformed = outcome.end == Outcome::End::malformed;
    return fail(Errc::invalid_argument,
                format("event line: {}", malformed ? outcome.expected : std::string_view(splitter.problem())),
                format("byte {}", outcome.offset));
  }
  Attributes attributes(splitter.take());
  std::string version, time, id;
  WEIR_TRY(attributes.take(specversion_name, true, version));
  if (version != "1.0")
    return refuse(format("CloudEvents {} is not known, only 1.0", detail::quoted(version)), Errc::unsupported);
  Event event;
  WEIR_TRY(attributes.take(id_name, true, id));
  WEIR_TRY(attributes.take(type_name, true, event.event_type));
  WEIR_TRY(attributes.take(subject_name, true, event.context_id));
  WEIR_TRY(attributes.take(time_name, false, time));
  WEIR_TRY(take_data(attributes, event.payload));
  if (!time.empty()) {
    const auto parsed = parse_timestamp(time);
    if (!parsed)
      return refuse(parsed.error().message);
    event.timestamp = *parsed;
  }
  if (attributes.find(export_name) == nullptr) {
    event.event_id = std::move(id);
    event.metadata = without_place(attributes);
    return event;
  }
  const Member* const generated = attributes.find(id_generated_name);
  if (generated == nullptr || generated->text != "true")
    event.event_id = std::move(id);
  WEIR_TRY(attributes.take(metadata_name, false, event.metadata));
  WEIR_TRY(attributes.take(data_text_name, false, event.payload));
  return event;
}

bool is_cloud_event(std::string_view line) {
  const Path path[] = {{std::string(specversion_name)}};
  std::vector<Scalar> found;
  return find_paths(line, path, found).ok() && !std::holds_alternative<Absent>(found.front());
}

void append_event_line(std::string& out, const EventView& event) {
  out += '{';
  append_member(out, "context_id", event.context_id);
  append_member(out, "event_type", event.event_type);
  append_time(out, "timestamp", event.timestamp);
  if (!event.event_id.empty())
    append_member(out, "event_id", event.event_id);
  if (!event.metadata.empty()) {
    append_document(out, "metadata", event.metadata);
    out += ',';
  }
  append_document(out, "payload", event.payload);
  out += '}';
}

void append_cloud_event(std::string& out, const EventView& event, std::string_view source) {
  out += '{';
  append_member(out, specversion_name, "1.0");
  append_member(out, id_name,
                event.event_id.empty() ? format("{}/{}", event.context_id, event.sequence)
                                       : std::string(event.event_id));
  append_member(out, source_name, source);
  append_member(out, type_name, event.event_type);
  append_member(out, subject_name, event.context_id);
  append_time(out, time_name, event.timestamp);
  append_member(out, data_type_name, data_type);
  append_member(out, export_name, "1");
  // Sequences compare as text there, and integers have 32 bits only.
  append_member(out, sequence_name, format("{:020}", event.sequence));
  append_member(out, position_name, format("{:020}", event.position));
  append_time(out, recorded_at_name, event.recorded_at);
  if (event.event_id.empty())
    out += "\"idgenerated\":true,";
  if (!event.metadata.empty())
    append_member(out, metadata_name, event.metadata); // attributes hold no objects
  if (has_line_break(event.payload))
    append_member(out, data_text_name, event.payload);
  out += '"';
  out += data_name;
  out += "\":";
  append_in_one_line(out, event.payload);
  out += '}';
}

} // namespace weir::json
