// Remembered queries: what is gathered in steps is what one query over everything says.
#include "engine/query/execution.hpp"
#include "engine/query/executor.hpp"
#include "engine/text.hpp"
#include "engine/views/view_book.hpp"
#include "engine/views/view_state.hpp"
#include "tests/engine/query/fake_shard.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace weir;
using test::FakeSegment;
using test::StoredEvent;

namespace {

using Random = std::mt19937_64;

std::size_t pick(Random& random, std::size_t end) {
  return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
}

/// Two shards that get events, and are flushed and merged now and then.
class Log {
public:
  explicit Log(std::uint64_t seed) : random_(seed) {}

  void store(std::size_t events) {
    for (std::size_t i = 0; i < events; ++i) {
      const std::size_t context = pick(random_, 6);
      StoredEvent event;
      event.context_id = format("c{}", context);
      event.sequence = ++last_[context];
      event.position = next_position_;
      next_position_ += 1 + pick(random_, 3);
      event.recorded_at = Timestamp(std::chrono::seconds(1'700'000'000 + static_cast<std::int64_t>(event.position)));
      event.timestamp = event.recorded_at - std::chrono::hours(pick(random_, 72));
      event.event_type = pick(random_, 2) == 0 ? "placed" : "paid";
      event.payload = pick(random_, 8) == 0 ? R"({"country":"NO"})"
                                            : format(R"({{"n":{},"share":{}.25,"country":"{}"}})", pick(random_, 50),
                                                     pick(random_, 9), pick(random_, 2) == 0 ? "NO" : "SE");
      shards_[context % 2].events.push_back(std::move(event));
    }
  }
  /// Cuts what there is into other segments than before; the rest stays in a memtable.
  void rearrange() {
    for (Shard& shard : shards_) {
      shard.cuts.clear();
      for (std::size_t cut = 1; cut < shard.events.size(); cut += 1 + pick(random_, 40))
        if (pick(random_, 3) == 0)
          shard.cuts.push_back(cut);
    }
  }
  void remove_first(std::size_t events) {
    for (Shard& shard : shards_) {
      shard.events.erase(shard.events.begin(),
                         shard.events.begin() + static_cast<std::ptrdiff_t>(std::min(events, shard.events.size())));
      shard.cuts.clear();
      ++shard.removals;
    }
  }
  [[nodiscard]] Position next_position() const { return next_position_; }

  [[nodiscard]] std::vector<ShardView> views() const {
    std::vector<ShardView> views;
    for (const Shard& shard : shards_) {
      std::vector<std::shared_ptr<FakeSegment>> segments;
      std::size_t begin = 0;
      for (const std::size_t cut : shard.cuts) {
        std::vector<StoredEvent> rows(shard.events.begin() + static_cast<std::ptrdiff_t>(begin),
                                      shard.events.begin() + static_cast<std::ptrdiff_t>(cut));
        segments.push_back(std::make_shared<FakeSegment>(std::move(rows), 7));
        begin = cut;
      }
      ShardView view = test::make_view(
          std::move(segments),
          {test::make_memtable({shard.events.begin() + static_cast<std::ptrdiff_t>(begin), shard.events.end()})});
      view.removals = shard.removals;
      views.push_back(std::move(view));
    }
    return views;
  }

private:
  struct Shard {
    std::vector<StoredEvent> events;
    std::vector<std::size_t> cuts;
    std::uint64_t removals = 0;
  };
  Random random_;
  Shard shards_[2];
  Sequence last_[6] = {};
  Position next_position_ = 1;
};

constexpr const char* texts[] = {
    "QUERY * COUNT",
    "QUERY paid WHERE payload.n > 20 COUNT BY payload.country",
    "QUERY * TOTAL payload.n, AVG payload.share, MIN payload.n, MAX payload.share BY event_type",
    "QUERY * COUNT UNIQUE payload.n, P50 payload.n, P99 payload.share PER DAY",
    "QUERY * FIRST payload.n, LAST payload.n BY context_id ORDER BY context_id DESC",
    "QUERY * COUNT BY payload.country HAVING count > 30",
    "QUERY * COUNT BY payload.n ORDER BY count DESC LIMIT 3 OFFSET 1",
    "QUERY placed WHERE payload.n < 10",
    "QUERY placed RETURN [position, payload.n] ORDER BY payload.n DESC LIMIT 5",
    "QUERY * RETURN [position] LIMIT 4 OFFSET 2",
};

struct Scans {
  std::size_t rows = 0; ///< Looked at by all scans.
  [[nodiscard]] ViewScan scan() {
    return [this](const Query& query, std::span<const ShardView> shards, const query::QueryControl& control) {
      auto execution = query::Execution::make(query, {shards.begin(), shards.end()}, control);
      REQUIRE(execution.ok());
      auto parts = (*execution)->gather();
      if (parts)
        for (const query::ShardRows& part : *parts)
          rows += part.stats.rows_matched;
      return parts;
    };
  }
};

/// A log with some events, and its shards then.
struct Filled {
  Filled(std::uint64_t seed, std::size_t events) : log(seed) {
    log.store(events);
    shards = log.views();
    moment = {shards, log.next_position(), 0};
  }
  Log log;
  Scans scans;
  std::vector<ShardView> shards;
  ViewMoment moment;
};

/// Of as many groups as there are events, nearly.
Query many_groups() {
  return *parse_query("QUERY * COUNT BY payload.n, payload.share");
}

} // namespace

TEST_CASE("view: an answer made in steps is that of the query over everything") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    for (const char* text : texts) {
      CAPTURE(seed);
      CAPTURE(text);
      const auto query = parse_query(text);
      REQUIRE(query.ok());
      Log log(seed);
      Random random(seed + 100);
      Scans scans;
      std::shared_ptr<const ViewState> state;
      std::uint64_t schema_changes = 0;
      for (int step = 0; step < 12; ++step) {
        const Position synced = log.next_position(); // what is stored from here on is not synced yet
        log.store(pick(random, 30));
        log.rearrange();
        if (step % 5 == 4)
          log.remove_first(3);
        if (step == 8)
          ++schema_changes;
        const auto shards = log.views();
        auto answer = ViewState::answer(*query, state, {shards, synced, schema_changes}, scans.scan(), {});
        REQUIRE(answer.ok());
        const auto expected = query::run(*query, shards, {});
        REQUIRE(expected.ok());
        CHECK(answer->result.columns == expected->columns);
        REQUIRE(answer->result.rows == expected->rows);
        CHECK(answer->state->gathered_below() == synced);
        state = answer->state;
      }
    }
  }
}

TEST_CASE("view: what was gathered is not read again, until events are removed or payloads mean something else") {
  const auto query = parse_query("QUERY * COUNT BY event_type");
  REQUIRE(query.ok());
  Log log(1);
  log.store(500);
  Scans scans;
  std::shared_ptr<const ViewState> state;
  std::uint64_t schema_changes = 0;
  const auto ask = [&] {
    const auto shards = log.views();
    scans.rows = 0;
    auto answer = ViewState::answer(*query, state, {shards, log.next_position(), schema_changes}, scans.scan(), {});
    REQUIRE(answer.ok());
    state = answer->state;
    return scans.rows;
  };
  CHECK(ask() == 500);
  CHECK(ask() == 0);
  log.store(20);
  CHECK(ask() == 20);
  log.remove_first(10);
  CHECK(ask() == 500);
  ++schema_changes;
  CHECK(ask() == 500);
  CHECK(ask() == 0);
}

TEST_CASE("view: an answer that fails leaves what was gathered as it was, and memory is bounded") {
  const Query query = many_groups();
  Filled filled(2, 400);
  query::QueryControl small;
  small.result_bytes_max = 2'000;
  CHECK(ViewState::answer(query, nullptr, filled.moment, filled.scans.scan(), small).code() == Errc::too_large);
  const auto whole = ViewState::answer(query, nullptr, filled.moment, filled.scans.scan(), {});
  REQUIRE(whole.ok());
  std::atomic<bool> cancel{true};
  query::QueryControl cancelled;
  cancelled.cancel = &cancel;
  filled.log.store(10);
  const auto later = filled.log.views();
  CHECK(ViewState::answer(query, whole->state, {later, filled.log.next_position(), 0}, filled.scans.scan(), cancelled)
            .code() == Errc::cancelled);
  const auto again =
      ViewState::answer(query, whole->state, {later, filled.log.next_position(), 0}, filled.scans.scan(), {});
  REQUIRE(again.ok());
  const auto expected = query::run(query, later, {});
  REQUIRE(expected.ok());
  CHECK(again->result.rows == expected->rows);
}

TEST_CASE("view: what an answer copies of what was gathered counts for its memory") {
  const Query query = many_groups();
  Filled filled(3, 300);
  const auto first = ViewState::answer(query, nullptr, filled.moment, filled.scans.scan(), {});
  REQUIRE(first.ok());
  REQUIRE(first->state->bytes() > 10'000);
  std::vector<std::uint64_t> counted;
  const ViewScan scan = [&](const Query& asked, std::span<const ShardView> over, const query::QueryControl& control) {
    REQUIRE(control.result_bytes != nullptr);
    counted.push_back(control.result_bytes->load());
    return filled.scans.scan()(asked, over, control);
  };
  // Nothing came since, so all that is looked for is what lies behind what was gathered.
  REQUIRE(ViewState::answer(query, first->state, filled.moment, scan, {}).ok());
  CHECK(counted == std::vector<std::uint64_t>{first->state->bytes()});
  // Where the copy is too much, the query itself is asked instead, and that says whether there is an answer.
  query::QueryControl small;
  small.result_bytes_max = first->state->bytes() - 1;
  counted.clear();
  CHECK(ViewState::answer(query, first->state, filled.moment, scan, small).code() == Errc::too_large);
  CHECK(counted == std::vector<std::uint64_t>{0});
  small.result_bytes_max = first->state->bytes();
  CHECK(ViewState::answer(query, first->state, filled.moment, scan, small).ok());
}

TEST_CASE("view: a copy of what was gathered looks at the deadline") {
  const auto query = parse_query("QUERY * COUNT BY payload.n, position");
  REQUIRE(query.ok());
  Log log(4);
  log.store(20'000);
  const auto shards = log.views();
  auto execution = query::Execution::make(*query, shards, {});
  auto parts = (*execution)->gather();
  REQUIRE(parts.ok());
  std::atomic<bool> cancel{true};
  query::QueryControl control;
  control.cancel = &cancel;
  query::Pacer pacer(control);
  CHECK(query::copy(parts->front(), pacer).code() == Errc::cancelled);
}

TEST_CASE("view: any query that can be asked can be remembered, as deep as plans may be") {
  Expr deep = field("payload.n") > 3;
  while (deep.depth() < limits::query_depth_max)
    deep = deep.depth() % 2 == 0 ? (std::move(deep) && field("payload.n") != 7)
                                 : (std::move(deep) || field("payload.n") == 7);
  Query query = Query::all_types();
  query.where(std::move(deep)).count();
  REQUIRE(query.validate().ok());
  bool known = false;
  const ViewBook book;
  CHECK(book.check("deep", query, known).ok());
  Log log(5);
  log.store(200);
  Scans scans;
  const auto shards = log.views();
  const auto answer = ViewState::answer(query, nullptr, {shards, log.next_position(), 0}, scans.scan(), {});
  REQUIRE(answer.ok());
  CHECK(answer->result.rows == query::run(query, shards, {})->rows);
}
