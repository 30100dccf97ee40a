#include "engine/models/cursor.hpp"

#include "engine/hash.hpp"
#include "engine/text.hpp"
#include "engine/varint.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

namespace weir {
namespace {

constexpr std::uint8_t version = 1;
constexpr std::uint8_t reversed_flag = 1;
constexpr std::size_t head_bytes = 2 + 4; // Version, flags, sort.
constexpr std::size_t check_bytes = 4;
constexpr std::uint64_t check_seed = 0x77656972'63757273; // "weircurs"

// --- base64url ---

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::uint8_t, 256> digits = [] {
  std::array<std::uint8_t, 256> made{};
  made.fill(64);
  for (std::uint8_t i = 0; i < 64; ++i)
    made[static_cast<unsigned char>(alphabet[i])] = i;
  return made;
}();

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char byte : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(byte);
    for (count += 8; count >= 6;) {
      count -= 6;
      out += alphabet[bits >> count & 63U];
    }
    bits &= (1U << count) - 1;
  }
  if (count != 0)
    out += alphabet[bits << (6 - count) & 63U];
  return out;
}

// Nothing for a text that to_base64() would not have written.
std::optional<std::string> from_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char letter : text) {
    const std::uint8_t digit = digits[static_cast<unsigned char>(letter)];
    if (digit == 64)
      return std::nullopt;
    bits = bits << 6U | digit;
    if (count += 6; count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count);
      bits &= (1U << count) - 1;
    }
  }
  if (count == 6 || bits != 0)
    return std::nullopt;
  return out;
}

// --- values ---

template <class Number> void append_number(std::string& out, Number number) {
  std::array<char, sizeof(Number)> bytes;
  std::memcpy(bytes.data(), &number, sizeof(Number));
  out.append(bytes.data(), bytes.size());
}

template <class Number> Number number_at(const char* at) {
  Number number;
  std::memcpy(&number, at, sizeof(Number));
  return number;
}

void append_varint(std::string& out, std::uint64_t value) {
  std::array<char, varint_bytes_max> bytes;
  out.append(bytes.data(), put_varint(bytes.data(), value));
}

void append_bytes(std::string& out, std::string_view bytes) {
  append_varint(out, bytes.size());
  out += bytes;
}

bool take_bytes(const char*& at, const char* end, std::string& bytes) {
  std::uint64_t size = 0;
  if (!take_varint(at, end, size) || size > static_cast<std::size_t>(end - at))
    return false;
  bytes.assign(at, static_cast<std::size_t>(size));
  at += size;
  return true;
}

bool take_value(const char*& at, const char* end, SqlValue& value) {
  if (at == end)
    return false;
  switch (*at++) {
  case 0: value = std::monostate(); return true;
  case 1: {
    std::uint64_t zigzag = 0;
    if (!take_varint(at, end, zigzag))
      return false;
    value = static_cast<std::int64_t>(zigzag >> 1U ^ (0 - (zigzag & 1U)));
    return true;
  }
  case 2: {
    if (end - at < static_cast<std::ptrdiff_t>(sizeof(double)))
      return false;
    const auto real = number_at<double>(at);
    at += sizeof(double);
    value = real;
    return !std::isnan(real); // SQLite has none: it would be bound as NULL.
  }
  case 3: return take_bytes(at, end, value.emplace<std::string>());
  case 4: return take_bytes(at, end, value.emplace<SqlBlob>().bytes);
  default: return false;
  }
}

std::uint32_t check_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(hash64(bytes, check_seed));
}

Error damaged() {
  return fail(Errc::invalid_argument, "the cursor is damaged");
}

} // namespace

void append_value(std::string& out, const SqlValue& value) {
  out += static_cast<char>(value.index());
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    const auto bits = static_cast<std::uint64_t>(*integer);
    append_varint(out, bits << 1U ^ (0 - (bits >> 63U)));
  } else if (const auto* real = std::get_if<double>(&value)) {
    append_number(out, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    append_bytes(out, *text);
  } else if (const auto* blob = std::get_if<SqlBlob>(&value)) {
    append_bytes(out, blob->bytes);
  }
}

std::string write_cursor(const Place& place, std::uint32_t sort) {
  std::string bytes;
  bytes += static_cast<char>(version);
  bytes += static_cast<char>(place.reversed ? reversed_flag : 0);
  append_number(bytes, sort);
  for (const SqlValue& value : place.values)
    append_value(bytes, value);
  append_number(bytes, check_of(bytes));
  return to_base64(bytes);
}

Result<Place> read_cursor(std::string_view text, std::uint32_t sort, std::size_t keys) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() < head_bytes + check_bytes)
    return damaged();
  const std::size_t end_of_values = bytes->size() - check_bytes;
  if (number_at<std::uint32_t>(bytes->data() + end_of_values) !=
      check_of(std::string_view(*bytes).substr(0, end_of_values)))
    return damaged();
  // Only now: a flipped bit is damage, not a version to come.
  const auto made_by = static_cast<std::uint8_t>((*bytes)[0]), flags = static_cast<std::uint8_t>((*bytes)[1]);
  if (made_by != version)
    return fail(Errc::invalid_argument, format("the cursor is of version {}, not of {}", made_by, version));
  if (flags > reversed_flag)
    return damaged();
  if (number_at<std::uint32_t>(bytes->data() + 2) != sort)
    return fail(Errc::invalid_argument, "the cursor is of another model, or of another sort");

  Place place{.values = std::vector<SqlValue>(keys), .reversed = flags == reversed_flag};
  const char* at = bytes->data() + head_bytes;
  const char* const end = bytes->data() + end_of_values;
  for (SqlValue& value : place.values)
    if (!take_value(at, end, value))
      return damaged();
  if (at != end)
    return damaged();
  return place;
}

} // namespace weir
