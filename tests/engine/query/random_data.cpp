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
      {"-0.0", -0.0},
      {"1", 1},
      {"1.0", 1.0},
      {"1.5", 1.5},
      {"2.5", 2.5},
      {"-3", -3},
      {"-2.5", -2.5},
      {"0.1", 0.1},
      {"2.675", 2.675},
      {"-0.125", -0.125},
      {"7", 7},
      {"9007199254740992", 9007199254740992},
      {"9007199254740993", 9007199254740993},
      {"9007199254740992.0", 9007199254740992.0},
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775808", INT64_MIN},
      {"9223372036854775808", std::uint64_t{1} << 63},
      {"18446744073709551615", UINT64_MAX},
      {"1e300", 1e300},
      {"1e308", 1e308},
      {"-1.7e308", -1.7e308},
      {"5e-324", 5e-324},
      {R"("")", ""},
      {R"("a")", "a"},
      {R"("A")", "A"},
      {R"("ab")", "ab"},
      {R"("a%b_c")", "a%b_c"},
      {R"("b")", "b"},
      {R"("\u00e9")", "\u00e9"},
      {R"("\u00c9t\u00e9 \u65e5\u672c")", "\u00c9t\u00e9 \u65e5\u672c"},
      {"[]", JsonText{"[]"}},
      {"[1]", JsonText{"[1]"}},
      {R"([null,"a",2.5,true,[7]])", JsonText{R"([null,"a",2.5,true,[7]])"}},
      {R"({"x":1})", JsonText{R"({"x":1})"}},
  };
  return all;
}

const Sample& sample_of(Random& random) {
  return samples()[pick(random, samples().size())];
}

const Timestamp epoch = Timestamp(1'700'000'000'000'000us);

struct TimeSample {
  std::string_view text;
  std::int64_t microseconds;
};
/// Around beginnings of units, leap days, both ends of what there is.
constexpr std::array<TimeSample, 9> time_samples = {{{"2024-02-29T23:59:59.999999Z", 1'709'251'199'999'999},
                                                     {"2024-03-01T00:00:00Z", 1'709'251'200'000'000},
                                                     {"2024-03-01T01:30:00+02:00", 1'709'249'400'000'000},
                                                     {"2023-12-31T12:00:30.5Z", 1'704'024'030'500'000},
                                                     {"2024-01-01T00:00:00Z", 1'704'067'200'000'000},
                                                     {"1969-12-31T23:59:59Z", -1'000'000},
                                                     {"1970-01-01T00:00:00Z", 0},
                                                     {"0001-01-01T00:00:00Z", -62'135'596'800'000'000},
                                                     {"9999-12-31T23:59:59Z", 253'402'300'799'000'000}}};

/// A document with random members; `fields` gets what a query must find there. `style` says what `n` is made of, so
/// that some data have columns of one type.
std::string random_payload(Random& random, DataStyle style, std::map<std::string, Value>& fields) {
  std::string json = R"({"other":[1,{"a":5}])";
  const auto add = [&](std::string_view member, std::string_view path, const Sample& sample) {
    json += ",";
    const std::size_t hole = member.find('@');
    json += std::string(member.substr(0, hole)) + std::string(sample.json) + std::string(member.substr(hole + 1));
    fields[std::string(path)] = sample.value;
  };
  const auto has = [&] { return pick(random, 5) != 0; };
  if (has())
    add(R"("a":@)", "payload.a", sample_of(random));
  if (has())
    add(R"("b":{"d":1,"c":@})", "payload.b.c", sample_of(random));
  if (has())
    add(R"("odd key":@)", "payload.\"odd key\"", sample_of(random));
  if (style == DataStyle::dense || has()) {
    const auto whole = static_cast<std::int64_t>(pick(random, 40)) - 10;
    const double real = static_cast<double>(pick(random, 160)) / 8.0 - 5.0;
    const std::string real_text = std::to_string(real);
    const std::string whole_text = std::to_string(whole);
    const bool reals = style == DataStyle::reals || (style == DataStyle::mixed && pick(random, 2) == 0);
    add(R"("n":@)", "payload.n", reals ? Sample{real_text, real} : Sample{whole_text, whole});
  }
  if (style == DataStyle::dense || has()) {
    static const std::array<Sample, 6> texts = {{{R"("red")", "red"},
                                                 {R"("green")", "green"},
                                                 {R"("Blue")", "Blue"},
                                                 {R"("")", ""},
                                                 {R"("gr\u00fcn")", "gr\u00fcn"},
                                                 {"null", {}}}};
    add(R"("s":@)", "payload.s", texts[pick(random, texts.size() - (style == DataStyle::dense ? 1 : 0))]);
  }
  if (has()) {
    const TimeSample& sample = time_samples[pick(random, time_samples.size())];
    const std::string text = "\"" + std::string(sample.text) + "\"";
    const std::int64_t milliseconds = 1'709'251'199'999 + static_cast<std::int64_t>(pick(random, 3));
    const std::string number = std::to_string(milliseconds);
    add(R"("t":@)", "payload.t", pick(random, 4) != 0 ? Sample{text, sample.text} : Sample{number, milliseconds});
  }
  return json + "}";
}

/// Some have columns of fields, some arrays of the core fields only, some no arrays.
std::shared_ptr<FakeSegment> random_segment(Random& random, std::vector<StoredEvent> events, bool larger) {
  // In the larger zones few rows are picked out of many.
  const auto zone_rows =
      static_cast<std::uint32_t>(1 + pick(random, (pick(random, 2) == 0 ? 12 : 80) * (larger ? std::size_t{20} : 1)));
  if (pick(random, 4) == 0)
    return std::make_shared<FakeSegment>(std::move(events), zone_rows);
  std::vector<json::Path> fields;
  for (const json::Path& path : {json::Path{"n"}, {"s"}, {"a"}, {"b", "c"}, {"t"}, {"odd key"}}) {
    if (pick(random, 4) != 0)
      fields.push_back(path);
  }
  auto segment = std::make_shared<FakeSegment>(std::move(events), zone_rows, fields);
  segment->marks = pick(random, 4) != 0;
  segment->selects = pick(random, 2) != 0;
  segment->unsure_of_each = pick(random, 4);
  segment->texts_at_once = pick(random, 4);
  if (pick(random, 2) == 0)
    segment->add_pages();
  return segment;
}

ShardView random_shard(Random& random, const std::vector<StoredEvent>& events, bool larger) {
  const std::size_t kind = pick(random, 4); // 0: memory only, 1: segments only
  std::vector<std::shared_ptr<FakeSegment>> segments;
  std::vector<MemtableView> memtables;
  std::size_t at = 0;
  while (at < events.size()) {
    const std::size_t size = std::min(events.size() - at, 1 + pick(random, larger ? 1'200 : 60));
    std::vector<StoredEvent> part(events.begin() + static_cast<std::ptrdiff_t>(at),
                                  events.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
    // Once there is a memtable, everything newer is in memtables too.
    if (kind == 1 || (kind != 0 && memtables.empty() && pick(random, 4) != 0))
      segments.push_back(random_segment(random, std::move(part), larger));
    else
      memtables.push_back(make_memtable(part));
  }
  return make_view(std::move(segments), std::move(memtables));
}

} // namespace

KnownEvent random_event(Random& random, DataStyle style) {
  KnownEvent known;
  StoredEvent& event = known.event;
  event.event_type = "type-" + std::to_string(pick(random, 5));
  event.timestamp = random_time(random);
  if (pick(random, 3) == 0)
    event.event_id = "id-" + std::to_string(pick(random, 200));
  event.payload = random_payload(random, style, known.fields);
  if (pick(random, 2) == 0) {
    const Sample& sample = sample_of(random);
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

RandomData random_data(Random& random, std::size_t events, bool larger) {
  RandomData data;
  const auto style = static_cast<DataStyle>(pick(random, 4));
  std::vector<std::vector<StoredEvent>> by_shard(1 + pick(random, 3));
  std::map<std::string, Sequence> sequences;
  Position position = 1;
  Timestamp recorded = epoch;
  for (std::size_t i = 0; i < events; ++i) {
    KnownEvent known = random_event(random, style);
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
    data.shards.push_back(random_shard(random, shard, larger));
  return data;
}

Value random_sample(Random& random) {
  return sample_of(random).value;
}

std::optional<Timestamp> time_of_text(std::string_view text) {
  const auto* const found = std::find_if(time_samples.begin(), time_samples.end(),
                                         [&](const TimeSample& sample) { return sample.text == text; });
  if (found == time_samples.end())
    return std::nullopt;
  return Timestamp(std::chrono::microseconds(found->microseconds));
}

Timestamp random_time(Random& random) {
  if (pick(random, 4) == 0)
    return *time_of_text(time_samples[pick(random, time_samples.size())].text);
  return epoch + std::chrono::milliseconds(pick(random, 400));
}

} // namespace weir::test
