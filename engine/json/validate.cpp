#include "engine/validate.hpp"
#include "engine/json/json.hpp"
#include "engine/json/judge.hpp"
#include "engine/json/sax.hpp"
#include "engine/text.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace weir::json {

namespace {

using detail::Outcome;

/// Keys of the objects that are open, innermost last.
class KeyStack {
public:
  void open() { objects_.push_back(keys_.size()); }

  /// `stays`: the key's bytes are there for as long as the stack is used.
  void add(std::string_view key, bool stays) { keys_.push_back(stays ? key : copies_.emplace_back(key)); }

  /// Forgets the innermost object's keys; false if two of them were equal, then `repeated()` is the key.
  bool close() {
    const std::size_t first = objects_.back();
    objects_.pop_back();
    if (find_repeated(first))
      return false;
    keys_.resize(first);
    return true;
  }

  [[nodiscard]] std::string_view repeated() const { return repeated_; }

  void clear() {
    objects_.clear();
    keys_.clear();
    copies_.clear();
    sorted_.clear();
  }

private:
  static bool equal(std::string_view a, std::string_view b) {
    // Keys of an object mostly differ in length or in their first byte.
    return a.size() == b.size() && (a.empty() || (a.front() == b.front() && a == b));
  }

  bool find_repeated(std::size_t first) {
    const std::size_t count = keys_.size() - first;
    if (count <= 16) { // Nearly all objects: few comparisons, and nothing is sorted.
      for (std::size_t i = first + 1; i < keys_.size(); ++i)
        for (std::size_t j = first; j < i; ++j)
          if (equal(keys_[i], keys_[j])) {
            repeated_ = keys_[i];
            return true;
          }
      return false;
    }
    sorted_.assign(keys_.begin() + static_cast<std::ptrdiff_t>(first), keys_.end());
    std::sort(sorted_.begin(), sorted_.end());
    const auto twin = std::adjacent_find(sorted_.begin(), sorted_.end());
    if (twin == sorted_.end())
      return false;
    repeated_ = *twin;
    return true;
  }

  std::vector<std::size_t> objects_; // Index of the first key of each open object.
  std::vector<std::string_view> keys_;
  std::deque<std::string> copies_; // Of keys with escapes; they do not move.
  std::vector<std::string_view> sorted_;
  std::string_view repeated_;
};

/// Keys of one huge document do not stay in memory once per thread.
struct ClearLarge {
  KeyStack& keys;
  std::size_t document_bytes;
  ~ClearLarge() {
    if (document_bytes > detail::scratch_bytes_kept)
      keys.clear();
  }
};

enum class Refusal {
  none,
  not_an_object,
  repeated_key,
  too_deep,
  too_many_members,
  number_too_long,
  number_not_finite
};

class Validator : public detail::Handler {
public:
  Validator(KeyStack& keys, std::string_view text) : keys_(keys), text_(text) {}

  bool Null() { return value(); }
  bool Bool(bool) { return value(); }
  bool String(const char*, rapidjson::SizeType, bool) { return value(); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    if (size > limits::json_number_chars_max)
      return refuse(Refusal::number_too_long);
    if (!detail::finite({text, size}))
      return refuse(Refusal::number_not_finite);
    return value();
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    const bool in_text = std::less_equal<>{}(text_.data(), text) && std::less<>{}(text, text_.data() + text_.size());
    keys_.add({text, size}, in_text);
    return true;
  }
  bool StartObject() {
    keys_.open();
    return depth_ == 0 ? enter() : value() && enter();
  }
  bool EndObject(rapidjson::SizeType) {
    --depth_;
    return keys_.close() || refuse(Refusal::repeated_key);
  }
  bool StartArray() { return value() && enter(); }
  bool EndArray(rapidjson::SizeType) {
    --depth_;
    return true;
  }

  [[nodiscard]] Refusal refusal() const { return refusal_; }

private:
  bool refuse(Refusal why) {
    refusal_ = why;
    return false;
  }

  /// Every value but the outermost is a member or an element.
  bool value() {
    if (depth_ == 0)
      return refuse(Refusal::not_an_object);
    return ++members_ <= limits::json_members_max || refuse(Refusal::too_many_members);
  }

  bool enter() { return ++depth_ <= limits::json_depth_max || refuse(Refusal::too_deep); }

  KeyStack& keys_;
  std::string_view text_;
  std::size_t depth_ = 0;
  std::size_t members_ = 0;
  Refusal refusal_ = Refusal::none;
};

std::size_t number_chars(std::string_view text, std::size_t offset) {
  const std::size_t end = text.find_first_not_of("+-.0123456789eE", offset);
  return (end == std::string_view::npos ? text.size() : end) - offset;
}

Error refused(Errc code, std::string_view name, std::size_t offset, std::string_view what) {
  return fail(code, format("{}: {}", name, what), format("{} byte {}", name, offset));
}

Error explain(Refusal why, std::string_view name, std::size_t offset, const KeyStack& keys) {
  switch (why) {
  case Refusal::repeated_key:
    return refused(Errc::invalid_argument, name, offset,
                   format("an object has the key {} twice", detail::quoted(keys.repeated())));
  case Refusal::too_deep:
    return refused(Errc::too_large, name, offset, format("nested deeper than {} levels", limits::json_depth_max));
  case Refusal::too_many_members:
    return refused(Errc::too_large, name, offset,
                   format("more than {} members and elements", limits::json_members_max));
  case Refusal::number_too_long:
    return refused(Errc::too_large, name, offset,
                   format("a number of more than {} characters", limits::json_number_chars_max));
  case Refusal::number_not_finite:
    return refused(Errc::invalid_argument, name, offset, "a number beyond the range of a double");
  case Refusal::none:
  case Refusal::not_an_object: break;
  }
  return refused(Errc::invalid_argument, name, offset, "not a JSON object");
}

} // namespace

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view white_space = " \t\n\r";
  const std::size_t first = text.find_first_not_of(white_space);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

namespace detail {

Status judge_exactly(std::string_view text, std::string_view name) {
  if (const std::size_t at = find_lone_surrogate(text); at != std::string_view::npos)
    return refused(Errc::invalid_argument, name, at, "half a surrogate pair");
  thread_local KeyStack keys;
  keys.clear();
  const ClearLarge afterwards{keys, text.size()};
  Validator validator(keys, text);
  Input input(text);
  const Outcome outcome = parse(input, text.size(), validator);
  switch (outcome.end) {
  case Outcome::End::complete: return {};
  case Outcome::End::stopped_by_handler: return explain(validator.refusal(), name, outcome.offset, keys);
  case Outcome::End::malformed: break;
  }
  if (outcome.number_out_of_range && number_chars(text, outcome.offset) > limits::json_number_chars_max)
    return explain(Refusal::number_too_long, name, outcome.offset, keys);
  return refused(Errc::invalid_argument, name, outcome.offset, outcome.expected);
}

} // namespace detail

Status validate_object(std::string_view text, std::string_view name) {
  if (detail::surely_object(text))
    return {};
  // Encoding first and for the whole text: quotes and escapes are ASCII.
  if (const std::size_t at = find_invalid_utf8(text); at != std::string_view::npos)
    return refused(Errc::invalid_argument, name, at, "not valid UTF-8");
  return detail::judge_exactly(text, name);
}

} // namespace weir::json
