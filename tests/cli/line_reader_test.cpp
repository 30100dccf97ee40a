#include "api/cli/line_reader.hpp"
#include "tests/cli/memory_source.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;
using cli::LineReader;

namespace {

struct Read {
  std::uint64_t number;
  std::string text;
  bool too_long;
  friend bool operator==(const Read&, const Read&) = default;
};

std::vector<Read> read_all(const std::string& bytes, std::size_t line_bytes_max, std::size_t piece_bytes) {
  test::MemorySource source(bytes, piece_bytes);
  LineReader lines(source, line_bytes_max);
  std::vector<Read> all;
  for (;;) {
    const auto line = lines.next();
    REQUIRE(line.ok());
    if (!line->has_value())
      return all;
    all.push_back({(*line)->number, std::string((*line)->text), (*line)->too_long});
  }
}

} // namespace

TEST_CASE("line reader: lines come out whole however the source cuts them") {
  const std::vector<Read> expected = {{1, "one", false}, {2, "", false}, {3, "three", false}, {4, "last", false}};
  for (const std::size_t piece : {1, 2, 3, 5, 1000}) {
    CAPTURE(piece);
    CHECK(read_all("one\n\nthree\nlast\n", 100, piece) == expected);
    CHECK(read_all("one\n\nthree\nlast", 100, piece) == expected);
    CHECK(read_all("one\r\n\r\nthree\r\nlast\r\n", 100, piece) == expected);
    CHECK(read_all("one\r\n\r\nthree\r\nlast", 100, piece) == expected);
  }
}

TEST_CASE("line reader: nothing is no line, an empty line is one") {
  CHECK(read_all("", 100, 1).empty());
  CHECK(read_all("\n", 100, 1) == std::vector<Read>{{1, "", false}});
}

TEST_CASE("line reader: a CR inside a line is part of it") {
  CHECK(read_all("a\rb\n", 100, 2) == std::vector<Read>{{1, "a\rb", false}});
}

TEST_CASE("line reader: a line of the limit passes, one byte more does not, and the next is read again") {
  for (const std::size_t piece : {1, 4, 1000})
    for (const std::string end : {"\n", "\r\n"}) {
      CAPTURE(piece);
      CHECK(read_all("12345" + end + "123456" + end + "1" + end, 5, piece) ==
            std::vector<Read>{{1, "12345", false}, {2, "", true}, {3, "1", false}});
    }
  CHECK(read_all("123456", 5, 3) == std::vector<Read>{{1, "", true}});
}

TEST_CASE("line reader: a line far beyond the limit is passed over, not kept") {
  const std::string huge(1'000'000, 'x');
  CHECK(read_all(huge + "\nsmall\n" + huge, 1000, 65'536) ==
        std::vector<Read>{{1, "", true}, {2, "small", false}, {3, "", true}});
}

TEST_CASE("line reader: an error of the source is handed on") {
  struct Broken : cli::ByteSource {
    Result<std::size_t> read(std::span<char>) override { return fail(Errc::io_error, "no such luck", "disk"); }
  } source;
  LineReader lines(source);
  const auto line = lines.next();
  REQUIRE(!line.ok());
  CHECK(line.error().message == "no such luck");
}
