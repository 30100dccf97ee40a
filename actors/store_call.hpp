// A store call from a service's thread to its shard.
//
// Purpose: what Engine and what stores on its behalf (models) share: the sender's number, the wait, the helping hand.
// Threading: any thread. Guarantees: the completion is called exactly once.
#pragma once

#include "actors/engine_core.hpp"

#include <weir/event.hpp>
#include <weir/expectation.hpp>
#include <weir/fail_if.hpp>
#include <weir/result.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace weir {

using CallDeadline = std::optional<std::chrono::steady_clock::time_point>;

/// What a call asks for beside its events.
struct StoreTerms {
  std::optional<Durability> durability;
  const Expectation& expect;
  const std::optional<FailIf>& fail_if;
};

/// Calls of one thread keep their order: its number tells a shard who sends.
[[nodiscard]] std::uint64_t this_thread_sender();

/// `meanwhile`: see StoreCommand.
void send_store(EngineCore& core, std::string_view context_id, std::span<Event> events, const StoreTerms& terms,
                Completion done, WhenFull when_full, CallDeadline deadline = std::nullopt,
                StoreCommand::Meanwhile meanwhile = {});

/// Returns once it is stored as safely as asked for. Errors: see Engine::store.
Result<Receipt> store_and_wait(EngineCore& core, std::string_view context_id, std::span<Event> events,
                               const StoreTerms& terms, CallDeadline deadline);

} // namespace weir
