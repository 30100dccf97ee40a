// Stage "imports": events with ids are imported, and then again and again: through memory, segments, merges,
// restarts, truncations, deletions, retention and compact() nothing is stored a second time, and each call gets the
// receipt of the first time; where its context is deleted for good, `context_deleted`.
//
//   weir_trust_imports --full     1 M events
//
// Memory is judged, too (not in builds with a sanitizer): what the process uses may not go beyond the limits in the
// engine's options and 64 MiB, whatever the number of ids.
#include "engine/hash.hpp"
#include "engine/text.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/temp_directory.hpp"
#include "trust/support/process.hpp"
#include "trust/support/stage.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::trust;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::ptrdiff_t in_flight = 256;
constexpr std::uint64_t events_of_call_max = 8;
constexpr std::uint64_t events_of_context = 100; // on average
constexpr std::uint64_t beside_the_budget = 64 * MiB;

EngineOptions import_options() {
  EngineOptions options;
  options.shards = 4;
  options.unsealed_bytes_max = 16 * MiB;
  options.wal_file_bytes = 1 * MiB;
  options.block_cache_bytes = 16 * MiB;
  options.context_cache_entries = 1'000;
  options.inbox_bytes_max = 2 * MiB;
  return options;
}

std::uint64_t memory_budget(const EngineOptions& options) {
  return options.unsealed_bytes_max + options.block_cache_bytes + options.shards * options.inbox_bytes_max;
}

struct Place {
  Sequence sequence = 0;
  Position position = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

class Imports {
public:
  Imports(std::uint64_t events, std::uint64_t seed)
      : events_(events), seed_(seed), first_(calls_for(events), Place{1, 1}) { // touched: it is no growth later
    baseline_bytes_ = memory_bytes();
  }

  StageCounts run() {
    open();
    import("first", false);
    import("again", true);
    check(engine_->flush(), "flush");
    import("after_flush", true);
    merge("");
    truncate_some();
    import("after_merges", true);
    check(engine_->close(), "close");
    open();
    import("after_restart", true);
    delete_some();
    retain();
    import("after_retention", true);
    compact();
    import("after_compact", true);
    refuse_others();
    judge_memory();
    check(engine_->close(), "close");
    engine_.reset();
    check(verify_directory(directory_.path("data")), "verify");
    return report();
  }

private:
  [[nodiscard]] std::uint64_t random(std::uint64_t call, std::uint64_t what) const {
    const std::uint64_t both[] = {call, what};
    return hash64(both, sizeof both, seed_);
  }
  [[nodiscard]] std::uint64_t events_of(std::uint64_t call) const { return 1 + random(call, 0) % events_of_call_max; }
  [[nodiscard]] std::uint64_t calls_for(std::uint64_t events) const {
    std::uint64_t calls = 0;
    for (std::uint64_t sum = 0; sum < events; ++calls)
      sum += events_of(calls);
    return calls;
  }
  [[nodiscard]] std::uint64_t contexts() const { return events_ / events_of_context; }
  [[nodiscard]] std::uint64_t context_number(std::uint64_t call) const { return random(call, 1) % contexts(); }
  [[nodiscard]] static std::string context_name(std::uint64_t number) { return "order-" + std::to_string(number); }
  [[nodiscard]] std::string context_of(std::uint64_t call) const { return context_name(context_number(call)); }
  /// What becomes of a context: of so many, one is truncated, the next deleted softly, the third for good.
  static constexpr std::uint64_t contexts_of_removal = 16;
  [[nodiscard]] bool is_closed(std::uint64_t call) const {
    return closed_ && context_number(call) % contexts_of_removal == 2;
  }
  [[nodiscard]] std::vector<Event> make(std::uint64_t call) const {
    std::vector<Event> events(events_of(call));
    for (std::uint64_t i = 0; i < events.size(); ++i) {
      Event& event = events[i];
      event.event_type = random(call, 2) % 4 == 0 ? "OrderPlaced" : "OrderChanged";
      event.event_id = format("import-{}-{}", call, i);
      event.payload =
          format(R"({{"call":{},"index":{},"customer":"{:016x}{:016x}","amount":{},"note":"{:0>{}}"}})", call, i,
                 random(call, 3), random(call, 4 + i), random(call, 5) % 100'000, call, random(call, 6) % 200);
    }
    return events;
  }

  void open() {
    auto engine = Engine::open(directory_.path("data"), import_options());
    if (!engine)
      throw std::runtime_error("open: " + to_string(engine.error()));
    engine_.emplace(std::move(*engine));
  }

  void check(const Status& status, const char* what) {
    if (!status)
      wrong(std::string(what) + ": " + to_string(status.error()));
  }
  void wrong(const std::string& what) {
    if (wrong_.fetch_add(1) < 10)
      std::fprintf(stderr, "imports: %s\n", what.c_str());
  }

  /// Stores every call, and compares what it is answered with what it was answered first, if it is `known`.
  void import(const char* when, bool known) {
    const auto began = Clock::now();
    const std::uint64_t before = count();
    std::counting_semaphore<> room(in_flight);
    for (std::uint64_t call = 0; call < first_.size(); ++call) {
      room.acquire();
      engine_->store_async(context_of(call), make(call), [&room, this, call, known](const Result<Receipt>& receipt) {
        answered(call, known, receipt);
        room.release();
      });
      progress(format("imports: {}, call {} of {}", when, call, first_.size()));
    }
    for (std::ptrdiff_t i = 0; i < in_flight; ++i)
      room.acquire();
    calls_ += first_.size();
    const std::uint64_t expected = before + (known ? 0 : stored());
    if (const std::uint64_t now = count(); now != expected)
      wrong(format("{}: there are {} events where there should be {}", when, now, expected));
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began).count();
    more_.emplace_back(std::string(when) + "_ms", static_cast<std::uint64_t>(ms));
    more_.emplace_back(std::string(when) + "_resident_mib", memory_bytes() / MiB);
  }

  void answered(std::uint64_t call, bool known, const Result<Receipt>& receipt) {
    if (is_closed(call)) {
      if (receipt.code() != Errc::context_deleted)
        wrong(format("call {}: its context is deleted for good, and it was answered: {}", call,
                     receipt ? "stored" : to_string(receipt.error())));
      return;
    }
    if (!receipt)
      return wrong(format("call {}: {}", call, to_string(receipt.error())));
    const Place place{receipt->sequence, receipt->position};
    if (receipt->duplicate != known || receipt->events != events_of(call))
      wrong(format("call {} was answered as {}, with {} events", call, receipt->duplicate ? "known" : "new",
                   receipt->events));
    if (known && place != first_[call])
      wrong(format("call {} is sequence {} at position {} now, and was {} at {}", call, place.sequence, place.position,
                   first_[call].sequence, first_[call].position));
    first_[call] = place;
  }

  [[nodiscard]] std::uint64_t count() const {
    const auto counted = engine_->query("QUERY * COUNT");
    if (!counted)
      throw std::runtime_error("count: " + to_string(counted.error()));
    return counted->rows.at(0).at(0).as_uint64().value_or(UINT64_MAX);
  }

  /// All that the background would do, done when this returns.
  void merge(const std::string& prefix) {
    if (const auto report = engine_->compact(); !report)
      return wrong("compact: " + to_string(report.error()));
    std::uint64_t merges = 0, segments = 0, bytes = 0;
    for (const ShardStats& shard : engine_->stats().shards) {
      merges += shard.compactions;
      segments += shard.segments;
      bytes += shard.segment_bytes;
    }
    more_.emplace_back(prefix + "merges", merges);
    more_.emplace_back(prefix + "segments", segments);
    more_.emplace_back(prefix + "segment_mib", bytes / MiB);
  }

  /// Removes the beginnings of some contexts and all of others: ids stay taken.
  void truncate_some() {
    const std::uint64_t before = count();
    for (std::uint64_t context = 0; context < contexts(); ++context) {
      const std::uint64_t which = context % contexts_of_removal;
      if (which > 1)
        continue;
      const auto removal =
          which == 0 ? engine_->truncate_context(context_name(context), random(context, 7) % events_of_context)
                     : engine_->delete_context(context_name(context));
      if (!removal)
        return wrong("removing: " + to_string(removal.error()));
      cut_ += removal->removed_before - 1;
    }
    if (const std::uint64_t left = count(); cut_ == 0 || left + cut_ != before)
      wrong(format("{} events of {} were removed, and {} are left", cut_, before, left));
  }

  /// The same for good: from here on nothing is stored to these contexts.
  void delete_some() {
    const std::uint64_t before = count();
    std::uint64_t cut = 0;
    for (std::uint64_t context = 2; context < contexts(); context += contexts_of_removal) {
      const auto removal = engine_->delete_context(context_name(context), Deletion::hard);
      if (!removal)
        return wrong("deleting: " + to_string(removal.error()));
      cut += removal->removed_before - 1;
    }
    closed_ = true;
    if (const std::uint64_t left = count(); cut == 0 || left + cut != before)
      wrong(format("{} events of {} were deleted, and {} are left", cut, before, left));
    cut_ += cut;
  }

  /// Removes most of what there is, and has its space given back: ids stay taken.
  void retain() {
    const std::uint64_t before = count();
    check(engine_->set_retention({{.count = events_of_context / 10}}), "set_retention");
    const auto retained = engine_->apply_retention();
    if (!retained)
      return wrong("apply_retention: " + to_string(retained.error()));
    const std::uint64_t left = count();
    if (retained->events == 0 || left + retained->events != before)
      wrong(format("retention removed {} events of {} and left {}", retained->events, before, left));
    check(engine_->flush(), "flush");
    merge("retained_");
    more_.emplace_back("removed_events", cut_ + retained->events);
  }

  /// Somebody asks for all of it, while the background is paused.
  void compact() {
    const std::uint64_t before = count();
    engine_->pause_compaction();
    CompactOptions options;
    options.all = true;
    const auto report = engine_->compact(options);
    engine_->resume_compaction();
    if (!report)
      return wrong("compact: " + to_string(report.error()));
    if (const std::uint64_t now = count(); now != before)
      wrong(format("compact() left {} events of {}", now, before));
    more_.emplace_back("compact_merges", report->merges);
    more_.emplace_back("compact_segments", report->segments_after);
  }

  [[nodiscard]] std::uint64_t stored() const {
    std::uint64_t events = 0;
    for (std::uint64_t call = 0; call < first_.size(); ++call)
      events += events_of(call);
    return events;
  }

  /// An id that is taken stays taken, for whatever else.
  void refuse_others() {
    for (std::uint64_t call = 0; call < first_.size(); call += 1 + first_.size() / 200) {
      std::vector<Event> events = make(call);
      events.back().payload = R"({"other":true})";
      const auto refused = engine_->store(context_of(call), std::move(events));
      if (refused.code() != (is_closed(call) ? Errc::context_deleted : Errc::event_id_conflict))
        wrong(format("call {} was stored again with other content", call));
      ++refused_;
    }
  }

  void judge_memory() {
    const std::uint64_t peak = peak_memory_bytes() - baseline_bytes_;
    const std::uint64_t budget = memory_budget(import_options());
    more_.emplace_back("peak_mib", peak / MiB);
    more_.emplace_back("budget_mib", budget / MiB);
    if (!test::sanitized && peak > budget + beside_the_budget)
      wrong(format("at its peak the engine used {} MiB, with {} MiB configured", peak / MiB, budget / MiB));
  }

  StageCounts report() {
    StageCounts counts;
    counts.count = calls_;
    counts.wrong_answers = wrong_;
    counts.more = {{"events", stored()},
                   {"calls", first_.size()},
                   {"others_refused", refused_},
                   {"memory_judged", test::sanitized ? 0U : 1U}};
    counts.more.insert(counts.more.end(), more_.begin(), more_.end());
    return counts;
  }

  const std::uint64_t events_, seed_;
  const test::TempDirectory directory_;
  std::optional<Engine> engine_;
  std::vector<Place> first_; ///< Of each call: what the first import was answered.
  std::uint64_t cut_ = 0;    ///< Events removed by truncations and deletions.
  bool closed_ = false;      ///< Some contexts are deleted for good. Nothing is stored while it changes.
  std::uint64_t baseline_bytes_ = 0, calls_ = 0, refused_ = 0;
  std::atomic<std::uint64_t> wrong_{0};
  std::vector<std::pair<std::string, std::uint64_t>> more_;
};

} // namespace

int main(int argc, char** argv) {
  return run_stage("imports", argc, argv, [](const StageOptions& options) {
    return Imports(options.full ? 1'000'000 : 20'000, options.seed).run();
  });
}
