#include "trust/models/story.hpp"

#include "engine/text.hpp"
#include "trust/kills/process.hpp"
#include "trust/kills/speech.hpp"
#include "trust/support/stage.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>

namespace weir::trust {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
namespace stdfs = std::filesystem;

constexpr auto life_patience = 600s; // far beyond any life, also on a loaded machine with sanitizers

enum class Aim : std::uint8_t { moment, acknowledgement, opening, rebuild, swap, closed };

class Story {
public:
  explicit Story(const ModelsPlan& plan) : plan_(plan), dice_(plan.seed) {}

  ModelsCounts run() {
    std::vector<Aim> special(plan_.openings, Aim::opening);
    special.insert(special.end(), plan_.rebuilds, Aim::rebuild);
    special.insert(special.end(), plan_.swaps, Aim::swap);
    for (std::size_t left = special.size(); left > 1; --left)
      std::swap(special[left - 1], special[dice_.below(left)]);
    std::uint64_t remade = 0;
    // What is special comes spread over all writes.
    for (std::size_t done = 0; content() && (judge_.acknowledged() < plan_.writes || done < special.size());) {
      const bool due = judge_.acknowledged() * (special.size() + 1) >= (done + 1) * plan_.writes;
      if (done < special.size() && due)
        live(special[done++]);
      else
        live(dice_.below(4) == 0 ? Aim::moment : Aim::acknowledgement);
      if (content() && judge_.acknowledged() * (plan_.remade + 1) >= (remade + 1) * plan_.writes &&
          remade < plan_.remade) {
        ++remade;
        make_anew();
      }
    }
    if (content())
      live(Aim::closed);
    return report();
  }

private:
  [[nodiscard]] std::string directory() const { return scratch_.path("data"); }
  [[nodiscard]] bool content() const { return judge_.complaints().empty(); }

  void live(Aim aim) {
    ModelsOrders orders;
    orders.directory = directory();
    orders.seed = plan_.seed;
    orders.life = ++life_;
    if (aim == Aim::acknowledgement)
      orders.acks_until_kill = 1 + dice_.below(plan_.writes_of_life);
    if (aim == Aim::closed)
      orders.acks_until_close = 1 + dice_.below(plan_.writes_of_life);
    if (aim == Aim::rebuild)
      orders.transactions_until_kill = 1 + dice_.below(1 + judge_.fold().events() / shop_options().batch_events_max);
    if (aim == Aim::swap)
      orders.swap_kill_permille = 1 + dice_.below(1'200);
    if (aim == Aim::rebuild || aim == Aim::swap)
      orders.writers = 2; // or there are more writes than a rebuild can take in
    aim_ = aim;
    kill_at_.reset();
    killed_ = closed_ = opening_ = false;
    {
      HostProcess host(arguments_of(plan_.host, orders));
      listen(host);
      const bool by_kill = host.died_by_kill();
      if (by_kill ? aim == Aim::closed : !closed_)
        judge_.complain("the host ended by itself");
      count(by_kill);
    }
    if (content())
      look();
    progress(format("models: life {}, {} writes, {} events", life_, judge_.acknowledged(), judge_.fold().events()));
    if (!content())
      judge_.complain(format("this was life {}, of seed {}", life_, plan_.seed));
  }

  void listen(HostProcess& host) {
    const auto give_up_at = Clock::now() + life_patience;
    for (;;) {
      if (!killed_ && kill_at_ && Clock::now() >= *kill_at_) {
        host.kill();
        killed_ = true;
      }
      std::string_view line;
      const auto heard = host.hear(line, !killed_ && kill_at_ ? *kill_at_ : give_up_at);
      if (heard == HostProcess::Heard::end)
        return;
      if (heard == HostProcess::Heard::line)
        take(line);
      if (Clock::now() >= give_up_at) {
        judge_.complain("the host did not get to where it was to end");
        host.kill();
        return;
      }
    }
  }

  void take(std::string_view line) {
    const std::string_view whole = line;
    const std::string_view word = take_word(line);
    if (word == "ack") {
      WriteId id{life_, 0, 0};
      id.writer = static_cast<std::uint32_t>(number(take_word(line)));
      id.number = static_cast<std::uint32_t>(number(take_word(line)));
      judge_.acknowledged(id, std::string(line));
    } else if (word == "opening") {
      opening_ = true;
      began_ = Clock::now();
      if (aim_ == Aim::opening) // half at the beginning, half anywhere in the time that the last open took
        kill_in(dice_.below(2) == 0 ? 5ms : open_time_);
    } else if (word == "opened") {
      opening_ = killed_; // if not, it was opening when the signal was sent
      open_time_ = Clock::now() - began_;
      if (aim_ == Aim::opening)
        kill_in(0ms);
    } else if (word == "writing") {
      if (aim_ == Aim::moment)
        kill_in(50ms);
    } else if (word == "closed") {
      closed_ = true;
    } else if (word != "rebuilding" && word != "swapping") {
      judge_.complain(std::string(whole));
    }
  }

  /// Within `time` from now on, if it is not to be killed sooner.
  void kill_in(Clock::duration time) {
    const auto at = Clock::now() + Clock::duration(dice_.below(static_cast<std::uint64_t>(time.count()) + 1));
    kill_at_ = kill_at_ ? std::min(*kill_at_, at) : at;
  }

  void count(bool by_kill) {
    ++counts_.lives;
    if (!by_kill)
      return;
    ++counts_.kills;
    counts_.kills_opening += opening_ ? 1 : 0;
    counts_.kills_rebuilding += aim_ == Aim::rebuild ? 1 : 0;
    counts_.kills_swapping += aim_ == Aim::swap ? 1 : 0;
    if (aim_ == Aim::rebuild || aim_ == Aim::swap)
      counts_.cut_short += stdfs::exists(directory() + "/models/shop.rebuild.db") ? 1 : 0;
  }

  void look() {
    const OpenShop shop(directory());
    judge_.judge(shop, life_ % 8 == 0);
  }

  /// The same log gives the same answers, whatever became of the database that was made of it.
  void make_anew() {
    std::string answers;
    {
      const OpenShop shop(directory());
      judge_.judge(shop, false);
      answers = answers_of(shop);
      if (const auto report = shop.db->rebuild(); !report)
        judge_.complain("rebuild: " + to_string(report.error()));
      compare(shop, answers, "after a rebuild");
      ++counts_.rebuilt;
    }
    const stdfs::path file = shop_file(directory());
    for (const auto& entry : stdfs::directory_iterator(file.parent_path())) {
      const std::string name = entry.path().filename();
      if (name.find("rebuild") != name.npos)
        judge_.complain("left over after a rebuild: " + name);
      stdfs::remove(entry.path());
    }
    compare(OpenShop(directory()), answers, "made anew, after it was deleted");
    ++counts_.deleted;

    const std::uint64_t before = put_aside();
    damage(file);
    compare(OpenShop(directory()), answers, "made anew, after it was damaged");
    if (put_aside() == before)
      judge_.complain("a damaged database was not noticed");
    ++counts_.damaged;
  }

  void compare(const OpenShop& shop, const std::string& before, const char* when) {
    judge_.judge(shop, true);
    const std::string now = answers_of(shop);
    if (now == before)
      return;
    const auto [old_end, new_end] = std::mismatch(before.begin(), before.end(), now.begin(), now.end());
    const auto at = static_cast<std::size_t>(old_end - before.begin());
    judge_.complain(
        format("{} searches answer otherwise: {} in the place of {}", when, now.substr(at, 80), before.substr(at, 80)));
  }

  /// Files in quarantine.
  [[nodiscard]] std::uint64_t put_aside() const {
    const stdfs::path quarantine = stdfs::path(directory()) / "quarantine";
    if (!stdfs::exists(quarantine))
      return 0;
    const stdfs::recursive_directory_iterator files(quarantine);
    return static_cast<std::uint64_t>(
        std::count_if(begin(files), end(files), [](const auto& entry) { return entry.is_regular_file(); }));
  }

  /// Overwrites whole pages, the first one at times among them.
  void damage(const stdfs::path& path) {
    constexpr std::uint64_t page_bytes = 4'096;
    const std::uint64_t pages = stdfs::file_size(path) / page_bytes;
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const std::string garbage(page_bytes, '\xA5');
    // Half of them: a single one may be free.
    for (std::uint64_t i = 0; i < pages; ++i)
      if (i + 1 == pages / 2 || dice_.below(2) == 0) {
        file.seekp(static_cast<std::streamoff>(i * page_bytes));
        file.write(garbage.data(), static_cast<std::streamsize>(garbage.size()));
      }
    if (!file.flush())
      throw std::runtime_error("cannot write " + path.string());
  }

  ModelsCounts report() {
    counts_.acknowledged = judge_.acknowledged();
    counts_.lost = judge_.lost();
    counts_.complaints = judge_.complaints().size();
    const LogFold& fold = judge_.fold();
    counts_.events = fold.events();
    counts_.unacknowledged_present = fold.writes().size() - std::min(fold.writes().size(), counts_.acknowledged);
    counts_.refused = static_cast<std::uint64_t>(std::count_if(
        fold.writes().begin(), fold.writes().end(), [](const auto& write) { return write.second != "done"; }));
    if (content())
      return counts_;
    const std::string kept = scratch_.path() + "-failed";
    std::error_code ignored;
    stdfs::copy(directory(), kept, stdfs::copy_options::recursive, ignored);
    std::string all;
    for (const std::string& complaint : judge_.complaints())
      if (all.size() < 10'000)
        all += "\n  " + complaint;
    std::fprintf(stderr, "\nmodels: kept as %s:%s\n", kept.c_str(), all.c_str());
    return counts_;
  }

  const ModelsPlan& plan_;
  Dice dice_;
  test::TempDirectory scratch_;
  ModelsJudge judge_;
  ModelsCounts counts_;
  std::uint32_t life_ = 0;
  Aim aim_ = Aim::moment;
  std::optional<Clock::time_point> kill_at_;
  bool killed_ = false, closed_ = false, opening_ = false;
  Clock::time_point began_;
  Clock::duration open_time_ = 20ms;
};

} // namespace

void ModelsCounts::add(const ModelsCounts& other) {
  for (const auto member :
       {&ModelsCounts::acknowledged, &ModelsCounts::lost, &ModelsCounts::complaints, &ModelsCounts::events,
        &ModelsCounts::refused, &ModelsCounts::unacknowledged_present, &ModelsCounts::lives, &ModelsCounts::kills,
        &ModelsCounts::kills_opening, &ModelsCounts::kills_rebuilding, &ModelsCounts::kills_swapping,
        &ModelsCounts::cut_short, &ModelsCounts::deleted, &ModelsCounts::damaged, &ModelsCounts::rebuilt})
    this->*member += other.*member;
}

ModelsCounts live(const ModelsPlan& plan) {
  return Story(plan).run();
}

} // namespace weir::trust
