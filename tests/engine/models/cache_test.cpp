#include "tests/engine/models/items.hpp"

#include <doctest/doctest.h>

using namespace weir;
using test::column;
using test::Items;
using test::must;
using test::parsed;

namespace {

struct Counted {
  std::size_t reads = 0;
  Items items;

  Counted()
      : items({column("id", ColumnType::integer), column("code", ColumnType::text, ColumnIndex::all)}, [this] {
          ModelDatabaseOptions options;
          options.on_call = [this](const SqlCall& call) { reads += call.sql.starts_with("SELECT") ? 1 : 0; };
          return options;
        }()) {
    for (int i = 0; i < 10; ++i)
      must(items->set(Json::object({{"id", i}, {"code", "c" + std::to_string(i)}})));
    reads = 0;
  }
};

std::string text(const JsonModel::Found& found) {
  return found ? found->to_text() : "nothing";
}

} // namespace

TEST_CASE("json_model: get_cached loads an object once, and that there is none as well") {
  Counted counted;
  const Items& items = counted.items;
  ModelCache cache;
  CHECK(text(must(items->get_cached(cache, 3))) == R"({"id":3,"code":"c3"})");
  CHECK(text(must(items->get_cached(cache, 77))) == "nothing");
  CHECK(counted.reads == 2);
  must(items->set(parsed(R"({"id": 3, "code": "new"})")));
  must(items->set(parsed(R"({"id": 77, "code": "new"})")));
  counted.reads = 0;
  CHECK(text(must(items->get_cached(cache, 3))) == R"({"id":3,"code":"c3"})");
  CHECK(text(must(items->get_cached(cache, 3.0))) == R"({"id":3,"code":"c3"})");
  CHECK(text(must(items->get_cached(cache, 77))) == "nothing");
  CHECK(counted.reads == 0);
}

TEST_CASE("json_model: get_cached loads what will be wanted too in the same statement") {
  Counted counted;
  const Items& items = counted.items;
  ModelCache cache;
  const std::vector<Json> soon = {4, 3, nullptr, 5, 4, 99};
  CHECK(text(must(items->get_cached(cache, 3, {}, soon))) == R"({"id":3,"code":"c3"})");
  CHECK(counted.reads == 1);
  CHECK(text(must(items->get_cached(cache, 5))) == R"({"id":5,"code":"c5"})");
  CHECK(text(must(items->get_cached(cache, 99))) == "nothing");
  CHECK(text(must(items->get_cached(cache, 4, {}, soon))) == R"({"id":4,"code":"c4"})");
  CHECK(counted.reads == 1);
  SUBCASE("what it has already is not loaded again") {
    must(items->set(parsed(R"({"id": 4, "code": "new"})")));
    CHECK(text(must(items->get_cached(cache, 6, {}, soon))) == R"({"id":6,"code":"c6"})");
    CHECK(text(must(items->get_cached(cache, 4))) == R"({"id":4,"code":"c4"})");
  }
}

TEST_CASE("json_model: get_cached asks for at most 100 at a time") {
  Counted counted;
  ModelCache cache;
  std::vector<Json> many;
  for (int i = 0; i < 250; ++i)
    many.emplace_back(i);
  CHECK(text(must(counted.items->get_cached(cache, 0, {}, many))) == R"({"id":0,"code":"c0"})");
  CHECK(counted.reads == 3);
  CHECK(text(must(counted.items->get_cached(cache, 249))) == "nothing");
  CHECK(counted.reads == 3);
}

TEST_CASE("json_model: get_cached by another column is a cache of its own") {
  Counted counted;
  const Items& items = counted.items;
  ModelCache cache;
  CHECK(text(must(items->get_cached(cache, "c3", "code"))) == R"({"id":3,"code":"c3"})");
  CHECK(text(must(items->get_cached(cache, "c3", "code"))) == R"({"id":3,"code":"c3"})");
  CHECK(counted.reads == 1);
  CHECK(text(must(items->get_cached(cache, 3))) == R"({"id":3,"code":"c3"})");
  CHECK(counted.reads == 2);
  CHECK(text(must(items->get_cached(cache, 3, "id"))) == R"({"id":3,"code":"c3"})");
  CHECK(counted.reads == 2);
}

TEST_CASE("json_model: clear_cache forgets an id, or all of a model") {
  Counted counted;
  const Items& items = counted.items;
  const Items others({});
  ModelCache cache;
  const auto load = [&] {
    counted.reads = 0;
    for (const int id : {1, 2})
      must(items->get_cached(cache, id));
    must(items->get_cached(cache, "c1", "code"));
    return counted.reads;
  };
  CHECK(load() == 3);
  CHECK(load() == 0);
  items->clear_cache(cache, 1);
  CHECK(load() == 1);
  items->clear_cache(cache, "c1", "code");
  CHECK(load() == 1);
  items->clear_cache(cache, {}, "code");
  CHECK(load() == 1);
  others->clear_cache(cache);
  CHECK(load() == 0);
  items->clear_cache(cache, 55);
  items->clear_cache(cache, 1, "nope");
  CHECK(load() == 0);
  items->clear_cache(cache);
  CHECK(load() == 3);
}

TEST_CASE("json_model: prime_cache puts an object there as if it had been loaded") {
  Counted counted;
  const Items& items = counted.items;
  ModelCache cache;
  items->prime_cache(cache, 3, parsed(R"({"id": 3, "primed": true})"));
  items->prime_cache(cache, 4, {});
  items->prime_cache(cache, "x", parsed(R"({"id": 9})"), "code");
  items->prime_cache(cache, nullptr, parsed("{}"));
  CHECK(text(must(items->get_cached(cache, 3))) == R"({"id":3,"primed":true})");
  CHECK(text(must(items->get_cached(cache, 4))) == "nothing");
  CHECK(text(must(items->get_cached(cache, "x", "code"))) == R"({"id":9})");
  CHECK(counted.reads == 0);
}

TEST_CASE("json_model: models of one name in two databases share nothing in a cache") {
  const Counted here, there;
  ModelCache cache;
  here.items->prime_cache(cache, 3, parsed(R"({"id": 3, "here": true})"));
  CHECK(text(must(there.items->get_cached(cache, 3))) == R"({"id":3,"code":"c3"})");
  ModelCache moved = std::move(cache);
  CHECK(text(must(here.items->get_cached(moved, 3))) == R"({"id":3,"here":true})");
}

TEST_CASE("json_model: get_cached refuses null, unknown columns and wrong ids") {
  Counted counted;
  const Items& items = counted.items;
  ModelCache cache;
  const auto null = items->get_cached(cache, nullptr);
  REQUIRE(null.code() == Errc::invalid_argument);
  CHECK(null.error().message.starts_with("items.id: "));
  const auto unknown = items->get_cached(cache, 1, "nope");
  REQUIRE(unknown.code() == Errc::invalid_argument);
  CHECK(unknown.error().message == "items: no such column: nope");
  CHECK(items->get_cached(cache, "text").code() == Errc::invalid_argument);
  const std::vector<Json> wrong = {1, "text"};
  CHECK(items->get_cached(cache, 1, {}, wrong).code() == Errc::invalid_argument);
  CHECK(counted.reads == 0);
}
