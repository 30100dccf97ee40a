#include "engine/varint.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>

namespace weir {

namespace {

std::string bytes_of(std::uint64_t value) {
  char bytes[varint_bytes_max];
  return {bytes, put_varint(bytes, value)};
}

std::optional<std::uint64_t> value_of(std::string_view bytes) {
  const char* at = bytes.data();
  std::uint64_t value = 0;
  if (!take_varint(at, bytes.data() + bytes.size(), value))
    return std::nullopt;
  CHECK(at == bytes.data() + bytes.size());
  return value;
}

} // namespace

TEST_CASE("varint: every length comes back, and a cut one does not") {
  for (unsigned bits = 0; bits <= 64; ++bits)
    for (const std::uint64_t below : {0U, 1U}) {
      const std::uint64_t value = (bits == 64 ? 0 : std::uint64_t{1} << bits) - below;
      CAPTURE(value);
      const std::string bytes = bytes_of(value);
      CHECK(bytes.size() == varint_bytes(value));
      CHECK(value_of(bytes) == value);
      for (std::size_t size = 0; size < bytes.size(); ++size)
        CHECK_FALSE(value_of(std::string_view(bytes).substr(0, size)));
    }
  CHECK(bytes_of(300) == "\xAC\x02");
}

TEST_CASE("varint: longer forms and values beyond 64 bits are refused") {
  CHECK_FALSE(value_of({"\x80\x00", 2}));
  CHECK_FALSE(value_of({"\xFF\x80\x00", 3}));
  CHECK(value_of("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01") == UINT64_MAX);
  CHECK_FALSE(value_of("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"));
  CHECK_FALSE(value_of("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"));
}

} // namespace weir
