#include "trust/kills/story.hpp"

#include "engine/hash.hpp"
#include "engine/text.hpp"
#include "tests/support/why.hpp"
#include "trust/kills/copies.hpp"
#include "trust/kills/handler_rows.hpp"

#include <weir/engine.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

namespace weir::trust {

namespace {

namespace stdfs = std::filesystem;

/// The content of all segments and log files that are not spares, as hashes.
std::map<std::string, std::uint64_t> contents(const std::string& directory) {
  std::map<std::string, std::uint64_t> files;
  for (const char* folder : {"wal", "segments"}) {
    if (!stdfs::exists(stdfs::path(directory) / folder))
      continue;
    for (const auto& entry : stdfs::recursive_directory_iterator(stdfs::path(directory) / folder)) {
      const std::string name = entry.path().filename();
      if (!entry.is_regular_file() || name.starts_with("spare-"))
        continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      files[entry.path()] = hash64(bytes, 0);
    }
  }
  return files;
}

constexpr int backup_tries = 3; // to make one

enum class Show : std::uint8_t { nothing, unseen, whole };

class Story {
public:
  Story(const StoryPlan& plan, StoryCounts& counts, std::vector<std::size_t>& missed)
      : plan_(plan), counts_(counts), missed_(missed), dice_(plan.seed), board_(scratch_.path("board")),
        oracle_(plan.seed, counts.events), copies_(oracle_, dice_, scratch_.path("backups"), memory_.path("restored")) {
  }

  bool run() {
    for (const Aim& aim : plan_.aims) {
      if (!content())
        return false;
      if (aim.at == Aim::At::restoring || (aim.at == Aim::At::point && phase_of(aim.point) == Phase::restoring)) {
        restore(aim);
        continue;
      }
      if (aim.at == Aim::At::point)
        if (const auto before = prepared_by(aim.point))
          live({Aim::At::point, *before, 1}, Show::nothing);
      if (aim.at == Aim::At::opening)
        for (std::uint64_t again = dice_.below(3); again > 0; --again)
          live(aim, Show::nothing);
      live(aim, pick_show(aim));
    }
    if (content())
      end();
    return content();
  }

  [[nodiscard]] const std::vector<std::string>& complaints() const { return oracle_.complaints(); }

  /// The directory, for whoever looks for the cause.
  [[nodiscard]] std::string keep() const {
    const std::string copy = scratch_.path() + "-failed";
    std::error_code ignored;
    stdfs::copy(directory(), copy, stdfs::copy_options::recursive, ignored);
    return copy;
  }

private:
  [[nodiscard]] std::string directory() const { return scratch_.path("data"); }
  [[nodiscard]] bool content() const { return oracle_.complaints().empty(); }

  /// Sometimes stores begin right after recovery, and what they find is looked at in a later life.
  Show pick_show(const Aim& aim) {
    if (aim.at == Aim::At::shown || (life_ + 1) % plan_.whole_every == 0)
      return Show::whole;
    return dice_.below(4) == 0 ? Show::nothing : Show::unseen;
  }

  /// Somebody restores a backup, and is killed.
  void restore(const Aim& aim) {
    constexpr KillPoint made = "backup.after_rename"; // leaves a backup
    for (int tries = 0; tries < backup_tries && content() && !copies_.has_backup(); ++tries)
      live({kill_points_built ? Aim::At::point : Aim::At::closed, made.index(), 1}, Show::nothing);
    if (!content() || !copies_.has_backup())
      return;
    const Copies::End end = copies_.restore_by(plan_.host, aim, board_);
    count(aim, {end.killed, false, false, end.point, {}});
    if (!content())
      oracle_.complain(format("this was a restore behind life {}, to end {}", life_, to_string(aim)));
  }

  void live(const Aim& aim, Show show) {
    HostOrders orders;
    orders.directory = directory();
    orders.board = scratch_.path("board");
    orders.seed = plan_.seed;
    orders.life = ++life_;
    orders.early = plan_.early;
    orders.writers = plan_.writers;
    orders.calls_per_flush = plan_.calls_per_flush;
    // In the end all is read, in whichever lives it was read before.
    const bool must_read = aim.at == Aim::At::shown || (aim.at == Aim::At::point && needs_readers(aim.point));
    if (plan_.read_every != 0 && (dice_.below(plan_.read_every) == 0 || must_read))
      orders.read = oracle_.queue().places();
    if (plan_.handle_every != 0 &&
        (dice_.below(plan_.handle_every) == 0 || aim.at == Aim::At::shown || aim.at == Aim::At::handling))
      orders.handler = memory_.path("handler.db");
    if (plan_.dumped && !plan_.early) // weir's host, and not the one that knows of nothing else
      orders.again = oracle_.removals().again(dice_);
    const bool must_back_up = aim.at == Aim::At::point && needs_backups(aim.point);
    if (plan_.back_up_every != 0 && (dice_.below(plan_.back_up_every) == 0 || must_back_up))
      orders.backups = scratch_.path("backups");
    if (show != Show::nothing)
      orders.show = show == Show::whole ? oracle_.whole() : oracle_.unseen();
    const Life::End end = Life(oracle_, dice_, aim, open_time_).run(plan_.host, orders, board_);
    open_time_ = end.open_time;
    count(aim, end);
    constexpr KillPoint merged = "merge.after_catalog";
    counts_.merges_beside_readers += orders.read.empty() ? 0 : board_.hits(merged.index());
    if (content() && !orders.handler.empty())
      look_at_handler(orders.handler);
    if (content() && !orders.backups.empty())
      copies_.look();
    if (content() && plan_.dumped && dice_.below(plan_.dump_every) == 0)
      dump();
    if (!content())
      oracle_.complain(format("this was life {}, to end {}", life_, to_string(aim)));
  }

  /// A copy of its database: what a kill has left in it is the next host's to find.
  void look_at_handler(const std::string& path) {
    const HandlerRows there = read_handler(path, memory_.path("looked-at"));
    if (!there.error.empty())
      return oracle_.complain("the handler's database: " + there.error);
    oracle_.handler().found(there.rows, there.at);
  }

  void count(const Aim& aim, const Life::End& end) {
    ++counts_.lives;
    counts_.kills_handling += aim.at == Aim::At::handling && end.killed && !end.by_driver ? 1 : 0;
    counts_.kills += end.killed ? 1 : 0;
    counts_.kills_opening += end.killed && end.opening ? 1 : 0;
    for (std::size_t point = 0; point < kill_point_count; ++point)
      counts_.reached[point] = std::max<std::uint64_t>(counts_.reached[point], board_.hits(point));
    if (end.point) {
      ++counts_.kills_at_points;
      ++counts_.killed_at[*end.point];
    } else if (aim.at == Aim::At::point) {
      missed_.push_back(aim.point);
      std::fprintf(stderr, "kills: %s: not reached %s, only hit %u\n", plan_.name.c_str(), to_string(aim).c_str(),
                   board_.hits(aim.point));
    }
  }

  void dump() {
    if (!stdfs::exists(directory()))
      return; // killed before it made one
    oracle_.dumped(dump_log(directory()));
    ++counts_.dumps;
  }

  void end() {
    const auto round = [this](const Aim& aim) {
      if (content())
        live(aim, Show::whole);
    };
    round({Aim::At::shown});
    if (!plan_.dumped)
      return;
    const auto before = contents(directory());
    round({Aim::At::shown});
    // A merge that was killed begins again under the same temporary name, which is nobody's file yet.
    for (const auto& [path, hash] : contents(directory()))
      if (const auto was = before.find(path); was != before.end() && was->second != hash && !path.ends_with(".tmp"))
        oracle_.complain("opening without a store changed " + path);
    ++counts_.reopened_unchanged;
    round({Aim::At::closed});
    round({Aim::At::shown});
    if (!content())
      return;
    if (const Status verified = verify_directory(directory()); !verified)
      oracle_.complain("verify: " + test::why(verified));
  }

  const StoryPlan& plan_;
  StoryCounts& counts_;
  std::vector<std::size_t>& missed_;
  Dice dice_;
  test::TempDirectory scratch_;
  test::TempDirectory memory_{test::fast_parent()}; // for copies: a kill takes nothing from either
  HitBoard board_;
  KillOracle oracle_;
  Copies copies_;
  std::uint32_t life_ = 0;
  std::chrono::steady_clock::duration open_time_ = std::chrono::milliseconds(20);
};

} // namespace

void StoryCounts::add(const StoryCounts& other) {
  lives += other.lives;
  kills += other.kills;
  kills_opening += other.kills_opening;
  kills_at_points += other.kills_at_points;
  dumps += other.dumps;
  reopened_unchanged += other.reopened_unchanged;
  kills_handling += other.kills_handling;
  merges_beside_readers += other.merges_beside_readers;
  events.acknowledged += other.events.acknowledged;
  events.dumped += other.events.dumped;
  events.unacknowledged_present += other.events.unacknowledged_present;
  events.lost += other.events.lost;
  events.duplicates += other.events.duplicates;
  events.refused += other.events.refused;
  events.queue.add(other.events.queue);
  events.views.add(other.events.views);
  events.backups.add(other.events.backups);
  events.removals.add(other.events.removals);
  events.handler.add(other.events.handler);
  events.snapshots.add(other.events.snapshots);
  events.schemas.add(other.events.schemas);
  for (std::size_t point = 0; point < kill_point_count; ++point) {
    killed_at[point] += other.killed_at[point];
    reached[point] = std::max(reached[point], other.reached[point]);
  }
}

bool live(const StoryPlan& plan, StoryCounts& counts, std::vector<std::size_t>& missed) {
  Story story(plan, counts, missed);
  if (story.run())
    return true;
  std::string all;
  for (const std::string& complaint : story.complaints())
    all += "\n  " + complaint;
  std::fprintf(stderr, "\nkills: %s, kept as %s:%s\n", plan.name.c_str(), story.keep().c_str(), all.c_str());
  return false;
}

std::uint64_t losses_of(const StoryPlan& plan, StoryCounts& counts) {
  std::vector<std::size_t> missed;
  Story story(plan, counts, missed);
  (void)story.run();
  return counts.events.lost;
}

} // namespace weir::trust
