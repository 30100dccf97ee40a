#include "segments/text_table.hpp"

#include "segments/text_code.hpp"
#include "segments/text_room.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <string_view>

using namespace weir::segments;

TEST_CASE("text table: each text has one code, whatever follows it in memory, and codes count up") {
  std::mt19937_64 random(7);
  TextTable table;
  for (int round = 0; round < 3; ++round) {
    std::map<std::string, std::uint32_t> codes;
    for (int i = 0; i < 20'000; ++i) {
      std::string text(random() % 40, 'a');
      for (char& c : text)
        c = static_cast<char>(random() % 8 == 0 ? 'b' : random() % 64 == 0 ? '\0' : 'a');
      std::string padded = text;
      for (std::size_t k = 0; k < TextTable::text_padding_bytes; ++k)
        padded.push_back(static_cast<char>(random()));
      const std::uint32_t code = table.code_of(std::string_view(padded).substr(0, text.size()));
      const auto [known, added] = codes.emplace(text, static_cast<std::uint32_t>(codes.size()));
      REQUIRE(code == known->second);
      REQUIRE(table.text(code) == text);
    }
    CHECK(table.size() == codes.size());
    table.clear();
    CHECK(table.size() == 0);
  }
}

TEST_CASE("text room: what is encoded there is what is encoded of a copy, whichever encoder was there before") {
  std::mt19937_64 random(8);
  TextEncoder encoders[2];
  TextEncoder copying;
  TextRoom room;
  for (int i = 0; i < 400; ++i) {
    if (i % 5 == 0) {
      std::string dictionary;
      while (dictionary.size() < random() % 3'000)
        dictionary += "\"amount\":" + std::to_string(random() % 50) + ",\"channel\":\"web\",";
      encoders[i / 5 % 2].set_dictionary(dictionary);
    }
    TextEncoder& encoder = encoders[random() % 2];
    copying.set_dictionary(encoder.dictionary());
    room.clear();
    std::string text;
    // Beyond 64 KiB now and then: places are kept in wider words there.
    const std::size_t parts = i % 50 == 49 ? 6'000 : random() % 200;
    for (std::size_t part = 0; part < parts; ++part) {
      const std::string more = "{\"amount\":" + std::to_string(random() % 5'000) + ",\"channel\":\"web\"}";
      text += more;
      const std::string_view there = room.append(more);
      REQUIRE(there == more);
      REQUIRE(std::string_view(there.data() + there.size(), 32) == std::string(32, '\0'));
    }
    const std::string stored(encoder.encode(room));
    REQUIRE(room.text() == text);
    REQUIRE(stored == copying.encode(text));
    std::string decoded(text.size(), ' ');
    REQUIRE(decode_text(stored, TextDictionary(encoder.dictionary()), decoded));
    REQUIRE(decoded == text);
  }
}
