// weir for services built on CAF: Store, Query, Replay, Subscribe and Flush as typed messages. The one public header
// that needs CAF.
//
// Purpose: spawn_engine_actor() puts an actor into *your* actor system that stands for the engine. Requests are
// admitted in the sender's own thread, so a full shard parks or refuses that sender's calls and holds up nobody else;
// answers arrive as ordinary responses. Owner: the service owns handle and system. Threading: as any actor handle.
// Lifetime: the engine may be closed first (requests then answer `closing`); close it before the actor system of those
// that still wait for answers is destroyed.
//
//   self->request(store, caf::infinite, weir::store_atom_v, event).then([](const weir::Receipt& receipt) {...},
//                                                                       [](const caf::error& e) {... to_error(e) ...});
#pragma once

#include <weir/engine.hpp>

#include <caf/all.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir {

using EventList = std::vector<Event>;
using ConflictList = std::vector<Conflict>;
using EventBatchPtr = std::shared_ptr<const EventBatch>;
using QueryResultPtr = std::shared_ptr<const QueryResult>;
using QueueBatchPtr = std::shared_ptr<const QueueBatch>;

} // namespace weir

CAF_BEGIN_TYPE_ID_BLOCK(weir, caf::first_custom_type_id)
CAF_ADD_ATOM(weir, weir, store_atom, "store")
CAF_ADD_ATOM(weir, weir, query_atom, "query")
CAF_ADD_ATOM(weir, weir, replay_atom, "replay")
CAF_ADD_ATOM(weir, weir, subscribe_atom, "subscribe")
CAF_ADD_ATOM(weir, weir, next_atom, "next")
CAF_ADD_ATOM(weir, weir, flush_atom, "flush")
CAF_ADD_ATOM(weir, weir, detach_atom, "detach")
CAF_END_TYPE_ID_BLOCK(weir)

// None of these ever leaves the process.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::Event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::EventList)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::StoreOptions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::ConflictList)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::Receipt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::ReplayOptions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::EventBatchPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::SubscribeOptions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::QueueBatchPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::QueryResultPtr)
CAF_ERROR_CODE_ENUM(weir::Errc, "weir")

namespace weir {

namespace detail {
#if CAF_VERSION >= 1800
template <class... In> struct Message { template <class... Out> using Returns = caf::result<Out...>(In...); };
#else
template <class... In> struct Message {
  template <class... Out> using Returns = typename caf::replies_to<In...>::template with<Out...>;
};
#endif
} // namespace detail

/// One replay: each request is a credit for one batch; several may be outstanding and are answered in order.
using ReplayActor = caf::typed_actor<
    // The next events of the context, in order; an empty batch at the end.
    detail::Message<next_atom>::Returns<EventBatchPtr>,
    // Ends the actor; the last handle to go does the same.
    detail::Message<detach_atom>::Returns<void>>;

/// Requests for batches that one subscription holds before they are answered; further ones answer `overloaded` at once.
inline constexpr std::size_t subscription_requests_max = 1'024;

/// One subscription of the event queue: each request is a credit for one batch, answered once there is something to
/// tell; several may be outstanding (subscription_requests_max) and are answered in order. Batches keep their bytes
/// alive and count against EngineOptions::pinned_bytes_max until they are dropped, those in mailboxes, too; while that
/// is used up requests wait until some are. An actor that keeps this handle in a member lets go of it in on_exit(), as
/// with any handle: otherwise its requests that wait keep both alive.
using SubscriptionActor = caf::typed_actor<
    // The next piece of the queue (see QueueBatch). After the end: empty batches that say so.
    detail::Message<next_atom>::Returns<QueueBatchPtr>,
    // Ends the actor; the last handle to go does the same.
    detail::Message<detach_atom>::Returns<void>>;

/// The engine, as an actor of your system. Errors are caf::error of category "weir"; see to_error.
using EngineActor = caf::typed_actor<
    // Stores one event with the engine's durability.
    detail::Message<store_atom, Event>::Returns<Receipt>,
    // Stores the events of one context, all or none, if what StoreOptions expects of it holds and `fail_if` does not
    // fail; without events it only checks. StoreOptions::timeout_ms does not apply: use the request's time-out.
    detail::Message<store_atom, std::string, EventList, StoreOptions>::Returns<Receipt>,
    // Runs a query.
    detail::Message<query_atom, std::string>::Returns<QueryResultPtr>,
    // Opens a replay of one context; the answer is an actor in your system.
    detail::Message<replay_atom, std::string, ReplayOptions>::Returns<ReplayActor>,
    // Opens a subscription of the event queue; the answer is an actor in your system.
    detail::Message<subscribe_atom, SubscribeOptions>::Returns<SubscriptionActor>,
    // Answers once everything acknowledged before is in segments.
    detail::Message<flush_atom>::Returns<void>,
    // Ends the actor, not the engine.
    detail::Message<detach_atom>::Returns<void>>;

/// Spawns the actor that stands for `engine` in `system`. It does not keep the engine open, nor the system alive.
[[nodiscard]] EngineActor spawn_engine_actor(caf::actor_system& system, const Engine& engine);

/// weir's error inside a response, with message, place and conflicts as a call of the engine tells them; `io_error`
/// with CAF's own text for errors that are not weir's (a dead actor, a time-out).
[[nodiscard]] Error to_error(const caf::error& error);

} // namespace weir
