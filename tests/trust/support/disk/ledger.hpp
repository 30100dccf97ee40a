// What was stored and what was promised about it, kept outside the data.
//
// Purpose: the one thing every crash is judged by. Owner: a test. Threading: one thread. Invariants: calls of one
// context are listed in the order they were sent; every payload is there once.
#pragma once

#include "engine/store_command.hpp"
#include "trust/support/disk/books.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

/// What a call demands beside being stored.
struct Terms {
  Expectation expect{};
  std::optional<FailIf> fail_if{};
};

struct StoredCall {
  std::string context_id;
  ShardId shard = 0;
  std::vector<std::string> payloads; ///< Of its events.
  bool ids = false;                  ///< Its events have ids.
  Terms terms;
  Durability durability = Durability::buffered; ///< Asked for.
  std::optional<std::size_t> with; ///< The call that was stored in one with it: both are there, or neither is.
  std::optional<Result<Receipt>> answer;
  unsigned answers = 0;

  [[nodiscard]] bool acknowledged() const { return answer && answer->ok(); }
  /// The engine looked at it and said no: nothing of it can ever turn up.
  [[nodiscard]] bool refused() const {
    return answer && (answer->code() == Errc::sequence_conflict || answer->code() == Errc::condition_failed ||
                      answer->code() == Errc::event_id_conflict || answer->code() == Errc::schema_violation);
  }
};

/// A truncation or deletion, as it was asked for and answered.
struct AskedRemoval {
  std::string context_id;
  RemovalRequest request;
  std::optional<Result<Receipt>> answer; ///< `synced`, if it is ok: it holds for ever.
};

/// What the catalog is to say under a name; in the order in which the engine was asked.
struct AskedRecord {
  std::string name;
  std::string text; ///< Empty: nothing any more.
  std::optional<Status> answer;
};

class Ledger {
public:
  static constexpr const char* event_type = "stored"; ///< Of every event.

  /// `name` makes this ledger's payloads its own.
  explicit Ledger(std::string name) : name_(std::move(name)) {}

  /// Notes a call of `events` events with payloads of about `bytes` bytes and returns the command to submit. Answers
  /// that come after end_life() do not count: nobody was there any more to hear them.
  StorePtr call(const std::string& context_id, ShardId shard, Durability durability, unsigned events, std::size_t bytes,
                bool ids = false, const Terms& terms = {});
  /// Two calls in one, for two contexts, each with what it expects; a condition is that of both.
  StorePtr together(const std::string& one, const std::string& other, ShardId shard, Durability durability,
                    unsigned events, std::size_t bytes, bool ids = false, const Terms& of_one = {},
                    const Expectation& of_other = {});
  /// Call `number` once more, answered to `done`: no call of its own.
  [[nodiscard]] StorePtr again(std::size_t number, Durability durability, Completion done) const;
  /// The ids of call `number` under other contents.
  [[nodiscard]] StorePtr other_content(std::size_t number, Completion done) const;
  /// Notes a removal and returns the command to submit.
  StorePtr removal(const std::string& context_id, const RemovalRequest& request);
  /// Notes what is asked for about a view and returns who is to be told the answer, which is durable if it is ok.
  std::function<void(const Status&)> view(const std::string& name, const std::string& text);
  /// The same for the schemas of a type and for retention.
  std::function<void(const Status&)> record(const std::string& name, const std::string& text);
  /// The same for a call that is not sent as a command: whoever sends these events tells answered(). The call's number
  /// is the length of calls() before.
  std::vector<Event> send(const std::string& context_id, ShardId shard, unsigned events, std::size_t bytes);
  /// The last two calls noted are sent as one.
  void tie_last_two();
  void answered(std::size_t number, Result<Receipt> answer);
  /// The process that answered is dead.
  void end_life();
  /// So is the machine: what was not promised to survive that may be gone or not.
  void end_machine();
  /// The next life showed `shown`: that is durable, and all there is of the lives before.
  void begin_life(const CallSet& shown);
  /// These are durable, whatever their receipts say.
  void vouch_for(const CallSet& calls) { safe_ |= calls; }
  /// A subscriber has seen the event with this payload: it is durable, and so is its position.
  void seen(Position position, std::string_view payload);
  /// ... and all that it will ever see below this one.
  void seen_up_to(Position checkpoint) { checkpoint_ = checkpoint; }
  [[nodiscard]] Position checkpoint() const noexcept { return checkpoint_; }
  [[nodiscard]] const std::map<Position, std::string>& seen() const noexcept { return seen_; }
  /// The first call of this life.
  [[nodiscard]] std::size_t life_began() const noexcept { return life_began_; }

  /// Calls that readers must find while this life lasts.
  [[nodiscard]] CallSet must_be_seen() const;
  /// Calls that must be there after a crash; `process_only`: the system's cache survived.
  [[nodiscard]] CallSet must_be_there(bool process_only) const;
  [[nodiscard]] const std::deque<StoredCall>& calls() const noexcept { return calls_; }
  [[nodiscard]] const std::deque<AskedRemoval>& removals() const noexcept { return removals_; }
  [[nodiscard]] const std::deque<AskedRecord>& views() const noexcept { return views_; }
  [[nodiscard]] const std::deque<AskedRecord>& records() const noexcept { return records_; }
  [[nodiscard]] Books& books() noexcept { return books_; }
  [[nodiscard]] const Books& books() const noexcept { return books_; }

private:
  [[nodiscard]] std::vector<Event> events_of(std::size_t number) const;
  [[nodiscard]] StorePtr command(std::size_t number, const std::vector<Event>& events, Durability durability,
                                 Completion done) const;
  std::function<void(const Status&)> ask(std::deque<AskedRecord>& records, const std::string& name,
                                         const std::string& text);
  [[nodiscard]] std::optional<Position> rests_on(const Conflict& conflict) const;

  std::string name_;
  std::deque<StoredCall> calls_;
  std::deque<AskedRemoval> removals_;
  std::deque<AskedRecord> views_, records_;
  Books books_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::size_t life_began_ = 0;
  std::map<Position, std::string> seen_;
  Position checkpoint_ = 0;
  CallSet safe_; // promised by an earlier life
};

} // namespace weir::trust
