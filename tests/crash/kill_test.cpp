#include "engine/text.hpp"
#include "tests/crash/kill_oracle.hpp"
#include "tests/crash/kill_process.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/engine.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>

using namespace weir;
using namespace weir::test;

namespace {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::uint32_t rounds_per_directory = 40; // more only makes the checks slower
constexpr std::uint32_t rounds_per_whole_check = 5;
constexpr auto patience = 120s; // far beyond any round, also on a loaded machine with sanitizers

std::uint64_t setting(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Kills {
  std::uint32_t all = 0, opening = 0, flushing = 0, merging = 0;
};

enum class Aim {
  moment,          ///< Up to 50 ms after the first store.
  flushing,        ///< A little after some flush began.
  merging,         ///< A little after some merge of segments began.
  acknowledgement, ///< Right at the n-th one; the host does it, see there.
  opening,         ///< While open() runs.
  shown,           ///< As soon as the directory's content has been shown.
};

enum class Show { nothing, unseen, whole };

/// One life of the engine: from its start to its death, with everything it said on the way.
class Life {
public:
  Life(KillOracle& oracle, Dice& dice, Kills& kills, Aim aim, std::uint32_t life, SteadyClock::duration& open_time)
      : oracle_(oracle), dice_(dice), kills_(kills), aim_(aim), life_(life), open_time_(open_time) {
    flushes_left_ = 1 + dice.below(3);
  }

  void run(const std::string& directory, std::uint64_t seed, Show show) {
    std::vector<std::string> arguments{WEIR_KILL_HOST, directory, std::to_string(seed), std::to_string(life_),
                                       std::to_string(aim_ == Aim::acknowledgement ? 1 + dice_.below(400) : 0)};
    if (show == Show::nothing) {
      arguments.emplace_back("-");
    } else {
      const auto from = show == Show::whole ? oracle_.whole() : oracle_.unseen();
      for (const Sequence sequence : from)
        arguments.push_back(std::to_string(sequence));
      oracle_.begin_showing(from);
    }
    HostProcess host(arguments);
    const auto give_up_at = SteadyClock::now() + patience;
    while (true) {
      if (!killed_ && kill_at_ && SteadyClock::now() >= *kill_at_) {
        host.kill();
        killed_ = true;
        kills_.opening += state_ == State::opening ? 1 : 0;
      }
      std::string_view line;
      const auto heard = host.hear(line, !killed_ && kill_at_ ? *kill_at_ : give_up_at);
      if (heard == HostProcess::Heard::line)
        take(line);
      else if (heard == HostProcess::Heard::end)
        break;
      if (SteadyClock::now() >= give_up_at) {
        oracle_.complain(format("life {}: the host did not get to where it was to be killed", life_));
        return;
      }
    }
    ++kills_.all;
    kills_.flushing += flushes_running_ > 0 ? 1 : 0;
    kills_.merging += merging_ ? 1 : 0;
    if (!host.died_by_kill() || (!killed_ && aim_ != Aim::acknowledgement))
      oracle_.complain(format("life {}: the host ended before it was killed", life_));
  }

private:
  enum class State { starting, opening, open };

  void kill_in(SteadyClock::duration time) { kill_at_ = SteadyClock::now() + time; }
  SteadyClock::duration up_to(SteadyClock::duration time) {
    return SteadyClock::duration(dice_.below(static_cast<std::uint64_t>(time.count()) + 1));
  }

  void take(std::string_view line) {
    const std::string_view word = line.substr(0, line.find(' '));
    if (word == "ack")
      take_acknowledgement(line);
    else if (word == "event")
      take_event(line);
    else if (word == "count")
      oracle_.end_showing(std::strtoull(line.data() + word.size(), nullptr, 10));
    else if (word == "opening")
      begin_opening();
    else if (word == "opened")
      end_opening();
    else if (word == "writing" && (aim_ == Aim::moment || aim_ == Aim::shown))
      kill_in(aim_ == Aim::moment ? up_to(50ms) : 0ms);
    else if (word == "flushing") {
      ++flushes_running_;
      if (aim_ == Aim::flushing && --flushes_left_ == 0)
        kill_in(up_to(4ms));
    } else if (word == "flushed")
      --flushes_running_;
    else if (word == "merging") {
      merging_ = true;
      if (aim_ == Aim::merging && !kill_at_)
        kill_in(up_to(4ms));
    } else if (word == "merged")
      merging_ = false;
    else if (word == "options" && life_ == 1)
      MESSAGE(std::string(line));
    else if (word == "failed")
      oracle_.complain(format("life {}: {}", life_, line));
  }

  void begin_opening() {
    state_ = State::opening;
    began_ = SteadyClock::now();
    // Half at the beginning, half anywhere in the time that the last open took.
    if (aim_ == Aim::opening)
      kill_in(up_to(dice_.below(2) == 0 ? 5ms : open_time_));
  }

  void end_opening() {
    if (!killed_)
      state_ = State::open; // else it was opening when the signal was sent
    open_time_ = SteadyClock::now() - began_;
    if (aim_ == Aim::opening && !killed_)
      kill_in(0ms);
  }

  void take_acknowledgement(std::string_view line) {
    CallId id{life_, 0, 0};
    std::uint32_t context = 0;
    Receipt receipt;
    const std::string text(line);
    if (std::sscanf(text.c_str(), "ack %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu64 " %" SCNu32 " %" SCNu64,
                    &id.writer, &id.number, &context, &receipt.sequence, &receipt.events, &receipt.position) != 6)
      return oracle_.complain("not an acknowledgement: " + text);
    oracle_.acknowledged(id, context, receipt);
  }

  void take_event(std::string_view line) {
    // "event CONTEXT SEQUENCE POSITION FIELDS", the payload behind the last tab.
    const auto cut = [&line] {
      const std::string_view word = line.substr(0, line.find(' '));
      line.remove_prefix(std::min(line.size(), word.size() + 1));
      return word;
    };
    (void)cut();
    const std::string_view context = cut();
    const Sequence sequence = std::strtoull(cut().data(), nullptr, 10);
    const Position position = std::strtoull(cut().data(), nullptr, 10);
    oracle_.shown(context, sequence, position, line, line.substr(line.rfind('\t') + 1));
  }

  KillOracle& oracle_;
  Dice& dice_;
  Kills& kills_;
  const Aim aim_;
  const std::uint32_t life_;         ///< Unique in a run, so that no call of one life looks like one of another.
  SteadyClock::duration& open_time_; ///< Of the last life that opened; aims the kills of those to come.
  State state_ = State::starting;
  SteadyClock::time_point began_{};
  std::optional<SteadyClock::time_point> kill_at_;
  std::uint64_t flushes_left_;
  int flushes_running_ = 0;
  bool merging_ = false;
  bool killed_ = false;
};

Aim pick_aim(Dice& dice) {
  const std::uint64_t percent = dice.below(100);
  if (percent < 40)
    return Aim::moment;
  if (percent < 52)
    return Aim::merging;
  if (percent < 80)
    return percent < 65 ? Aim::flushing : Aim::acknowledgement;
  return Aim::opening;
}

/// A directory that has gone wrong is kept for whoever looks for the cause.
void require_no_complaint(const KillOracle& oracle, const TempDirectory& directory, const std::string& when) {
  if (oracle.complaints().empty())
    return;
  std::string all;
  for (const std::string& complaint : oracle.complaints())
    all += "\n  " + complaint;
  const std::string copy = directory.path() + "-failed";
  std::error_code ignored;
  std::filesystem::copy(directory.path("data"), copy, std::filesystem::copy_options::recursive, ignored);
  FAIL(when << ", directory kept as " << copy << ":" << all);
}

} // namespace

TEST_CASE("kill -9: nothing acknowledged is lost, doubled, torn or out of order, wherever it strikes") {
  const std::uint64_t seed = setting("WEIR_KILL_SEED", std::random_device{}());
  const auto rounds = static_cast<std::uint32_t>(setting("WEIR_KILL_ROUNDS", 200));
  MESSAGE("WEIR_KILL_SEED=" << seed << " WEIR_KILL_ROUNDS=" << rounds);
  Dice dice(seed);
  KillTotals totals;
  Kills kills;
  SteadyClock::duration open_time = 20ms;
  std::uint32_t life = 0;
  std::unique_ptr<TempDirectory> directory;
  std::unique_ptr<KillOracle> oracle;

  for (std::uint32_t round = 1; round <= rounds; ++round) {
    const std::string when = format("seed {}, round {}", seed, round);
    if (oracle == nullptr) {
      directory = std::make_unique<TempDirectory>();
      oracle = std::make_unique<KillOracle>(seed, totals);
    }
    const auto live = [&](Aim aim, Show show) {
      Life(*oracle, dice, kills, aim, ++life, open_time).run(directory->path("data"), seed, show);
      require_no_complaint(*oracle, *directory, when);
    };
    const Aim aim = pick_aim(dice);
    if (aim == Aim::opening) {
      for (std::uint64_t again = 1 + dice.below(3); again > 0; --again)
        live(aim, Show::nothing);
    } else {
      // Sometimes stores begin right after recovery, and what they find is looked at in a later life.
      const bool look = round % rounds_per_whole_check == 0 || dice.below(4) != 0;
      live(aim, !look ? Show::nothing : round % rounds_per_whole_check == 0 ? Show::whole : Show::unseen);
    }
    if (round % rounds_per_directory == 0 || round == rounds) {
      live(Aim::shown, Show::whole);
      const Status verified = verify_directory(directory->path("data"));
      CHECK_MESSAGE(verified.ok(), when << ": " << why(verified));
      oracle.reset();
    }
  }
  std::printf("kill-test: seed=%" PRIu64 " rounds=%" PRIu32 " kills=%" PRIu32 " kills_opening=%" PRIu32
              " kills_flushing=%" PRIu32 " kills_merging=%" PRIu32 " acknowledged=%" PRIu64
              " unacknowledged_present=%" PRIu64 " lost=%" PRIu64 " duplicates=%" PRIu64 "\n",
              seed, rounds, kills.all, kills.opening, kills.flushing, kills.merging, totals.acknowledged,
              totals.unacknowledged_present, totals.lost, totals.duplicates);
  CHECK(totals.lost == 0);
  CHECK(totals.duplicates == 0);
  CHECK(totals.acknowledged > 0);
}
