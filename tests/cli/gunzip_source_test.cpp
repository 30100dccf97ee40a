#include "api/cli/gunzip_source.hpp"
#include "tests/cli/memory_source.hpp"

#include <doctest/doctest.h>

#include <string>
#include <zlib.h>

using namespace weir;

namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// Everything the source gives, read in pieces of `out_bytes`.
Result<std::string> read_all(const std::string& bytes, std::size_t piece_bytes = 7, std::size_t out_bytes = 10) {
  test::MemorySource memory(bytes, piece_bytes);
  cli::GunzipSource source(memory, "events.gz");
  std::string all;
  std::string out(out_bytes, '\0');
  for (;;) {
    const auto read = source.read(out);
    if (!read)
      return read.error();
    if (*read == 0)
      return all;
    all.append(out, 0, *read);
  }
}

std::string sample() {
  std::string text;
  for (int i = 0; i < 20'000; ++i)
    text += "line " + std::to_string(i * i) + '\n';
  return text;
}

} // namespace

TEST_CASE("gunzip source: what is not compressed passes unchanged") {
  for (const std::string text : {"", "\x1f", "{", "plain text, longer than a piece"}) {
    CHECK(*read_all(text, 1) == text);
    CHECK(*read_all(text, 1000) == text);
  }
}

TEST_CASE("gunzip source: compressed bytes come out decompressed, whatever the pieces") {
  const std::string text = sample();
  const std::string compressed = gzip(text);
  REQUIRE(compressed.size() < text.size());
  CHECK(*read_all(compressed, 1, 65'536) == text);
  CHECK(*read_all(compressed, 1'000'000, 65'536) == text);
  CHECK(*read_all(compressed, 333, 17) == text);
  CHECK(*read_all(gzip("")) == "");
}

TEST_CASE("gunzip source: a file may be several compressed ones, one behind the other") {
  CHECK(*read_all(gzip("one\n") + gzip("") + gzip("two\n")) == "one\ntwo\n");
}

TEST_CASE("gunzip source: a file cut short is an error at every length, never a shorter file") {
  const std::string compressed = gzip(sample().substr(0, 500));
  for (std::size_t size = 2; size < compressed.size(); ++size) {
    CAPTURE(size);
    const auto text = read_all(compressed.substr(0, size), 64, 100);
    REQUIRE(!text.ok());
    CHECK(text.error().code == Errc::corruption);
    CHECK(text.error().message == "the compressed file ends too early");
    CHECK(text.error().where == "events.gz, byte " + std::to_string(size));
  }
}

TEST_CASE("gunzip source: damage and what follows the end are errors") {
  std::string compressed = gzip(sample());
  CHECK(read_all(compressed + "rubbish").code() == Errc::corruption);
  compressed[compressed.size() / 2] = static_cast<char>(compressed[compressed.size() / 2] ^ 0x10);
  CHECK(read_all(compressed).code() == Errc::corruption);
}
