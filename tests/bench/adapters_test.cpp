// Every store passes the same test before it is measured.
#include "bench/adapter.hpp"
#include "bench/crew.hpp"
#include "bench/row_feed.hpp"
#include "tests/support/temp_directory.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

using namespace weir::bench;

namespace {

const Workload& workload() {
  static const Workload made({.seed = 3, .events = 2'000, .contexts = 40, .zipf = 0.99});
  return made;
}

Settings settings(const std::string& directory, bool durable = true, unsigned shards = 1) {
  return {
      .directory = directory, .durable = durable, .shards = shards, .expected_bytes = 2U << 20U, .unsealed_bytes = 0};
}

/// Stores `rows` rows from `first` on by a stream, and says what they were; every one has to be acknowledged.
Tally stream(Adapter& adapter, std::size_t first, std::size_t rows, std::size_t in_flight) {
  std::atomic<std::size_t> acknowledged{0};
  RowFeed feed(workload(), first);
  feed.at_most(rows);
  adapter.append_stream(feed.source(), in_flight, [&](std::uint64_t) { ++acknowledged; });
  CHECK(acknowledged == rows);
  return feed.tally();
}

std::vector<std::string> replayed(Adapter& adapter, std::string_view context) {
  std::vector<std::string> payloads;
  adapter.replay(context, [&](const Row& row) {
    CHECK(row.context_id == context);
    payloads.emplace_back(row.payload);
  });
  return payloads;
}

void check_order(Adapter& adapter, std::size_t rows) {
  std::map<std::string, std::vector<std::string>> expected;
  for (std::size_t i = 0; i < rows; ++i)
    expected[std::string(workload().row(i).context_id)].emplace_back(workload().row(i).payload);
  for (const auto& [context, payloads] : expected)
    CHECK(replayed(adapter, context) == payloads);
}

template <class Check> void with_each_peer(const Check& check) {
  for (const auto& peer : all_peers()) {
    CAPTURE(peer.name);
    const weir::test::TempDirectory directory;
    check(peer, directory.path());
  }
}

} // namespace

TEST_CASE("every peer: what a stream stored is replayed in order, before and after it is opened again") {
  with_each_peer([](const Peer& peer, const std::string& directory) {
    for (const bool durable : {true, false}) {
      const std::string store = directory + (durable ? "/durable" : "/buffered");
      REQUIRE(std::filesystem::create_directory(store));
      std::filesystem::permissions(store, std::filesystem::perms::owner_all);
      auto adapter = peer.make();
      adapter->open(settings(store, durable));
      const Tally stored = stream(*adapter, 0, 1'000, 64);
      adapter->flush();
      adapter->settle();
      check_order(*adapter, 1'000);
      CHECK(adapter->tally() == stored);
      adapter->close();
      CHECK(adapter->bytes_at_rest(store) > 50 * 1'000);

      adapter = peer.make();
      adapter->open(settings(store, durable));
      check_order(*adapter, 1'000);
      CHECK(adapter->tally() == stored);
      CHECK(replayed(*adapter, "order-none").empty());
      // A second stream goes on where the first ended.
      Tally both = stored;
      both.add(stream(*adapter, 1'000, 1'000, 7));
      CHECK(adapter->tally() == both);
      check_order(*adapter, 2'000);
      adapter->close();
    }
  });
}

TEST_CASE("every peer: threads that wait for each of their events lose none") {
  with_each_peer([](const Peer& peer, const std::string& directory) {
    constexpr std::size_t threads = 8;
    auto adapter = peer.make();
    adapter->open(settings(directory));
    std::deque<RowFeed> feeds;
    for (std::size_t i = 0; i < threads; ++i)
      feeds.emplace_back(workload(), i, threads).at_most(25);
    run_crew(
        threads, [] {},
        [&](std::size_t i) {
          for (Row row; feeds[i].next(row);)
            adapter->append(row);
        });
    Tally stored;
    for (const auto& feed : feeds)
      stored.add(feed.tally());
    CHECK(stored.events == threads * 25);
    CHECK(adapter->tally() == stored);
    adapter->close();
    adapter = peer.make();
    adapter->open(settings(directory));
    CHECK(adapter->tally() == stored);
    adapter->close();
  });
}

TEST_CASE("peers with shards: each shard has its stream, and contexts stay where they belong") {
  constexpr unsigned shards = 4;
  for (const auto& peer : all_peers()) {
    if (peer.name != "weir" && peer.name != "raw")
      continue;
    CAPTURE(peer.name);
    const weir::test::TempDirectory directory;
    auto adapter = peer.make();
    adapter->open(settings(directory.path(), true, shards));
    std::deque<RowFeed> feeds;
    std::vector<RowSource> by_shard;
    for (auto& rows : rows_by_shard(workload(), 1'000, *adapter, shards)) {
      const std::size_t count = rows.size();
      CHECK(count > 0);
      feeds.emplace_back(workload(), std::move(rows)).at_most(count);
      by_shard.push_back(feeds.back().source());
    }
    std::atomic<std::size_t> acknowledged{0};
    adapter->append_streams(by_shard, 32, [&](std::uint64_t) { ++acknowledged; });
    CHECK(acknowledged == 1'000);
    check_order(*adapter, 1'000);
    adapter->close();
  }
}

TEST_CASE("row feed: gives what it says it gave, round and round") {
  RowFeed feed(workload(), 1'999, 2);
  feed.at_most(3);
  std::vector<std::string_view> payloads;
  for (Row row; feed.next(row);)
    payloads.push_back(row.payload);
  CHECK(payloads == std::vector{workload().row(1'999).payload, workload().row(1).payload, workload().row(3).payload});
  Tally expected;
  for (const std::size_t i : {1'999U, 1U, 3U})
    expected.add(workload().row(i));
  CHECK(feed.tally() == expected);
}
