// Sequences through the engine's door, wherever their events lie: in memory, in segments, in both, in merged ones.
#include "tests/api/sequence_shop.hpp"
#include "tests/support/why.hpp"

#include <weir/execute.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

constexpr Timestamp start = Shop::start;

Asked placed_paid(std::function<bool(const Matched&)> fits = [](const Matched&) { return true; }) {
  return {{"placed", "paid"}, by_order, std::move(fits)};
}

bool complete(const Matched& match) {
  return match.size() == 2;
}

} // namespace

TEST_CASE("sequences: the matches are those of the rule, wherever the events lie") {
  for (const Home home : homes) {
    CAPTURE(static_cast<int>(home));
    std::size_t found = 0;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      CAPTURE(seed);
      Shop shop;
      shop.fill(home, seed);
      const std::string query = "QUERY placed FOLLOWED BY paid LINKED BY payload.order";
      const std::string both = "placed.position, paid.position";
      found += shop.check(query, both, placed_paid());
      found += shop.check("QUERY placed FOLLOWED BY paid LINKED BY context_id", both, {{"placed", "paid"}, by_context});
      found += shop.check("QUERY paid PRECEDED BY placed LINKED BY payload.order", both, placed_paid());
      found +=
          shop.check("QUERY placed FOLLOWED BY paid FOLLOWED BY shipped LINKED BY payload.order",
                     "placed.position, paid.position, shipped.position", {{"placed", "paid", "shipped"}, by_order});
      found += shop.check("QUERY paid AS a FOLLOWED BY paid AS b LINKED BY context_id", "a.position, b.position",
                          {{"paid", "paid"}, by_context});
      found += shop.check(query + " WITHIN 30 MINUTES", both, placed_paid([](const Matched& match) {
                            return !complete(match) || match[1]->at - match[0]->at <= 30min;
                          }));
      found += shop.check(query + " SINCE '2023-11-14T22:30:00Z' UNTIL 1700005000000", both,
                          placed_paid([](const Matched& match) {
                            return match.back()->at >= start + 1'000s && match.back()->at < start + 5'000s; // 22:13:20
                          }));
      found +=
          shop.check(query + " FOR PREFIX shop-1", both,
                     placed_paid([](const Matched& match) { return match.back()->context.starts_with("shop-1"); }));
      found +=
          shop.check(query + " FOR shop-2, shop-3, shop-4, shop-5, shop-6", both, placed_paid([](const Matched& match) {
                       return match.back()->context >= "shop-2" && match.back()->context <= "shop-6";
                     }));
    }
    CHECK(found > 300); // or the events are not what they are meant to be
  }
}

TEST_CASE("sequences: conditions name fields by their step, and are judged as soon as they can be") {
  for (const Home home : homes) {
    CAPTURE(static_cast<int>(home));
    Shop shop;
    shop.fill(home, 7);
    const std::string query = "QUERY placed FOLLOWED BY paid AS p LINKED BY payload.order WHERE ";
    const std::string columns = "placed.position, p.position";
    std::size_t found = 0;
    found += shop.check(query + "placed.payload.amount >= 3 AND p.payload.amount < 8", columns,
                        placed_paid([](const Matched& match) {
                          return match.size() == 1 ? match[0]->amount >= 3 : match[1]->amount < 8;
                        }));
    found += shop.check(
        query + "p.payload.amount < placed.payload.amount", columns,
        placed_paid([](const Matched& match) { return !complete(match) || match[1]->amount < match[0]->amount; }));
    found += shop.check(query + "p.payload.amount = placed.payload.amount + 1 OR placed.payload.amount = 0", columns,
                        placed_paid([](const Matched& match) {
                          return !complete(match) || match[1]->amount == match[0]->amount + 1 || match[0]->amount == 0;
                        }));
    found += shop.check(query + "placed.context_id != p.context_id", columns, placed_paid([](const Matched& match) {
                          return !complete(match) || match[0]->context != match[1]->context;
                        }));
    found +=
        shop.check(query + "p.timestamp >= placed.timestamp", columns,
                   placed_paid([](const Matched& match) { return !complete(match) || match[1]->at >= match[0]->at; }));
    CHECK(found > 25);
  }
}

TEST_CASE("sequences: LIMIT, OFFSET and ORDER BY choose among the matches, COUNT counts them all") {
  for (const Home home : homes) {
    CAPTURE(static_cast<int>(home));
    Shop shop;
    shop.fill(home, 11);
    const std::string query = "QUERY placed FOLLOWED BY paid LINKED BY payload.order";
    const std::vector<Matched> found = matches(placed_paid(), shop.facts);
    const Rows rows = positions(found);
    REQUIRE(rows.size() > 8);
    const std::string columns = " RETURN placed.position, paid.position";
    const auto part = [&](std::size_t from, std::size_t count) {
      return Rows(rows.begin() + static_cast<std::ptrdiff_t>(from),
                  rows.begin() + static_cast<std::ptrdiff_t>(std::min(from + count, rows.size())));
    };
    CHECK(shop.ask(query + columns + " LIMIT 3").rows == part(0, 3));
    CHECK(shop.ask(query + columns + " LIMIT 3 OFFSET 4").rows == part(4, 3));
    CHECK(shop.ask(query + columns + " OFFSET 5").rows == part(5, rows.size()));
    CHECK(shop.ask(query + columns + " LIMIT 0").rows.empty());
    CHECK(shop.ask(query + columns + " OFFSET 100000").rows.empty());
    Rows backward(rows.rbegin(), rows.rend());
    CHECK(shop.ask(query + columns + " ORDER BY placed.position DESC").rows == backward);
    backward.resize(2);
    CHECK(shop.ask(query + columns + " ORDER BY placed.position DESC LIMIT 2").rows == backward);
    const QueryResult counted = shop.ask(query + " COUNT AS n");
    CHECK(counted.columns == std::vector<std::string>{"n"});
    CHECK(counted.rows == Rows{{rows.size()}});

    // Without RETURN: the link, and of each step what it is.
    const QueryResult whole = shop.ask(query + " LIMIT 2");
    CHECK(whole.columns == std::vector<std::string>{"payload.order", "placed.context_id", "placed.sequence",
                                                    "placed.position", "placed.timestamp", "placed.payload",
                                                    "paid.context_id", "paid.sequence", "paid.position",
                                                    "paid.timestamp", "paid.payload"});
    REQUIRE(whole.rows.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      std::vector<Value> expected{Value(*found[i][0]->order)};
      for (const Fact* fact : found[i]) {
        expected.insert(expected.end(), {fact->context, fact->sequence, fact->position, fact->at});
        expected.emplace_back(JsonText{Shop::payload(*fact)});
      }
      CHECK(whole.rows[i] == expected);
    }
  }
}

TEST_CASE("sequences: an event that is removed is in no match, nor is it when segments have left it out") {
  for (const Home home : homes) {
    CAPTURE(static_cast<int>(home));
    Shop shop;
    shop.fill(home, 13);
    const auto check = [&] {
      std::size_t found = shop.check("QUERY placed FOLLOWED BY paid LINKED BY payload.order",
                                     "placed.position, paid.position", placed_paid());
      found += shop.check("QUERY placed FOLLOWED BY paid LINKED BY context_id", "placed.position, paid.position",
                          {{"placed", "paid"}, by_context});
      return found;
    };
    const std::size_t before = check();
    REQUIRE(shop.engine.truncate_context("shop-1", 8).ok());
    REQUIRE(shop.engine.delete_context("shop-2").ok());
    REQUIRE(shop.engine.delete_context("shop-3", Deletion::hard).ok());
    shop.forget([](const Fact& fact) {
      return (fact.context == "shop-1" && fact.sequence < 8) || fact.context == "shop-2" || fact.context == "shop-3";
    });
    CHECK(check() < before);
    // A context that was deleted softly goes on.
    shop.store({.context = "shop-2", .type = "placed", .at = start + 24h, .order = 1'000});
    shop.store({.context = "shop-2", .type = "paid", .at = start + 25h, .order = 1'000});
    const std::size_t after = check();
    REQUIRE(shop.engine.flush().ok());
    CHECK(check() == after);
    shop.merge();
    CHECK(check() == after);
  }
}

TEST_CASE("sequences: steps, links and conditions look at what upcasters made of old events") {
  for (const Home home : homes) {
    CAPTURE(static_cast<int>(home));
    Shop shop;
    const auto must_define = [&](const char* definition) {
      const auto version = shop.engine.define_schema(definition);
      REQUIRE_MESSAGE(version.ok(), why(version));
    };
    const auto store = [&](std::string type, const std::string& context, std::string payload) {
      const auto receipt = shop.engine.store(
          {.context_id = context, .event_type = std::move(type), .payload = std::move(payload), .timestamp = start});
      REQUIRE_MESSAGE(receipt.ok(), why(receipt));
      if (home == Home::segments || home == Home::merged)
        REQUIRE(shop.engine.flush().ok());
      return receipt->position;
    };
    must_define("DEFINE paid FIELDS { number: int64, cents: int64 }");
    std::vector<Position> at;
    at.push_back(store("placed", "a-1", R"({"order":1,"total":5})"));
    at.push_back(store("placed", "a-2", R"({"order":2,"total":5})"));
    at.push_back(store("paid", "b-1", R"({"number":1,"cents":500})"));
    at.push_back(store("paid", "b-1", R"({"number":2,"cents":300})"));
    if (home == Home::both)
      REQUIRE(shop.engine.flush().ok());
    const Status registered = shop.engine.register_upcasters(
        "paid", {{1, [](std::string_view old) -> Result<std::string> {
                    const auto number = [&](std::string_view name) {
                      const std::size_t from = old.find(name) + name.size();
                      return std::string(old.substr(from, old.find_first_of(",}", from) - from));
                    };
                    return "{\"order\":" + number("\"number\":") + ",\"money\":{\"cents\":" + number("\"cents\":") +
                           "}}";
                  }}});
    REQUIRE_MESSAGE(registered.ok(), why(registered));
    must_define("DEFINE paid FIELDS { order: int64, money: object { cents: int64 } }");
    at.push_back(store("placed", "a-1", R"({"order":1,"total":9})"));
    at.push_back(store("paid", "b-2", R"({"order":2,"money":{"cents":500}})"));
    at.push_back(store("paid", "b-2", R"({"order":1,"money":{"cents":900}})"));
    if (home == Home::merged)
      shop.merge();

    const std::string query = "QUERY placed FOLLOWED BY paid LINKED BY payload.order";
    const std::string columns = " RETURN placed.position, paid.position";
    CHECK(shop.ask(query + columns).rows == Rows{{at[0], at[2]}, {at[1], at[3]}, {at[4], at[6]}});
    CHECK(shop.ask(query + " WHERE paid.payload.money.cents = placed.payload.total * 100" + columns).rows ==
          Rows{{at[0], at[2]}, {at[1], at[5]}, {at[4], at[6]}});
    CHECK(shop.ask(query + " WHERE paid.payload.money.cents >= 500 COUNT").rows == Rows{{3}});
    CHECK(shop.ask(query + " RETURN paid.payload LIMIT 1").rows ==
          Rows{{JsonText{R"({"order":1,"money":{"cents":500}})"}}});
    // As stored, the old ones have no such link.
    QueryOptions as_stored;
    as_stored.as_stored = true;
    CHECK(shop.ask(query + columns, as_stored).rows == Rows{{at[0], at[6]}, {at[1], at[5]}});
    CHECK(shop.ask("QUERY paid AS a FOLLOWED BY paid AS b LINKED BY context_id WHERE a.payload.cents = 500 "
                   "RETURN a.position, b.position",
                   as_stored)
              .rows == Rows{{at[2], at[3]}});
  }
}

TEST_CASE("sequences: the builder asks as the text does, and parameters stand for values") {
  Shop shop;
  shop.fill(Home::both, 17);
  const Query plan = Query::sequence({{"placed", ""}, {"paid", "p"}}, "payload.order")
                         .within(40min)
                         .where(field("p.payload.amount") > 4)
                         .returning({"placed.position", "p.position"});
  const std::string text = "QUERY placed FOLLOWED BY paid AS p LINKED BY payload.order WITHIN 40 MINUTES "
                           "WHERE p.payload.amount > 4 RETURN placed.position, p.position";
  const Rows expected =
      positions(matches(placed_paid([](const Matched& match) {
                          return !complete(match) || (match[1]->amount > 4 && match[1]->at - match[0]->at <= 40min);
                        }),
                        shop.facts));
  REQUIRE(expected.size() > 3);
  const auto built = shop.engine.query(plan);
  REQUIRE_MESSAGE(built.ok(), why(built));
  CHECK(built->rows == expected);
  CHECK(shop.ask(text).rows == expected);
  const auto with_parameters = execute(
      shop.engine,
      "QUERY placed FOLLOWED BY :second AS p LINKED BY payload.order WITHIN 40 MINUTES WHERE p.payload.amount > ? "
      "RETURN placed.position, p.position LIMIT ?",
      {.parameters = {.positional = {4, 2}, .named = {{"second", "paid"}}}});
  REQUIRE_MESSAGE(with_parameters.ok(), why(with_parameters));
  CHECK(with_parameters->result.rows == Rows(expected.begin(), expected.begin() + 2));
}

TEST_CASE("sequences: what cannot be asked is refused with the place, and nothing is answered") {
  Shop shop;
  shop.fill(Home::both, 19, 30);
  const std::string query = "QUERY placed FOLLOWED BY paid LINKED BY payload.order ";
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"QUERY placed FOLLOWED BY paid", "LINKED BY"},
      {"QUERY placed FOLLOWED BY paid PRECEDED BY shipped LINKED BY context_id", "FOLLOWED BY or LINKED BY"},
      {"QUERY paid FOLLOWED BY paid LINKED BY context_id", "paid"},
      {"QUERY 'two words' FOLLOWED BY paid LINKED BY context_id", "two words"},
      {"QUERY placed FOLLOWED BY paid LINKED BY payload", "payload"},
      {query + "WHERE refunded.payload.amount = 1", "no step 'refunded'"},
      {query + "WHERE payload.amount = 1", "payload"},
      {query + "RETURN refunded.position", "no step 'refunded'"},
      {query + "TOTAL paid.payload.amount", "no other aggregate"},
      {query + "COUNT UNIQUE paid.payload.amount", "no other aggregate"},
      {query + "COUNT PER day", "PER"},
      {query + "COUNT BY paid.context_id", "BY"},
      {query + "WITHIN 0 SECONDS", "above zero"},
      {query + "WITHIN 5 LIGHTYEARS", "expected DAYS"},
      {"QUERY placed WITHIN 5 MINUTES", "WITHIN"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.text);
    const auto answer = shop.engine.query(each.text);
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.code() == Errc::parse_error);
    CHECK_MESSAGE(answer.error().message.find(each.message) != std::string::npos, answer.error().message);
    CHECK(answer.error().where.starts_with("line 1, column "));
    CHECK(execute(shop.engine, each.text).code() == Errc::parse_error);
  }
  CHECK(shop.engine.query(Query::sequence({{"placed", ""}}, "context_id")).code() == Errc::invalid_argument);
  CHECK(execute(shop.engine, "REMEMBER " + query + "COUNT AS kept").code() == Errc::unsupported);
  QueryOptions cancelled;
  cancelled.cancel = std::make_shared<std::atomic<bool>>(true);
  CHECK(shop.engine.query(query, cancelled).code() == Errc::cancelled);
  REQUIRE(shop.engine.close().ok());
  CHECK(shop.engine.query(query).code() == Errc::closing);
}
