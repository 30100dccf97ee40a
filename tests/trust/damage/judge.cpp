#include "trust/damage/judge.hpp"

#include "actors/catalog_copy.hpp"
#include "actors/engine_core.hpp"
#include "actors/verify.hpp"
#include "engine/io/manual_clock.hpp"
#include "engine/io/manual_executor.hpp"
#include "engine/query/executor.hpp"

#include <weir/engine.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>

namespace weir::trust {

namespace {

/// The catalog as it was recorded, for damages that do not touch its files: SQLite would read the same again.
class RecordedCatalog final : public CatalogStore {
public:
  explicit RecordedCatalog(CatalogState state) : state_(std::move(state)) {}
  Result<CatalogState> load() override { return state_; }
  Status reserve_positions(Position until) override {
    state_.positions_reserved = until;
    return {};
  }
  Status publish_segment(const SegmentMeta&, std::uint64_t, std::uint64_t) override { return refused(); }
  Status replace_segments(std::span<const SegmentMeta>, const SegmentMeta&, const Dropped&) override {
    return refused();
  }
  Status add_schema(const SchemaRecord&) override { return refused(); }
  Status set_retention(const RetentionRecord&) override { return refused(); }
  Status close() override { return {}; }

private:
  static Error refused() { return fail(Errc::unsupported, "nothing is written here"); }
  CatalogState state_;
};

bool touches_catalog(const Damage& damage) {
  return std::any_of(damage.files.begin(), damage.files.end(),
                     [](const Damage::File& file) { return file.path.starts_with("catalog.db"); });
}

Query everything() {
  return Query::all_types();
}

Query count_by_type() {
  Query query;
  query.where(field("payload.n") >= 0).count().by({"event_type"});
  return query;
}

/// Conditions, columns and groups of payload fields; segments answer them by columns, bounds and filters.
constexpr const char* field_queries[] = {
    "QUERY * WHERE payload.n >= 20 AND payload.n < 95 AND payload.price <= 30 "
    "RETURN [position, payload.n, payload.price, payload.kind, payload.paid]",
    "QUERY * WHERE payload.id IN ('c11f6531eb66d9a7', 'none', '8471dfd64abd8fb0') OR payload.kind IS NULL "
    "RETURN [position, payload.id]",
    "QUERY * WHERE payload.id = 'none' RETURN [position]",
    "QUERY * WHERE NOT (payload.kind = 'kind-2' OR payload.paid = true) COUNT",
    "QUERY * COUNT, TOTAL payload.n, MAX payload.price BY payload.kind, payload.paid",
    "QUERY * RETURN [position, payload.price] ORDER BY payload.price DESC LIMIT 4",
};

bool touches_segments(const Damage& damage) {
  return std::any_of(damage.files.begin(), damage.files.end(),
                     [](const Damage::File& file) { return file.path.starts_with("segments/"); });
}

using Rows = std::vector<std::vector<Value>>;

/// What everything() must answer for these events.
std::vector<Value> row_of(const EventView& event) {
  const auto text = [](std::string_view value) { return value.empty() ? Value() : Value(value); };
  const auto json = [](std::string_view value) {
    return value.empty() ? Value() : Value(JsonText{std::string(value)});
  };
  return {Value(event.context_id), Value(event.event_type), Value(event.sequence),
          Value(event.position),   Value(event.timestamp),  Value(event.recorded_at),
          text(event.event_id),    json(event.metadata),    json(event.payload)};
}

} // namespace

/// What a damaged directory answered.
struct Judge::Answers {
  std::vector<Error> errors;                                  ///< Of opening and reading.
  std::map<std::string, std::optional<std::size_t>> replayed; ///< Events by context; nothing: an error.
  std::optional<QueryResult> all, counts;                     ///< Nothing: an error.
  std::vector<std::optional<QueryResult>> by_columns;         ///< Of field_queries; nothing: an error.
  std::vector<std::optional<QueryResult>> by_payloads;        ///< The same, everything read and judged in full.
  std::array<bool, fixture_shards> failed{};                  ///< Shards that were refused.
  std::vector<std::string> wrong;                             ///< Events that were never stored.
  std::vector<Error> findings;                                ///< Of verify.
};

Judge::Judge(const Fixture& fixture) : fixture_(fixture) {
  Damage none;
  none.files.push_back({"segments/none", std::nullopt});
  Answers answers;
  read(none, answers);
  std::uint64_t columns = 0, pruned = 0;
  for (std::size_t i = 0; i < std::size(field_queries); ++i) {
    if (!answers.by_columns[i] || !answers.by_payloads[i])
      throw std::runtime_error(std::string("the fixture does not answer ") + field_queries[i]);
    columns += answers.by_columns[i]->stats.field_columns;
    pruned += answers.by_columns[i]->stats.zones_pruned;
    field_rows_.push_back(answers.by_payloads[i]->rows);
  }
  if (fixture.name == "fields" && (columns < 6 || pruned < 3))
    throw std::runtime_error("the fixture's segments have no columns and filters");
}

std::shared_ptr<io::MemoryFileSystem> Judge::damaged_disk(const Damage& damage) const {
  std::shared_ptr<io::MemoryFileSystem> disk = fixture_.disk->crash_image(io::CrashPolicy::keep_everything());
  for (const Damage::File& file : damage.files) {
    static_cast<void>(disk->unlink(file.path).ok()); // it may not have been there
    if (!file.content)
      continue;
    auto created = disk->open(file.path, io::OpenMode::create);
    if (!created || !(*created)->pwrite(std::as_bytes(std::span(*file.content)), 0))
      throw std::runtime_error("cannot damage " + file.path);
  }
  return disk;
}

void Judge::verify(const Damage& damage, Answers& answers) const {
  const auto disk = damaged_disk(damage);
  const auto state = touches_catalog(damage) ? load_catalog_copy(*disk) : Result<CatalogState>(fixture_.catalog);
  if (!state) {
    answers.findings.push_back(state.error());
    return;
  }
  std::vector<Error> findings;
  if (const Status whole = verify_files(*disk, *state, &findings, {}); !whole)
    answers.findings = findings.empty() ? std::vector<Error>{whole.error()} : findings;
}

namespace {

/// Compares one context's replay with what was stored.
template <class Next>
void read_context(const std::string& id, const std::vector<test::OwnedEvent>& stored, Next next, auto& answers) {
  std::size_t read = 0;
  for (;;) {
    const Result<EventBatch> batch = next();
    if (!batch) {
      answers.errors.push_back(batch.error());
      answers.replayed[id] = std::nullopt;
      return;
    }
    if (batch->empty())
      break;
    for (const EventView& event : *batch) {
      if (read >= stored.size() || !(test::OwnedEvent(event) == stored[read])) {
        answers.wrong.push_back("replay of " + id + " gives another event " + std::to_string(read + 1));
        return;
      }
      ++read;
    }
  }
  answers.replayed[id] = read;
}

} // namespace

Verdict Judge::judge(const Damage& damage) const {
  Answers answers;
  verify(damage, answers);
  read(damage, answers);
  return compare(damage, answers);
}

void Judge::read(const Damage& damage, Answers& answers) const {
  const auto disk = damaged_disk(damage);
  io::ManualClock clock;
  EngineParts parts;
  parts.options = fixture_.options;
  parts.options.allow_failed_shards = true;
  parts.options.read_threads = 1;
  EngineSeams seams;
  seams.fs = disk->share();
  seams.clock = std::make_unique<io::ManualClock>();
  seams.random = io::make_seeded_random(1);
  seams.make_executor = [](std::size_t) { return std::make_unique<io::ManualExecutor>(); };
  seams.open_catalog = open_sqlite_catalog;
  if (!touches_catalog(damage))
    seams.open_catalog = [this](io::FileSystem&, bool, std::uint32_t,
                                std::uint64_t) -> Result<std::unique_ptr<CatalogStore>> {
      return std::unique_ptr<CatalogStore>(std::make_unique<RecordedCatalog>(fixture_.catalog));
    };
  if (const Status opened = open_directory(parts, std::move(seams)); !opened) {
    answers.errors.push_back(opened.error());
    answers.failed.fill(true);
    return;
  }

  std::vector<ShardView> views;
  for (const auto& shard : parts.shards) {
    if (shard->id >= fixture_shards) {
      answers.wrong.push_back("there is one more shard");
      continue;
    }
    if (!shard->table) {
      answers.failed[shard->id] = true;
      answers.errors.push_back(*shard->failure());
      continue;
    }
    views.push_back(shard->table->view());
    for (const auto& [id, stored] : fixture_.events) {
      if (fixture_.shard_of.at(id) != shard->id)
        continue;
      ReplayCursor cursor([&] { return Result<ShardView>(views.back()); }, parts.pinned, id, {.batch_events_max = 16});
      read_context(
          id, stored, [&] { return cursor.next(); }, answers);
    }
  }
  query::QueryControl control;
  const auto ask = [&](const Query& plan, std::optional<QueryResult>& answer) {
    if (std::find(answers.failed.begin(), answers.failed.end(), true) != answers.failed.end())
      return;
    auto result = query::run(plan, views, control);
    if (result)
      answer = std::move(*result);
    else
      answers.errors.push_back(result.error());
  };
  ask(everything(), answers.all);
  ask(count_by_type(), answers.counts);
  if (!touches_segments(damage))
    return;
  static const std::vector<Query> plans = [] {
    std::vector<Query> all;
    for (const char* text : field_queries)
      all.push_back(*parse_query(text));
    return all;
  }();
  for (const bool columns : {true, false}) {
    control.prune = control.columns = columns;
    for (const Query& plan : plans)
      ask(plan, (columns ? answers.by_columns : answers.by_payloads).emplace_back());
  }
}

Verdict Judge::judge_engine(const Damage& damage) const {
  Answers answers;
  verify(damage, answers);
  EngineOptions options = fixture_.options;
  options.allow_failed_shards = true;
  options.read_threads = 1;
  EngineSeams seams;
  seams.fs = damaged_disk(damage)->share();
  seams.clock = io::make_system_clock();
  seams.random = io::make_seeded_random(1);
  seams.open_catalog = open_sqlite_catalog;
  auto core = EngineCore::open(std::move(seams), options);
  if (!core) {
    answers.errors.push_back(core.error());
    answers.failed.fill(true);
    return compare(damage, answers);
  }
  Engine engine = Engine::adopt(std::move(*core));
  for (const ShardHealth& shard : engine.health().shards) {
    if (!shard.error)
      continue;
    answers.failed.at(shard.shard) = true;
    answers.errors.push_back(*shard.error);
  }
  for (const auto& [id, stored] : fixture_.events) {
    auto stream = engine.replay(id);
    if (!stream && answers.failed[fixture_.shard_of.at(id)])
      continue;
    if (!stream) {
      answers.errors.push_back(stream.error());
      continue;
    }
    read_context(
        id, stored, [&] { return stream->next(); }, answers);
  }
  const auto ask = [&](const Query& plan, std::optional<QueryResult>& answer) {
    auto result = engine.query(plan);
    if (result)
      answer = std::move(*result);
    else
      answers.errors.push_back(result.error());
  };
  ask(everything(), answers.all);
  ask(count_by_type(), answers.counts);
  if (const Status closed = engine.close(); !closed)
    answers.errors.push_back(closed.error());
  return compare(damage, answers);
}

namespace {

/// The place an error names is a file of the directory and, where that is no catalog, an offset.
bool names_a_place(const Error& error) {
  if (error.where.starts_with("catalog.db"))
    return true;
  const std::size_t colon = error.where.rfind(':');
  return (error.where.starts_with("wal/") || error.where.starts_with("segments/")) && colon != std::string::npos &&
         colon + 1 < error.where.size() && error.where.find_first_not_of("0123456789", colon + 1) == std::string::npos;
}

} // namespace

/// Whatever is damaged, an answer by columns is that of the payloads, as far as these can be read.
void Judge::judge_fields(const Damage& damage, const Answers& answers, Verdict& verdict) const {
  const auto& cut = damage.calls_cut_max;
  const bool whole = std::all_of(cut.begin(), cut.end(), [](std::size_t calls) { return calls == 0; });
  for (std::size_t i = 0; i < answers.by_columns.size(); ++i) {
    const auto& columns = answers.by_columns[i];
    const auto& payloads = answers.by_payloads[i];
    if (columns && payloads && columns->rows != payloads->rows)
      verdict.wrong.push_back(std::string("columns and payloads differ: ") + field_queries[i]);
    for (const auto* each : {&columns, &payloads})
      if (*each && whole && (*each)->rows != field_rows_[i])
        verdict.wrong.push_back(std::string("another answer than before the damage: ") + field_queries[i]);
  }
}

Verdict Judge::compare(const Damage& damage, const Answers& answers) const {
  Verdict verdict;
  verdict.wrong = answers.wrong;
  verdict.refused = !answers.errors.empty();
  verdict.found = !answers.findings.empty();
  const auto wrong = [&](std::string what) { verdict.wrong.push_back(std::move(what)); };

  const auto judge_error = [&](const Error& error, const std::string& whose) {
    const bool allowed = error.code == Errc::corruption || (whose != "verify" && error.code == Errc::shard_failed) ||
                         (damage.may_be_incompatible && error.code == Errc::incompatible);
    if (!allowed)
      wrong(whose + " answers " + to_string(error));
    else if (!names_a_place(error))
      wrong(whose + " names no place: " + to_string(error));
  };
  for (const Error& error : answers.errors)
    judge_error(error, "open or read");
  for (const Error& error : answers.findings)
    judge_error(error, "verify");

  // How many of each shard's last calls are missing: what is there must be all up to the end of one call.
  std::size_t expected_rows = 0;
  std::map<std::string, std::size_t> expected;
  for (ShardId shard = 0; shard < fixture_shards; ++shard) {
    if (answers.failed[shard])
      continue;
    std::map<std::string, std::size_t> left;
    for (const auto& [id, stored] : fixture_.events)
      if (fixture_.shard_of.at(id) == shard)
        left[id] = stored.size();
    const auto fits = [&] {
      return std::all_of(left.begin(), left.end(), [&](const auto& one) {
        const auto read = answers.replayed.find(one.first);
        return read == answers.replayed.end() || !read->second || *read->second == one.second;
      });
    };
    std::size_t cut = 0;
    const auto& calls = fixture_.shards[shard].calls;
    while (!fits() && cut < damage.calls_cut_max[shard] && cut < calls.size()) {
      const auto& [id, events] = calls[calls.size() - 1 - cut++];
      left[id] -= events;
    }
    verdict.cut = verdict.cut || cut != 0;
    if (!fits())
      wrong("shard " + std::to_string(shard) + " lacks events that nobody may cut");
    for (const auto& [id, count] : left) {
      expected[id] = count;
      expected_rows += count;
    }
  }
  if (answers.all && verdict.wrong.empty()) {
    Rows rows;
    for (const auto& [id, count] : expected)
      for (std::size_t i = 0; i < count; ++i)
        rows.push_back(row_of(fixture_.events.at(id)[i].view()));
    std::sort(rows.begin(), rows.end(),
              [](const auto& a, const auto& b) { return a[3].as_uint64() < b[3].as_uint64(); });
    if (answers.all->rows != rows)
      wrong("a query gives other rows than were stored");
  }
  if (answers.counts && verdict.wrong.empty()) {
    std::int64_t sum = 0;
    for (const auto& row : answers.counts->rows)
      sum += row.back().as_int64().value_or(0);
    if (sum != static_cast<std::int64_t>(expected_rows))
      wrong("a query counts " + std::to_string(sum) + " events of " + std::to_string(expected_rows));
  }

  judge_fields(damage, answers, verdict);
  if (damage.harmless && (verdict.refused || verdict.cut))
    wrong("bytes that nobody reads were missed");
  if (verdict.refused && !verdict.found)
    wrong("verify finds nothing, but reading does: " + to_string(answers.errors.front()));
  if (!damage.harmless && !damage.may_go_unseen && !verdict.found)
    wrong("verify finds nothing");
  return verdict;
}

} // namespace weir::trust
