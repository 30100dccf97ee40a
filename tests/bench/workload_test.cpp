#include "bench/workload.hpp"
#include "engine/json/json.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace weir;
using bench::Row;
using bench::Tally;
using bench::Workload;
using bench::WorkloadOptions;

namespace {

WorkloadOptions small(std::size_t events = 20'000) {
  return {.seed = 1, .events = events, .contexts = 500, .zipf = 0.99};
}

Tally tally_of(const Workload& workload) {
  Tally tally;
  for (std::size_t i = 0; i < workload.size(); ++i)
    tally.add(workload.row(i));
  return tally;
}

std::vector<std::size_t> events_by_context(const Workload& workload) {
  std::map<std::string_view, std::size_t> by_name;
  for (std::size_t i = 0; i < workload.size(); ++i)
    ++by_name[workload.row(i).context_id];
  std::vector<std::size_t> counts;
  for (std::size_t c = 0; c < workload.contexts(); ++c)
    counts.push_back(by_name[workload.context_id(c)]);
  return counts;
}

} // namespace

TEST_CASE("workload: the same seed gives the same events, another seed others") {
  const Workload one(small());
  const Workload again(small());
  auto options = small();
  options.seed = 2;
  const Workload other(options);
  CHECK(tally_of(one) == tally_of(again));
  CHECK(tally_of(one).checksum != tally_of(other).checksum);
  // The bytes themselves are part of the definition: figures of two machines are of the same work.
  CHECK(tally_of(one).checksum == 0x2EC757EECE10FC8CULL);
}

TEST_CASE("workload: payloads are JSON objects of some 260 bytes, of twelve types, no two alike") {
  const Workload workload(small());
  std::set<std::string_view> types;
  std::set<std::string_view> payloads;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Row row = workload.row(i);
    REQUIRE(json::validate_object(row.payload, "payload").ok());
    types.insert(row.event_type);
    payloads.insert(row.payload);
  }
  CHECK(types.size() == 12);
  CHECK(payloads.size() == workload.size());
  const double average = static_cast<double>(workload.payload_bytes()) / static_cast<double>(workload.size());
  CHECK(average > 250);
  CHECK(average < 270);
}

TEST_CASE("workload: contexts follow Zipf's law, and are uniform with exponent 0") {
  auto options = small();
  options.contexts = 50;
  const auto zipf = events_by_context(Workload(options));
  const auto at = [&](std::size_t rank) { return static_cast<double>(zipf[rank]); };
  CHECK(at(0) / at(1) == doctest::Approx(1.99).epsilon(0.1));
  CHECK(at(0) / at(9) == doctest::Approx(9.77).epsilon(0.15));
  options.zipf = 0;
  const auto uniform = events_by_context(Workload(options));
  CHECK(*std::ranges::min_element(uniform) > 300);
  CHECK(*std::ranges::max_element(uniform) < 500);
}

TEST_CASE("workload: contexts have names of their own") {
  const Workload workload({.seed = 1, .events = 1, .contexts = 20'000, .zipf = 0.99});
  std::set<std::string_view> names;
  for (std::size_t c = 0; c < workload.contexts(); ++c)
    names.insert(workload.context_id(c));
  CHECK(names.size() == workload.contexts());
}

TEST_CASE("tally: is free of order, and sees every field") {
  const Row row{"context", "type", "{}", 7};
  const Row other{"other", "type", "{}", 7};
  Tally forward;
  forward.add(row);
  forward.add(other);
  Tally backward;
  backward.add(other);
  backward.add(row);
  CHECK(forward == backward);
  Tally sum;
  Tally one;
  one.add(row);
  sum.add(one);
  Tally two;
  two.add(other);
  sum.add(two);
  CHECK(sum == forward);
  for (const Row& changed : {Row{"contexT", "type", "{}", 7}, Row{"context", "typE", "{}", 7},
                             Row{"context", "type", "{ }", 7}, Row{"context", "type", "{}", 8}}) {
    Tally differs;
    differs.add(changed);
    CHECK(differs.checksum != one.checksum);
  }
}
