// Store calls under way, and what became of them.
//
// Purpose: calls are made one after the other and answered in any order; the reference wants them in the order of their
// positions. Owner: one runner. Threading: one thread; answers come from the engine's.
#pragma once

#include "trust/model/reference.hpp"

#include <weir/engine.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace weir::trust {

// Long beside any store on a simulated disk; what takes longer hangs.
inline constexpr std::chrono::seconds patience{120};

/// How a call is made.
enum class Manner : std::uint8_t { waiting, ticket, callback, refusable };

class CallsUnderWay {
public:
  struct Wish {
    Manner manner = Manner::waiting;
    std::optional<Durability> durability{};
    Expectation expect{};
  };
  /// Makes one call of `events`, all of `context`, and remembers it. `now` is the clock's time, `at_least` the
  /// context's length as far as it is settled.
  void make(Engine& engine, const std::string& context, Reference::Events events, const Wish& wish, Timestamp now,
            Sequence at_least, std::uint64_t decoration);
  /// Waits for all answers and tells the reference. Throws Mismatch for an answer that may not be. `closing`: the
  /// engine was closed meanwhile, so calls may have been refused. Returns how many calls were refused.
  std::size_t settle(Reference& reference, bool closing = false);
  /// A crash is about to be simulated: what is answered by now was acknowledged before it; later answers never reached
  /// anybody.
  void mark_crash();
  /// The last sequence of the context that has been acknowledged by now, 0 if only settled calls were.
  [[nodiscard]] Sequence acknowledged(const std::string& context) const;
  [[nodiscard]] bool empty() const { return calls_.empty(); }

private:
  struct Answer {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result<Receipt>> receipt;
    int times = 0;
  };
  struct Call {
    ShardId shard = 0;
    std::string context;
    Reference::Events events;
    Expectation expect;
    Sequence at_least = 0;                 ///< Of the context had been acknowledged when the call was made.
    std::optional<Result<Receipt>> answer; ///< Of a call that waited.
    std::optional<Ticket> ticket;
    std::shared_ptr<Answer> called_back;
    Durability durability = Durability::synced; ///< Asked for.
    Timestamp now{};
    bool may_be_refused = false;
    bool too_late = false; ///< Not answered before the crash.

    [[nodiscard]] bool ready() const;
    [[nodiscard]] Result<Receipt> wait() const;
  };
  static void judge(Reference& reference, const Call& call, const Result<Receipt>& answer);

  std::vector<Call> calls_;
};

} // namespace weir::trust
