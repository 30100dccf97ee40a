// Those who use the engine in a simulated process: callers without a thread, and actors.
//
// Purpose: every way to store and read that does not block, at random. Owner: one schedule. Threading: one thread.
#pragma once

#include "trust/simulation/backup_clients.hpp"
#include "trust/simulation/consumer_clients.hpp"
#include "trust/simulation/journal.hpp"
#include "trust/simulation/machine.hpp"
#include "trust/simulation/mistake.hpp"
#include "trust/simulation/removals.hpp"
#include "trust/simulation/retention_clients.hpp"
#include "trust/simulation/schema_clients.hpp"
#include "trust/simulation/snapshot_clients.hpp"

#include <weir/actors.hpp>

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::trust {

/// What a replay of the context gives now.
[[nodiscard]] Result<Rows> replay_now(const Engine& engine, const std::string& context, std::size_t batch_events_max);
/// The query that gives the same, and its answer as rows.
[[nodiscard]] std::string query_text(const std::string& context);
[[nodiscard]] Rows rows_of(const QueryResult& result);

struct ClientCounts {
  std::uint64_t stores = 0, flushes = 0, replays = 0, queries = 0; ///< Asked for.
  std::uint64_t together = 0, conditions = 0, queue_reads = 0;
};

class Clients {
public:
  static constexpr int actors_max = 4;

  Clients(Machine& machine, Journal& journal, std::uint64_t seed, Mistake mistake);

  /// A process begins: the engine is open.
  void start();
  /// It has ended, and they with it.
  void end();
  /// One of those whose calls wait for a lane does its next thing.
  void act_blocked();
  /// The process dies inside a call: nobody hears what comes. end() follows.
  void die();
  /// One that is no actor does its next thing.
  void act();
  /// An actor is told to do its next thing.
  void send_act();
  /// An actor dies, by a kill or by its own exception.
  void kill_actor();
  /// Nothing new, but what was begun goes on to its end.
  void finish();
  /// Lets go of replays that are under way.
  void let_go();
  /// Takes answers that wait to be fetched.
  void poll();
  /// The whole event queue gives what replays give, and what subscriber and consumers have seen. Nothing else is under
  /// way.
  void check_queue();
  /// Consumers get and acknowledge all there is.
  void drain_consumers();
  /// Stores an event into every shard. They are to be stored.
  void probe();

  /// Whether judge() knows of all that was asked for: one type of events, no removals, no schemas.
  [[nodiscard]] bool may_be_judged() const noexcept { return !removing_ && !schemas_.at_work(); }
  [[nodiscard]] const ClientCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] const ConsumerClients& consumers() const noexcept { return consumers_; }
  [[nodiscard]] const SnapshotClients& snapshots() const noexcept { return snapshots_; }
  [[nodiscard]] const RetentionClients& retention() const noexcept { return retention_; }
  [[nodiscard]] const SchemaClients& schemas() const noexcept { return schemas_; }
  [[nodiscard]] const BackupClients& backups() const noexcept { return backups_; }
  [[nodiscard]] const Removals& removals() const noexcept { return removals_; }
  [[nodiscard]] Removals& removals() noexcept { return removals_; }

private:
  struct Call {
    std::size_t number = 0;
    std::uint64_t request = 0;
    std::uint64_t life = 0;
    int client = Journal::nobody;
    Durability asked = Durability::synced;
  };
  struct WaitingTicket {
    Ticket ticket;
    Call call;
  };
  struct PullReplay {
    ReplayStream stream;
    Journal::Read read;
    Rows rows;
  };
  struct PushReplay {
    std::optional<ReplaySubscription> subscription;
    bool ended = false;
  };
  struct ActorReplay {
    Journal::Read read;
    Rows rows;
    ReplayActor from;
    std::uint64_t request = 0, life = 0;
    int client = Journal::nobody;
    std::size_t outstanding = 0;
    bool ended = false;
  };

  [[nodiscard]] std::string any_context();
  Call new_call(const std::string& context, StoreOptions& options, std::vector<Event>& events, int client);
  void answered(const Call& call, const Result<Receipt>& answer, bool in_turn);
  void note_answer(const Call& call, const Result<Receipt>& answer, bool in_turn);
  bool told(std::uint64_t request, std::uint64_t life);
  void store_with_callback();
  void store_together();
  /// Sometimes.
  void expect_something(const Call& call, const std::string& context, StoreOptions& options);
  void read_queue();
  void store_with_ticket(bool refuse_when_full);
  void pull();
  void push();
  void read_twice();
  void end_read(const Journal::Read& read, const Rows& live);
  void remove();

  void act_as(caf::event_based_actor* self, int number);
  void actor_stores(caf::event_based_actor* self, int number);
  void actor_replays(caf::event_based_actor* self, int number);
  void actor_asks_next(caf::event_based_actor* self, const std::shared_ptr<ActorReplay>& replay);
  void actor_queries(caf::event_based_actor* self, int number);
  void actor_flushes(caf::event_based_actor* self, int number);
  void spawn(std::size_t place);
  [[nodiscard]] bool may_store(std::size_t calls = 1) const;
  bool mistake_now(Mistake which) { return planted_.now(which); }
  /// Of all contexts, by position: what replays give, and that with what is removed. False: that was refused.
  bool read_contexts(Journal::Queued& stored, Journal::Queued& all);

  Machine& machine_;
  Journal& journal_;
  Chance chance_;
  Planted planted_;
  bool removing_; ///< Schedules differ: some judges read from the first event on.
  Removals removals_;
  RetentionClients retention_;
  SchemaClients schemas_;
  BackupClients backups_;
  ConsumerClients consumers_;
  SnapshotClients snapshots_;
  ClientCounts counts_;
  std::uint64_t life_ = 0;
  int incarnations_ = 0;
  std::vector<caf::actor> actors_;
  std::optional<Subscription> subscription_; ///< Its place outlives it, in the journal.
  std::list<WaitingTicket> tickets_;
  std::list<PullReplay> pulls_;
  std::list<std::shared_ptr<PushReplay>> pushes_;
  std::optional<std::pair<Call, Receipt>> held_back_; ///< Of receipts_swapped.
};

} // namespace weir::trust
