// What clients asked, were told and read, and what of it is wrong.
//
// Purpose: judges a schedule while it goes on: every request is answered once, errors have a cause, receipts and reads
// keep the promises. Owner: one schedule. Threading: one thread. Invariants: the first thing wrong is kept, not thrown,
// because it is found inside callbacks of the engine; whoever plays looks after each step.
#pragma once

#include "trust/support/disk/judge.hpp"
#include "trust/support/disk/ledger.hpp"

#include <weir/subscribe_options.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::trust {

/// A request that nobody answers, however long one waits.
struct Stuck : Broken {
  using Broken::Broken;
};

class Journal {
public:
  static constexpr int nobody = -1;
  /// The contexts of one group, which calls store to together.
  static constexpr const char* group = "g";
  static constexpr const char* grouped[] = {"one-{g}", "other-{g}"};
  /// The context that may be deleted for good.
  static constexpr const char* mortal = "mortal";

  Journal() : ledger_("s") {}

  /// A request was made by client actor `client` (nobody: not by an actor). Returns its number.
  std::uint64_t ask(std::string what, int client = nobody);
  /// It was answered.
  void told(std::uint64_t request);
  /// The client has died: nobody is there to be told.
  void forget(int client);
  [[nodiscard]] std::size_t untold() const noexcept { return owed_.size(); }
  [[nodiscard]] std::string who_waits() const;

  /// A store was answered. `in_turn`: answers come to this client in the order given. In this process only.
  void stored(std::size_t call, Durability asked, const Result<Receipt>& answer, bool in_turn);
  /// What call `call` expects: that its context's last sequence is `last`. Told before it is sent.
  void expects(std::size_t call, Sequence last);
  /// It is to be refused if its group, the only one there is, has an event after `after`.
  void forbids(std::size_t call, Position after);
  /// The highest sequence of the context, and the highest position in the group, that a receipt of this process told.
  [[nodiscard]] Sequence last_sequence(const std::string& context) const;
  [[nodiscard]] Position last_in_group() const;

  /// The one subscriber, which keeps its place outside of the process, has read this.
  void read_queue(const QueueBatch& batch);
  /// The whole event queue of an engine that was just opened, and what replays give, by position.
  using Queued = std::map<Position, std::string>;
  /// `all`: the same and what was removed, which the queue may give or not.
  void check_queue(const Queued& queued, const Queued& stored, const Queued& all);

  /// `who` was given the event: it is durable.
  void vouch_for(const EventView& event, const std::string& who);
  /// Whether the error says that the context was deleted for good, and somebody asked for that.
  [[nodiscard]] bool was_closed(const std::string& context, const Error& error) const;

  /// An error was the answer to something that is no store.
  void refused(const std::string& what, const Error& error);

  struct Read {
    std::string context;
    CallSet must;             ///< Acknowledged before it began.
    std::size_t at_least = 0; ///< Calls that earlier reads have seen.
  };
  [[nodiscard]] Read begin_read(const std::string& context) const;
  void end_read(const Read& read, const Rows& rows);
  /// All that readers find while this life lasts.
  void check_seen(const CallSet& seen);

  /// Something happened that explains errors: a fault of the disk, the end of an actor of the engine.
  void excuse() noexcept { excused_ = true; }
  [[nodiscard]] bool excused() const noexcept { return excused_; }
  void closing() noexcept { closing_ = true; }
  void begin_life(const CallSet& shown);

  void wrong(const std::string& what);
  /// Throws the first thing that was wrong.
  void check() const;

  [[nodiscard]] Ledger& ledger() noexcept { return ledger_; }

private:
  struct Owed {
    std::string what;
    int client = nobody;
  };
  struct Expected {
    Sequence last = 0;
    Sequence at_least = 0; ///< What receipts had told when it was sent.
  };
  bool was_refused(std::size_t call) const;
  /// Whether somebody asked for events of the context to be removed: then it may have none.
  [[nodiscard]] bool may_be_empty(const std::string& context) const;
  /// Whether that was to be expected; if so, what it tells is looked at.
  bool refused_by_condition(std::size_t call, const Error& error);
  void check_conditions(std::size_t call, const Receipt& receipt);

  Ledger ledger_;
  std::uint64_t requests_ = 0;
  std::map<std::uint64_t, Owed> owed_;
  std::map<ShardId, Position> last_position_;
  std::map<std::string, std::vector<std::size_t>> longest_; ///< Calls in the longest beginning of a context seen yet.
  // Of this process only:
  std::map<std::size_t, Expected> expected_;
  std::map<std::size_t, Position> forbidden_;
  std::map<std::string, Sequence> last_sequence_;
  std::map<Position, std::size_t> in_group_; ///< Calls by the position in their receipt.
  bool excused_ = false, closing_ = false;
  std::optional<std::string> wrong_;
};

} // namespace weir::trust
