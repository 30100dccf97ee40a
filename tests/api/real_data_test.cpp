// The history of a real repository as events, against answers that were computed from the file without weir.
#include "engine/json/json.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/shared_data.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/engine.hpp>

#include <doctest/doctest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <fstream>
#include <map>
#include <numeric>
#include <set>
#include <sstream>

using namespace weir;
using namespace weir::test;

namespace {

std::vector<std::string> read_lines(const std::string& gz_path) {
  std::vector<std::string> lines;
  FILE* pipe = ::popen(("gzip -dc '" + gz_path + "'").c_str(), "r");
  REQUIRE(pipe != nullptr);
  char* line = nullptr;
  std::size_t capacity = 0;
  for (ssize_t size = ::getline(&line, &capacity, pipe); size > 0; size = ::getline(&line, &capacity, pipe))
    lines.emplace_back(line, static_cast<std::size_t>(line[size - 1] == '\n' ? size - 1 : size));
  std::free(line);
  REQUIRE(::pclose(pipe) == 0);
  return lines;
}

std::string sha256_hex(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  REQUIRE(EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", digest[i]);
    hex += two;
  }
  return hex;
}

// The computed answers, read from the JSON file by path.
class Expected {
public:
  explicit Expected(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    text_ = text.str();
  }
  [[nodiscard]] std::int64_t number(std::vector<std::string> path) const {
    const auto found = find(std::move(path));
    REQUIRE(std::holds_alternative<std::int64_t>(found));
    return std::get<std::int64_t>(found);
  }
  [[nodiscard]] std::string text(std::vector<std::string> path) const {
    const auto found = find(std::move(path));
    REQUIRE(std::holds_alternative<std::string>(found));
    return std::get<std::string>(found);
  }
  // [["name", count], ...]
  [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> pairs(const std::string& key) const {
    const auto found = find({key});
    REQUIRE(std::holds_alternative<json::Composite>(found));
    std::string rest = std::get<json::Composite>(found).text;
    std::vector<std::pair<std::string, std::int64_t>> all;
    for (std::size_t at = rest.find('"'); at != std::string::npos; at = rest.find('"', at)) {
      const std::size_t end = rest.find('"', at + 1);
      const std::size_t comma = rest.find(',', end);
      all.emplace_back(rest.substr(at + 1, end - at - 1), std::stoll(rest.substr(comma + 1)));
      at = comma;
    }
    return all;
  }

private:
  [[nodiscard]] json::Scalar find(std::vector<std::string> path) const {
    std::vector<json::Scalar> out;
    const std::vector<json::Path> paths{std::move(path)};
    REQUIRE(json::find_paths(text_, paths, out).ok());
    return out.front();
  }
  std::string text_;
};

struct History {
  std::vector<std::string> lines;
  std::map<std::string, std::vector<const std::string*>> by_context;
  Expected expected;
  std::set<std::string> types;
  std::vector<std::int64_t> subject_lengths;
};

const History* load() {
  const auto data = shared_file("data/rocksdb-history.jsonl.gz");
  const auto answers = shared_file("data/rocksdb-history.expected.json");
  if (!data || !answers)
    return nullptr;
  static const History* const history = [&] {
    auto* h = new History{read_lines(data->string()), {}, Expected(answers->string()), {}, {}};
    const std::vector<json::Path> subject_length{{"subject_length"}};
    std::vector<json::Scalar> found;
    for (const std::string& line : h->lines) {
      const auto event = json::parse_event_line(line);
      REQUIRE(event.ok());
      h->by_context[event->context_id].push_back(&line);
      h->types.insert(event->event_type);
      REQUIRE(json::find_paths(event->payload, subject_length, found).ok());
      if (const auto* length = std::get_if<std::int64_t>(&found.front()))
        h->subject_lengths.push_back(*length);
    }
    return h;
  }();
  return history;
}

void import_lines(Engine& engine, const History& history, std::size_t from, std::size_t to) {
  std::deque<Ticket> in_flight;
  const auto settle = [&](std::size_t left) {
    for (; in_flight.size() > left; in_flight.pop_front())
      REQUIRE(in_flight.front().wait().ok());
  };
  for (std::size_t i = from; i < to; ++i) {
    auto event = json::parse_event_line(history.lines[i]);
    REQUIRE(event.ok());
    in_flight.push_back(engine.store_async(std::move(*event)));
    settle(2'000);
  }
  settle(0);
}

std::int64_t count(const Engine& engine, const std::string& query) {
  const auto result = engine.query(query);
  REQUIRE_MESSAGE(result.ok(), query, ": ", why(result));
  REQUIRE(result->rows.size() == 1);
  return result->rows[0][0].as_int64().value();
}

std::vector<std::pair<std::string, std::int64_t>> top(const Engine& engine, const std::string& query) {
  const auto result = engine.query(query);
  REQUIRE_MESSAGE(result.ok(), query, ": ", why(result));
  std::vector<std::pair<std::string, std::int64_t>> rows;
  for (const auto& row : result->rows)
    rows.emplace_back(std::string(row[0].as_string().value()), row[1].as_int64().value());
  return rows;
}

std::string as_line(const EventView& event) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(event.timestamp.time_since_epoch()).count();
  std::string line = "{\"context_id\":";
  json::append_string(line, event.context_id);
  line += ",\"event_type\":";
  json::append_string(line, event.event_type);
  line += ",\"timestamp\":" + std::to_string(ms) + ",\"payload\":";
  line += event.payload;
  return line += '}';
}

// The events of a context as lines of the file, joined.
std::string replayed(const Engine& engine, const std::string& context) {
  auto stream = engine.replay(context);
  REQUIRE(stream.ok());
  std::string all;
  Sequence expected = 1;
  while (true) {
    auto batch = stream->next();
    REQUIRE_MESSAGE(batch.ok(), context, ": ", why(batch));
    if (batch->empty())
      return all;
    for (const EventView& event : *batch) {
      REQUIRE(event.sequence == expected++);
      if (!all.empty())
        all += '\n';
      all += as_line(event);
    }
  }
}

// Ties among equal counts may come in any order, so the counts must agree, and each name with its count.
void check_top(const std::vector<std::pair<std::string, std::int64_t>>& got,
               const std::vector<std::pair<std::string, std::int64_t>>& expected) {
  REQUIRE(got.size() == expected.size());
  std::map<std::string, std::int64_t> names(expected.begin(), expected.end());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(got[i].second == expected[i].second);
    CHECK(names[got[i].first] == got[i].second);
  }
}

std::vector<std::vector<Value>> rows_of(const Engine& engine, const std::string& query) {
  const auto result = engine.query(query);
  REQUIRE_MESSAGE(result.ok(), query, ": ", why(result));
  return result->rows;
}

// Groups by time and aggregates, against the computed answers and against the lines themselves.
void check_groups(const Engine& engine, const History& history) {
  const Expected& expected = history.expected;
  CHECK(count(engine, "QUERY * COUNT UNIQUE context_id") == expected.number({"contexts"}));
  CHECK(rows_of(engine, "QUERY file_modified COUNT PER YEAR HAVING year = '2020-01-01T00:00:00Z'") ==
        std::vector<std::vector<Value>>{{Timestamp(std::chrono::seconds(1'577'836'800)), //
                                         expected.number({"modified_in_2020"})}});
  std::int64_t events = 0;
  for (const auto& row : rows_of(engine, "QUERY * COUNT PER WEEK"))
    events += row[1].as_int64().value();
  CHECK(events == expected.number({"events"}));
  CHECK(count(engine, "QUERY * FOR PREFIX author- WHERE payload.subject_length - 70 BETWEEN 3 AND 1e9 COUNT") ==
        expected.number({"long_subjects"}));
  CHECK(rows_of(engine, "QUERY * COUNT BY event_type").size() == history.types.size());

  std::vector<std::int64_t> lengths = history.subject_lengths;
  std::sort(lengths.begin(), lengths.end());
  const std::int64_t total = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  const auto rank = [&](std::size_t percent) { return Value(lengths[(lengths.size() * percent + 99) / 100 - 1]); };
  CHECK(rows_of(engine, "QUERY commit_authored TOTAL payload.subject_length, AVG payload.subject_length, "
                        "MIN payload.subject_length, MAX payload.subject_length, P50 payload.subject_length, "
                        "P95 payload.subject_length, P99 payload.subject_length") ==
        std::vector<std::vector<Value>>{{total, static_cast<double>(total) / static_cast<double>(lengths.size()),
                                         lengths.front(), lengths.back(), rank(50), rank(95), rank(99)}});
}

void check_answers(const Engine& engine, const History& history) {
  const Expected& expected = history.expected;
  CHECK(count(engine, "QUERY * COUNT") == expected.number({"events"}));
  for (const auto& [type, events] : top(engine, "QUERY * COUNT BY event_type"))
    CHECK(events == expected.number({"events_by_type", type}));
  CHECK(count(engine, "QUERY file_modified SINCE '2020-01-01T00:00:00Z' UNTIL '2021-01-01T00:00:00Z' COUNT") ==
        expected.number({"modified_in_2020"}));
  CHECK(count(engine, "QUERY commit_authored WHERE payload.subject_length > 72 COUNT") ==
        expected.number({"long_subjects"}));
  check_top(top(engine, "QUERY file_modified COUNT BY payload.directory ORDER BY count DESC LIMIT 10"),
            expected.pairs("modified_by_directory_top10"));
  check_groups(engine, history);
  const auto largest = expected.pairs("largest_contexts");
  check_top(top(engine, "QUERY * COUNT BY context_id ORDER BY count DESC LIMIT 20"), largest);
  for (const auto& [context, events] : largest)
    CHECK(sha256_hex(replayed(engine, context)) == expected.text({"replay_sha256", context}));
}

void check_every_context(const Engine& engine, const History& history) {
  for (const auto& [context, lines] : history.by_context) {
    std::string own;
    for (const std::string* line : lines)
      own += (own.empty() ? "" : "\n") + *line;
    REQUIRE(replayed(engine, context) == own);
  }
}

EngineOptions with_shards(std::uint32_t shards) {
  EngineOptions options;
  options.shards = shards;
  return options;
}

Engine open(const std::string& directory, const EngineOptions& options) {
  auto engine = open_watched(directory, options);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  return std::move(*engine);
}

} // namespace

TEST_CASE("real data: all answers match with 1, 3, 4 and 16 shards, before and after flush and after reopen") {
  const History* const history = load();
  if (history == nullptr)
    return;
  for (const std::uint32_t shards : {1u, 3u, 4u, 16u}) {
    CAPTURE(shards);
    TempDirectory directory;
    {
      Engine engine = open(directory.path("data"), with_shards(shards));
      import_lines(engine, *history, 0, history->lines.size());
      check_answers(engine, *history);
      REQUIRE(engine.flush().ok());
      check_answers(engine, *history);
      REQUIRE(engine.close().ok());
    }
    Engine engine = open(directory.path("data"), {});
    CHECK(engine.options().shards == shards);
    check_answers(engine, *history);
    if (shards == 4)
      check_every_context(engine, *history);
  }
}

TEST_CASE("real data: all answers match from memtables alone, from segments alone and from a mixture") {
  const History* const history = load();
  if (history == nullptr)
    return;
  EngineOptions roomy = with_shards(4);
  roomy.unsealed_bytes_max = 1024 * MiB;
  const std::size_t all = history->lines.size();
  {
    TempDirectory directory;
    Engine engine = open(directory.path("data"), roomy);
    import_lines(engine, *history, 0, all);
    for (const ShardStats& shard : engine.stats().shards)
      CHECK(shard.segments == 0);
    check_answers(engine, *history);
    check_every_context(engine, *history);
    REQUIRE(engine.flush().ok());
    for (const ShardStats& shard : engine.stats().shards) {
      CHECK(shard.segments == 1);
      CHECK(shard.memtable_events == 0);
    }
    check_answers(engine, *history);
    check_every_context(engine, *history);
  }
  {
    TempDirectory directory;
    Engine engine = open(directory.path("data"), roomy);
    import_lines(engine, *history, 0, all / 3);
    REQUIRE(engine.flush().ok());
    import_lines(engine, *history, all / 3, all / 2);
    REQUIRE(engine.flush().ok());
    import_lines(engine, *history, all / 2, all);
    std::uint64_t in_memory = 0, in_segments = 0;
    for (const ShardStats& shard : engine.stats().shards) {
      in_memory += shard.memtable_events;
      in_segments += shard.segment_events;
    }
    CHECK(in_memory == all - all / 2);
    CHECK(in_segments == all / 2);
    check_answers(engine, *history);
    check_every_context(engine, *history);
  }
}

TEST_CASE("real data: all answers match while many small segments are merged, and afterwards") {
  const History* const history = load();
  if (history == nullptr)
    return;
  EngineOptions options = with_shards(2);
  options.segment_bytes_max = 16 * MiB;
  const std::size_t all = history->lines.size();
  constexpr std::size_t parts = 24;
  TempDirectory directory;
  Engine engine = open(directory.path("data"), options);
  for (std::size_t i = 0; i < parts; ++i) {
    import_lines(engine, *history, all * i / parts, all * (i + 1) / parts);
    REQUIRE(engine.flush().ok());
  }
  check_answers(engine, *history);
  REQUIRE(eventually([&] { return engine.stats().compactions_pending == 0; }));
  for (const ShardStats& shard : engine.stats().shards) {
    CHECK(shard.compactions >= 1);
    CHECK(shard.segments < parts / 3);
  }
  check_answers(engine, *history);
  check_every_context(engine, *history);
  REQUIRE(engine.close().ok());
  const Status verified = verify_directory(directory.path("data"));
  CHECK_MESSAGE(verified.ok(), why(verified));
  Engine again = open(directory.path("data"), {});
  check_answers(again, *history);
}
