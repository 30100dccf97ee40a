#include "tests/engine/query/random_data.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::test {
namespace {

using namespace std::chrono_literals;

struct Sample {
  std::string_view json;
  Value value;
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = {
      {"null", {}},
      {"true", true},
      {"false", false},
      {"0", 0},
      {"1", 1},
      {"1.0", 1.0},
      {"1.5", 1.5},
      {"-3", -3},
      {"-2.5", -2.5},
      {"9007199254740992", 9007199254740992},
      {"9007199254740993", 9007199254740993},
      {"9007199254740992.0", 9007199254740992.0},
      {"18446744073709551615", UINT64_MAX},
      {"1e300", 1e300},
      {R"("")", ""},
      {R"("a")", "a"},
      {R"("b")", "b"},
      {R"("\u00e9")", "\u00e9"},
      {"[1]", JsonText{"[1]"}},
      {R"({"x":1})", JsonText{R"({"x":1})"}},
  };
  return all;
}

constexpr std::array<std::string_view, 4> payload_paths = {"payload.a", "payload.b.c", "payload.\"odd key\"",
                                                           "metadata.user"};
constexpr std::array<std::string_view, 7> core_fields = {"context_id", "event_type",  "sequence", "position",
                                                         "timestamp",  "recorded_at", "event_id"};
const Timestamp epoch = Timestamp(1'700'000'000'000'000us);

std::string one_of(Random& random, std::span<const std::string_view> names) {
  return std::string(names[pick(random, names.size())]);
}

std::string random_field(Random& random) {
  return pick(random, 2) == 0 ? one_of(random, payload_paths) : one_of(random, core_fields);
}

Value random_literal(Random& random, std::string_view field) {
  if (pick(random, 12) == 0)
    return {};
  if (field == "timestamp" || field == "recorded_at")
    return epoch + std::chrono::milliseconds(pick(random, 400));
  if (field == "sequence" || field == "position") {
    const std::size_t number = pick(random, 120);
    return pick(random, 6) == 0 ? Value(static_cast<double>(number) + 0.5) : Value(number);
  }
  if (field == "context_id" && pick(random, 4) != 0)
    return "context-" + std::to_string(pick(random, 12));
  if (field == "event_type" && pick(random, 4) != 0)
    return "type-" + std::to_string(pick(random, 5));
  if (field == "event_id" && pick(random, 4) != 0)
    return "id-" + std::to_string(pick(random, 200));
  while (true) {
    const Value value = samples()[pick(random, samples().size())].value;
    if (value.kind() != Value::Kind::json)
      return value;
  }
}

/// Fills `document` with random members, and `fields` with what a query must find there.
std::string random_payload(Random& random, std::map<std::string, Value>& fields) {
  std::string json = R"({"other":[1,{"a":5}])";
  const auto add = [&](std::string_view key, std::string_view path, std::string_view before, std::string_view after) {
    if (pick(random, 5) == 0)
      return;
    const Sample& sample = samples()[pick(random, samples().size())];
    json += std::string(",") + std::string(before) + "\"" + std::string(key) + "\":" + std::string(sample.json) +
            std::string(after);
    fields[std::string(path)] = sample.value;
  };
  add("a", "payload.a", "", "");
  add("c", "payload.b.c", R"("b":{"d":1,)", "}");
  add("odd key", "payload.\"odd key\"", "", "");
  return json + "}";
}

ShardView random_shard(Random& random, const std::vector<StoredEvent>& events) {
  std::vector<std::shared_ptr<FakeSegment>> segments;
  std::vector<MemtableView> memtables;
  std::size_t at = 0;
  while (at < events.size()) {
    const std::size_t size = std::min(events.size() - at, 1 + pick(random, 60));
    std::vector<StoredEvent> part(events.begin() + static_cast<std::ptrdiff_t>(at),
                                  events.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
    // Once there is a memtable, everything newer is in memtables too.
    if (memtables.empty() && pick(random, 4) != 0)
      segments.push_back(
          std::make_shared<FakeSegment>(std::move(part), static_cast<std::uint32_t>(1 + pick(random, 12))));
    else
      memtables.push_back(make_memtable(part));
  }
  return make_view(std::move(segments), std::move(memtables));
}

} // namespace

KnownEvent random_event(Random& random) {
  KnownEvent known;
  StoredEvent& event = known.event;
  event.event_type = "type-" + std::to_string(pick(random, 5));
  event.timestamp = epoch + std::chrono::milliseconds(pick(random, 400));
  if (pick(random, 3) == 0)
    event.event_id = "id-" + std::to_string(pick(random, 200));
  event.payload = random_payload(random, known.fields);
  if (pick(random, 2) == 0) {
    const Sample& sample = samples()[pick(random, samples().size())];
    event.metadata = R"({"user":)" + std::string(sample.json) + "}";
    known.fields["metadata.user"] = sample.value;
    known.fields["metadata"] = JsonText{event.metadata};
  }
  return known;
}

void name_core_fields(KnownEvent& known) {
  const StoredEvent& event = known.event;
  known.fields["context_id"] = event.context_id;
  known.fields["event_type"] = event.event_type;
  known.fields["sequence"] = event.sequence;
  known.fields["position"] = event.position;
  known.fields["timestamp"] = event.timestamp;
  known.fields["recorded_at"] = event.recorded_at;
  if (!event.event_id.empty())
    known.fields["event_id"] = event.event_id;
  known.fields["payload"] = JsonText{event.payload};
}

RandomData random_data(Random& random, std::size_t events) {
  RandomData data;
  std::vector<std::vector<StoredEvent>> by_shard(1 + pick(random, 3));
  std::map<std::string, Sequence> sequences;
  Position position = 1;
  Timestamp recorded = epoch;
  for (std::size_t i = 0; i < events; ++i) {
    KnownEvent known = random_event(random);
    const std::size_t context = pick(random, 12);
    known.event.context_id = "context-" + std::to_string(context);
    known.event.sequence = ++sequences[known.event.context_id];
    known.event.position = position += pick(random, 4) == 0 ? 3 : 1;
    known.event.recorded_at = recorded += std::chrono::milliseconds(pick(random, 3));
    name_core_fields(known);
    by_shard[context % by_shard.size()].push_back(known.event);
    data.events.push_back(std::move(known));
  }
  for (const auto& shard : by_shard)
    data.shards.push_back(random_shard(random, shard));
  return data;
}

Expr random_expression(Random& random, int depth) {
  const std::size_t kind = depth == 0 ? pick(random, 4) : pick(random, 9);
  if (kind < 3) {
    const std::string name = random_field(random);
    return Expr::compare(name, static_cast<Comparison>(pick(random, 6)), random_literal(random, name));
  }
  if (kind == 3) {
    const std::string name = random_field(random);
    std::vector<Value> values;
    for (std::size_t i = 0; i <= pick(random, 4); ++i)
      values.push_back(random_literal(random, name));
    return Expr::one_of(name, std::move(values));
  }
  if (kind == 4)
    return !random_expression(random, depth - 1);
  Expr left = random_expression(random, depth - 1);
  Expr right = random_expression(random, depth - 1);
  return kind < 7 ? std::move(left) && std::move(right) : std::move(left) || std::move(right);
}

Query random_query(Random& random) {
  Query query;
  for (std::size_t i = pick(random, 4); i > 1; --i)
    query.event_types.push_back("type-" + std::to_string(pick(random, 6)));
  if (pick(random, 4) == 0)
    query.for_context("context-" + std::to_string(pick(random, 13)));
  if (pick(random, 4) == 0)
    query.since(epoch + std::chrono::milliseconds(pick(random, 400)));
  if (pick(random, 4) == 0)
    query.until(epoch + std::chrono::milliseconds(pick(random, 400)));
  if (pick(random, 4) != 0)
    query.where(random_expression(random, 3));
  if (pick(random, 3) == 0) {
    query.count();
    std::vector<std::string> groups;
    for (std::size_t i = pick(random, 3); i > 0; --i)
      groups.push_back(random_field(random));
    query.by(groups);
    for (std::size_t i = pick(random, 3); i > 0; --i)
      query.order_by(groups.empty() || pick(random, 2) == 0 ? "count" : groups[pick(random, groups.size())],
                     static_cast<SortOrder>(pick(random, 2)));
  } else {
    std::vector<std::string> fields;
    for (std::size_t i = pick(random, 4); i > 0; --i)
      fields.push_back(pick(random, 8) == 0 ? "payload" : random_field(random));
    query.returning(fields);
    for (std::size_t i = pick(random, 3); i > 0; --i)
      query.order_by(random_field(random), static_cast<SortOrder>(pick(random, 2)));
  }
  if (pick(random, 3) == 0)
    query.limit(pick(random, 30));
  if (pick(random, 5) == 0)
    query.offset(pick(random, 10));
  return query;
}

} // namespace weir::test
