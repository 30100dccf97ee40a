#include "actors/store_call.hpp"

#include "engine/callback_scope.hpp"
#include "engine/consumers/reply.hpp"
#include "engine/io/helping_hand.hpp"
#include "engine/waiter.hpp"

#include <atomic>
#include <memory>
#include <utility>

namespace weir {

std::uint64_t this_thread_sender() {
  static std::atomic<std::uint64_t> next{1};
  thread_local const std::uint64_t mine = next.fetch_add(1);
  return mine;
}

void send_store(EngineCore& core, std::string_view context_id, std::span<Event> events, const StoreTerms& terms,
                Completion done, WhenFull when_full, CallDeadline deadline, StoreCommand::Meanwhile meanwhile) {
  auto command = core.make_command(context_id, events, terms.durability, terms.expect, terms.fail_if);
  if (!command) {
    done(std::move(command).error());
    return;
  }
  (*command)->sender = this_thread_sender();
  (*command)->done = std::move(done);
  (*command)->meanwhile = std::move(meanwhile);
  core.submit(std::move(*command), when_full, deadline);
}

Result<Receipt> store_and_wait(EngineCore& core, std::string_view context_id, std::span<Event> events,
                               const StoreTerms& terms, CallDeadline deadline) {
  if (CallbackScope::active())
    return fail(Errc::invalid_argument,
                "a blocking store from inside a callback of an engine would wait for itself; use store_async");
  if (!deadline) {
    Waiter<Result<Receipt>> waiter;
    {
      const io::HelpingHand hand; // without a deadline there is nothing better to do than the log's work
      send_store(core, context_id, events, terms,
                 Completion([&waiter](Result<Receipt> result) { waiter.set(std::move(result)); }), WhenFull::wait,
                 deadline);
    }
    return waiter.wait();
  }
  const auto awaited = std::make_shared<Awaited<Receipt>>(); // the answer may come after the caller has left
  send_store(
      core, context_id, events, terms,
      Completion([reply = Reply<Receipt>(awaited)](Result<Receipt> result) mutable { reply(std::move(result)); }),
      WhenFull::wait, deadline);
  if (!awaited->wait_until(*deadline))
    return fail(Errc::deadline_exceeded, "no answer in time; the events were admitted and may still be stored");
  return awaited->wait();
}

} // namespace weir
