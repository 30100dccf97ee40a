#include "engine/query/packed_values.hpp"

#include <cstring>

namespace weir::query {
namespace {

constexpr unsigned absent_bit = 0x80;

bool has_text(Value::Kind kind) noexcept {
  return kind == Value::Kind::string || kind == Value::Kind::json;
}

template <class T> void append_raw(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

template <class T> T read_raw(const char*& at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  at += sizeof value;
  return value;
}

} // namespace

void pack(std::string& out, const ValueView& value) {
  out.push_back(static_cast<char>(static_cast<unsigned>(value.kind) | (value.present ? 0 : absent_bit)));
  switch (value.kind) {
  case Value::Kind::null: break;
  case Value::Kind::boolean:
  case Value::Kind::int64:
  case Value::Kind::timestamp: append_raw(out, value.integer); break;
  case Value::Kind::uint64: append_raw(out, value.natural); break;
  case Value::Kind::float64: append_raw(out, value.real); break;
  case Value::Kind::string:
  case Value::Kind::json:
    append_raw(out, static_cast<std::uint64_t>(value.text.size()));
    out.append(value.text);
    break;
  }
}

ValueView unpack(const char*& at) noexcept {
  const auto head = static_cast<unsigned char>(*at++);
  ValueView value;
  value.kind = static_cast<Value::Kind>(head & ~absent_bit);
  value.present = (head & absent_bit) == 0;
  if (has_text(value.kind)) {
    const auto size = read_raw<std::uint64_t>(at);
    value.text = {at, size};
    at += size;
  } else if (value.kind == Value::Kind::uint64) {
    value.natural = read_raw<std::uint64_t>(at);
  } else if (value.kind == Value::Kind::float64) {
    value.real = read_raw<double>(at);
  } else if (value.kind != Value::Kind::null) {
    value.integer = read_raw<std::int64_t>(at);
  }
  return value;
}

} // namespace weir::query
