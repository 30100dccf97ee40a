// Plays a scenario on the engine and on the reference, and compares.
//
// Purpose: the engine runs through its public door, on a simulated disk and a clock that stands still between
// operations. Owner: whoever plays. Threading: one thread. Invariants: the first difference is thrown as Mismatch.
#pragma once

#include "trust/model/calls.hpp"
#include "trust/model/operation.hpp"
#include "trust/model/reference.hpp"

#include "engine/io/manual_clock.hpp"
#include "engine/io/memory_file_system.hpp"
#include "tests/api/simulated_engine.hpp"

#include <weir/engine.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::trust {

/// What was played, in figures that can be added up.
struct Tally {
  std::uint64_t operations = 0, calls = 0, events = 0, refused = 0, retries = 0, checks = 0, removals = 0,
                definitions = 0, replays = 0, queries = 0, rows = 0, bad_inputs = 0, flushes = 0, reopens = 0,
                power_cuts = 0, kills = 0, segments_flushed = 0, segments_merged = 0, together = 0, restores = 0,
                consumed = 0, group_turns = 0, deliveries = 0, snapshots = 0, snapshots_given = 0, retentions = 0,
                conditions = 0, conditions_failed = 0, upcast_events = 0, views_shown = 0, compactions = 0, backups = 0,
                group_resets = 0;
  void add(const Tally& other) noexcept;
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> figures() const;
};

class Runner {
public:
  /// Lines about what is done go to `trace`, if given.
  Runner(std::uint64_t seed, Mistake mistake, std::vector<std::string>* trace = nullptr);

  void play(const Operation& operation);
  /// Compares everything once more, and closes.
  void finish();
  [[nodiscard]] const Tally& tally() const { return tally_; }

private:
  /// A replay made while stores were under way: it saw the context as it was at some moment since.
  struct Glimpse {
    std::string context;
    Sequence from = 1;
    Sequence at_least = 0; ///< Had been acknowledged.
    std::vector<std::string> payloads;
  };

  /// A call with a condition.
  struct Conditional {
    std::string context;
    Reference::Events events; ///< None: it only checks.
    FailIf condition;
    Expectation expect{};
    bool again = false; ///< Stored before, under an id.
    Sequence at_least = 0;
    std::optional<Ticket> ticket{};
    std::optional<Result<Receipt>> answer{};
  };
  /// What a directory knows beside its events; a restore goes back to it.
  struct Known {
    std::uint32_t schema_version = 0;               ///< Of the type that define() defines.
    std::uint32_t upcast_version = 0;               ///< Of the type whose versions break with those before.
    std::map<std::string, Query> views;             ///< By name.
    Position checkpoint = 0;                        ///< Of the single consumer.
    std::map<std::string, std::set<Sequence>> done; ///< By the group, which was told so.
    /// Contexts of which the group has parked events, and the position of the first.
    std::map<std::string, Position> parked;
  };
  struct Kept {
    std::shared_ptr<io::MemoryFileSystem> files;
    Reference reference;
    Known known;
  };

  void open(EngineOptions options);
  void settle(bool closing = false);
  void note(const std::string& line);
  void expect(bool holds, const std::string& what) const;

  std::string random_context();
  Reference::Events random_call(std::size_t events);
  std::optional<Durability> random_durability();
  ReplayOptions random_replay(const std::string& context);
  void check_replay(const std::string& context, const ReplayOptions& options,
                    const std::vector<const test::StoredEvent*>& expected);

  Expectation random_expectation(const std::string& context);
  void store(std::size_t events, Manner manner);
  void make_call(const std::string& context, Reference::Events events, CallsUnderWay::Wish wish);
  void retry();
  void check();
  Reference::Events part_for(const std::string& context, bool ids);
  std::string random_metadata_with_tags();
  FailIf random_condition(const std::string& group);
  Conditional random_conditional(const std::string& group);
  void conditions();
  void judge_conditional(const Conditional& call, bool alone, Position had_come_to);
  void together();
  void upcast();
  void define_upcast();
  void register_upcasters();
  void define();
  /// What was defined last is in force, and refuses what it should.
  void check_schema();
  void remove();
  void retain();
  void replay();
  void push();
  Query random_plan();
  void query();
  void check_answer(const std::string& text, const Result<QueryResult>& answer, const Query& plan);
  void view();
  void show(const std::string& name);
  void check_views();
  void flush();
  void move_clock();
  void bad_input();
  void stats();
  void reopen();
  [[nodiscard]] bool has_backups();
  std::shared_ptr<io::MemoryFileSystem> make_backup();
  void back_up();
  void restore();
  void compact();
  void crash(Crash kind);
  void check_everything();
  /// All that the event queue gives now, by position; `checkpoint` is where it would go on.
  std::map<Position, std::string> read_queue(Position& checkpoint);
  void check_queue();
  /// The event queue of the reference from `from` to below `to`; of what is removed, that which was `given`.
  [[nodiscard]] std::map<Position, std::string> expected_queue(Position from, Position to,
                                                               const std::map<Position, std::string>& given) const;
  void consume();
  void work_in_group();
  void check_delivery(const Delivery& delivery);
  void settle_delivery(GroupMember& member, const Delivery& delivery);
  /// Live events that the group has not dealt with, but for those of contexts that wait for a parked one.
  [[nodiscard]] std::uint64_t unsettled() const;
  void drain_group();
  std::vector<ParkedEvent> all_parked();
  /// What the group has parked, as it says; throws unless that is what it must be.
  std::vector<ParkedEvent> check_parked();
  void look_after();
  void reset_group();
  void snapshot();
  void count_background();

  Mistake mistake_;
  std::vector<std::string>* trace_;
  test::Random random_; ///< Of the operation being played.
  std::size_t contexts_ = 0;
  std::size_t payload_bytes_max_ = 0;
  std::uint64_t ids_ = 0; ///< Given so far.

  test::SimulatedDisk disk_;
  std::shared_ptr<io::ManualClock> clock_;
  std::optional<Engine> engine_;
  std::optional<Reference> reference_;
  CallsUnderWay calls_;
  std::vector<Glimpse> glimpses_;
  std::vector<std::uint64_t> events_at_open_; ///< Of each shard.
  Known known_;
  std::optional<Kept> kept_; ///< A backup of long ago.
  std::shared_ptr<io::MemoryFileSystem> latest_backup_;
  /// What was saved of each context, by state: at which event.
  std::map<std::string, std::map<std::string, std::pair<Sequence, Position>>> snapshots_;
  Position position_floor_ = 0; ///< Given before this open; never given again.
  Tally tally_;
};

} // namespace weir::trust
