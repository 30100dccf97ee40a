// Kills: a host that stores is killed over and over, at moments, at named points and while it recovers; what it had
// acknowledged must be there, whole, once and in order.
//
//   weir_trust_kills --full --seed 7                    all of it
//   weir_trust_kills --full --seed 7 --only directory-3 one directory: the same aims and stores, but the clock's kills
#include "trust/kills/backup_planted.hpp"
#include "trust/kills/handler_planted.hpp"
#include "trust/kills/queue_planted.hpp"
#include "trust/kills/removal_planted.hpp"
#include "trust/kills/schema_planted.hpp"
#include "trust/kills/snapshot_planted.hpp"
#include "trust/kills/story.hpp"
#include "trust/support/stage.hpp"

#include "engine/hash.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>

namespace weir::trust {

namespace {

using At = Aim::At;

/// How much is done in a profile.
struct Extent {
  std::size_t directories;
  std::size_t moments;     ///< In each directory: kills at a moment or an acknowledgement ...
  std::size_t openings;    ///< ... and lives in which the engine is killed while it opens.
  std::size_t handlings;   ///< Where events are handled exactly once: kills at each moment of that.
  std::size_t restorings;  ///< Where backups are made: kills while one is restored.
  std::size_t points_each; ///< How often each kill point is aimed at; 0: once, and only some of them.
  std::size_t points_some; ///< Then so many in each directory.
  std::uint32_t dump_every;
  std::size_t runs;            ///< Long runs which are killed three times, and read all the time ...
  std::uint32_t run_acks;      ///< ... after so many acknowledgements.
  std::size_t controls;        ///< Directories of each control.
  std::uint64_t killed_at_min; ///< Kills at each point that the profile must reach.
};
constexpr Extent small{2, 5, 2, 1, 1, 0, 18, 1, 1, 300, 1, 0};
constexpr Extent full{36, 22, 4, 2, 4, 6, 0, 4, 6, 2'000, 10, 5};
constexpr std::size_t extra_directories_max = 40;
constexpr std::uint64_t hits_of_handler = 12;
constexpr std::size_t points_in_extra_directory = 12;

std::uint64_t seed_of(std::uint64_t seed, std::uint64_t number) {
  return hash64(&number, sizeof number, seed);
}

template <class T> void shuffle(std::vector<T>& items, Dice& dice) {
  for (std::size_t left = items.size(); left > 1; --left)
    std::swap(items[left - 1], items[dice.below(left)]);
}

class Stage {
public:
  explicit Stage(const StageOptions& options) : options_(options), extent_(options.full ? full : small) {}

  StageCounts run() {
    planted_ = find_planted_in_queue() + find_planted_in_removals() + find_planted_in_backups() +
               find_planted_in_copies() + find_planted_in_handler() + find_planted_in_snapshots() +
               find_planted_in_schemas();
    std::vector<StoryPlan> plans;
    const auto decks = deal_points();
    for (std::size_t number = 0; number < extent_.directories; ++number)
      plans.push_back(plan_directory(number, decks[number]));
    for (std::size_t number = 0; number < extent_.runs; ++number)
      plans.push_back(plan_run(number));
    run_all(plans);
    for (std::size_t extra = 0; extra < extra_directories_max && more_to_kill_at(); ++extra)
      run_all({plan_extra(extra)});
    run_controls();
    return report();
  }

  /// Whether something that had to be shown was not.
  [[nodiscard]] bool fell_short() const { return fell_short_; }

private:
  [[nodiscard]] bool wanted(const std::string& name) const {
    return options_.only.empty() || name == options_.only ||
           (options_.only.back() != '-' && name.starts_with(options_.only + "-"));
  }

  /// The kill points that each directory is killed at.
  std::vector<std::vector<std::size_t>> deal_points() const {
    Dice dice(seed_of(options_.seed, 1'000'000));
    std::vector<std::size_t> deck;
    if (kill_points_built)
      for (const Phase phase : {Phase::opening, Phase::writing, Phase::closing})
        for (const std::size_t point : points_of(phase))
          if (!needs_readers(point) && !needs_backups(point))
            deck.insert(deck.end(), std::max<std::size_t>(1, extent_.points_each), point);
    shuffle(deck, dice);
    std::vector<std::vector<std::size_t>> decks(extent_.directories);
    for (std::size_t i = 0; i < deck.size(); ++i)
      if (auto& to = decks[i % decks.size()]; extent_.points_each != 0 || to.size() < extent_.points_some)
        to.push_back(deck[i]);
    deal(points_if(needs_readers), extent_.points_each, is_read, decks);
    deal(points_if(needs_backups), std::max<std::size_t>(1, extent_.points_each), is_backed_up, decks);
    return decks;
  }

  /// Each of these points so often, to the directories that can come by them.
  static void deal(const std::vector<std::size_t>& points, std::size_t each, bool (*can)(std::size_t directory),
                   std::vector<std::vector<std::size_t>>& decks) {
    std::size_t number = 0;
    for (const std::size_t point : points)
      for (std::size_t i = 0; i < each; ++i) {
        while (!can(number))
          number = (number + 1) % decks.size();
        decks[number].push_back(point);
        number = (number + 1) % decks.size();
      }
  }

  /// In some directories the event queue is read in every other life. It is no small work for a host.
  static bool is_read(std::size_t directory) { return directory % 4 == 3; }
  /// In others backups are made in every third life.
  static bool is_backed_up(std::size_t directory) { return directory % 4 == 1; }

  /// In others each event is handled exactly once, in every other life.
  static bool is_handled(std::size_t directory) { return directory % 2 == 0; }

  /// A kill in the handler: at one moment after the other, as `number` grows.
  static Aim handling(std::size_t number, Dice& dice) {
    return {At::handling, 0, static_cast<std::uint32_t>(1 + dice.below(hits_of_handler)),
            static_cast<HandlerMoment>(1 + number % handler_moments)};
  }

  static std::vector<std::size_t> points_if(bool (*wanted)(std::size_t point)) {
    std::vector<std::size_t> points;
    for (std::size_t point = 0; kill_points_built && point < kill_point_count; ++point)
      if (wanted(point))
        points.push_back(point);
    return points;
  }

  StoryPlan plan_directory(std::size_t number, const std::vector<std::size_t>& points) const {
    StoryPlan plan;
    plan.name = format("directory-{}", number);
    plan.host = WEIR_KILLS_HOST;
    plan.seed = seed_of(options_.seed, number);
    plan.dump_every = extent_.dump_every;
    plan.read_every = is_read(number) ? 2 : 0;
    plan.back_up_every = is_backed_up(number) ? 3 : 0;
    plan.handle_every = is_handled(number) ? 2 : 0;
    Dice dice(plan.seed + 1);
    for (std::size_t i = 0; i < extent_.moments; ++i)
      if (dice.below(4) == 0)
        plan.aims.push_back({At::acknowledgement, 0, static_cast<std::uint32_t>(1 + dice.below(400))});
      else
        plan.aims.push_back({At::moment});
    plan.aims.insert(plan.aims.end(), extent_.openings, Aim{At::opening});
    for (std::size_t i = 0; is_handled(number) && i < extent_.handlings * handler_moments; ++i)
      plan.aims.push_back(handling(i, dice));
    if (is_backed_up(number))
      plan.aims.insert(plan.aims.end(), extent_.restorings, Aim{At::restoring});
    for (const std::size_t point : points)
      plan.aims.push_back({At::point, point, static_cast<std::uint32_t>(1 + dice.below(hits_expected(point)))});
    plan.aims.push_back({At::closed});
    shuffle(plan.aims, dice);
    const std::vector<Aim> beginning = begin_directory(number);
    plan.aims.insert(plan.aims.begin(), beginning.begin(), beginning.end());
    return plan;
  }

  /// Eight writers, flushes and merges, three kills and those at the readers' own points: before, during and after it
  /// others read the event queue.
  StoryPlan plan_run(std::size_t number) const {
    StoryPlan plan;
    plan.name = format("run-{}", number);
    plan.host = WEIR_KILLS_HOST;
    plan.seed = seed_of(options_.seed, 3'000'000 + number);
    plan.read_every = 1;
    plan.handle_every = 1;
    plan.writers = 8;
    plan.calls_per_flush = 10; // segments come about fast enough to be merged
    Dice dice(plan.seed);
    for (int kill = 0; kill < 3; ++kill)
      plan.aims.push_back(
          {At::acknowledgement, 0, extent_.run_acks + static_cast<std::uint32_t>(dice.below(extent_.run_acks))});
    for (const std::size_t point : points_if(needs_readers))
      plan.aims.push_back({At::point, point, static_cast<std::uint32_t>(1 + dice.below(hits_expected(point)))});
    plan.aims.push_back(handling(number, dice));
    return plan;
  }

  /// A directory that is being made can be killed again and again, until it is there.
  static std::vector<Aim> begin_directory(std::size_t number) {
    std::vector<Aim> aims;
    if (!kill_points_built)
      return aims;
    std::vector<std::size_t> creating = points_of(Phase::creating);
    // Behind the commit it is there, so only one of these is met.
    constexpr KillPoint last[] = {"create.after_commit", "create.before_directory_sync"};
    std::erase(creating, last[number % 2].index());
    for (const std::size_t point : creating)
      aims.push_back({At::point, point, 1});
    const std::vector<std::size_t> first = points_of(Phase::first);
    aims.push_back({At::point, first[number % first.size()], 1});
    return aims;
  }

  [[nodiscard]] std::vector<std::size_t> too_rare() const {
    std::vector<std::size_t> points;
    for (std::size_t point = 0; point < kill_point_count; ++point)
      if (counts_.killed_at[point] < extent_.killed_at_min)
        points.push_back(point);
    return points;
  }
  [[nodiscard]] bool more_to_kill_at() const {
    return kill_points_built && options_.only.empty() && failed_ == 0 && !too_rare().empty();
  }

  StoryPlan plan_extra(std::size_t extra) const {
    std::vector<std::size_t> points;
    for (const std::size_t point : too_rare())
      if (phase_of(point) != Phase::creating && phase_of(point) != Phase::first &&
          points.size() < points_in_extra_directory)
        points.push_back(point);
    StoryPlan plan = plan_directory(extent_.directories + extra, {});
    plan.aims = begin_directory(extra);
    for (const std::size_t point : points) {
      plan.aims.push_back({At::point, point, 1});
      plan.read_every = needs_readers(point) ? 2 : plan.read_every;
      plan.back_up_every = needs_backups(point) ? 2 : plan.back_up_every;
    }
    return plan;
  }

  /// One directory on each processor.
  void run_all(const std::vector<StoryPlan>& plans) {
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      for (std::size_t i = next++; i < plans.size() && failed_ == 0; i = next++) {
        if (!wanted(plans[i].name))
          continue;
        StoryCounts counts;
        std::vector<std::size_t> missed;
        const bool content = live(plans[i], counts, missed);
        const std::lock_guard lock(mutex_);
        counts_.add(counts);
        missed_ += missed.size();
        if (!content) {
          ++failed_;
          std::fprintf(stderr, "kills: again with: weir_trust_kills %s--seed %llu --only %s\n",
                       options_.full ? "--full " : "", static_cast<unsigned long long>(options_.seed),
                       plans[i].name.c_str());
        }
        progress("kills: " + std::to_string(counts_.kills));
      }
    };
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < std::min(2U, std::max(1U, std::thread::hardware_concurrency())); ++i)
      workers.emplace_back(work);
    for (std::thread& worker : workers)
      worker.join();
  }

  /// The same judge must be content with SQLite, and must see what a host loses that answers before it stores.
  void run_controls() {
    const std::size_t before = failed_;
    for (std::size_t number = 0; number < extent_.controls && failed_ == before; ++number) {
      StoryPlan plan;
      plan.dumped = false;
      plan.aims.assign(3, {At::moment});
      plan.seed = seed_of(options_.seed, 2'000'000 + number);
      Dice dice(plan.seed);
      plan.aims.push_back({At::acknowledgement, 0, static_cast<std::uint32_t>(20 + dice.below(100))});
      if (plan.name = format("sqlite-{}", number); wanted(plan.name)) {
        plan.host = WEIR_SQLITE_HOST;
        StoryCounts counts;
        std::vector<std::size_t> missed;
        failed_ += live(plan, counts, missed) ? 0 : 1;
        sqlite_kills_ += counts.kills;
      }
      if (plan.name = format("early-{}", number); wanted(plan.name)) {
        plan.host = WEIR_KILLS_HOST;
        plan.early = true;
        StoryCounts counts;
        ++early_;
        early_found_ += losses_of(plan, counts) != 0 ? 1 : 0;
        progress("kills: controls");
      }
    }
  }

  StageCounts report() {
    StageCounts result;
    result.count = options_.only.starts_with("sqlite")  ? sqlite_kills_
                   : options_.only.starts_with("early") ? early_
                                                        : counts_.kills;
    result.acknowledged_lost = counts_.events.lost;
    result.wrong_answers = failed_;
    const auto least = std::min_element(counts_.killed_at.begin(), counts_.killed_at.end());
    const auto hit = static_cast<std::uint64_t>(
        std::count_if(counts_.killed_at.begin(), counts_.killed_at.end(), [](std::uint64_t n) { return n != 0; }));
    result.more = {{"kill_points", kill_points_built ? kill_point_count : 0},
                   {"kill_points_hit", hit},
                   {"least_hit", *least},
                   {"kills_at_points", counts_.kills_at_points},
                   {"kills_in_recovery", counts_.kills_opening},
                   {"points_missed", missed_},
                   {"lives", counts_.lives},
                   {"acknowledged", counts_.events.acknowledged},
                   {"unacknowledged_but_present", counts_.events.unacknowledged_present},
                   {"duplicates", counts_.events.duplicates},
                   {"refused", counts_.events.refused},
                   {"merges_beside_readers", counts_.merges_beside_readers},
                   {"queue_events_read", counts_.events.queue.read},
                   {"queue_caught_up", counts_.events.queue.caught_up},
                   {"group_deliveries", counts_.events.queue.handed_out},
                   {"group_redeliveries", counts_.events.queue.redelivered},
                   {"group_acknowledged", counts_.events.queue.settled},
                   {"group_drained", counts_.events.queue.drained},
                   {"kills_in_handler", counts_.kills_handling},
                   {"handler_batches", counts_.events.handler.applied},
                   {"handler_batches_undone", counts_.events.handler.undone},
                   {"handler_batches_cut", counts_.events.handler.cut},
                   {"handler_batches_cut_and_kept", counts_.events.handler.kept},
                   {"handler_looks", counts_.events.handler.looks},
                   {"handler_rows_compared", counts_.events.handler.rows},
                   {"snapshots_saved", counts_.events.snapshots.saved},
                   {"snapshots_in_doubt", counts_.events.snapshots.in_doubt},
                   {"snapshots_loaded", counts_.events.snapshots.loaded},
                   {"snapshots_of_lost_events", counts_.events.snapshots.lost_event},
                   {"schemas_defined", counts_.events.schemas.defined},
                   {"schemas_asked", counts_.events.schemas.asked},
                   {"views_remembered", counts_.events.views.remembered},
                   {"views_forgotten", counts_.events.views.forgotten},
                   {"views_shown", counts_.events.views.shown},
                   {"removable_stored", counts_.events.removals.stored},
                   {"removals", counts_.events.removals.removed},
                   {"removals_in_doubt", counts_.events.removals.in_doubt},
                   {"retention_runs", counts_.events.removals.retained},
                   {"removable_known_again", counts_.events.removals.known},
                   {"deleted_contexts_asked", counts_.events.removals.closed},
                   {"removable_contexts_shown", counts_.events.removals.shown},
                   {"backups_made", counts_.events.backups.made},
                   {"backups_with_base", counts_.events.backups.with_base},
                   {"backups_cancelled", counts_.events.backups.cancelled},
                   {"backups_restored", counts_.events.backups.restored},
                   {"half_copies_refused", counts_.events.backups.refused},
                   {"logs_dumped", counts_.dumps},
                   {"events_dumped", counts_.events.dumped},
                   {"reopened_unchanged", counts_.reopened_unchanged},
                   {"sqlite_full_kills", sqlite_kills_},
                   {"early_acknowledgement_runs", early_},
                   {"early_acknowledgement_found", early_found_},
                   {"planted_mistakes_found", planted_}};
    if (early_found_ != early_)
      fall_short(format("the judge found the loss in {} of {} runs of a host that answers before it stores",
                        early_found_, early_));
    if (options_.only.empty() && kill_points_built)
      for (const std::size_t point : too_rare())
        fall_short(format("{} was killed at {} times, {} are wanted (it was reached {} times in a life)",
                          kill_point_names[point], counts_.killed_at[point], extent_.killed_at_min,
                          counts_.reached[point]));
    return result;
  }

  void fall_short(const std::string& why) {
    std::fprintf(stderr, "kills: %s\n", why.c_str());
    fell_short_ = true;
  }

  const StageOptions options_;
  const Extent extent_;
  std::mutex mutex_;
  StoryCounts counts_;
  std::atomic<std::size_t> failed_{0};
  std::uint64_t missed_ = 0, sqlite_kills_ = 0, early_ = 0, early_found_ = 0, planted_ = 0;
  bool fell_short_ = false;
};

} // namespace

} // namespace weir::trust

int main(int argc, char** argv) {
  using namespace weir::trust;
  bool fell_short = false;
  const int code = run_stage("kills", argc, argv, [&](const StageOptions& options) {
    Stage stage(options);
    const StageCounts counts = stage.run();
    fell_short = stage.fell_short();
    return counts;
  });
  return code == 0 && fell_short ? 1 : code;
}
