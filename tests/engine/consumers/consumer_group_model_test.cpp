// Random lives of a consumer group beside a reference that only knows what may never happen.
#include "engine/consumers/consumer_group.hpp"
#include "engine/io/random.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

using namespace weir;
using namespace std::chrono_literals;

namespace {

/// Steps a group, keeps on its "disk" what it says must be durable, crashes, and judges every delivery.
class Life {
public:
  explicit Life(std::uint64_t seed) : random_(io::make_seeded_random(seed)) {
    rules_.ack_timeout_ms = 5s;
    rules_.deliveries_max = static_cast<std::uint32_t>(1 + below(4));
    rules_.in_flight_max = 1 + below(4);
    rules_.window_events_max = 4 + below(30);
    rules_.parked_max = 5 + below(50);
    rules_.park_whole_context = below(4) != 0;
    const std::uint64_t events = 150 + below(150), contexts = 1 + below(8);
    Position position = 1;
    for (std::uint64_t i = 0; i < events; ++i) {
      events_[position] = below(contexts);
      position += 1 + below(3);
    }
    end_ = position;
    restart();
  }

  void run() {
    for (int step = 0; step < 2'000; ++step)
      act(below(100));
    finish();
  }
  [[nodiscard]] std::size_t restarts() const { return restarts_; }
  [[nodiscard]] std::size_t parkings() const { return parkings_; }
  [[nodiscard]] std::size_t redeliveries() const { return redeliveries_; }

private:
  struct Held {
    ConsumerGroup::MemberId member = 0;
    std::uint64_t token = 0;
    Position position = 0;
  };
  struct Parked {
    bool wanted = false;
  };

  std::uint64_t below(std::uint64_t bound) { return random_->next() % bound; }
  [[nodiscard]] std::uint64_t context_of(Position position) const { return events_.at(position); }

  void act(std::uint64_t choice) {
    if (choice < 30)
      offer(1 + below(5));
    else if (choice < 36)
      members_.insert(group_->join());
    else if (choice < 41)
      leave();
    else if (choice < 62)
      take();
    else if (choice < 82)
      settle(0);
    else if (choice < 88)
      settle(1);
    else if (choice < 90)
      settle(2);
    else if (choice < 95) {
      now_ += std::chrono::milliseconds(below(4'000));
      group_->expire(now_);
      forget_expired();
      commit();
    } else if (choice < 97) {
      replay();
    } else if (choice == 97) {
      if (below(4) == 0)
        restart();
    } else {
      commit();
    }
    CHECK(group_->in_flight() == held_.size());
  }

  void offer(std::uint64_t events) {
    for (auto next = events_.lower_bound(group_->next_position());
         next != events_.end() && events != 0 && group_->room() != 0; ++next, --events) {
      const auto seen = durable_delivered_.find(next->first);
      group_->offer(next->first, next->second, seen == durable_delivered_.end() ? 0 : seen->second);
    }
    if (events_.lower_bound(group_->next_position()) == events_.end())
      group_->read_to(end_);
    commit();
  }

  void leave() {
    if (members_.empty())
      return;
    const auto who = any(members_);
    members_.erase(who);
    group_->leave(who, now_);
    std::erase_if(held_, [who](const Held& each) { return each.member == who; });
    commit();
  }

  void take() {
    if (members_.empty())
      return;
    const auto who = any(members_);
    const auto deliveries = group_->take(who, 1 + below(6), now_);
    if (below(20) == 0) { // the process dies before it is durable, so nobody sees them
      restart();
      return;
    }
    commit();
    for (const auto& delivery : deliveries)
      deliver(who, delivery);
  }

  void deliver(ConsumerGroup::MemberId who, const ConsumerGroup::Delivery& delivery) {
    const Position position = delivery.position;
    const std::uint64_t context = context_of(position);
    REQUIRE(!done_.contains(position));
    for (const Held& each : held_)
      REQUIRE_MESSAGE(context_of(each.position) != context, "two events of one context are out");
    for (auto earlier = events_.begin(); earlier->first < position; ++earlier)
      if (earlier->second == context && !done_.contains(earlier->first))
        REQUIRE_MESSAGE((!rules_.park_whole_context && parked_.contains(earlier->first)),
                        "position " << position << " came before " << earlier->first);
    redeliveries_ += seen_[position]++ != 0 ? 1 : 0;
    REQUIRE(delivery.deliveries <= rules_.deliveries_max);
    if (!parked_.contains(position))
      REQUIRE(delivery.deliveries == durable_delivered_[position]);
    held_.push_back({who, delivery.token, position});
    times_[delivery.token] = now_ + rules_.ack_timeout_ms;
  }

  void settle(int how) {
    if (held_.empty())
      return;
    const std::size_t which = below(held_.size());
    const Held held = held_[which];
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(which));
    Result<Position> settled =
        how == 0   ? group_->ack(held.member, held.token)
        : how == 1 ? group_->nack(held.member, held.token, std::chrono::milliseconds(below(2) * 1'000), now_)
                   : group_->park(held.member, held.token, "bad");
    REQUIRE(settled.ok());
    REQUIRE(*settled == held.position);
    if (how == 0 && below(10) == 0) { // never durable: it may come again
      restart();
      return;
    }
    commit();
    if (how == 0)
      REQUIRE(done_.contains(held.position));
  }

  void forget_expired() {
    // The group says whose token is still good; what it took back is no longer held.
    std::erase_if(held_, [this](const Held& each) { return times_.at(each.token) <= now_; });
  }

  void replay() {
    if (parked_.empty())
      return;
    auto which = parked_.begin();
    std::advance(which, static_cast<std::ptrdiff_t>(below(parked_.size())));
    const std::uint64_t context = context_of(which->first);
    for (auto& [position, parked] : parked_)
      if (context_of(position) == context && !parked.wanted) {
        parked.wanted = true;
        group_->offer_parked(position, context);
      }
  }

  /// Makes durable what the group says.
  void commit() {
    const GroupChanges changes = group_->take_changes();
    for (const auto& each : changes.delivered)
      durable_delivered_[each.position] = each.deliveries;
    for (const Position position : changes.done) {
      REQUIRE(position >= group_->checkpoint());
      durable_done_.insert(position);
    }
    for (const auto& each : changes.parked) {
      REQUIRE(parked_.contains(each.position) == each.again);
      parked_[each.position] = {false};
      ++parkings_;
    }
    for (const Position position : changes.unparked) {
      REQUIRE(parked_.erase(position) == 1);
      done_.insert(position);
    }
    const Position before = durable_checkpoint_;
    if (changes.checkpoint) {
      REQUIRE(*changes.checkpoint >= durable_checkpoint_);
      durable_checkpoint_ = *changes.checkpoint;
      durable_done_.erase(durable_done_.begin(), durable_done_.lower_bound(durable_checkpoint_));
      durable_delivered_.erase(durable_delivered_.begin(), durable_delivered_.lower_bound(durable_checkpoint_));
    }
    REQUIRE(durable_checkpoint_ == group_->checkpoint());
    const auto is_done = [this](Position position) {
      if (!parked_.contains(position))
        done_.insert(position);
    };
    for (auto each = events_.lower_bound(before); each != events_.end() && each->first < durable_checkpoint_; ++each)
      is_done(each->first);
    for (const Position position : changes.done)
      is_done(position);
  }

  void restart() {
    restarts_ += group_ ? 1 : 0;
    const std::vector<Position> done(durable_done_.begin(), durable_done_.end());
    group_ = std::make_unique<ConsumerGroup>(rules_, durable_checkpoint_, done);
    members_.clear();
    held_.clear();
    for (const auto& [position, parked] : parked_)
      group_->note_parked(context_of(position), 1);
    for (const auto& [position, parked] : parked_)
      if (parked.wanted)
        group_->offer_parked(position, context_of(position));
  }

  /// No more faults: everything is done in the end, and nothing twice.
  void finish() {
    for (int round = 0; round < 10'000; ++round) {
      if (members_.empty())
        members_.insert(group_->join());
      offer(10);
      now_ += 6s;
      group_->expire(now_);
      held_.clear();
      commit();
      for (auto& [position, parked] : parked_)
        if (!parked.wanted) {
          parked.wanted = true;
          group_->offer_parked(position, context_of(position));
        }
      const auto who = *members_.begin();
      const auto deliveries = group_->take(who, 100, now_);
      commit();
      for (const auto& delivery : deliveries)
        deliver(who, delivery);
      while (!held_.empty())
        settle_for_good();
      if (done_.size() == events_.size() && group_->checkpoint() == end_)
        break;
    }
    REQUIRE(done_.size() == events_.size());
    REQUIRE(parked_.empty());
    REQUIRE(group_->checkpoint() == end_);
    REQUIRE(group_->parked() == 0);
  }
  void settle_for_good() {
    const Held held = held_.back();
    held_.pop_back();
    REQUIRE(group_->ack(held.member, held.token).ok());
    commit();
    REQUIRE(done_.contains(held.position));
  }

  ConsumerGroup::MemberId any(const std::set<ConsumerGroup::MemberId>& all) {
    auto which = all.begin();
    std::advance(which, static_cast<std::ptrdiff_t>(below(all.size())));
    return *which;
  }

  std::unique_ptr<io::Random> random_;
  GroupRules rules_;
  std::map<Position, std::uint64_t> events_; // and their contexts
  Position end_ = 1;
  std::unique_ptr<ConsumerGroup> group_;
  ConsumerGroup::Time now_{};
  std::set<ConsumerGroup::MemberId> members_;
  std::vector<Held> held_; // by members that live
  std::map<std::uint64_t, ConsumerGroup::Time> times_;
  std::map<Position, std::uint64_t> seen_;
  std::set<Position> done_; // durably
  // The disk.
  Position durable_checkpoint_ = 1;
  std::set<Position> durable_done_;
  std::map<Position, std::uint32_t> durable_delivered_;
  std::map<Position, Parked> parked_;
  std::size_t restarts_ = 0, parkings_ = 0, redeliveries_ = 0;
};

} // namespace

TEST_CASE("consumer group: whatever members, time and crashes do, order is kept, nothing is lost, no done event comes "
          "again") {
  std::size_t restarts = 0, parkings = 0, redeliveries = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    Life life(seed);
    life.run();
    restarts += life.restarts();
    parkings += life.parkings();
    redeliveries += life.redeliveries();
  }
  CHECK(restarts > 1'000);
  CHECK(parkings > 1'000);
  CHECK(redeliveries > 1'000);
}
