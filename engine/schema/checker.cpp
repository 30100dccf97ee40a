#include "engine/schema/checker.hpp"

#include "engine/json/walk.hpp"
#include "engine/query/text_position.hpp"
#include "engine/sabotage.hpp"
#include "engine/schema/path.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"
#include "engine/validate.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>

namespace weir::schema {

namespace {

using Fields = std::vector<SchemaField>;

template <class Integer> bool is_integer(std::string_view text) {
  Integer value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// Milliseconds of a year that a timestamp may have.
bool is_time(std::string_view number) {
  std::int64_t value;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  return error == std::errc() && end == number.data() + number.size() && timestamp_from_ms(value).ok();
}

bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-')
    return false;
  const auto number = [&](std::size_t from, std::size_t digits) {
    unsigned value = 0;
    for (const char c : text.substr(from, digits)) {
      if (c < '0' || c > '9')
        return 0U; // no year, month or day
      value = 10 * value + static_cast<unsigned>(c - '0');
    }
    return value;
  };
  const unsigned year = number(0, 4);
  return year >= static_cast<unsigned>(limits::year_min) &&
         std::chrono::year_month_day{std::chrono::year{static_cast<int>(year)}, std::chrono::month{number(5, 2)},
                                     std::chrono::day{number(8, 2)}}
             .ok();
}

/// An object or array that is open and has a schema. Not initialised: there is room for the deepest schema, and few
/// payloads use much of it.
struct Frame {
  const Fields* fields; ///< Of an object; null: an array.
  bool open;
  const FieldType* element;   ///< Of an array.
  std::uint64_t elements;     ///< Begun so far.
  const SchemaField* current; ///< The member that the last key named; null: one the schema does not know.
  std::size_t next;           ///< Members mostly come in the schema's order: where to look first.
  std::array<std::uint64_t, limits::schema_fields_max / 64> seen;
};

class Checker final : public json::Visitor {
public:
  explicit Checker(const Schema& schema) : schema_(schema) {}

  bool null() override {
    if (skipped_ != 0 || is_optional())
      return true;
    const FieldType* const type = next_value();
    return type == nullptr || mismatch(*type, "null");
  }
  bool boolean(bool value) override {
    const FieldType* const type = next_value();
    return type == nullptr || type->kind == FieldKind::bool_ || mismatch(*type, value ? "true" : "false");
  }
  bool number(std::string_view text) override {
    const FieldType* const type = next_value();
    if (type == nullptr)
      return true;
    switch (type->kind) {
    case FieldKind::int64: return is_integer<std::int64_t>(text) || mismatch(*type, text);
    case FieldKind::uint64: return is_integer<std::uint64_t>(text) || mismatch(*type, text);
    case FieldKind::double_: return true;
    case FieldKind::timestamp: return is_time(text) || mismatch(*type, text);
    default: return mismatch(*type, text);
    }
  }
  bool string(std::string_view text) override {
    const FieldType* const type = next_value();
    if (type == nullptr)
      return true;
    switch (type->kind) {
    case FieldKind::string: return true;
    case FieldKind::enum_:
      return std::find(type->variants.begin(), type->variants.end(), text) != type->variants.end() ||
             mismatch(*type, quoted(text));
    case FieldKind::date: return is_date(text) || mismatch(*type, quoted(text));
    case FieldKind::timestamp: return parse_timestamp(text).ok() || mismatch(*type, quoted(text));
    default: return mismatch(*type, "a string");
    }
  }

  bool key(std::string_view name) override {
    if (skipped_ != 0)
      return true;
    Frame& frame = top();
    const Fields& fields = *frame.fields;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const std::size_t at = (frame.next + i) % fields.size();
      if (fields[at].name != name)
        continue;
      frame.current = &fields[at];
      frame.next = at + 1;
      frame.seen[at / 64] |= std::uint64_t{1} << (at % 64);
      return true;
    }
    frame.current = nullptr;
    return frame.open || sabotaged(Sabotage::ignore_unknown_fields) || violation("no field of the schema", name);
  }

  bool begin_object() override {
    if (depth_ == 0)
      return push(&schema_.fields, schema_.open, nullptr);
    const FieldType* const type = next_value();
    if (type == nullptr)
      return skip();
    return type->kind == FieldKind::object ? push(&type->fields, type->open, nullptr) : mismatch(*type, "an object");
  }
  bool end_object() override {
    if (skipped_ != 0)
      return unskip();
    const Frame& frame = top();
    for (std::size_t i = 0; i < frame.fields->size(); ++i)
      if (!(*frame.fields)[i].optional && (frame.seen[i / 64] >> (i % 64) & 1) == 0)
        return violation("a required field is missing", (*frame.fields)[i].name);
    --depth_;
    return true;
  }
  bool begin_array() override {
    const FieldType* const type = next_value();
    if (type == nullptr)
      return skip();
    return type->kind == FieldKind::array ? push(nullptr, false, &type->element.front()) : mismatch(*type, "an array");
  }
  bool end_array() override {
    if (skipped_ != 0)
      return unskip();
    --depth_;
    return true;
  }

  [[nodiscard]] const std::string& what() const { return what_; }
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  Frame& top() { return frames_[depth_ - 1]; }

  bool push(const Fields* fields, bool open, const FieldType* element) {
    Frame& frame = frames_[depth_++];
    frame.fields = fields;
    frame.open = open;
    frame.element = element;
    frame.elements = 0;
    frame.current = nullptr;
    frame.next = 0;
    frame.seen.fill(0);
    return true;
  }

  /// What the value that begins here has to be; null: anything.
  const FieldType* next_value() {
    if (skipped_ != 0)
      return nullptr;
    Frame& frame = top();
    if (frame.fields == nullptr) {
      ++frame.elements;
      return frame.element;
    }
    return frame.current == nullptr ? nullptr : &frame.current->type;
  }
  bool is_optional() {
    const Frame& frame = top();
    return frame.fields != nullptr && frame.current != nullptr && frame.current->optional;
  }

  bool skip() {
    ++skipped_;
    return true;
  }
  bool unskip() {
    --skipped_;
    return true;
  }

  /// Foreign text for a message: it must not garble a terminal or a log.
  static std::string shown(std::string_view text) {
    std::string out = query::shortened(text);
    std::replace_if(
        out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
    return out;
  }
  static std::string quoted(std::string_view text) { return format("'{}'", shown(text)); }

  bool mismatch(const FieldType& type, std::string_view found) {
    std::string expected(to_string(type.kind));
    if (type.kind == FieldKind::enum_) {
      constexpr std::size_t shown_max = 8;
      for (std::size_t i = 0; i < std::min(type.variants.size(), shown_max); ++i)
        expected += format("{}'{}'", i == 0 ? " of " : ", ", type.variants[i]);
      if (type.variants.size() > shown_max)
        expected += format(" and {} more", type.variants.size() - shown_max);
    }
    return violation(format("expected {}, found {}", expected, found), std::nullopt);
  }

  /// `member`: of the innermost object; without it the place is the value that begins here.
  bool violation(std::string what, std::optional<std::string_view> member) {
    what_ = std::move(what);
    path_ = "payload";
    for (std::size_t i = 0; i < depth_; ++i) {
      const Frame& frame = frames_[i];
      if (member && i + 1 == depth_)
        append_member(path_, shown(*member));
      else if (frame.fields == nullptr)
        path_ += format("[{}]", frame.elements - 1);
      else
        append_member(path_, frame.current->name);
    }
    return false;
  }

  const Schema& schema_;
  std::size_t depth_ = 0;   // frames in use
  std::size_t skipped_ = 0; // containers open inside of a value that may be anything
  std::string what_, path_;
  std::array<Frame, limits::schema_depth_max> frames_; // a schema's validate() says that it is enough
};

Error no_object() {
  return fail(Errc::invalid_argument, "not a JSON object", "payload");
}

} // namespace

Status check_payload(const SchemaVersion& version, std::string_view payload) {
  if (!payload.starts_with('{'))
    return no_object();
  Checker checker(version.schema);
  switch (json::walk(payload, checker)) {
  case json::Walked::whole: return {};
  case json::Walked::stopped: break;
  case json::Walked::malformed: return no_object();
  }
  return fail(Errc::schema_violation,
              format("{} (schema of {}, version {})", checker.what(), version.schema.event_type, version.version),
              checker.path());
}

} // namespace weir::schema
