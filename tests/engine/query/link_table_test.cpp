#include "engine/query/link_table.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;
using query::LinkTable;

namespace {

/// Of many lengths, the first of none.
std::string link(std::uint32_t number) {
  return number == 0 ? "" : std::to_string(number) + std::string(number % 50, 'x');
}

} // namespace

TEST_CASE("link table: each different value has a number, in the order they came, however many there are") {
  constexpr std::uint32_t count = 50'000;
  LinkTable table;
  const auto number_of = [&](std::uint32_t number) {
    const std::string text = link(number);
    const std::uint64_t hash = LinkTable::hash(text);
    table.fetch_slot(hash); // changes nothing
    table.fetch_link(hash);
    return table.number_of(text, hash);
  };
  std::size_t wrong = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const LinkTable::Entry added = number_of(i);
    const LinkTable::Entry again = number_of(i / 2);
    wrong += added.number == i && added.added && again.number == i / 2 && !again.added ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK(table.size() == count);
  std::size_t place = 0;
  for (std::uint32_t i = 0; i < count; ++i)
    wrong += table.next(place).value == link(i) ? 0 : 1;
  CHECK(wrong == 0);
}

TEST_CASE("link table: it knows how many events have each value") {
  constexpr std::uint32_t count = 3'000;
  LinkTable table;
  std::size_t first_place = 0;
  for (std::uint32_t round = 0; round < 3; ++round) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const LinkTable::Entry entry = table.number_of(link(i), LinkTable::hash(link(i)));
      if (i == 0)
        first_place = entry.place;
      if (i % 5 != 4)
        table.add_events(entry.place, i % 7);
      table.add_events(first_place, 1); // where a value is stays the same, whatever is added behind it
    }
  }
  std::size_t place = 0;
  std::size_t wrong = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const LinkTable::Link known = table.next(place);
    const std::uint32_t events = i == 0 ? 3 * count : i % 5 == 4 ? 0 : 3 * (i % 7);
    wrong += known.value == link(i) && known.events == events ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("link table: values with the same hash are told apart") {
  LinkTable table;
  constexpr std::uint32_t count = 100;
  for (const bool added : {true, false}) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const LinkTable::Entry entry = table.number_of(link(i), 7);
      CHECK(entry.number == i);
      CHECK(entry.added == added);
    }
  }
  CHECK(table.size() == count);
}
