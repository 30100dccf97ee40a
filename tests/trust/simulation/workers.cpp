#include "trust/simulation/workers.hpp"

#include "trust/support/disk/at_work.hpp"
#include "trust/support/stage.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::trust {

namespace {

constexpr unsigned seconds_max = 120; // for a schedule that takes some milliseconds
constexpr std::size_t piece_max = 50;
constexpr std::size_t findings_max = 10;

using Piece = std::vector<std::uint64_t>;

static_assert(std::is_trivially_copyable_v<Tally>);

/// What a child sends home, byte by byte.
class Parcel {
public:
  Parcel() = default;
  explicit Parcel(std::string bytes) : bytes_(std::move(bytes)) {}
  template <class T> void put(const T& value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void put(const std::string& text) {
    put(text.size());
    bytes_ += text;
  }
  template <class T> [[nodiscard]] T get() {
    T value;
    if (bytes_.size() - at_ < sizeof value)
      throw std::runtime_error("a child sent too little");
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  [[nodiscard]] std::string get_text() {
    const auto size = get<std::size_t>();
    const std::string text = bytes_.substr(at_, size);
    at_ += size;
    return text;
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

private:
  std::string bytes_;
  std::size_t at_ = 0;
};

[[noreturn]] void child(int fd, std::uint64_t run_seed, const Piece& piece, std::uint64_t& at) {
  Findings mine;
  for (const std::uint64_t number : piece) {
    at = number;
    ::alarm(seconds_max); // SIGALRM ends the process
    work_on("schedule " + std::to_string(number));
    play_one(run_seed, number, mine);
  }
  Parcel parcel;
  parcel.put(mine.tally);
  parcel.put(mine.hashes.size());
  for (const auto& [number, hash] : mine.hashes) {
    parcel.put(number);
    parcel.put(hash);
  }
  parcel.put(mine.findings.size());
  for (const Finding& finding : mine.findings) {
    parcel.put(finding.kind);
    parcel.put(finding.schedule);
    parcel.put(finding.what);
  }
  for (std::size_t sent = 0; sent < parcel.bytes().size();) {
    const ssize_t wrote = ::write(fd, parcel.bytes().data() + sent, parcel.bytes().size() - sent);
    if (wrote <= 0)
      _exit(3);
    sent += static_cast<std::size_t>(wrote);
  }
  _exit(0); // the parent's buffers and handlers are not ours to run
}

void unpack(const std::string& bytes, Findings& all) {
  Parcel parcel{bytes};
  all.tally.add(parcel.get<Tally>());
  for (auto left = parcel.get<std::size_t>(); left != 0; --left) {
    const auto number = parcel.get<std::uint64_t>();
    all.hashes[number] = parcel.get<std::uint64_t>();
  }
  for (auto left = parcel.get<std::size_t>(); left != 0; --left) {
    Finding finding;
    finding.kind = parcel.get<Finding::Kind>();
    finding.schedule = parcel.get<std::uint64_t>();
    finding.what = parcel.get_text();
    all.findings.push_back(std::move(finding));
  }
}

/// Numbers in memory that a process and its children share: which schedule each child is at.
class SharedNumbers {
public:
  explicit SharedNumbers(std::size_t count) : bytes_(count * sizeof(std::uint64_t)) {
    void* const at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
      throw std::runtime_error("no shared memory");
    numbers_ = static_cast<std::uint64_t*>(at);
  }
  ~SharedNumbers() { ::munmap(numbers_, bytes_); }
  SharedNumbers(const SharedNumbers&) = delete;
  SharedNumbers& operator=(const SharedNumbers&) = delete;
  std::uint64_t& operator[](std::size_t i) { return numbers_[i]; }

private:
  std::size_t bytes_;
  std::uint64_t* numbers_ = nullptr;
};

class Workers {
public:
  explicit Workers(std::uint64_t run_seed)
      : run_seed_(run_seed), places_(std::max(1U, std::thread::hardware_concurrency())), at_(places_.size()) {}

  Findings play(const std::vector<std::uint64_t>& numbers) {
    for (std::size_t first = 0; first < numbers.size(); first += piece_max)
      pieces_.emplace_back(numbers.begin() + static_cast<std::ptrdiff_t>(first),
                           numbers.begin() + static_cast<std::ptrdiff_t>(std::min(first + piece_max, numbers.size())));
    while (true) {
      for (std::size_t place = 0; place < places_.size(); ++place)
        if (places_[place].pid == 0 && !pieces_.empty() && all_.findings.size() < findings_max)
          start(place);
      if (std::all_of(places_.begin(), places_.end(), [](const Child& each) { return each.pid == 0; }))
        return std::move(all_);
      wait();
      progress("simulation: " + std::to_string(all_.hashes.size()) + " schedules");
    }
  }

private:
  struct Child {
    pid_t pid = 0;
    int fd = -1;
    Piece piece;
    std::string received;
  };

  void start(std::size_t place) {
    int ends[2];
    if (::pipe(ends) != 0)
      throw std::runtime_error("no pipe");
    Child& mine = places_[place];
    mine.piece = std::move(pieces_.front());
    pieces_.pop_front();
    mine.received.clear();
    mine.pid = ::fork();
    if (mine.pid < 0)
      throw std::runtime_error("no process");
    if (mine.pid == 0) {
      ::close(ends[0]);
      child(ends[1], run_seed_, mine.piece, at_[place]);
    }
    ::close(ends[1]);
    mine.fd = ends[0];
  }

  void wait() {
    std::vector<pollfd> waiting;
    for (const Child& each : places_)
      waiting.push_back({each.pid == 0 ? -1 : each.fd, POLLIN, 0});
    ::poll(waiting.data(), waiting.size(), -1);
    for (std::size_t place = 0; place < places_.size(); ++place) {
      if (waiting[place].revents == 0)
        continue;
      char buffer[16'384];
      const ssize_t got = ::read(places_[place].fd, buffer, sizeof buffer);
      if (got > 0)
        places_[place].received.append(buffer, static_cast<std::size_t>(got));
      else
        end(place);
    }
  }

  void end(std::size_t place) {
    Child ended = std::exchange(places_[place], {});
    int status = 0;
    ::waitpid(ended.pid, &status, 0);
    ::close(ended.fd);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      unpack(ended.received, all_);
      return;
    }
    // What the child had found before is played again with what is left.
    const bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    all_.findings.push_back({hung ? Finding::Kind::stuck : Finding::Kind::crashed, at_[place],
                             hung                  ? "not done after " + std::to_string(seconds_max) + " s"
                             : WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status))
                                                   : "ended with code " + std::to_string(WEXITSTATUS(status))});
    std::erase(ended.piece, at_[place]);
    if (!ended.piece.empty())
      pieces_.push_back(std::move(ended.piece));
  }

  std::uint64_t run_seed_;
  std::vector<Child> places_;
  SharedNumbers at_;
  std::deque<Piece> pieces_;
  Findings all_;
};

} // namespace

std::uint64_t seed_of(std::uint64_t run_seed, std::uint64_t number) {
  return Chance(run_seed ^ (number * 0x9E3779B97F4A7C15ULL)).next();
}

void play_one(std::uint64_t run_seed, std::uint64_t number, Findings& findings, std::vector<std::string>* lines) {
  const auto found = [&](Finding::Kind kind, const std::string& what) {
    findings.findings.push_back({kind, number, what});
  };
  try {
    findings.hashes[number] = play(seed_of(run_seed, number), Mistake::none, findings.tally, lines);
  } catch (const Stuck& stuck) {
    found(Finding::Kind::stuck, stuck.what());
  } catch (const Broken& broken) {
    const std::string what = broken.what();
    found(what.find("I1:") == std::string::npos ? Finding::Kind::wrong_answer : Finding::Kind::acknowledged_lost, what);
  }
}

Findings play_apart(std::uint64_t run_seed, const std::vector<std::uint64_t>& numbers) {
  return Workers(run_seed).play(numbers);
}

} // namespace weir::trust
