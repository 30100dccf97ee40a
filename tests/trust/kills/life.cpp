#include "trust/kills/life.hpp"

#include "engine/text.hpp"
#include "trust/kills/process.hpp"
#include "trust/kills/speech.hpp"

namespace weir::trust {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 600s; // far beyond any life, also on a loaded machine with sanitizers
// A kill point that was not reached by then is tried again in another life; it is killed where it is.
constexpr auto point_patience = 10s;
constexpr std::uint64_t acks_before_closing = 60;

} // namespace

Life::Clock::duration Life::up_to(Clock::duration time) {
  return Clock::duration(dice_.below(static_cast<std::uint64_t>(time.count()) + 1));
}

Life::End Life::run(const std::string& host_program, HostOrders orders, HitBoard& board) {
  number_ = orders.life;
  board.clear();
  if (aim_.at == Aim::At::point) {
    orders.point = aim_.point;
    orders.hit = aim_.hit;
    // Segments must pile up before they are merged.
    const std::string_view point = kill_point_names[aim_.point];
    if (point.starts_with("merge.") || point.starts_with("compact.") || point.starts_with("backup."))
      orders.calls_per_flush = 15;
  }
  orders.idle = aim_.at == Aim::At::shown;
  if (aim_.at == Aim::At::acknowledgement)
    orders.acks_until_kill = aim_.hit;
  if (aim_.at == Aim::At::handling) {
    orders.handler_dies = aim_.moment;
    orders.handler_hit = aim_.hit;
  }
  if (aim_.at == Aim::At::closed || (aim_.at == Aim::At::point && phase_of(aim_.point) == Phase::closing))
    orders.acks_until_close = acks_before_closing;
  if (!orders.show.empty())
    oracle_.begin_showing(orders.show);

  HostProcess host(arguments_of(host_program, orders));
  listen(host);
  oracle_.ended(closed_);
  end_.killed = host.died_by_kill();
  end_.by_driver = killed_;
  end_.point = board.died_at();
  end_.opening = opening_ || (end_.point && phase_of(*end_.point) == Phase::opening);
  const bool should_die = killed_ || end_.point || aim_.at == Aim::At::acknowledgement || aim_.at == Aim::At::handling;
  if (end_.killed ? !should_die : !closed_)
    oracle_.complain(format("life {}: the host ended by itself", number_));
  return end_;
}

void Life::listen(HostProcess& host) {
  const auto give_up_at = Clock::now() + patience;
  while (true) {
    if (!killed_ && kill_at_ && Clock::now() >= *kill_at_) {
      host.kill();
      killed_ = true;
    }
    std::string_view line;
    const auto heard = host.hear(line, !killed_ && kill_at_ ? *kill_at_ : give_up_at);
    if (heard == HostProcess::Heard::line)
      take(line);
    else if (heard == HostProcess::Heard::end)
      return;
    if (Clock::now() >= give_up_at) {
      oracle_.complain(format("life {}: the host did not get to where it was to end ({})", number_, to_string(aim_)));
      host.kill();
      killed_ = true;
      return;
    }
  }
}

void Life::take(std::string_view line) {
  const std::string_view whole = line;
  const std::string_view word = take_word(line);
  if (word == "ack")
    take_acknowledgement(line);
  else if (word == "refused")
    oracle_.refused(take_id(line));
  else if (word == "event")
    take_event(line);
  else if (word == "count")
    oracle_.end_showing(number(line));
  else if (word == "opening")
    begin_opening();
  else if (word == "opened")
    end_opening();
  else if (word == "placed")
    take_places(line);
  else if (word == "writing") {
    oracle_.storing();
    if (aim_.at == Aim::At::moment || aim_.at == Aim::At::shown)
      kill_in(aim_.at == Aim::At::moment ? up_to(50ms) : 0ms);
    if (aim_.at == Aim::At::handling || (aim_.at == Aim::At::point && phase_of(aim_.point) != Phase::closing))
      kill_in(point_patience);
  } else if (word == "closed")
    closed_ = true;
  else if (!oracle_.queue().take(word, line) && !oracle_.views().take(word, line) &&
           !oracle_.backups().take(word, line) && !oracle_.removals().take(word, line) &&
           !oracle_.handler().take(word, line) && !oracle_.snapshots().take(word, line) &&
           !oracle_.schemas().take(word, line) && word != "closing")
    oracle_.complain(format("life {}: {}", number_, whole));
}

void Life::begin_opening() {
  opening_ = true;
  began_ = Clock::now();
  // Half at the beginning, half anywhere in the time that the last open took.
  if (aim_.at == Aim::At::opening)
    kill_in(up_to(dice_.below(2) == 0 ? Clock::duration(5ms) : end_.open_time));
}

void Life::end_opening() {
  if (!killed_)
    opening_ = false; // else it was opening when the signal was sent
  end_.open_time = Clock::now() - began_;
  const bool missed =
      aim_.at == Aim::At::point && (phase_of(aim_.point) == Phase::opening || phase_of(aim_.point) == Phase::creating);
  if ((aim_.at == Aim::At::opening || missed) && !killed_)
    kill_in(0ms);
}

void Life::take_places(std::string_view line) {
  std::vector<ShardId> shards;
  while (!line.empty())
    shards.push_back(static_cast<ShardId>(number(take_word(line))));
  oracle_.placed(std::move(shards));
}

CallId Life::take_id(std::string_view& line) const {
  CallId id{number_, 0, 0};
  id.writer = static_cast<std::uint32_t>(number(take_word(line)));
  id.number = static_cast<std::uint32_t>(number(take_word(line)));
  return id;
}

void Life::take_acknowledgement(std::string_view line) {
  const CallId id = take_id(line);
  std::vector<KillOracle::Told> told;
  while (!line.empty()) {
    KillOracle::Told& each = told.emplace_back();
    each.context = static_cast<std::uint32_t>(number(take_word(line)));
    each.receipt.sequence = number(take_word(line));
    each.receipt.events = static_cast<std::uint32_t>(number(take_word(line)));
    each.receipt.position = number(take_word(line));
  }
  oracle_.acknowledged(id, told);
}

void Life::take_event(std::string_view line) {
  const std::string_view context = take_word(line);
  const Sequence sequence = number(take_word(line));
  const Position position = number(take_word(line));
  oracle_.shown(context, sequence, position, line);
}

} // namespace weir::trust
