#include "engine/event_queue/queue_cursor.hpp"
#include "engine/event_queue/queue_news.hpp"
#include "tests/engine/query/fake_shard.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using weir::test::FakeSegment;
using weir::test::StoredEvent;

namespace {

Timestamp at(std::int64_t seconds) {
  return Timestamp(std::chrono::seconds(seconds));
}

/// Shards whose sources a test fills by hand, and a watermark that it moves.
struct Shards {
  explicit Shards(std::size_t count) : views(count), watermark(positions, count) {
    for (std::size_t i = 0; i < count; ++i) {
      views[i] = test::make_view({});
      views[i].shard = static_cast<ShardId>(i);
    }
  }

  void add_segment(std::size_t shard, std::vector<StoredEvent> events, std::uint32_t zone_rows = 4) {
    number(events);
    auto segments = std::make_shared<SegmentList>(*views[shard].segments);
    fakes.push_back(std::make_shared<FakeSegment>(std::move(events), zone_rows));
    segments->push_back(fakes.back());
    views[shard].segments = std::move(segments);
  }
  void add_memtable(std::size_t shard, std::vector<StoredEvent> events) {
    number(events);
    views[shard].memtables.push_back(test::make_memtable(events));
  }
  /// All positions below `until` are drawn and settled.
  void draw_until(Position until) { (void)positions.draw(until - positions.next()); }

  QueueCursor cursor(SubscribeOptions options) {
    REQUIRE(options.validate().ok());
    auto opened = QueueCursor::open(queue, std::move(options));
    REQUIRE(opened.ok());
    return std::move(*opened);
  }

  void number(std::vector<StoredEvent>& events) {
    for (StoredEvent& event : events)
      event.sequence = ++sequences[event.context_id];
  }

  std::vector<ShardView> views;
  std::vector<std::shared_ptr<FakeSegment>> fakes;
  std::map<std::string, Sequence> sequences;
  PositionSource positions{0, UINT64_MAX};
  Watermark watermark;
  std::shared_ptr<SharedQueue> queue = std::make_shared<SharedQueue>(
      watermark, [this]() -> Result<std::vector<ShardView>> { return views; }, std::make_shared<PinnedBudget>(32 * MiB),
      64 * KiB);
};

StoredEvent event(Position position, std::string context = "a", std::string type = "t") {
  StoredEvent made;
  made.context_id = std::move(context);
  made.position = position;
  made.recorded_at = made.timestamp = at(static_cast<std::int64_t>(position));
  made.event_type = std::move(type);
  made.payload = "{\"n\":" + std::to_string(position) + "}";
  return made;
}

std::vector<StoredEvent> events(std::initializer_list<Position> positions) {
  std::vector<StoredEvent> all;
  for (const Position position : positions)
    all.push_back(event(position));
  return all;
}

std::vector<Position> positions_of(const QueueBatch& batch) {
  std::vector<Position> all;
  for (const EventView& each : batch.events)
    all.push_back(each.position);
  return all;
}

QueueBatch read(QueueCursor& cursor) {
  auto batch = cursor.read();
  REQUIRE(batch.ok());
  return std::move(*batch);
}

std::vector<Position> read_to_end(QueueCursor cursor) {
  std::vector<Position> all;
  while (true) {
    const QueueBatch batch = read(cursor);
    for (const Position position : positions_of(batch))
      all.push_back(position);
    if (batch.ended)
      return all;
  }
}

using Positions = std::vector<Position>;

} // namespace

TEST_CASE("queue cursor: shards are merged by position, whatever source the events are in") {
  Shards shards(3);
  shards.add_segment(0, events({1, 4}));
  shards.add_segment(0, events({7, 8}));
  shards.add_memtable(0, events({12}));
  shards.add_memtable(1, events({2, 3, 9}));
  shards.add_memtable(1, events({10, 14}));
  shards.draw_until(20);
  QueueCursor cursor = shards.cursor({});
  const QueueBatch batch = read(cursor);
  CHECK(positions_of(batch) == Positions{1, 2, 3, 4, 7, 8, 9, 10, 12, 14});
  CHECK(batch.caught_up);
  CHECK_FALSE(batch.ended);
  CHECK(batch.next == 20);
  CHECK(batch.events[3].payload == "{\"n\":4}");
  CHECK(read_to_end(shards.cursor({.backward = true})) == Positions{14, 12, 10, 9, 8, 7, 4, 3, 2, 1});
}

TEST_CASE("queue cursor: nothing at the watermark or above it is seen, and the checkpoint stays below") {
  Shards shards(2);
  shards.draw_until(5);
  shards.watermark.publish(0, 1);
  shards.draw_until(10); // drawn by shard 0, not settled
  shards.add_memtable(0, events({2}));
  shards.add_memtable(1, events({3, 12}));
  shards.draw_until(15);
  QueueCursor cursor = shards.cursor({});
  const QueueBatch before = read(cursor);
  CHECK(positions_of(before) == Positions{2, 3});
  CHECK(before.caught_up);
  CHECK(before.next == 5);
  shards.add_memtable(0, events({6}));
  CHECK(read(cursor).events.empty());
  shards.watermark.settle(0, 1);
  const QueueBatch after = read(cursor);
  CHECK(positions_of(after) == Positions{6, 12});
  CHECK(after.next == 15);
}

TEST_CASE("queue cursor: caught up and fell behind are told with the batch they are true of") {
  Shards shards(1);
  shards.add_memtable(0, events({0, 1, 2}));
  shards.draw_until(3);
  QueueCursor cursor = shards.cursor({.batch_events_max = 2});
  CHECK_FALSE(read(cursor).caught_up);
  CHECK(read(cursor).caught_up);
  CHECK(read(cursor).caught_up); // empty
  shards.add_memtable(0, events({3}));
  shards.draw_until(4);
  const QueueBatch live = read(cursor);
  CHECK(live.caught_up);
  CHECK_FALSE(live.fell_behind);
  shards.add_memtable(0, events({4, 5, 6, 7, 8}));
  shards.draw_until(9);
  const QueueBatch behind = read(cursor);
  CHECK(behind.fell_behind);
  CHECK_FALSE(behind.caught_up);
  CHECK_FALSE(read(cursor).fell_behind);
  CHECK(read(cursor).caught_up);
}

TEST_CASE("queue cursor: a batch that ends exactly at the end has caught up") {
  Shards shards(1);
  shards.add_memtable(0, events({0, 1}));
  shards.draw_until(2);
  QueueCursor cursor = shards.cursor({.batch_events_max = 2});
  CHECK(read(cursor).caught_up);
}

TEST_CASE("queue cursor: a filter that drops very much ends a read with a checkpoint") {
  Shards shards(1);
  std::vector<StoredEvent> many;
  for (Position position = 0; position < QueueCursor::scan_events_max + 10; ++position)
    many.push_back(event(position, "a", position == QueueCursor::scan_events_max + 5 ? "rare" : "often"));
  shards.add_memtable(0, many);
  shards.draw_until(many.size());
  QueueCursor cursor = shards.cursor({.types = {"rare"}});
  const QueueBatch dropped = read(cursor);
  CHECK(dropped.events.empty());
  CHECK_FALSE(dropped.caught_up);
  CHECK_FALSE(dropped.ended);
  CHECK(dropped.next == QueueCursor::scan_events_max);
  CHECK(positions_of(read(cursor)) == Positions{QueueCursor::scan_events_max + 5});
}

TEST_CASE("queue cursor: from a time on, events of that very time are the first, in segments and in memory") {
  Shards shards(2);
  shards.add_segment(0, events({1, 2, 3, 4, 5}));
  shards.add_memtable(1, events({6, 7, 8}));
  shards.draw_until(9);
  const auto since = [&](std::int64_t seconds) {
    return read_to_end(shards.cursor({.from = QueueStart::since(at(seconds)), .follow = false}));
  };
  CHECK(since(3) == Positions{3, 4, 5, 6, 7, 8});
  CHECK(since(5) == Positions{5, 6, 7, 8}); // a zone of its own
  CHECK(since(7) == Positions{7, 8});
  CHECK(since(9).empty());
}

TEST_CASE("queue cursor: an error leaves it where it is, and what was read before the error is not lost") {
  Shards shards(1);
  shards.add_segment(0, events({0, 1}));
  shards.add_segment(0, events({2, 3}));
  shards.add_segment(0, events({4}));
  shards.draw_until(5);
  shards.fakes[1]->on_read = [] { return Status(fail(Errc::corruption, "made to fail")); };
  QueueCursor cursor = shards.cursor({});
  const QueueBatch before = read(cursor);
  CHECK(positions_of(before) == Positions{0, 1});
  CHECK(before.next == 2);
  CHECK_FALSE(before.caught_up);
  CHECK(cursor.read().code() == Errc::corruption);
  CHECK(cursor.read().code() == Errc::corruption);
  CHECK(cursor.next() == 2);
  shards.fakes[1]->on_read = nullptr;
  CHECK(positions_of(read(cursor)) == Positions{2, 3, 4});
}

TEST_CASE("queue cursor: a segment without the events that the catalog promises is corruption") {
  Shards shards(1);
  shards.add_segment(0, events({0, 1}));
  shards.fakes[0]->promise_up_to(10);
  shards.draw_until(20);
  QueueCursor cursor = shards.cursor({});
  CHECK(positions_of(read(cursor)) == Positions{0, 1});
  CHECK(cursor.read().code() == Errc::corruption);
}

TEST_CASE("queue cursor: the end of the queue is told once nothing else is left") {
  Shards shards(1);
  shards.add_memtable(0, events({0, 1}));
  shards.draw_until(2);
  shards.queue->end(fail(Errc::shard_failed, "first"));
  shards.queue->end(fail(Errc::closing, "second"));
  QueueCursor cursor = shards.cursor({});
  CHECK(positions_of(read(cursor)) == Positions{0, 1});
  CHECK(cursor.read().code() == Errc::shard_failed);
  CHECK(cursor.read().code() == Errc::shard_failed);
  CHECK(read_to_end(shards.cursor({.follow = false})) == Positions{0, 1});
}

TEST_CASE("queue cursor: what it holds of segments is counted, and given back") {
  Shards shards(2);
  shards.add_segment(0, events({0, 2, 4, 6}));
  shards.add_segment(1, events({1, 3, 5, 7}));
  shards.draw_until(8);
  {
    QueueCursor cursor = shards.cursor({.batch_events_max = 3});
    (void)read(cursor);
    CHECK(shards.queue->catch_up()->used() > 0);
    CHECK(shards.queue->catch_up()->used() <= 64 * KiB);
    const QueueBatch held = read(cursor);
    (void)read(cursor);
    CHECK(shards.queue->catch_up()->used() > 0); // the batch holds on to it
    CHECK(shards.queue->pinned()->used() > 0);
  }
  CHECK(shards.queue->catch_up()->used() == 0);
  CHECK(shards.queue->pinned()->used() == 0);
}

TEST_CASE("queue cursor: a stretch that takes much memory is consumed before the next one is decoded") {
  Shards shards(1);
  for (const Position first : {Position{0}, Position{20}}) {
    std::vector<StoredEvent> large;
    for (Position position = first; position < first + 20; ++position) {
      large.push_back(event(position));
      large.back().payload = "{\"x\":\"" + std::string(1 * MiB, 'x') + "\"}";
    }
    shards.add_segment(0, std::move(large));
  }
  shards.draw_until(40);
  shards.queue = std::make_shared<SharedQueue>(
      shards.watermark, [&]() -> Result<std::vector<ShardView>> { return shards.views; },
      std::make_shared<PinnedBudget>(128 * MiB), 64 * MiB);
  std::size_t reads = 0;
  shards.fakes[1]->on_read = [&reads] {
    ++reads;
    return Status{};
  };
  QueueCursor cursor = shards.cursor({});
  for (Position position = 0; position < 20; ++position) {
    const QueueBatch batch = read(cursor); // for one event is as much as a batch may have
    CHECK(positions_of(batch) == Positions{position});
    CHECK_FALSE(batch.caught_up);
    CHECK(reads == 0);
  }
  CHECK(positions_of(read(cursor)) == Positions{20});
  CHECK(reads == 1);
}

TEST_CASE("queue cursor: events are lent where they lie, and a batch that goes on owns them") {
  Shards shards(1);
  shards.add_segment(0, events({0, 1, 2, 3}));
  shards.add_memtable(0, events({4, 5}));
  shards.draw_until(6);
  {
    QueueCursor cursor = shards.cursor({.batch_events_max = 2});
    const QueueBatch first = read(cursor), second = read(cursor);
    CHECK(positions_of(first) == Positions{0, 1});
    CHECK(second.events.begin() == first.events.end()); // side by side, so not copied
  }
  for (const std::size_t most : {3u, 4u, 5u, 6u, 7u}) {
    Positions all;
    QueueCursor cursor = shards.cursor({.batch_events_max = most});
    while (all.size() < 6) {
      const QueueBatch batch = read(cursor);
      for (const EventView& each : batch.events) {
        all.push_back(each.position);
        CHECK(each.payload == "{\"n\":" + std::to_string(each.position) + "}");
      }
    }
    CHECK(all == Positions{0, 1, 2, 3, 4, 5});
  }
}

TEST_CASE("event queue: help is nobody's duty, and who has begun to help is waited for") {
  std::vector<Job> posted;
  Shards shards(1);
  const SharedQueue queue(shards.watermark, [&shards]() -> Result<std::vector<ShardView>> { return shards.views; },
                          std::make_shared<PinnedBudget>(1 * MiB), 0,
                          {2, [&posted](Job job) { posted.push_back(std::move(job)); }});
  unsigned runs = 0;
  queue.run_with_help([&] {
    if (++runs == 1)
      posted[0]();
  });
  CHECK(runs == 2);
  posted[1](); // too late
  CHECK(runs == 2);
}

TEST_CASE("queue cursor: options out of range are named") {
  const auto refused = [](const SubscribeOptions& options) {
    const Status status = options.validate();
    return status.ok() ? std::string() : status.error().where;
  };
  CHECK(refused({}).empty());
  CHECK(refused({.batch_events_max = 0}) == "batch_events_max");
  CHECK(refused({.batch_events_max = 1'025}) == "batch_events_max");
  CHECK(refused({.batch_bytes_max = 0}) == "batch_bytes_max");
  CHECK(refused({.batch_bytes_max = (1u << 20) + 1}) == "batch_bytes_max");
  CHECK(refused({.context_prefix = std::string(513, 'x')}) == "context_prefix");
  const SubscribeOptions no_field{.where = field("no_such_field") == 1};
  CHECK(no_field.validate().code() == Errc::invalid_argument);
}

TEST_CASE("queue cursor: random histories give what a scan of all of them gives") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  for (int round = 0; round < 150; ++round) {
    const std::size_t shard_count = 1 + below(4);
    Shards shards(shard_count);
    std::vector<std::vector<StoredEvent>> by_shard(shard_count);
    std::vector<StoredEvent> all;
    Position position = below(3);
    for (std::uint64_t i = below(200); i != 0; --i) {
      const std::string context = (below(2) == 0 ? "order-" : "user-") + std::to_string(below(6));
      StoredEvent made = event(position, context, "type" + std::to_string(below(3)));
      made.recorded_at = at(static_cast<std::int64_t>(position / 5));
      made.payload = "{\"n\":" + std::to_string(below(10)) + ",\"pad\":\"" + std::string(below(100), 'x') + "\"}";
      by_shard[below(shard_count)].push_back(made);
      all.push_back(std::move(made));
      position += 1 + below(3);
    }
    for (std::size_t shard = 0; shard < shard_count; ++shard) {
      const std::vector<StoredEvent>& own = by_shard[shard];
      for (std::size_t first = 0; first < own.size();) {
        const std::size_t count = std::min<std::size_t>(own.size() - first, 1 + below(40));
        const std::vector<StoredEvent> some(own.begin() + static_cast<std::ptrdiff_t>(first),
                                            own.begin() + static_cast<std::ptrdiff_t>(first + count));
        if (shards.views[shard].memtables.empty() && below(3) != 0)
          shards.add_segment(shard, some, static_cast<std::uint32_t>(1 + below(8)));
        else
          shards.add_memtable(shard, some);
        first += count;
      }
    }
    const Position mark = position + below(2);
    shards.draw_until(std::max(mark, Position{1}));

    for (int reader = 0; reader < 8; ++reader) {
      SubscribeOptions options;
      options.follow = false;
      options.backward = below(2) == 0;
      options.batch_events_max = 1 + below(40);
      options.batch_bytes_max = 1 + below(4'000);
      options.limit = below(3) == 0 ? 1 + below(50) : 0;
      if (below(3) == 0)
        options.types = {"type1", "type2"};
      if (below(3) == 0)
        options.context_prefix = below(2) == 0 ? "order-" : "user-3";
      if (below(3) == 0)
        options.where = field("payload.n") >= 5;
      const Position from = below(mark + 2);
      const Timestamp since = at(static_cast<std::int64_t>(below(mark / 5 + 2)));
      const auto kind = below(3);
      if (kind == 1)
        options.from = QueueStart::at(from);
      if (kind == 2)
        options.from = QueueStart::since(since);
      std::vector<StoredEvent> expected;
      for (const StoredEvent& each : all) {
        const bool type = options.types.empty() || each.event_type != "type0";
        const bool where = !options.where || each.payload[5] >= '5';
        bool range = true;
        if (kind == 1)
          range = options.backward ? each.position < from : each.position >= from;
        if (kind == 2)
          range = options.backward ? each.recorded_at < since : each.recorded_at >= since;
        if (type && where && range && each.context_id.starts_with(options.context_prefix))
          expected.push_back(each);
      }
      if (options.backward)
        std::reverse(expected.begin(), expected.end());
      if (options.limit != 0 && expected.size() > options.limit)
        expected.resize(options.limit);

      // Through one cursor, or each batch through a new one that begins at the last one's checkpoint. A time is kept
      // by the filter, so that reader keeps its cursor.
      const bool anew = kind != 2 && options.limit == 0 && below(2) == 0;
      QueueCursor cursor = shards.cursor(options);
      std::size_t seen = 0;
      while (true) {
        const QueueBatch batch = read(cursor);
        CHECK(batch.events.size() <= options.batch_events_max);
        CHECK((batch.events.size() <= 1 || batch.events.bytes() <= options.batch_bytes_max));
        for (const EventView& got : batch.events) {
          REQUIRE(seen < expected.size());
          const StoredEvent& want = expected[seen++];
          CHECK(got.position == want.position);
          CHECK(got.context_id == want.context_id);
          CHECK(got.payload == want.payload);
          CHECK(got.recorded_at == want.recorded_at);
        }
        if (batch.ended)
          break;
        if (anew) {
          options.from = QueueStart::at(batch.next);
          cursor = shards.cursor(options);
        }
      }
      CHECK(seen == expected.size());
    }
  }
}

TEST_CASE("queue news: what a subscriber is told of, and what only means wait") {
  QueueNews news(100);
  QueueBatch nothing;
  nothing.next = 110;
  nothing.caught_up = true;
  CHECK(news.is_news(nothing)); // has caught up
  CHECK_FALSE(news.is_news(nothing));
  nothing.next = 110 + QueueCursor::scan_events_max - 1;
  CHECK_FALSE(news.is_news(nothing));
  CHECK(news.told() == 110);
  nothing.next += 1;
  CHECK(news.is_news(nothing)); // a checkpoint
  CHECK_FALSE(news.is_news(nothing));
  QueueBatch behind;
  behind.next = nothing.next + 1;
  CHECK(news.is_news(behind));
  CHECK(news.is_news(nothing)); // caught up again
  nothing.ended = true;
  CHECK(news.is_news(nothing));
}
