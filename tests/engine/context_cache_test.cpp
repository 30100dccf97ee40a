#include "engine/context_cache.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

namespace weir {

namespace {

ContextCache::Entry* find(ContextCache& cache, const std::string& id) {
  return cache.find(id, cache.hash(id));
}

ContextCache::Entry& add(ContextCache& cache, const std::string& id, Sequence last) {
  return cache.add(id, cache.hash(id), last);
}

} // namespace

TEST_CASE("context cache: whatever comes and goes, what is in is found, and nothing else") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const std::size_t entries_max = random() % 60;
    ContextCache cache(entries_max, seed);
    std::map<std::string, std::pair<ContextCache::Entry*, Sequence>> model;
    for (int step = 0; step < 5'000; ++step) {
      const std::string id = "c" + std::to_string(random() % 200);
      ContextCache::Entry* const entry = find(cache, id);
      const auto known = model.find(id);
      REQUIRE((entry != nullptr) == (known != model.end()));
      if (entry != nullptr) {
        REQUIRE(entry == known->second.first); // it has not moved
        REQUIRE(entry->context_id == id);
        REQUIRE(entry->last == known->second.second);
      } else {
        model[id] = {&add(cache, id, random()), 0};
        model[id].second = find(cache, id)->last;
      }
      cache.evict(random() % 20, 0);
      std::size_t live = 0;
      std::map<std::string, std::pair<ContextCache::Entry*, Sequence>> left;
      cache.for_each([&](ContextCache::Entry& each) {
        ++live;
        left[each.context_id] = {&each, each.last};
      });
      REQUIRE(live == cache.size());
      REQUIRE(left.size() == live);
      for (const auto& [name, what] : left)
        REQUIRE(model.at(name) == what);
      model = std::move(left);
    }
    cache.evict(10 * cache.size() + 10, 0);
    CHECK(cache.size() <= std::max<std::size_t>(entries_max, 0));
    cache.clear();
    CHECK(cache.size() == 0);
    CHECK(find(cache, "c1") == nullptr);
    add(cache, "c1", 9);
    CHECK(find(cache, "c1")->last == 9);
  }
}

TEST_CASE("context cache: entries with a call on its way stay, and those used lately outlive the others") {
  ContextCache cache(2, 7);
  add(cache, "ready", 1).ready = 1;
  add(cache, "in flight", 2).group = 5;
  for (const char* id : {"old", "used", "new"})
    add(cache, id, 3);
  cache.evict(5, 4); // the first round only finds out who was used
  CHECK(cache.size() == 5);
  CHECK(find(cache, "used") != nullptr);
  cache.evict(5, 4);
  CHECK(find(cache, "old") == nullptr);
  CHECK(find(cache, "new") == nullptr);
  CHECK(find(cache, "used") != nullptr);
  CHECK(find(cache, "ready") != nullptr);
  CHECK(find(cache, "in flight") != nullptr);
  cache.evict(100, 5);
  cache.evict(100, 5);
  CHECK(cache.size() == 2);
  CHECK(find(cache, "ready") != nullptr);
}

} // namespace weir
