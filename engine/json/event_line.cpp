#include "engine/json/json.hpp"
#include "engine/json/sax.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"

#include <charconv>
#include <system_error>

namespace weir::json {

namespace {

using detail::Outcome;

enum class Field : unsigned {
  context_id,
  event_type,
  timestamp,
  event_id,
  metadata,
  payload,
  metadata_text,
  payload_text
};
constexpr std::string_view field_names[] = {"context_id", "event_type", "timestamp",     "event_id",
                                            "metadata",   "payload",    "metadata_text", "payload_text"};

/// Takes the members of the outermost object; what lies deeper is only checked for syntax and sliced.
class LineReader : public detail::Handler {
public:
  LineReader(std::string_view line, const detail::Input& input) : line_(line), input_(input) {}

  bool Null() { return scalar("null"); }
  bool Bool(bool) { return scalar("a boolean"); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ != 1 || field_ != Field::timestamp)
      return scalar("a number");
    return number({text, size});
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return depth_ == 1 ? string({text, size}) : scalar("a string");
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) { return depth_ > 1 || key({text, size}); }
  bool StartObject() {
    if (depth_ == 1 && field_ != Field::payload && field_ != Field::metadata)
      return scalar("an object");
    if (depth_++ == 1)
      start_ = input_.Tell();
    return true;
  }
  bool EndObject(rapidjson::SizeType) {
    if (--depth_ == 1)
      (field_ == Field::payload ? event_.payload : event_.metadata) = line_.substr(start_, input_.Tell() + 1 - start_);
    return true;
  }
  bool StartArray() {
    if (depth_ <= 1)
      return scalar("an array");
    ++depth_;
    return true;
  }
  bool EndArray(rapidjson::SizeType) {
    --depth_;
    return true;
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }

  Result<Event> take() {
    for (const Field field : {Field::context_id, Field::event_type, Field::payload})
      if (!seen(field) && !(field == Field::payload && seen(Field::payload_text)))
        return fail(Errc::invalid_argument, format("event line: the key \"{}\" is missing", name(field)));
    for (const auto& [object, text] :
         {std::pair(Field::payload, Field::payload_text), std::pair(Field::metadata, Field::metadata_text)})
      if (seen(object) && seen(text))
        return fail(Errc::invalid_argument,
                    format("event line: the keys \"{}\" and \"{}\" exclude each other", name(object), name(text)));
    return std::move(event_);
  }

private:
  static std::string_view name(Field field) { return field_names[static_cast<unsigned>(field)]; }
  static unsigned bit(Field field) { return 1u << static_cast<unsigned>(field); }
  [[nodiscard]] bool seen(Field field) const { return (seen_ & bit(field)) != 0; }

  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  /// A value that is welcome inside payload and metadata, and nowhere else.
  bool scalar(std::string_view found) {
    if (depth_ > 1)
      return true;
    if (depth_ == 0)
      return refuse(format("expected an object, found {}", found));
    const std::string_view wanted = field_ == Field::payload || field_ == Field::metadata ? "an object"
                                    : field_ == Field::timestamp ? "RFC 3339 text or an integer"
                                                                 : "a string";
    return refuse(format("the value of \"{}\" must be {}, not {}", name(field_), wanted, found));
  }

  bool key(std::string_view text) {
    for (unsigned i = 0; i < std::size(field_names); ++i)
      if (field_names[i] == text) {
        field_ = static_cast<Field>(i);
        if (seen(field_))
          return refuse(format("the key \"{}\" appears twice", text));
        seen_ |= bit(field_);
        return true;
      }
    return refuse(format("unknown key {}", detail::quoted(text)));
  }

  bool string(std::string_view text) {
    switch (field_) {
    case Field::context_id: event_.context_id = text; return true;
    case Field::event_type: event_.event_type = text; return true;
    case Field::event_id:
      // An empty id would silently mean "none", and the line would be stored again by the next import.
      if (text.empty())
        return refuse("the value of \"event_id\" is empty; leave the key out for none");
      if (!sabotaged(Sabotage::import_ignores_ids))
        event_.event_id = text;
      return true;
    case Field::timestamp: return time(parse_timestamp(text));
    case Field::metadata_text:
      // As with event_id: an empty text would silently mean "none".
      if (text.empty())
        return refuse("the value of \"metadata_text\" is empty; leave the key out for none");
      event_.metadata = text;
      return true;
    case Field::payload_text: event_.payload = text; return true;
    case Field::metadata:
    case Field::payload: break;
    }
    return scalar("a string");
  }

  bool number(std::string_view text) {
    std::int64_t ms;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
    if (error != std::errc{} || end != text.data() + text.size())
      return refuse("the value of \"timestamp\" must be an integer of milliseconds");
    return time(timestamp_from_ms(ms));
  }

  bool time(const Result<Timestamp>& parsed) {
    if (!parsed)
      return refuse(parsed.error().message);
    event_.timestamp = *parsed;
    return true;
  }

  std::string_view line_;
  const detail::Input& input_;
  Event event_;
  std::size_t depth_ = 0; // Containers that are open.
  Field field_ = Field::context_id;
  unsigned seen_ = 0;
  std::size_t start_ = 0;
  std::string problem_;
};

} // namespace

Result<Event> parse_event_line(std::string_view line) {
  detail::Input input(line);
  LineReader reader(line, input);
  const Outcome outcome = detail::parse(input, line.size(), reader);
  if (outcome.end == Outcome::End::complete)
    return reader.take();
  const bool malformed = outcome.end == Outcome::End::malformed;
  return fail(Errc::invalid_argument,
              format("event line: {}", malformed ? outcome.expected : std::string_view(reader.problem())),
              format("byte {}", outcome.offset));
}

} // namespace weir::json
