// A JSON value in memory: what models hold, reducers look at and events carry.
//
// Purpose: callers build, read and compare JSON without a JSON library; objects keep the order of their members, since
// people read what is stored. Owner: whoever holds it; a plain value, copied deeply. Threading: as any plain value.
// Invariants: an object has no key twice; real numbers are finite.
#pragma once

#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace weir {

class Json {
public:
  using Member = std::pair<std::string, Json>;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;
  enum class Type : std::uint8_t { null, boolean, integer, unsigned_integer, real, string, array, object };

  Json() noexcept = default; ///< null
  Json(std::nullptr_t) noexcept {}
  Json(bool value) noexcept : value_(value) {}
  Json(int value) noexcept : value_(std::int64_t{value}) {}
  Json(unsigned value) noexcept : value_(std::int64_t{value}) {}
  Json(long value) noexcept : value_(std::int64_t{value}) {}
  Json(long long value) noexcept : value_(std::int64_t{value}) {}
  Json(unsigned long value) noexcept;
  Json(unsigned long long value) noexcept;
  /// Not finite: null, as JSON has no such number.
  Json(double value) noexcept;
  Json(const char* text) : value_(std::string(text)) {}
  Json(std::string text) : value_(std::move(text)) {}
  Json(std::string_view text) : value_(std::string(text)) {}
  Json(Array items) : value_(std::move(items)) {}

  /// Of two members with one key the later one counts, in the place of the first.
  [[nodiscard]] static Json object(std::initializer_list<Member> members = {});
  [[nodiscard]] static Json object(Object members);
  [[nodiscard]] static Json array(std::initializer_list<Json> items = {}) { return Json(Array(items)); }

  /// Any JSON value, within the limits of limits.hpp for depth, members and numbers. Integers of 64 bits stay exact,
  /// all other numbers become doubles. Errors: `invalid_argument`, `too_large`.
  [[nodiscard]] static Result<Json> parse(std::string_view text);
  /// Without white space. Reading it back gives an equal value.
  [[nodiscard]] std::string to_text() const;
  void append_text(std::string& out) const;

  [[nodiscard]] Type type() const noexcept { return static_cast<Type>(value_.index()); }
  [[nodiscard]] bool is_null() const noexcept { return type() == Type::null; }
  [[nodiscard]] bool is_boolean() const noexcept { return type() == Type::boolean; }
  [[nodiscard]] bool is_integer() const noexcept { return type() == Type::integer; } ///< Fits an int64.
  [[nodiscard]] bool is_number() const noexcept { return type() >= Type::integer && type() <= Type::real; }
  [[nodiscard]] bool is_string() const noexcept { return type() == Type::string; }
  [[nodiscard]] bool is_array() const noexcept { return type() == Type::array; }
  [[nodiscard]] bool is_object() const noexcept { return type() == Type::object; }
  /// False for null, false, 0 and the empty string; true for all else.
  [[nodiscard]] bool truthy() const noexcept;

  // What the value is, or `otherwise` if it is of another type.
  [[nodiscard]] bool boolean(bool otherwise = false) const noexcept;
  /// Of a real number too, if it is a whole one that fits.
  [[nodiscard]] std::int64_t integer(std::int64_t otherwise = 0) const noexcept;
  [[nodiscard]] std::uint64_t unsigned_integer(std::uint64_t otherwise = 0) const noexcept;
  /// Of any number, rounded to a double.
  [[nodiscard]] double number(double otherwise = 0) const noexcept;
  [[nodiscard]] std::string_view string(std::string_view otherwise = {}) const noexcept;
  [[nodiscard]] const Array& items() const noexcept;    ///< Empty if this is no array.
  [[nodiscard]] const Object& members() const noexcept; ///< Empty if this is no object.

  /// The member `key`, null if there is none or this is no object.
  [[nodiscard]] const Json& operator[](std::string_view key) const noexcept;
  [[nodiscard]] const Json& operator[](const char* key) const noexcept { return (*this)[std::string_view(key)]; }
  /// Null pointer if there is none.
  [[nodiscard]] const Json* find(std::string_view key) const noexcept;
  [[nodiscard]] Json* find(std::string_view key) noexcept;
  [[nodiscard]] bool contains(std::string_view key) const noexcept { return find(key) != nullptr; }
  /// The member `key`, made (null) if there is none. Precondition: an object, or null, which becomes one.
  Json& member(std::string_view key);
  /// Sets the member `key`. Precondition: as member(). Returns this object.
  Json& set(std::string_view key, Json value);
  /// The same; a new member becomes the first one.
  Json& set_first(std::string_view key, Json value);
  /// True if it was there.
  bool erase(std::string_view key);
  /// Precondition: an array, or null, which becomes one.
  Json& push(Json item);
  /// Items or members; 0 for all else.
  [[nodiscard]] std::size_t size() const noexcept;

  /// Deep; numbers by their exact value (1 equals 1.0), objects whatever the order of their members.
  friend bool operator==(const Json& left, const Json& right) noexcept;

private:
  friend class JsonBuilder;
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> value_;
};

} // namespace weir
