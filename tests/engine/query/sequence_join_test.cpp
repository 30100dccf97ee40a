#include "engine/query/sequence_join.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

using namespace weir;
using namespace weir::query;

namespace {

/// What is known of an event whatever its link is called by.
using Known = std::tuple<Position, std::uint32_t, std::int64_t, std::uint64_t, std::size_t>;

/// Events of some parts, as they were told.
class Told {
public:
  explicit Told(std::size_t count) : parts(count) {}
  void tell(std::size_t part, const std::string& link, Position position, bool details) {
    const std::uint64_t hash = LinkTable::hash(link);
    SequencePart::Bin& bin = parts[part].bins[SequencePart::bin_of(hash)];
    const auto steps = static_cast<std::uint32_t>(position % 7 + 1);
    const auto time_us = static_cast<std::int64_t>(position % 1'000) - 500;
    const std::uint64_t values = position % 999;
    const LinkTable::Entry entry = bin.links.number_of(link, hash);
    bin.links.add_events(entry.place, 1);
    bin.candidates.push_back({position, steps, entry.number});
    if (details)
      bin.details.push_back({time_us, values});
    events[link].emplace_back(position, steps, details ? time_us : SequenceDetail::no_time, details ? values : 0,
                              details ? part : 0);
  }

  std::vector<SequencePart> parts;
  std::map<std::string, std::vector<Known>> events;
};

/// Later by a second each time it is asked.
class SteppingClock final : public io::Clock {
public:
  [[nodiscard]] Timestamp now() const override { return {}; }
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(++looks));
  }
  mutable std::int64_t looks = 0;
};

/// The events of each link value, sorted by what they are.
Status join_all(std::span<SequencePart> parts, const QueryControl& control, std::vector<std::vector<Known>>& links) {
  Pacer pacer(control);
  ResultBudget budget(control);
  SequenceJoin join(budget, control.result_bytes_max, pacer);
  for (std::size_t bin = 0; bin < SequencePart::bin_count; ++bin) {
    WEIR_TRY(join.join(parts, bin));
    for (std::size_t link = 0; link < join.links(); ++link) {
      std::span<SequenceEvent> events = join.of_link(link);
      WEIR_TRY(join.sort(events));
      auto& all = links.emplace_back();
      for (const SequenceEvent& event : events) {
        const SequenceDetail detail = detail_of(join.details(), event);
        all.emplace_back(event.position, event.steps, detail.time_us, SequenceJoin::place_of(detail.values),
                         SequenceJoin::part_of(detail.values));
      }
    }
  }
  CHECK(join.bytes() == control.result_bytes->load());
  std::sort(links.begin(), links.end());
  return {};
}

/// What join_all() should find.
std::vector<std::vector<Known>> sorted(const Told& told) {
  std::vector<std::vector<Known>> links;
  for (const auto& [link, events] : told.events) {
    links.push_back(events);
    std::sort(links.back().begin(), links.back().end());
  }
  std::sort(links.begin(), links.end());
  return links;
}

void check_joined(Told& told) {
  std::atomic<std::uint64_t> bytes{0};
  QueryControl control;
  control.result_bytes = &bytes;
  std::vector<std::vector<Known>> links;
  REQUIRE(join_all(told.parts, control, links).ok());
  REQUIRE(links == sorted(told));
}

/// `count` events at positions of up to `bits` bits, in no order.
void tell_any(Told& told, const std::string& link, std::size_t count, unsigned bits, std::mt19937_64& random) {
  std::set<Position> positions;
  while (positions.size() < count)
    positions.insert(random() >> (64 - bits));
  std::vector<Position> mixed(positions.begin(), positions.end());
  std::shuffle(mixed.begin(), mixed.end(), random);
  for (const Position position : mixed)
    told.tell(random() % told.parts.size(), link, position, link.front() == 'd');
}

/// `count` events in `runs` stretches of positions, in no order of these; `torn`: some of the last ones lie in another
/// stretch, too.
void tell_runs(Told& told, const std::string& link, std::size_t count, std::size_t runs, bool torn,
               std::mt19937_64& random) {
  std::vector<std::vector<Position>> stretches(runs);
  for (std::size_t i = 0; i < count; ++i)
    stretches[torn && i + 1 == count ? 0 : i * runs / count].push_back(3 * i + random() % 3);
  std::shuffle(stretches.begin(), stretches.end(), random);
  for (const std::vector<Position>& stretch : stretches) {
    const std::size_t part = random() % told.parts.size();
    for (const Position position : stretch)
      told.tell(part, link, position, link.front() == 'd');
  }
}

} // namespace

TEST_CASE("sequence join: events of a link value come together in position order, whatever parts they come from") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const std::size_t parts : {1, 2, 5}) {
    for (const unsigned bits : {13, 24, 40, 64}) {
      for (const std::string kind : {"details", "none"}) {
        CAPTURE(parts);
        CAPTURE(bits);
        CAPTURE(kind);
        Told told(parts);
        for (const std::size_t count : {1, 2, 63, 64, 65, 66, 255, 256, 257, 3'000})
          tell_any(told, kind + " " + std::to_string(count), count, bits, random);
        for (int i = 0; i < 500; ++i)
          tell_any(told, kind + " few, " + std::to_string(i), 1 + random() % 4, bits, random);
        check_joined(told);
      }
    }
  }
}

TEST_CASE("sequence join: events that ascend in stretches come together in position order") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const std::size_t parts : {1, 3})
    for (const std::string kind : {"details", "none"}) {
      Told told(parts);
      for (const bool torn : {false, true})
        for (const std::size_t runs : {2, 3, 10, 63, 64, 65, 66, 100})
          for (const std::size_t count : {runs, 2 * runs, std::size_t{1'000}})
            tell_runs(told, kind + (torn ? " torn " : " ") + std::to_string(runs) + " " + std::to_string(count), count,
                      runs, torn, random);
      for (const bool torn : {false, true}) // of many events there may be more
        for (const std::size_t runs : {68, 69, 70})
          tell_runs(told, kind + (torn ? " many torn " : " many ") + std::to_string(runs), 70'000, runs, torn, random);
      check_joined(told);
    }
}

TEST_CASE("sequence join: events of threads that took turns come together in position order without being sorted") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const std::string kind : {"details", "none"}) {
    Told told(4); // the last has no event
    const Position position_max = 60'000;
    for (Position position = 0; position < position_max;) {
      const std::size_t part = random() % 3;
      const Position end = position + 1 + random() % 5'000;
      for (; position < end; ++position)
        told.tell(part, kind + " " + std::to_string(random() % 100), position, kind == "details");
    }
    std::atomic<std::uint64_t> bytes{0};
    QueryControl control;
    control.result_bytes = &bytes;
    Pacer pacer(control);
    ResultBudget budget(control);
    SequenceJoin join(budget, control.result_bytes_max, pacer);
    std::size_t events = 0;
    for (std::size_t bin = 0; bin < SequencePart::bin_count; ++bin) {
      REQUIRE(join.join(told.parts, bin).ok());
      const std::uint64_t joined_bytes = join.bytes();
      for (std::size_t link = 0; link < join.links(); ++link) {
        std::span<SequenceEvent> of_link = join.of_link(link);
        events += of_link.size();
        CHECK(std::is_sorted(of_link.begin(), of_link.end(),
                             [](const SequenceEvent& a, const SequenceEvent& b) { return a.position < b.position; }));
        REQUIRE(join.sort(of_link).ok());
      }
      CHECK(join.bytes() == joined_bytes);
    }
    CHECK(events >= position_max);
  }
}

TEST_CASE("sequence join: what there is no memory for is sorted without, and not joined with a clear message") {
  std::mt19937_64 random(1);
  const auto joined = [&](std::uint64_t bytes_max, std::vector<std::vector<Known>>& links) {
    Told told(2);
    tell_any(told, "details", 1'000, 30, random);
    std::atomic<std::uint64_t> bytes{0};
    QueryControl control;
    control.result_bytes = &bytes;
    control.result_bytes_max = bytes_max;
    const Status status = join_all(told.parts, control, links);
    if (status)
      CHECK(links == sorted(told));
    CHECK(bytes <= bytes_max);
    return status;
  };
  for (const std::uint64_t arrays : {2, 3, 4}) { // of events, of details as large as they, and of what sorting takes
    std::vector<std::vector<Known>> links;
    CHECK(joined(arrays * 1'000 * sizeof(SequenceEvent), links).ok());
  }
  std::vector<std::vector<Known>> links;
  const Status refused = joined(2 * 1'000 * sizeof(SequenceEvent) - 1, links);
  CHECK(refused.code() == Errc::too_large);
  CHECK(
      refused.error().message ==
      "the events that may take part in the sequence need more than 31999 bytes of memory; narrow FOR, SINCE or UNTIL, "
      "or add conditions on single steps");
}

TEST_CASE("sequence join: each step with many events of one link value looks at the deadline") {
  constexpr std::size_t count = 40'000;
  std::size_t runs = 0;
  const auto looks_of = [&](std::int64_t looks_max, Errc expected) {
    std::mt19937_64 random(1);
    Told told(2);
    if (runs == 0)
      tell_any(told, "one", count, 24, random);
    else
      tell_runs(told, "one", count, runs, false, random);
    std::atomic<std::uint64_t> bytes{0};
    SteppingClock clock;
    QueryControl control;
    control.result_bytes = &bytes;
    control.clock = &clock;
    control.deadline = std::chrono::steady_clock::time_point(std::chrono::seconds(looks_max));
    std::vector<std::vector<Known>> links;
    CHECK(join_all(told.parts, control, links).code() == expected);
    return clock.looks;
  };
  const std::int64_t all = looks_of(1'000'000, Errc::ok);
  // Two arrays, moving, two first looks and two for each of three digits: all but moving four events at a time.
  CHECK(all >= static_cast<std::int64_t>(count / 4'096 + 10 * (count / 4 / 4'096)));
  for (std::int64_t looks = 1; looks < all; ++looks)
    CHECK(looks_of(looks, Errc::deadline_exceeded) == looks);
  runs = 5; // two arrays, moving, two looks and a move
  const std::int64_t of_runs = looks_of(1'000'000, Errc::ok);
  CHECK(of_runs >= static_cast<std::int64_t>(count / 4'096 + 5 * (count / 4 / 4'096)));
  for (std::int64_t looks = 1; looks < of_runs; ++looks)
    CHECK(looks_of(looks, Errc::deadline_exceeded) == looks);
}
