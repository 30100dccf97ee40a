#include "bench/goals.hpp"

#include "bench/table.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <optional>

namespace weir::bench {

namespace {

enum class Sense { at_least, at_most };

/// Collects verdicts; every method is one form that a goal can have. All compare medians.
class Judge {
public:
  explicit Judge(const Results& results) : results_(results) {}

  /// weir's figure by that of `peer`, or by the best peer's.
  void ratio(const std::string& line, const std::string& peer, Sense sense, double goal,
             const std::string& aspect = "") {
    const Series* base = results_.find(line, peer, aspect);
    std::string name = peer;
    if (peer == best) {
      const auto found = results_.best_peer(line, aspect);
      base = found ? found->second : nullptr;
      name = found ? found->first : "best peer";
    }
    const Series* const mine = results_.find(line, "weir", aspect);
    add(line + (aspect.empty() ? "" : ", " + aspect), sense, goal, "x " + name,
        mine != nullptr && base != nullptr && base->median() > 0 ? std::optional(mine->median() / base->median())
                                                                 : std::nullopt);
  }

  void absolute(const std::string& line, Sense sense, double goal, const std::string& unit,
                const std::string& aspect = "", double divided_by = 1) {
    const Series* const mine = results_.find(line, "weir", aspect);
    add(line + (aspect.empty() ? "" : ", " + aspect), sense, goal, unit,
        mine != nullptr ? std::optional(mine->median() / divided_by) : std::nullopt);
  }

  /// weir's figure of one line by that of `peer` of another.
  void across(const std::string& line, const std::string& base_line, const std::string& peer, Sense sense,
              double goal) {
    const Series* const mine = results_.find(line, "weir");
    const Series* const base = results_.find(base_line, peer);
    add(line, sense, goal, "x " + peer + " at " + base_line,
        mine != nullptr && base != nullptr ? std::optional(mine->median() / base->median()) : std::nullopt);
  }

  /// weir's figure of one line by its figure of another.
  void lines(const std::string& line, const std::string& base_line, Sense sense, double goal,
             const std::string& aspect = "") {
    const Series* const mine = results_.find(line, "weir", aspect);
    const Series* const base = results_.find(base_line, "weir", aspect);
    add(line + (aspect.empty() ? "" : ", " + aspect), sense, goal, "x " + base_line,
        mine != nullptr && base != nullptr ? std::optional(mine->median() / base->median()) : std::nullopt);
  }

  [[nodiscard]] std::vector<Goal> goals() && { return std::move(goals_); }

  static constexpr const char* best = "best peer";

private:
  void add(const std::string& row, Sense sense, double goal, const std::string& unit, std::optional<double> measured) {
    Goal judged;
    judged.row = row;
    judged.wanted = format("{} {:g} {}", sense == Sense::at_least ? ">=" : "<=", goal, unit);
    judged.measured = measured ? format("{:.3g}", *measured) : "not measured";
    if (measured)
      judged.verdict = (sense == Sense::at_least ? *measured >= goal : *measured <= goal) ? Goal::Verdict::met
                                                                                          : Goal::Verdict::missed;
    goals_.push_back(judged);
  }

  const Results& results_;
  std::vector<Goal> goals_;
};

} // namespace

std::vector<Goal> judge(const Results& results, const Plan& plan, double payload_bytes_per_event) {
  using enum Sense;
  constexpr double memory_budget_mib = 64 + 64; // memtables and block cache, as EngineOptions has them
  const double events_m = static_cast<double>(plan.events) / 1e6;
  Judge judge(results);
  judge.ratio("ingest/1-writer/synced", "raw", at_least, 0.85);
  judge.ratio("ingest/16-threads/synced", "raw", at_least, 0.8);
  judge.ratio("ingest/16-threads/synced", Judge::best, at_least, 1.6);
  judge.ratio("ingest/256-threads/synced", "raw", at_least, 0.75);
  judge.ratio("ingest/256-threads/synced", Judge::best, at_least, 4);
  judge.ratio("ingest/async-256/synced", "raw", at_least, 0.65);
  judge.ratio("ingest/async-256/synced", Judge::best, at_least, 4.5);
  judge.ratio("ingest/4-shards-async-4x256/synced", "raw", at_least, 0.65);
  judge.ratio("ingest/1-thread/buffered", Judge::best, at_least, 2.5);
  judge.absolute("ingest/1-thread/buffered", at_most, 1.5, "us CPU per event", "cpu");
  judge.absolute("ingest/1-thread/buffered", at_most, 1.7, "x payload", "device", payload_bytes_per_event);
  judge.lines("ingest/2-threads-4-shards/buffered", "ingest/1-thread/buffered", at_least, 1.6);
  judge.lines("ingest/with-ids/buffered", "ingest/1-thread/buffered", at_least, 0.8);
  judge.lines("ingest/exactly/buffered", "ingest/1-thread/buffered", at_least, 0.8);
  judge.lines("ingest/second-import/buffered", "ingest/with-ids/buffered", at_least, 0.8);
  judge.lines("ingest/async-256-with-ids/synced", "ingest/async-256/synced", at_least, 0.8);
  judge.lines("ingest/async-256-exactly/synced", "ingest/async-256/synced", at_least, 0.8);
  judge.absolute("size/at-rest/flushed", at_most, 0.45, "x payload", "", payload_bytes_per_event);
  judge.ratio("replay/warm-segments/flushed", "lmdb", at_least, 1.5);
  judge.ratio("replay/warm-segments/flushed", "lmdb", at_most, 1, "p50");
  judge.ratio("replay/cold/flushed", "rocksdb", at_least, 1.3);
  judge.ratio("query/whole-time/flushed", Judge::best, at_most, 0.1);
  judge.ratio("query/tenth-of-time/flushed", Judge::best, at_most, 0.2);
  judge.ratio("query/whole-time/flushed", "sqlite-by-field", at_most, 0.1);
  judge.ratio("query/tenth-of-time/flushed", "sqlite-by-field", at_most, 0.2);
  judge.absolute("query/whole-time/flushed", at_most, 8, "ms per 1 M events", "", events_m);
  judge.absolute("query/tenth-of-time/flushed", at_most, 1.5, "ms per 1 M events", "", events_m);
  // Five threads want two processors, one of them for queries.
  judge.lines("mixed/stores-beside-queries/synced", "mixed/stores-alone/synced", at_least, 0.5);
  judge.ratio("queue/catch-up-warm/flushed", "sqlite-rowid", at_least, 2.5);
  judge.ratio("queue/catch-up-cold/flushed", "sqlite-rowid", at_least, 2.5);
  judge.lines("compaction/stores-beside/synced", "compaction/stores-without/synced", at_least, 0.8);
  judge.lines("compaction/stores-beside-bounded/synced", "compaction/stores-without/synced", at_least, 0.8);
  judge.lines("compaction/replays-beside/flushed", "compaction/replays-without/flushed", at_most, 2, "p99");
  judge.absolute("compaction/segments-per-context-after/flushed", at_most, 1, "segments");
  judge.ratio("models/set-1-caller/synced", "sqlite-rowid", at_least, 0.8);
  judge.across("models/set-256-callers/synced", "models/set-1-caller/synced", "sqlite-rowid", at_least, 5);
  judge.across("models/set-async-256/synced", "models/set-1-caller/synced", "sqlite-rowid", at_least, 5);
  judge.absolute("models/catch-up/flushed", at_least, 100'000, "events/s");
  judge.absolute("reopen/after-kill/synced", at_most, 60, "ms");
  judge.absolute("reopen/clean/flushed", at_most, 20, "ms");
  if (plan.long_events > 0) {
    const std::string name = std::to_string(plan.long_events / 1'000'000) + "M";
    judge.absolute("ingest/" + name + "-last-to-first-million/buffered", at_least, 0.9, "x the first million");
    judge.absolute("ingest/" + name + "/buffered", at_most, memory_budget_mib + 64, "MiB", "memory");
    const double times = static_cast<double>(plan.long_events) / static_cast<double>(plan.events);
    for (const char* shape : {"whole-time", "tenth-of-time", "by-type", "top-sums", "three-steps"})
      judge.lines("query/" + std::string(shape) + "-" + name + "/flushed", "query/" + std::string(shape) + "/flushed",
                  at_most, times);
    judge.absolute("reopen/after-kill-" + name + "/synced", at_most, 60, "ms");
    judge.absolute("reopen/clean-" + name + "/flushed", at_most, 20, "ms");
  }
  return std::move(judge).goals();
}

std::string to_table(const std::vector<Goal>& goals) {
  std::vector<std::vector<std::string>> rows = {{"goal", "wanted", "measured", ""}};
  std::size_t not_measured = 0;
  for (const auto& goal : goals)
    if (goal.verdict == Goal::Verdict::not_measured)
      ++not_measured;
    else
      rows.push_back({goal.row, goal.wanted, goal.measured, goal.verdict == Goal::Verdict::met ? "met" : "MISSED"});
  return aligned(rows) + (not_measured == 0 ? "" : format("  {} more were not measured in this run\n", not_measured));
}

} // namespace weir::bench
