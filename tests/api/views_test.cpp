// Remembered queries through the public door: names, answers, and what becomes of them.
#include <weir/engine.hpp>
#include <weir/salvage.hpp>

#include "engine/text.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;

namespace {

Engine open_at(const std::string& directory) {
  auto engine = Engine::open(directory);
  REQUIRE_MESSAGE(engine.ok(), to_string(engine.ok() ? Error{} : engine.error()));
  return *std::move(engine);
}

Query parsed(std::string_view text) {
  auto query = parse_query(text);
  REQUIRE(query.ok());
  return *std::move(query);
}

void store(Engine& engine, int first, int count) {
  for (int i = first; i < first + count; ++i)
    REQUIRE(engine
                .store({.context_id = format("order-{}", i % 7),
                        .event_type = i % 3 == 0 ? "paid" : "placed",
                        .payload = format(R"({{"amount":{}.5,"country":"{}"}})", i, i % 2 == 0 ? "NO" : "SE")})
                .ok());
}

/// The view's answer, which must be that of its query.
QueryResult shown(const Engine& engine, const std::string& name, const Query& query) {
  const auto view = engine.show(name);
  REQUIRE_MESSAGE(view.ok(), to_string(view.ok() ? Error{} : view.error()));
  const auto asked = engine.query(query);
  REQUIRE(asked.ok());
  CHECK(view->columns == asked->columns);
  CHECK(view->rows == asked->rows);
  return *view;
}

const char* const by_country = "QUERY paid COUNT, TOTAL payload.amount BY payload.country ORDER BY count DESC";

} // namespace

TEST_CASE("view: answers stay fresh through stores, flush, compaction, removal and a reopen") {
  const test::TempDirectory dir;
  const Query query = parsed(by_country);
  const Query newest = parsed("QUERY * RETURN [context_id, sequence] ORDER BY position DESC LIMIT 3");
  {
    Engine engine = open_at(dir.path());
    REQUIRE(engine.remember("by_country", query).ok());
    REQUIRE(engine.remember("newest", newest).ok());
    CHECK(shown(engine, "by_country", query).rows.empty());
    for (int round = 0; round < 5; ++round) {
      store(engine, round * 50, 50);
      if (round % 2 == 0)
        REQUIRE(engine.flush().ok());
      shown(engine, "by_country", query);
      shown(engine, "newest", newest);
    }
    const auto before = shown(engine, "by_country", query);
    REQUIRE(engine.truncate_context("order-3", 20).ok());
    CHECK(shown(engine, "by_country", query).rows != before.rows);
    REQUIRE(engine.close().ok());
  }
  Engine engine = open_at(dir.path());
  CHECK(engine.remembered() ==
        std::vector<RememberedQuery>{{"by_country", to_text(query)}, {"newest", to_text(newest)}});
  shown(engine, "by_country", query);
  store(engine, 1'000, 10);
  shown(engine, "by_country", query);
  shown(engine, "newest", newest);
}

TEST_CASE("view: only what came since is read again") {
  const test::TempDirectory dir;
  Engine engine = open_at(dir.path());
  const Query query = parsed("QUERY * COUNT BY event_type");
  REQUIRE(engine.remember("types", query).ok());
  store(engine, 0, 300);
  REQUIRE(engine.show("types").ok());
  store(engine, 300, 5);
  const auto answer = engine.show("types");
  REQUIRE(answer.ok());
  CHECK(answer->stats.rows_matched == 5);
  const auto nothing_new = engine.show("types");
  REQUIRE(nothing_new.ok());
  CHECK(nothing_new->stats.rows_matched == 0);
  CHECK(nothing_new->rows == answer->rows);
}

TEST_CASE("view: a name is for one query, checked before it is kept, and can be forgotten") {
  const test::TempDirectory dir;
  Engine engine = open_at(dir.path());
  const Query query = parsed(by_country);
  REQUIRE(engine.remember("a", query).ok());
  CHECK(engine.remember("a", query).ok());
  CHECK(engine.remember("a", parsed("QUERY * COUNT")).code() == Errc::invalid_argument);
  CHECK(engine.remember("", query).code() == Errc::invalid_argument);
  CHECK(engine.remember("two\nlines", query).code() == Errc::invalid_argument);
  CHECK(engine.remember(std::string(65, 'n'), query).code() == Errc::too_large);
  CHECK(engine.remember("s", parsed("QUERY a FOLLOWED BY b LINKED BY context_id COUNT")).code() == Errc::unsupported);
  CHECK(engine.show("b").code() == Errc::not_found);
  CHECK(engine.forget("b").code() == Errc::not_found);
  REQUIRE(engine.forget("a").ok());
  CHECK(engine.show("a").code() == Errc::not_found);
  CHECK(engine.remembered().empty());
  REQUIRE(engine.remember("a", parsed("QUERY * COUNT")).ok());
  store(engine, 0, 3);
  const auto answer = engine.show("a");
  REQUIRE(answer.ok());
  CHECK(answer->rows == std::vector<std::vector<Value>>{{Value(3)}});
}

TEST_CASE("view: there are so many, and no more until one is forgotten") {
  test::SimulatedDisk disk;
  auto engine = disk.open({});
  REQUIRE_MESSAGE(engine.ok(), test::why(engine));
  const Query query = parsed("QUERY * COUNT");
  for (std::size_t i = 1; i <= limits::views_max; ++i)
    REQUIRE(engine->remember(format("view-{}", i), query).ok());
  const auto refused = engine->remember("another", query);
  CHECK(refused.code() == Errc::too_large);
  CHECK(to_string(refused.error()).find(std::to_string(limits::views_max)) != std::string::npos);
  CHECK(engine->remember("view-1", query).ok()); // it is there
  REQUIRE(engine->forget("view-2").ok());
  CHECK(engine->remember("another", query).ok());
  CHECK(engine->remembered().size() == limits::views_max);
}

TEST_CASE("view: salvage takes the remembered queries along") {
  const test::TempDirectory dir;
  const std::string from = dir.path("from"), to = dir.path("to");
  const Query query = parsed(by_country);
  {
    Engine engine = open_at(from);
    REQUIRE(engine.remember("by_country", query).ok());
    store(engine, 0, 20);
    REQUIRE(engine.close().ok());
  }
  REQUIRE(salvage_directory(from, to).ok());
  const Engine engine = open_at(to);
  CHECK(engine.remembered() == std::vector<RememberedQuery>{{"by_country", to_text(query)}});
  CHECK(shown(engine, "by_country", query).rows.size() == 2);
}

TEST_CASE("view: an upcaster that comes in changes what was gathered before") {
  const test::TempDirectory dir;
  Engine engine = open_at(dir.path());
  const Query query = parsed("QUERY paid TOTAL payload.amount AS sum");
  REQUIRE(engine.remember("sum", query).ok());
  REQUIRE(engine.define_schema("DEFINE paid FIELDS { amount: int64 }").ok());
  REQUIRE(engine.store({.context_id = "o", .event_type = "paid", .payload = R"({"amount":5})"}).ok());
  CHECK(shown(engine, "sum", query).rows == std::vector<std::vector<Value>>{{Value(5)}});
  REQUIRE(engine
              .register_upcasters("paid", {{1,
                                            [](std::string_view) -> Result<std::string> {
                                              return std::string(R"({"amount":500,"cents":true})");
                                            }}})
              .ok());
  REQUIRE(engine.define_schema("DEFINE paid FIELDS { amount: int64, cents: bool }").ok());
  CHECK(shown(engine, "sum", query).rows == std::vector<std::vector<Value>>{{Value(500)}});
}
