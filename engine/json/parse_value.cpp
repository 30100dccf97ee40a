#include "engine/json/parse_value.hpp"

#include "engine/json/sax.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <weir/json_value.hpp>
#include <weir/limits.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>
#include <system_error>
#include <vector>

namespace weir {

/// Puts values together from the inside out: what a container holds lies on top of a stack when it ends, and moves into
/// a vector of just that size.
class JsonBuilder : public json::detail::Handler {
public:
  JsonBuilder() { stack_.reserve(32); }

  bool Null() { return add(Json()); }
  bool Bool(bool value) { return add(value); }
  bool String(const char* text, rapidjson::SizeType size, bool) { return add(std::string_view(text, size)); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return number({text, size}); }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    stack_.emplace_back(std::string(text, size), Json());
    has_key_ = true;
    return true;
  }
  bool StartObject() { return enter(); }
  bool EndObject(rapidjson::SizeType count) {
    const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
    if (const std::string* const key = json::find_repeated_key({first, stack_.end()}))
      return refuse(Errc::invalid_argument, format("an object has the key {} twice", json::detail::quoted(*key)));
    Json object;
    object.value_.emplace<Json::Object>(std::make_move_iterator(first), std::make_move_iterator(stack_.end()));
    return leave(first, std::move(object));
  }
  bool StartArray() { return enter(); }
  bool EndArray(rapidjson::SizeType count) {
    const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
    Json::Array items;
    items.reserve(count);
    for (auto item = first; item != stack_.end(); ++item)
      items.push_back(std::move(item->second));
    return leave(first, Json(std::move(items)));
  }

  [[nodiscard]] Json take() { return std::move(stack_.front().second); }
  [[nodiscard]] std::optional<Error>& refusal() { return refusal_; }

private:
  using Stack = std::vector<Json::Member>; // an item of an array has an empty key

  bool refuse(Errc code, std::string why) {
    refusal_ = fail(code, std::move(why));
    return false;
  }

  bool put(Json value) {
    if (std::exchange(has_key_, false))
      stack_.back().second = std::move(value);
    else
      stack_.emplace_back(std::string(), std::move(value));
    return true;
  }

  bool count() {
    if (depth_ == 0 || ++members_ <= limits::json_members_max)
      return true;
    return refuse(Errc::too_large, format("more than {} members and elements", limits::json_members_max));
  }

  bool add(Json value) { return count() && put(std::move(value)); }

  bool number(std::string_view text) {
    if (text.size() > limits::json_number_chars_max)
      return refuse(Errc::too_large, format("a number of more than {} characters", limits::json_number_chars_max));
    const char* const end = text.data() + text.size();
    if (text.find_first_of(".eE") == std::string_view::npos) {
      std::int64_t integer;
      if (std::from_chars(text.data(), end, integer).ec == std::errc())
        return add(Json(integer));
      std::uint64_t natural;
      if (std::from_chars(text.data(), end, natural).ec == std::errc())
        return add(Json(natural));
    }
    if (!json::detail::finite(text))
      return refuse(Errc::invalid_argument, "a number beyond the range of a double");
    double real = 0; // stays if the number is too small for a double
    std::from_chars(text.data(), end, real);
    return add(Json(real));
  }

  bool enter() {
    if (!count())
      return false;
    if (depth_ == limits::json_depth_max) // also what keeps the parser from recursing too deep
      return refuse(Errc::too_large, format("nested deeper than {} levels", limits::json_depth_max));
    keyed_[depth_++] = std::exchange(has_key_, false);
    return true;
  }

  bool leave(Stack::iterator first, Json container) {
    stack_.erase(first, stack_.end());
    has_key_ = keyed_[--depth_];
    return put(std::move(container));
  }

  Stack stack_;
  bool has_key_ = false;                             ///< The value of the topmost member is still to come.
  std::array<bool, limits::json_depth_max> keyed_{}; ///< has_key_ of the open containers.
  std::size_t depth_ = 0;
  std::size_t members_ = 0;
  std::optional<Error> refusal_;
};

Result<Json> Json::parse(std::string_view text) {
  if (!valid_utf8(text))
    return fail(Errc::invalid_argument, "JSON: not valid UTF-8", format("byte {}", find_invalid_utf8(text)));
  if (const std::size_t at = json::detail::find_lone_surrogate(text); at != std::string_view::npos)
    return fail(Errc::invalid_argument, "JSON: half a surrogate pair", format("byte {}", at));
  JsonBuilder builder;
  json::detail::Input input(text);
  using json::detail::Outcome;
  const Outcome outcome = json::detail::parse<json::detail::Descent::recursive>(input, text.size(), builder);
  switch (outcome.end) {
  case Outcome::End::complete: return builder.take();
  case Outcome::End::stopped_by_handler:
    return fail(builder.refusal()->code, format("JSON: {}", builder.refusal()->message),
                format("byte {}", outcome.offset));
  case Outcome::End::malformed: break;
  }
  return fail(Errc::invalid_argument, format("JSON: {}", outcome.expected), format("byte {}", outcome.offset));
}

namespace json {

const std::string* find_repeated_key(std::span<const Json::Member> members) {
  if (members.size() <= 16) { // nearly all objects: few comparisons, mostly of lengths
    for (std::size_t i = 1; i < members.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (members[i].first == members[j].first)
          return &members[i].first;
    return nullptr;
  }
  std::vector<const std::string*> sorted;
  sorted.reserve(members.size());
  for (const Json::Member& member : members)
    sorted.push_back(&member.first);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return *a < *b; });
  const auto twin =
      std::adjacent_find(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return *a == *b; });
  return twin == sorted.end() ? nullptr : *twin;
}

} // namespace json

} // namespace weir
