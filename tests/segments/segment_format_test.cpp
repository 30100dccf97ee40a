// The worked example of docs/formats/segment.md: files of this format stay readable for ever.
#include "tests/segments/segment_fixture.hpp"

#include "segments/bytes.hpp"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

Rows example_rows() {
  Row row;
  row.context_id = "order-42";
  row.sequence = 1;
  row.position = 1000;
  row.recorded_at = row.timestamp = Timestamp(std::chrono::microseconds(1'700'000'000'000'000));
  row.event_type = "Placed";
  row.payload = R"({"total":99})";
  return {row};
}

constexpr std::string_view example_hex =
    "574549525345473101000000000000000100000000000000954f6092bb3ac142001000000000000019adcec796d525fa"
    "1b940f04e08b641a000b00000c0000000c0000007b22746f74616c223a39397d775484290d0aa4620101000011000000"
    "0c00000035e803000100500000000000d635dea9288cb8ed00020000110000001100000000401e18240a060000000000"
    "0000000000f7662cd5c3de196301040000110000000a00000017000100500000000000322644d9603b5b29010a000011"
    "0000000b000000260c000100500000000000d190746ce2dc4391010c0000800000004400000044010000000400000200"
    "000c000f02000100180000040013501d00130c0800137008001311080013950800130a080013b30800130b0800133008"
    "00800c00000000000000d2852a30836ecc97010d00001c00000019000000d300086f726465722d343201010001008001"
    "00000001000000d6f51c35addd03aa000e00004000000040000000000000000000000000000000008000000000000000"
    "00000000010004000000000000000000000000000004000000000000000000000000000040000000020000651b969664"
    "b4e55501110000e8000000760000002201000100040800120c0f003200e80309000408007f00401e18240a06080007d2"
    "1000000106506c6163656401303c00230050080013d208006444000000010153000408000f53000603730014019c0023"
    "012a0a0013195000a3086f726465722d343257190000070013061d00050200500000000000";

std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return bytes;
}

} // namespace

TEST_CASE("segment format: the worked example of the document reads as the event it is made of") {
  const std::string example = from_hex(example_hex);
  const Rows rows = example_rows();
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 4'096, .filter_bits_per_key = 10});
  SegmentMeta meta = directory.write(rows);
  meta.file_bytes = example.size();
  meta.footer_offset = 427;
  meta.footer_checksum = load<std::uint64_t>(example.data() + meta.footer_offset);
  directory.overwrite(meta, example);
  const auto reader = directory.open(meta);
  const Status verified = reader->verify();
  CHECK_MESSAGE(verified.ok(), to_string(verified.error()));
  CHECK(*scan(*reader) == rows);
}

TEST_CASE("segment format: the writer writes the example's header and first block as they are documented") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 4'096, .filter_bits_per_key = 10});
  // Blocks after these two are compressed, and another release of LZ4 may do that in other bytes.
  const std::string file = directory.content(directory.write(example_rows()));
  CHECK(file.substr(0, 80) == from_hex(example_hex).substr(0, 80));
}
