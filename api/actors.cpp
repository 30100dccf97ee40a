#include <weir/actors.hpp>

#include "actors/engine_core.hpp"
#include "engine/event_queue/pushed_queue.hpp"

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace weir {

namespace {

caf::error to_caf(const Error& error) {
  return caf::make_error(error.code, error.message, error.where, error.conflicts);
}

Error closing() {
  return fail(Errc::closing, "the engine is closed");
}

// The answer a request is owed: given once, and `closing` if whatever holds it is dropped. Safe from any thread:
// without an execution unit the message wakes the receiver on its own scheduler. A plain send expects no answer and
// gets none.
class OwedReply {
public:
  explicit OwedReply(const caf::mailbox_element& request)
      : to_(request.mid.is_request() ? request.sender : nullptr), id_(request.mid) {}
  OwedReply(OwedReply&& other) noexcept : to_(std::exchange(other.to_, nullptr)), id_(other.id_) {}
  ~OwedReply() { fail(closing()); }

  void operator()(caf::message content) {
    if (const auto to = std::exchange(to_, nullptr))
      to->enqueue(nullptr, id_.response_id(), std::move(content), nullptr);
  }
  void fail(const Error& error) {
    if (to_)
      (*this)(caf::make_message(to_caf(error)));
  }

private:
  caf::strong_actor_ptr to_;
  caf::message_id id_;
};

// Reads one context for an actor; the cursor's reads run in a lane, one after the other.
class Replayer final : public caf::event_based_actor {
public:
  Replayer(caf::actor_config& config, std::shared_ptr<io::Lane> lane, ReplayCursor cursor)
      : caf::event_based_actor(config), lane_(std::move(lane)),
        cursor_(std::make_shared<ReplayCursor>(std::move(cursor))) {}

  caf::behavior make_behavior() override {
    return {[this](detach_atom) { quit(); }};
  }

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) override {
    if (!what->content().match_elements<next_atom>())
      return caf::event_based_actor::enqueue(std::move(what), unit);
    lane_->post([cursor = cursor_, reply = OwedReply(*what)]() mutable {
      auto batch = cursor->next();
      if (batch)
        reply(caf::make_message(EventBatchPtr(std::make_shared<EventBatch>(std::move(*batch)))));
      else
        reply.fail(batch.error());
    });
  }

private:
  const std::shared_ptr<io::Lane> lane_;
  const std::shared_ptr<ReplayCursor> cursor_;
};

// The requests of one subscriber, and the subscription that answers them. Its callbacks know it weakly: whoever drops
// it ends the subscription.
class Credits : public std::enable_shared_from_this<Credits> {
public:
  ~Credits() {
    if (pushed_)
      pushed_->cancel();
  }

  /// In the lane, because finding out where to begin may read segments.
  void open(const std::shared_ptr<io::Lane>& lane, const std::weak_ptr<EngineCore>& core, SubscribeOptions options) {
    const auto alive = core.lock();
    auto cursor = alive ? alive->subscribe(std::move(options)) : Result<QueueCursor>(closing());
    if (!cursor)
      return end(std::move(cursor).error());
    std::unique_lock lock(mutex_);
    const auto weak = weak_from_this();
    pushed_ = PushedQueue::start(
        lane, std::move(*cursor),
        [weak](QueueBatch&& batch) {
          if (const auto credits = weak.lock())
            credits->answer(std::make_shared<QueueBatch>(std::move(batch)));
        },
        [weak](Status status) {
          if (const auto credits = weak.lock())
            credits->end(std::move(status));
        },
        waiting_.size(), PushedQueue::WhenPinned::wait);
  }

  void add(OwedReply reply) {
    std::shared_ptr<PushedQueue> pushed;
    {
      const std::lock_guard lock(mutex_);
      if (ended_)
        return answer_end(reply);
      if (waiting_.size() >= subscription_requests_max)
        return reply.fail(weir::fail(Errc::overloaded, "as many requests as a subscription holds wait for a batch, " +
                                                           std::to_string(waiting_.size()) +
                                                           "; ask again once some are answered"));
      waiting_.push_back(std::move(reply));
      pushed = pushed_;
    }
    if (pushed)
      pushed->request(1);
  }

private:
  void answer(QueueBatchPtr batch) {
    std::unique_lock lock(mutex_);
    OwedReply reply = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    reply(caf::make_message(std::move(batch)));
  }

  void end(Status status) {
    const std::lock_guard lock(mutex_);
    ended_ = std::move(status);
    for (OwedReply& reply : waiting_)
      answer_end(reply);
    waiting_.clear();
  }

  void answer_end(OwedReply& reply) const {
    if (!*ended_)
      return reply.fail(ended_->error());
    auto batch = std::make_shared<QueueBatch>();
    batch->ended = true;
    reply(caf::make_message(QueueBatchPtr(std::move(batch))));
  }

  std::mutex mutex_;
  std::deque<OwedReply> waiting_;
  std::shared_ptr<PushedQueue> pushed_;
  std::optional<Status> ended_;
};

class Subscriber final : public caf::event_based_actor {
public:
  Subscriber(caf::actor_config& config, std::shared_ptr<Credits> credits)
      : caf::event_based_actor(config), credits_(std::move(credits)) {}

  caf::behavior make_behavior() override {
    return {[this](detach_atom) { quit(); }};
  }
  void on_exit() override { left_.store(true); }

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) override {
    if (!what->content().match_elements<next_atom>() || left_.load())
      return caf::event_based_actor::enqueue(std::move(what), unit);
    credits_->add(OwedReply(*what));
  }

private:
  const std::shared_ptr<Credits> credits_;
  std::atomic<bool> left_{false};
};

// Stands for the engine in the service's system. Requests are admitted in enqueue(), that is in the sender's thread: a
// mailbox of ours in between would have no bound.
class Ingress final : public caf::event_based_actor {
public:
  Ingress(caf::actor_config& config, std::weak_ptr<EngineCore> core)
      : caf::event_based_actor(config), core_(std::move(core)) {}

  caf::behavior make_behavior() override {
    return {[this](detach_atom) { quit(); }};
  }

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) override {
    auto& content = what->content();
    if (content.match_elements<store_atom, Event>()) {
      EventList events;
      events.push_back(take<Event>(content, 1));
      const std::string context_id = events.front().context_id;
      store(*what, context_id, std::move(events), {});
    } else if (content.match_elements<store_atom, std::string, EventList, StoreOptions>()) {
      store(*what, content.get_as<std::string>(1), take<EventList>(content, 2), content.get_as<StoreOptions>(3));
    } else if (content.match_elements<query_atom, std::string>()) {
      query(*what, content.get_as<std::string>(1));
    } else if (content.match_elements<replay_atom, std::string, ReplayOptions>()) {
      replay(*what, content.get_as<std::string>(1), content.get_as<ReplayOptions>(2));
    } else if (content.match_elements<subscribe_atom, SubscribeOptions>()) {
      subscribe(*what, content.get_as<SubscribeOptions>(1));
    } else if (content.match_elements<flush_atom>()) {
      flush(*what);
    } else {
      caf::event_based_actor::enqueue(std::move(what), unit);
    }
  }

private:
  template <class T> static T take(caf::type_erased_tuple& content, std::size_t i) {
    return content.shared() ? content.get_as<T>(i) : std::move(content.get_mutable_as<T>(i));
  }

  void store(const caf::mailbox_element& request, const std::string& context_id, EventList events,
             const StoreOptions& options) {
    OwedReply reply(request);
    const auto core = core_.lock();
    if (!core)
      return reply.fail(closing());
    auto command = core->make_command(context_id, events, options.durability, options.expect, options.fail_if);
    if (!command)
      return reply.fail(command.error());
    // The upper half keeps actors apart from threads; a message without a sender has no order to keep.
    (*command)->sender = (std::uint64_t{1} << 63) | (request.sender ? request.sender->id() : 0);
    (*command)->done = Completion([reply = std::move(reply)](Result<Receipt> result) mutable {
      if (result)
        reply(caf::make_message(*result));
      else
        reply.fail(result.error());
    });
    core->submit(std::move(*command), WhenFull::park);
  }

  void query(const caf::mailbox_element& request, const std::string& text) {
    OwedReply reply(request);
    auto plan = parse_query(text);
    if (!plan)
      return reply.fail(plan.error());
    const auto core = core_.lock();
    if (!core || core->closed())
      return reply.fail(closing());
    core->post_read([weak = core_, plan = std::move(*plan), reply = std::move(reply)]() mutable {
      const auto alive = weak.lock();
      auto result = alive ? alive->query(plan, {alive->options().query_timeout_ms, nullptr, false})
                          : Result<QueryResult>(closing());
      if (result)
        reply(caf::make_message(QueryResultPtr(std::make_shared<QueryResult>(std::move(*result)))));
      else
        reply.fail(result.error());
    });
  }

  void replay(const caf::mailbox_element& request, const std::string& context_id, const ReplayOptions& options) {
    OwedReply reply(request);
    const auto core = core_.lock();
    if (!core)
      return reply.fail(closing());
    auto cursor = core->replay(context_id, options);
    if (!cursor)
      return reply.fail(cursor.error());
    auto lane = core->make_read_lane();
    if (!lane)
      return reply.fail(closing());
    const caf::actor replayer = home_system().spawn<Replayer, caf::hidden>(std::move(lane), std::move(*cursor));
    reply(caf::make_message(caf::actor_cast<ReplayActor>(replayer)));
  }

  void subscribe(const caf::mailbox_element& request, const SubscribeOptions& options) {
    OwedReply reply(request);
    if (const Status valid = options.validate(); !valid)
      return reply.fail(valid.error());
    const auto core = core_.lock();
    auto lane = core ? core->make_read_lane() : nullptr;
    if (!lane)
      return reply.fail(closing());
    const auto credits = std::make_shared<Credits>();
    lane->post([credits, lane, weak = core_, options] { credits->open(lane, weak, options); });
    const caf::actor handle = home_system().spawn<Subscriber, caf::hidden>(credits);
    reply(caf::make_message(caf::actor_cast<SubscriptionActor>(handle)));
  }

  void flush(const caf::mailbox_element& request) {
    OwedReply reply(request);
    const auto core = core_.lock();
    if (!core)
      return reply.fail(closing());
    core->flush([reply = std::move(reply)](Status status) mutable {
      if (status)
        reply(caf::make_message());
      else
        reply.fail(status.error());
    });
  }

  const std::weak_ptr<EngineCore> core_;
};

} // namespace

EngineActor spawn_engine_actor(caf::actor_system& system, const Engine& engine) {
  const caf::actor ingress = system.spawn<Ingress, caf::hidden>(std::weak_ptr<EngineCore>(engine.core()));
  return caf::actor_cast<EngineActor>(ingress);
}

Error to_error(const caf::error& error) {
  if (error.category() == caf::atom("weir")) {
    Error ours{static_cast<Errc>(error.code()), {}, {}, {}};
    const auto& context = error.context();
    if (context.match_elements<std::string, std::string, ConflictList>()) {
      ours.message = context.get_as<std::string>(0);
      ours.where = context.get_as<std::string>(1);
      ours.conflicts = context.get_as<ConflictList>(2);
    }
    return ours;
  }
  return fail(Errc::io_error, "no answer from the actor: code " + std::to_string(error.code()) + " of category " +
                                  caf::to_string(error.category()));
}

} // namespace weir
