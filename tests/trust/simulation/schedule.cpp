#include "trust/simulation/schedule.hpp"

#include "engine/io/memory_faults.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

namespace {

constexpr std::uint64_t messages_min = 200;
constexpr std::size_t untold_max = 60;
// Far above what the longest schedule takes.
constexpr std::uint64_t steps_max = 50'000;

enum class Happening : std::uint8_t {
  power_cut,
  kill,
  reopen,
  actor_dies,
  client_dies,
  disk_fails,
  disk_fills,
  disk_heals
};

class Schedule {
public:
  Schedule(std::uint64_t seed, Mistake mistake, Tally& tally, std::vector<std::string>* lines)
      : chance_(seed), tally_(tally), lines_(lines), mistake_(mistake), machine_(chance_.next()),
        clients_(machine_, journal_, chance_.next(), mistake), options_(random_options(chance_)) {
    machine_.trace(lines);
    plan();
  }
  ~Schedule() { // when something was wrong
    clients_.end();
    static_cast<void>(machine_.close());
  }
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  void play() {
    say(format("shards {}, inbox {} + {}, memory {}, log files {}", options_.shards, options_.inbox_commands_max,
               options_.inbox_parked_max, options_.unsealed_bytes_max, options_.wal_file_bytes));
    open();
    for (std::uint64_t steps = 0; !enough(); ++steps) {
      if (steps == steps_max)
        throw Stuck("the schedule does not come to its end");
      turn();
      journal_.check();
    }
    finish();
  }
  [[nodiscard]] std::uint64_t hash() const { return machine_.order_hash() ^ clients_.consumers().hash(); }
  void count() {
    tally_.messages += machine_.messages();
    tally_.add(clients_);
  }

private:
  [[nodiscard]] bool enough() const {
    const ClientCounts& asked = clients_.counts();
    return machine_.messages() >= messages_min && plan_.empty() && asked.stores != 0 && asked.flushes != 0 &&
           asked.replays != 0 && asked.queries != 0;
  }
  void say(const std::string& what) {
    if (lines_ != nullptr)
      lines_->push_back("-- " + what);
  }

  void plan_at(std::uint64_t message, Happening event) { plan_.emplace(message, event); }
  void plan() {
    const auto some_time = [this] { return 10 + chance_.pick(messages_min - 20); };
    if (mistake_ == Mistake::old_disk) {
      plan_at(150, Happening::power_cut);
      return;
    }
    // Every draw is a statement of its own: compilers differ in which argument they evaluate first.
    for (std::size_t crashes = chance_.any_of<std::size_t>({0, 0, 0, 1, 1, 2}); crashes != 0; --crashes) {
      const std::uint64_t when = some_time();
      plan_at(when, chance_.one_in(3) ? Happening::kill : Happening::power_cut);
    }
    if (chance_.one_in(6))
      plan_at(some_time(), Happening::reopen);
    if (chance_.one_in(3))
      plan_at(some_time(), Happening::client_dies);
    if (chance_.one_in(5)) {
      const std::uint64_t when = some_time();
      plan_at(when, Happening::actor_dies);
      plan_at(when + 30, chance_.any_of({Happening::reopen, Happening::power_cut, Happening::kill}));
    }
    if (chance_.one_in(4)) {
      const std::uint64_t when = some_time();
      plan_at(when, chance_.one_in(3) ? Happening::disk_fills : Happening::disk_fails);
      plan_at(when + 10 + chance_.pick(40), Happening::disk_heals);
      if (chance_.one_in(2)) {
        const std::uint64_t later = when + 10 + chance_.pick(40);
        plan_at(later, chance_.any_of({Happening::reopen, Happening::power_cut, Happening::kill}));
      }
    }
  }

  void turn() {
    if (!plan_.empty() && plan_.begin()->first <= machine_.messages()) {
      const Happening event = plan_.begin()->second;
      plan_.erase(plan_.begin());
      return happen(event);
    }
    if (mistake_ == Mistake::old_disk && !old_disk_ && machine_.messages() > 60)
      old_disk_ = machine_.disk().crash_image(io::CrashPolicy::keep_everything());
    if (journal_.untold() > untold_max)
      return answer_some();
    crowded_ = false;
    const std::size_t which = chance_.pick(100);
    if (which < 12)
      clients_.act();
    else if (which < 32)
      clients_.send_act();
    else if (which < 97)
      static_cast<void>(machine_.step());
    else
      machine_.pass(std::chrono::microseconds(chance_.any_of({100, 10'000, 200'000, 2'000'000})));
  }

  /// Nothing new while so many wait, be it for time to pass.
  void answer_some() {
    if (!std::exchange(crowded_, true))
      clients_.finish();
    if (!machine_.go_on())
      throw Stuck("nobody answers " + journal_.who_waits());
    clients_.poll();
  }

  void happen(Happening event) {
    switch (event) {
    case Happening::power_cut: return mistake_ == Mistake::none && chance_.one_in(3) ? crash_inside() : crash(false);
    case Happening::kill: return crash(true);
    case Happening::reopen: return reopen();
    case Happening::actor_dies: {
      const char* const who =
          chance_.any_of({"weir-shard", "weir-shard", "weir-manager", "weir-flusher", "weir-compactor"});
      if (!machine_.end_actor(who, chance_.any_of({caf::exit_reason::kill, caf::exit_reason::user_shutdown})))
        return;
      say(format("{} dies", who));
      journal_.excuse();
      ++tally_.actor_deaths;
      return;
    }
    case Happening::client_dies:
      say("a client dies");
      clients_.kill_actor();
      ++tally_.actor_deaths;
      return;
    case Happening::disk_fails: {
      io::FaultPlan fault;
      fault.fault = static_cast<io::DiskFault>(chance_.pick(io::disk_fault_count));
      fault.first_call = 1 + chance_.pick(60);
      fault.for_good = chance_.one_in(3);
      say(format("the disk fails: {}, call {}{}", io::name_of(fault.fault), fault.first_call,
                 fault.for_good ? " and all later ones" : ""));
      machine_.disk().set_failed_sync_reverts(chance_.one_in(2));
      machine_.disk().set_hook([this, fails = io::failing_calls(fault, std::make_shared<io::FaultTally>())](
                                   const io::Call& call) -> std::optional<Error> {
        auto error = fails(call);
        sync_failed_ = sync_failed_ || (error && call.operation == io::Operation::sync_data);
        return error;
      });
      faulty_ = true;
      journal_.excuse();
      ++tally_.faults;
      return;
    }
    case Happening::disk_fills:
      say("the disk is full");
      machine_.disk().set_free_bytes(chance_.any_of<std::uint64_t>({0, 1'000, 20'000, 1 * MiB}));
      faulty_ = true;
      journal_.excuse();
      ++tally_.faults;
      return;
    case Happening::disk_heals: return heal();
    }
  }

  void heal() {
    if (!std::exchange(faulty_, false))
      return;
    say("the disk is well again");
    machine_.disk().set_hook({});
    machine_.disk().set_free_bytes(std::uint64_t{1} << 40U);
  }

  /// What a power cut now leaves.
  [[nodiscard]] std::unique_ptr<io::MemoryFileSystem> after_power_cut() {
    sync_failed_ = false;
    return machine_.disk().crash_image(chance_.one_in(3) ? io::CrashPolicy::lose_unsynced()
                                                         : io::CrashPolicy::random_subset(chance_.next()));
  }

  /// The power fails inside a call of a consumer or about a snapshot, and so in the middle of a commit.
  void crash_inside() {
    if (faulty_ || sync_failed_)
      return crash(false);
    say("the power fails inside a call");
    machine_.disk().set_hook([this, calls = 1 + chance_.pick(40)](const io::Call&) mutable -> std::optional<Error> {
      if (torn_disk_ || --calls != 0)
        return std::nullopt;
      torn_disk_ = after_power_cut();
      clients_.die();
      return std::nullopt;
    });
    for (unsigned tries = 0; !torn_disk_ && tries < 8; ++tries)
      clients_.act_blocked();
    machine_.disk().set_hook({});
    crash(false);
  }

  void crash(bool kill) {
    kill = kill && !sync_failed_; // its readers would see what a failed sync lost: the machine is started anew, too
    say(kill ? "the process is killed" : "the power fails");
    ++tally_.crash_restarts;
    auto image = kill ? machine_.disk().after_kill() : after_power_cut();
    if (torn_disk_)
      image = std::move(torn_disk_);
    if (old_disk_)
      image = std::move(old_disk_);
    // Nobody hears the rest: it only has to come to an end.
    clients_.end();
    machine_.disk().set_hook({});
    machine_.count(false);
    static_cast<void>(machine_.close());
    machine_.count(true);
    all_told("a crashed engine was closed");
    // The judge reads from the first event on, and a merge may have left removed ones out.
    if (chance_.one_in(8) && clients_.may_be_judged()) {
      const auto copy = image->crash_image(io::CrashPolicy::keep_everything());
      static_cast<void>(judge(*copy, options_, journal_.ledger(), {kill, {}}));
    }
    machine_.replace_disk(std::move(image));
    open(kill);
  }

  void reopen() {
    say("the engine is closed and opened again");
    ++tally_.clean_restarts;
    journal_.closing();
    const Status closed = machine_.close();
    clients_.let_go();
    all_told("an engine was closed");
    if (!closed && !journal_.excused())
      throw Broken("I9: closing: " + to_string(closed.error()));
    clients_.end();
    if (closed) {
      // Everything acknowledged is safe now, whatever its receipt says.
      journal_.ledger().vouch_for(journal_.ledger().must_be_seen());
      machine_.replace_disk(machine_.disk().crash_image(io::CrashPolicy::lose_unsynced()));
      sync_failed_ = false;
    }
    const bool process_only = !sync_failed_;
    if (sync_failed_)
      machine_.replace_disk(after_power_cut());
    open(process_only);
  }

  void all_told(const std::string& after) {
    clients_.poll();
    journal_.check();
    if (journal_.untold() != 0)
      throw Stuck(after + ", and nobody answered " + journal_.who_waits());
  }

  [[nodiscard]] Reader reader() {
    return {.shard_of = [this](const std::string& context) { return machine_.engine().shard_of(context); },
            .replay =
                [this](const std::string& context) {
                  auto rows = clients_.removals().replay_whole(context);
                  if (!rows)
                    throw Broken("I8: a replay of " + context + ": " + to_string(rows.error()));
                  return *std::move(rows);
                },
            .query = [this](const Query& query) { return machine_.engine().query(query); },
            .mark =
                [this](const std::string& context) {
                  const auto mark = clients_.removals().mark(context);
                  if (!mark)
                    throw Broken("I8: the mark of " + context + ": " + to_string(mark.error()));
                  return *mark;
                }};
  }

  void open(bool process_only = false) {
    Status opened = machine_.open(options_);
    if (!opened && faulty_) {
      heal();
      if (sync_failed_) {
        process_only = false;
        machine_.replace_disk(after_power_cut());
      }
      opened = machine_.open(options_);
    }
    if (!opened)
      throw Broken("I8: opening: " + to_string(opened.error()));
    const bool was_faulty = faulty_;
    heal();
    const Shown shown = read_all(reader(), journal_.ledger());
    check_promises(shown.calls, journal_.ledger(), process_only);
    clients_.check_queue();
    journal_.check();
    journal_.begin_life(shown.calls);
    if (was_faulty) // a disk that was full is asked again only some time later
      journal_.excuse();
    clients_.start();
  }

  /// Faults off, nothing new: whoever waits is answered.
  void finish() {
    heal();
    clients_.finish();
    answer_all();
    const Shown shown = read_all(reader(), journal_.ledger());
    journal_.check_seen(shown.calls);
    journal_.check();
    const bool troubled = journal_.excused();
    if (!troubled && !chance_.one_in(3))
      return end();
    if (chance_.one_in(3))
      reopen();
    else
      crash(chance_.one_in(3));
    clients_.probe();
    answer_all();
    end();
  }

  void answer_all() {
    for (std::uint64_t steps = 0; journal_.untold() != 0; ++steps) {
      if (!machine_.go_on() || steps == steps_max)
        throw Stuck("nobody answers " + journal_.who_waits());
      clients_.poll();
      journal_.check();
    }
  }

  void end() {
    if (clients_.consumers().begun() && (mistake_ != Mistake::none || chance_.one_in(4))) {
      while (machine_.step()) // an actor may have been told to store, and has not yet begun
        answer_all();
      say("consumers read to the end");
      clients_.drain_consumers();
      journal_.check();
    }
    journal_.closing();
    const Status closed = machine_.close();
    clients_.let_go();
    all_told("the engine was closed at the end");
    if (!closed && !journal_.excused())
      throw Broken("I9: closing: " + to_string(closed.error()));
    clients_.end();
    if (machine_.disk().open_files() != 0)
      throw Broken("I10: files stay open after close");
  }

  Chance chance_;
  Tally& tally_;
  std::vector<std::string>* lines_;
  Mistake mistake_;
  Journal journal_;
  Machine machine_;
  Clients clients_;
  EngineOptions options_;
  std::multimap<std::uint64_t, Happening> plan_; ///< What happens once so many messages are delivered.
  std::unique_ptr<io::MemoryFileSystem> old_disk_, torn_disk_;
  bool faulty_ = false, sync_failed_ = false, crowded_ = false;
};

} // namespace

std::uint64_t play(std::uint64_t seed, Mistake mistake, Tally& tally, std::vector<std::string>* lines) {
  Schedule schedule(seed, mistake, tally, lines);
  struct Count {
    Schedule& schedule;
    ~Count() { schedule.count(); }
  } const count{schedule};
  schedule.play();
  return schedule.hash();
}

} // namespace weir::trust
