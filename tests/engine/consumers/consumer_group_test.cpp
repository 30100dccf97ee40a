#include "engine/consumers/consumer_group.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;
using namespace std::chrono_literals;

namespace {

using Time = ConsumerGroup::Time;

std::string positions(const std::vector<ConsumerGroup::Delivery>& deliveries) {
  std::string text;
  for (const auto& each : deliveries)
    text += (text.empty() ? "" : " ") + std::to_string(each.position);
  return text;
}

std::string parked_text(const GroupChanges& changes) {
  std::string text;
  for (const auto& each : changes.parked)
    text += (text.empty() ? "" : " ") + std::to_string(each.position) + (each.again ? "again" : "");
  return text;
}

/// A group with events 1, 2, 3 ... whose contexts `contexts` names, a letter each.
struct Rig {
  explicit Rig(const std::string& contexts, GroupRules rules = {}) : group(rules, 1, {}) {
    for (const char context : contexts)
      group.offer(group.next_position(), static_cast<unsigned char>(context));
  }
  std::vector<ConsumerGroup::Delivery> take(ConsumerGroup::MemberId member, std::size_t events_max = 100) {
    return group.take(member, events_max, now);
  }
  ConsumerGroup group;
  Time now{};
};

} // namespace

TEST_CASE("consumer group: of one context one event is out at a time, other contexts go on") {
  Rig rig("aabab");
  const auto one = rig.group.join(), two = rig.group.join();
  const auto first = rig.take(one);
  CHECK(positions(first) == "1 3");
  CHECK(positions(rig.take(two)) == "");
  REQUIRE(rig.group.ack(one, first[1].token).ok());
  const auto second = rig.take(two);
  CHECK(positions(second) == "5");
  REQUIRE(rig.group.ack(one, first[0].token).ok());
  CHECK(positions(rig.take(two)) == "2");
}

TEST_CASE("consumer group: the checkpoint is the first event that is not done, later done ones are told apart") {
  Rig rig("abcd");
  const auto member = rig.group.join();
  const auto all = rig.take(member);
  REQUIRE(rig.group.ack(member, all[1].token).ok());
  REQUIRE(rig.group.ack(member, all[3].token).ok());
  GroupChanges changes = rig.group.take_changes();
  CHECK_FALSE(changes.checkpoint);
  CHECK(changes.done == std::vector<Position>{2, 4});
  CHECK(changes.delivered.size() == 4);
  REQUIRE(rig.group.ack(member, all[0].token).ok());
  changes = rig.group.take_changes();
  CHECK(changes.checkpoint == Position{3});
  CHECK(changes.done.empty()); // 1 lies below; 2 needs its row no more
  REQUIRE(rig.group.ack(member, all[2].token).ok());
  CHECK(rig.group.take_changes().checkpoint == Position{5});
  rig.group.read_to(90); // the filter has dropped what lies between
  CHECK(rig.group.take_changes().checkpoint == Position{90});
  CHECK(rig.group.take_changes().empty());
}

TEST_CASE("consumer group: what was done before a restart is not handed out again, the rest is, with its count") {
  const Position done[] = {2, 4};
  ConsumerGroup group({}, 1, done);
  CHECK(group.offer(1, 'a', 3));
  CHECK_FALSE(group.offer(2, 'a'));
  CHECK(group.offer(3, 'b'));
  CHECK_FALSE(group.offer(4, 'b'));
  const auto member = group.join();
  const auto all = group.take(member, 10, {});
  CHECK(positions(all) == "1 3");
  CHECK(all[0].deliveries == 4);
  CHECK(all[1].deliveries == 1);
}

TEST_CASE("consumer group: an event that took the process down as often as is allowed is parked") {
  ConsumerGroup group({.deliveries_max = 3}, 1, {});
  CHECK(group.offer(1, 'a', 3));
  CHECK(group.offer(2, 'a'));
  CHECK(group.offer(3, 'b'));
  const GroupChanges changes = group.take_changes();
  CHECK(parked_text(changes) == "1 2");
  CHECK(changes.checkpoint == Position{3});
}

TEST_CASE("consumer group: a refused event holds its context back until its time has come") {
  Rig rig("aab");
  const auto member = rig.group.join();
  const auto all = rig.take(member);
  REQUIRE(rig.group.nack(member, all[0].token, 10s, rig.now).ok());
  REQUIRE(rig.group.ack(member, all[1].token).ok());
  CHECK(positions(rig.take(member)) == "");
  CHECK(rig.group.next_time() == rig.now + 10s);
  rig.now += 10s - 1ns;
  rig.group.expire(rig.now);
  CHECK(positions(rig.take(member)) == "");
  rig.now += 1ns;
  rig.group.expire(rig.now);
  const auto again = rig.take(member);
  REQUIRE(positions(again) == "1");
  CHECK(again[0].deliveries == 2);
  REQUIRE(rig.group.nack(member, again[0].token, 0ms, rig.now).ok());
  CHECK(positions(rig.take(member)) == "1");
}

TEST_CASE("consumer group: what is not acknowledged in time goes to others, and a late acknowledgement is refused") {
  Rig rig("ab", {.ack_timeout_ms = 1s});
  const auto slow = rig.group.join(), other = rig.group.join();
  const auto first = rig.take(slow, 1);
  CHECK(rig.group.next_time() == rig.now + 1s);
  rig.now += 1s;
  rig.group.expire(rig.now);
  const auto second = rig.take(other, 1);
  CHECK(positions(second) == "1");
  CHECK(rig.group.ack(slow, first[0].token).code() == Errc::not_found);
  CHECK(rig.group.nack(slow, first[0].token, 0ms, rig.now).code() == Errc::not_found);
  CHECK(rig.group.park(slow, first[0].token, "").code() == Errc::not_found);
  CHECK(rig.group.ack(slow, second[0].token).code() == Errc::not_found); // another member's
  CHECK(rig.group.ack(other, second[0].token).ok());
  CHECK(rig.group.ack(other, second[0].token).code() == Errc::not_found); // twice
}

TEST_CASE("consumer group: a member that leaves gives back what it had, in order") {
  Rig rig("abab");
  const auto leaving = rig.group.join();
  CHECK(positions(rig.take(leaving)) == "1 2");
  rig.group.leave(leaving, rig.now);
  const auto member = rig.group.join();
  const auto all = rig.take(member);
  CHECK(positions(all) == "1 2");
  CHECK(all[0].deliveries == 2);
}

TEST_CASE("consumer group: bounds of a member and of the window hold") {
  GroupRules rules;
  rules.in_flight_max = 2;
  rules.window_events_max = 4;
  Rig rig("abcd", rules);
  CHECK(rig.group.room() == 0);
  const auto one = rig.group.join(), two = rig.group.join();
  const auto first = rig.take(one);
  REQUIRE(positions(first) == "1 2");
  CHECK(positions(rig.take(one)) == "");
  const auto rest = rig.take(two);
  CHECK(positions(rest) == "3 4");
  REQUIRE(rig.group.ack(two, rest[0].token).ok());
  REQUIRE(rig.group.ack(two, rest[1].token).ok());
  (void)rig.group.take_changes();
  CHECK(rig.group.room() == 0); // done, but above the checkpoint
  REQUIRE(rig.group.ack(one, first[1].token).ok());
  REQUIRE(rig.group.ack(one, first[0].token).ok());
  (void)rig.group.take_changes();
  CHECK(rig.group.room() == 4);
}

TEST_CASE("consumer group: a parked event takes its context along, a replay hands all out in order") {
  Rig rig("aabaa", {.deliveries_max = 1});
  auto& group = rig.group;
  const auto member = group.join();
  auto all = rig.take(member);
  CHECK(positions(all) == "1 3");
  REQUIRE(group.ack(member, all[1].token).ok());
  REQUIRE(group.nack(member, all[0].token, 1h, rig.now).ok()); // its only chance
  GroupChanges changes = group.take_changes();
  CHECK(parked_text(changes) == "1 2 4 5");
  CHECK(changes.parked[0].reason == "handed out 1 times, at last refused by its handler");
  CHECK(changes.parked[1].reason == "waits for the event at position 1");
  CHECK(changes.checkpoint == Position{6});
  CHECK(group.offer(6, 'a'));
  CHECK(group.offer(7, 'b'));
  CHECK(parked_text(group.take_changes()) == "6");
  CHECK(group.parked() == 5);

  for (const Position position : {1, 2, 4, 5, 6})
    group.offer_parked(position, 'a');
  CHECK(group.parked() == 0);
  CHECK(group.offer(8, 'a')); // behind them
  all = rig.take(member);
  CHECK(positions(all) == "1 7");
  CHECK(all[0].deliveries == 1); // it begins anew
  REQUIRE(group.ack(member, all[0].token).ok());
  changes = group.take_changes();
  CHECK(changes.unparked == std::vector<Position>{1});
  CHECK(changes.done.empty());
  all = rig.take(member);
  CHECK(positions(all) == "2");
  SUBCASE("to the end") {
    for (const char* next : {"4", "5", "6", "8", ""}) {
      REQUIRE(group.ack(member, all[0].token).ok());
      all = rig.take(member);
      CHECK(positions(all) == next);
    }
  }
  SUBCASE("and is parked again with all behind it") {
    REQUIRE(group.park(member, all[0].token, "still wrong").ok());
    changes = group.take_changes();
    CHECK(parked_text(changes) == "2again 4again 5again 6again 8");
    CHECK(changes.parked[0].reason == "still wrong");
    CHECK(group.parked() == 5);
  }
}

TEST_CASE("consumer group: where contexts go on, a parked event goes alone") {
  Rig rig("aaa", {.park_whole_context = false});
  const auto member = rig.group.join();
  auto all = rig.take(member);
  REQUIRE(rig.group.park(member, all[0].token, "bad").ok());
  CHECK(parked_text(rig.group.take_changes()) == "1");
  all = rig.take(member);
  CHECK(positions(all) == "2");
  rig.group.offer_parked(1, 'a'); // while 2 is out
  CHECK(positions(rig.take(member)) == "");
  REQUIRE(rig.group.ack(member, all[0].token).ok());
  all = rig.take(member);
  CHECK(positions(all) == "1");
  REQUIRE(rig.group.ack(member, all[0].token).ok());
  CHECK(positions(rig.take(member)) == "3");
}

TEST_CASE("consumer group: with too much parked nothing new is taken in") {
  GroupRules rules;
  rules.parked_max = 2;
  Rig rig("aab", rules);
  const auto member = rig.group.join();
  const auto all = rig.take(member);
  CHECK(rig.group.room() > 0);
  REQUIRE(rig.group.park(member, all[0].token, "bad").ok());
  CHECK(rig.group.room() == 0);
  rig.group.forget_parked('a');
  CHECK(rig.group.room() > 0);
}
