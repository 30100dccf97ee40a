// One store call on its way to the log, and the answer it is owed.
//
// Purpose: what travels through a shard's inbox. The call is validated and encoded already, in the caller's thread.
// Threading: handed from thread to thread, never shared.
// Invariants: a Completion is answered exactly once; one that is dropped answers `closing`; the answer runs inside a
// CallbackScope, whichever thread gives it.
#pragma once

#include <weir/event.hpp>
#include <weir/expectation.hpp>
#include <weir/fail_if.hpp>
#include <weir/result.hpp>

#include "engine/call_memory.hpp"
#include "engine/callback_scope.hpp"
#include "engine/sabotage.hpp"
#include "engine/unique_function.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

class Completion {
public:
  using Function = UniqueFunction<void(Result<Receipt>)>;

  Completion() = default;
  explicit Completion(Function answer) : answer_(std::move(answer)) {}
  Completion(Completion&& other) noexcept : answer_(std::exchange(other.answer_, Function{})) {}
  Completion& operator=(Completion&& other) noexcept {
    if (this != &other) {
      drop();
      answer_ = std::exchange(other.answer_, Function{});
    }
    return *this;
  }
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  ~Completion() { drop(); }

  /// Answers; later calls do nothing.
  void operator()(Result<Receipt> result) {
    if (Function answer = std::exchange(answer_, Function{})) {
      const CallbackScope inside;
      if (sabotaged(Sabotage::answer_twice))
        answer(Result<Receipt>(result));
      answer(std::move(result));
    }
  }
  explicit operator bool() const noexcept { return static_cast<bool>(answer_); }

private:
  void drop() {
    if (answer_)
      (*this)(fail(Errc::closing, "the engine is closing; the events were not stored"));
  }
  Function answer_;
};

/// What a call for several contexts says of one of them.
struct StorePart {
  std::string context_id;
  CallBytes encoded;        ///< As StoreCommand::encoded.
  std::uint32_t events = 0; ///< None: only `expect` is checked.
  Expectation expect;
};

/// What a command removes of its context, instead of storing to it.
struct RemovalRequest {
  Sequence before = 1; ///< Events below; beyond the last: all there are.
  bool closes = false; ///< The context is deleted for good.
};

struct StoreCommand {
  /// Told by the thread that it came from, once: whether the sync that the call waited for has worked.
  using WhenSynced = UniqueFunction<void(bool synced)>;
  /// What a caller has to do that need not wait for the sync, though it must not count before. Given the call's record;
  /// must be short, and wait for nothing.
  using Meanwhile = UniqueFunction<WhenSynced(std::string_view record)>;

  std::string context_id;
  CallBytes encoded;               ///< encode_call, numbers not filled in yet; empty without events.
  std::uint32_t events = 0;        ///< None: only `expect` is checked.
  std::uint64_t payload_bytes = 0; ///< Of all contexts.
  Durability durability = Durability::synced;
  Expectation expect;
  std::optional<RemovalRequest> removal; ///< Then there are no events, no ids and no expectation.
  /// Further contexts, if the call has several. What stands above is of the first; events with sequences to give come
  /// in this order.
  std::vector<StorePart> more;
  /// Of a call for several contexts: one for each, filled in before `done` is told of success.
  std::shared_ptr<std::vector<Receipt>> receipts;
  std::vector<std::uint64_t> id_hashes; ///< See hash_event_ids; of all contexts.
  Position ids_checked_to = 0;          ///< No event with a position up to here has one of the ids.
  std::unique_ptr<FailIf> fail_if;      ///< If the call has a condition. It is judged behind what it expects.
  Position looked_to = 0;               ///< No event up to here makes the condition fail; at first FailIf::after.
  /// Once it is decided that nothing of the call is stored: its answer, due in its turn.
  std::unique_ptr<Result<Receipt>> verdict;
  /// Who sends: calls of one sender to one shard keep their order. Any number that is the sender's own.
  std::uint64_t sender = 0;
  /// Called between write and sync, if the call is alone in its sync and its record the only one.
  Meanwhile meanwhile;
  Completion done;

  static void* operator new(std::size_t bytes) { return CallMemory::allocate(bytes); }
  static void operator delete(void* command, std::size_t bytes) noexcept { CallMemory::free(command, bytes); }

  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t sum = encoded.size();
    for (const StorePart& part : more)
      sum += part.encoded.size();
    return sum;
  }
  /// Of all contexts.
  [[nodiscard]] std::uint32_t all_events() const noexcept {
    std::uint32_t sum = events;
    for (const StorePart& part : more)
      sum += part.events;
    return sum;
  }
  /// Calls `visit(context_id, encoded, events, expect)` for each context, in order.
  template <class Visit> void for_each_part(Visit&& visit) const {
    visit(context_id, encoded, events, expect);
    for (const StorePart& part : more)
      visit(part.context_id, part.encoded, part.events, part.expect);
  }
  /// Answers success. `durability`: what was reached.
  void answer(Receipt receipt, Durability reached) {
    receipt.durability = reached;
    if (receipts)
      for (Receipt& each : *receipts)
        each.durability = reached;
    done(receipt);
  }
  /// Positions it takes: one for each event, and one for a removal.
  [[nodiscard]] std::uint32_t positions() const noexcept { return removal ? 1 : all_events(); }
};

/// Commands go from queue to queue and are not moved about themselves.
using StorePtr = std::unique_ptr<StoreCommand>;

} // namespace weir
