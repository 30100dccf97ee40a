#include <weir/json_value.hpp>

#include "engine/check.hpp"
#include "engine/json/json.hpp"
#include "engine/json/parse_value.hpp"

#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <unordered_map>

namespace weir {

namespace {

constinit const Json null_value;
const Json::Array no_items;
const Json::Object no_members;

constexpr double two_to_63 = 9'223'372'036'854'775'808.0, two_to_64 = 2 * two_to_63;

bool whole(double value) {
  return std::trunc(value) == value;
}

/// Equal as numbers; every int64 and uint64 beyond 2^53 counts as what it is, not as the nearest double.
bool equal(std::int64_t integer, double real) {
  return whole(real) && real >= -two_to_63 && real < two_to_63 && static_cast<std::int64_t>(real) == integer;
}
bool equal(std::uint64_t integer, double real) {
  return whole(real) && real >= 0 && real < two_to_64 && static_cast<std::uint64_t>(real) == integer;
}

template <class Integer> void append_integer(std::string& out, Integer value) {
  char text[24];
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), value);
  out.append(text, end);
}

/// Objects that are compared member by member up to here; beyond it through a table.
constexpr std::size_t few_members = 32;

using Keys = std::unordered_map<std::string_view, std::size_t>;

bool equal_members(const Json::Object& left, const Json::Object& right) {
  if (left.size() != right.size())
    return false;
  Keys places; // of `right`, made where the order differs for the first time
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t place = i;
    if (left[i].first != right[i].first) {
      if (left.size() <= few_members) {
        for (place = 0; place < right.size() && right[place].first != left[i].first;)
          ++place;
      } else {
        if (places.empty())
          for (std::size_t j = 0; j < right.size(); ++j)
            places.emplace(right[j].first, j);
        const auto found = places.find(left[i].first);
        place = found == places.end() ? right.size() : found->second;
      }
    }
    if (place == right.size() || !(left[i].second == right[place].second))
      return false;
  }
  return true;
}

} // namespace

Json::Json(unsigned long value) noexcept : Json(static_cast<unsigned long long>(value)) {
}

Json::Json(unsigned long long value) noexcept {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    value_ = static_cast<std::int64_t>(value);
  else
    value_ = std::uint64_t{value};
}

Json::Json(double value) noexcept {
  if (std::isfinite(value))
    value_ = value;
}

Json Json::object(std::initializer_list<Member> members) {
  return object(Object(members));
}

Json Json::object(Object members) {
  Json object;
  if (json::find_repeated_key(members) != nullptr) {
    Keys places;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (const auto earlier = places.find(members[i].first); earlier != places.end()) {
        members[earlier->second].second = std::move(members[i].second);
        continue;
      }
      if (kept != i)
        members[kept] = std::move(members[i]);
      places.emplace(members[kept].first, kept); // borrows the key, which stays here from now on
      ++kept;
    }
    members.resize(kept);
  }
  object.value_ = std::move(members);
  return object;
}

std::string Json::to_text() const {
  std::string out;
  if (is_object()) // most texts are of a record, and would grow step by step
    out.reserve(256);
  append_text(out);
  return out;
}

void Json::append_text(std::string& out) const {
  switch (type()) {
  case Type::null: out += "null"; return;
  case Type::boolean: out += std::get<bool>(value_) ? "true" : "false"; return;
  case Type::integer: append_integer(out, std::get<std::int64_t>(value_)); return;
  case Type::unsigned_integer: append_integer(out, std::get<std::uint64_t>(value_)); return;
  case Type::real: json::append_double(out, std::get<double>(value_)); return;
  case Type::string: json::append_string(out, std::get<std::string>(value_)); return;
  case Type::array: {
    char before = '[';
    for (const Json& item : std::get<Array>(value_)) {
      out += std::exchange(before, ',');
      item.append_text(out);
    }
    out += before == '[' ? "[]" : "]";
    return;
  }
  case Type::object: {
    char before = '{';
    for (const auto& [key, value] : std::get<Object>(value_)) {
      out += std::exchange(before, ',');
      json::append_string(out, key);
      out += ':';
      value.append_text(out);
    }
    out += before == '{' ? "{}" : "}";
    return;
  }
  }
}

bool Json::truthy() const noexcept {
  switch (type()) {
  case Type::null: return false;
  case Type::boolean: return std::get<bool>(value_);
  case Type::integer: return std::get<std::int64_t>(value_) != 0;
  case Type::real: return std::get<double>(value_) != 0;
  case Type::string: return !std::get<std::string>(value_).empty();
  default: return true;
  }
}

bool Json::boolean(bool otherwise) const noexcept {
  const bool* const value = std::get_if<bool>(&value_);
  return value != nullptr ? *value : otherwise;
}

std::int64_t Json::integer(std::int64_t otherwise) const noexcept {
  if (const auto* const value = std::get_if<std::int64_t>(&value_))
    return *value;
  if (const auto* const real = std::get_if<double>(&value_);
      real != nullptr && whole(*real) && *real >= -two_to_63 && *real < two_to_63)
    return static_cast<std::int64_t>(*real);
  return otherwise;
}

std::uint64_t Json::unsigned_integer(std::uint64_t otherwise) const noexcept {
  if (const auto* const value = std::get_if<std::uint64_t>(&value_))
    return *value;
  if (const auto* const value = std::get_if<std::int64_t>(&value_); value != nullptr && *value >= 0)
    return static_cast<std::uint64_t>(*value);
  if (const auto* const real = std::get_if<double>(&value_);
      real != nullptr && whole(*real) && *real >= 0 && *real < two_to_64)
    return static_cast<std::uint64_t>(*real);
  return otherwise;
}

double Json::number(double otherwise) const noexcept {
  switch (type()) {
  case Type::integer: return static_cast<double>(std::get<std::int64_t>(value_));
  case Type::unsigned_integer: return static_cast<double>(std::get<std::uint64_t>(value_));
  case Type::real: return std::get<double>(value_);
  default: return otherwise;
  }
}

std::string_view Json::string(std::string_view otherwise) const noexcept {
  const auto* const value = std::get_if<std::string>(&value_);
  return value != nullptr ? std::string_view(*value) : otherwise;
}

const Json::Array& Json::items() const noexcept {
  const auto* const value = std::get_if<Array>(&value_);
  return value != nullptr ? *value : no_items;
}

const Json::Object& Json::members() const noexcept {
  const auto* const value = std::get_if<Object>(&value_);
  return value != nullptr ? *value : no_members;
}

const Json& Json::operator[](std::string_view key) const noexcept {
  const Json* const found = find(key);
  return found != nullptr ? *found : null_value;
}

const Json* Json::find(std::string_view key) const noexcept {
  for (const Member& member : members())
    if (member.first == key)
      return &member.second;
  return nullptr;
}

Json* Json::find(std::string_view key) noexcept {
  return const_cast<Json*>(std::as_const(*this).find(key));
}

Json& Json::member(std::string_view key) {
  if (is_null())
    value_ = Object();
  WEIR_CHECK(is_object());
  if (Json* const found = find(key))
    return *found;
  Object& object = std::get<Object>(value_);
  if (object.empty())
    object.reserve(4); // few have only one
  return object.emplace_back(std::string(key), Json()).second;
}

Json& Json::set(std::string_view key, Json value) {
  member(key) = std::move(value);
  return *this;
}

Json& Json::set_first(std::string_view key, Json value) {
  if (is_null())
    value_ = Object();
  WEIR_CHECK(is_object());
  if (Json* const found = find(key)) {
    *found = std::move(value);
  } else {
    auto& members = std::get<Object>(value_);
    members.emplace(members.begin(), std::string(key), std::move(value));
  }
  return *this;
}

bool Json::erase(std::string_view key) {
  auto* const members = std::get_if<Object>(&value_);
  return members != nullptr && std::erase_if(*members, [&](const Member& member) { return member.first == key; }) != 0;
}

Json& Json::push(Json item) {
  if (is_null())
    value_ = Array();
  WEIR_CHECK(is_array());
  return std::get<Array>(value_).emplace_back(std::move(item));
}

std::size_t Json::size() const noexcept {
  return is_array() ? items().size() : members().size();
}

bool operator==(const Json& left, const Json& right) noexcept {
  using Type = Json::Type;
  if (left.type() != right.type()) {
    if (!left.is_number() || !right.is_number())
      return false;
    const Json& real = left.type() == Type::real ? left : right;
    const Json& integer = left.type() == Type::real ? right : left;
    if (real.type() != Type::real) // int64 and uint64: only what an int64 cannot hold is a uint64
      return false;
    const double value = std::get<double>(real.value_);
    return integer.type() == Type::integer ? equal(std::get<std::int64_t>(integer.value_), value)
                                           : equal(std::get<std::uint64_t>(integer.value_), value);
  }
  if (left.is_object())
    return equal_members(left.members(), right.members());
  return left.value_ == right.value_;
}

} // namespace weir
