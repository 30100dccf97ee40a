#include "trust/full_disk/full_disk.hpp"
#include "trust/full_disk/senders.hpp"
#include "trust/full_disk/small_disk.hpp"
#include "trust/support/stage.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <random>
#include <stdexcept>
#include <type_traits>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::trust {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t disk_bytes = 40 * MiB; // every cycle keeps what it stored; there is no deletion
constexpr std::uint64_t reserve_bytes = 1 * MiB;
constexpr std::size_t senders = 3;
constexpr std::uint64_t inspected_every = 10;
// Words between the process with the engine and the one that looks at its disk.
constexpr char inspect = 'i', go_on = 'g', end = 'e';

EngineOptions small_options() {
  EngineOptions options;
  options.shards = 2;
  options.disk_reserve_bytes = reserve_bytes;
  options.wal_file_bytes = 64 * KiB;
  options.unsealed_bytes_max = 1 * MiB;
  options.block_cache_bytes = 4 * MiB;
  return options;
}

std::string text_of(const Status& status) {
  return status.ok() ? "success" : to_string(status.error());
}

class Pipe {
public:
  Pipe() {
    if (::pipe(ends_) != 0)
      throw std::runtime_error("no pipe");
  }
  ~Pipe() {
    for (const int fd : ends_)
      if (fd >= 0)
        ::close(fd);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  /// Of the end this process does not use, so that it hears when the other dies.
  void close(int which) { ::close(std::exchange(ends_[which], -1)); }
  bool write(const void* bytes, std::size_t size) {
    return ::write(ends_[1], bytes, size) == static_cast<ssize_t>(size);
  }
  bool read(void* bytes, std::size_t size) {
    for (std::size_t got = 0; got < size;) {
      const ssize_t more = ::read(ends_[0], static_cast<char*>(bytes) + got, size - got);
      if (more <= 0)
        return false;
      got += static_cast<std::size_t>(more);
    }
    return true;
  }

private:
  int ends_[2] = {-1, -1};
};

// Checks what a killed process left, with no byte free.
void judge_image(SmallDisk& disk, const Book& book, FullDiskCounts& counts) {
  for (int life = 0; life < 2; ++life) { // as killed, and as closed on the full disk
    disk.fill();
    if (disk.free_bytes() != 0)
      return counts.complain("the disk for the image is not full");
    auto engine = Engine::open(disk.data(), small_options());
    if (!engine)
      return counts.complain("opening with no byte free: " + to_string(engine.error()));
    ++counts.opens_with_no_byte_free;
    const Book::Verdict verdict = book.judge(*engine, true);
    counts.lost += verdict.lost;
    if (!verdict.good())
      counts.complain("an image opened with no byte free: " + verdict.what);
    Event event;
    event.context_id = "c0";
    event.event_type = "sent";
    event.payload = "{}";
    if (const auto stored = engine->store(std::move(event)); stored.code() != Errc::disk_full)
      counts.complain("a store with no byte free: " + (stored.ok() ? "success" : to_string(stored.error())));
    if (const Status closed = engine->close(); !closed && closed.code() != Errc::disk_full)
      counts.complain("closing with no byte free: " + text_of(closed));
  }
}

// The process with the engine.
class Host {
public:
  Host(SmallDisk& disk, Book& book, std::uint64_t seed, Pipe& asks, Pipe& answers)
      : disk_(disk), book_(book), dice_(seed), seed_(seed), asks_(asks), answers_(answers) {}

  FullDiskCounts run(std::uint64_t cycles) {
    {
      auto engine = Engine::open(disk_.data(), small_options());
      if (!engine)
        throw std::runtime_error("open: " + to_string(engine.error()));
      Senders threads(*engine, book_, senders, seed_);
      for (std::uint64_t cycle = 1; cycle <= cycles && counts_.wrong == 0; ++cycle)
        one_cycle(*engine, threads, cycle);
      disk_.set_free(8 * MiB);
      expect("flush after the last cycle", comes_true(*engine, [&] { return engine->flush().ok(); }));
      judge(*engine, "after the last cycle");
      const Status closed = engine->close();
      expect("close after the last cycle: " + text_of(closed), closed.ok());
    }
    auto again = Engine::open(disk_.data(), small_options());
    if (!again)
      throw std::runtime_error("open again: " + to_string(again.error()));
    judge(*again, "opened again");
    const Book::Totals totals = book_.totals();
    counts_.acknowledged = totals.acknowledged;
    counts_.refused = totals.refused;
    expect("calls without an answer", totals.unanswered == 0 && totals.unknown == 0);
    expect(book_.first_mistake(), totals.mistaken == 0);
    expect("a loss would be seen", book_.sees_a_loss(*again));
    return counts_;
  }

private:
  void one_cycle(Engine& engine, Senders& threads, std::uint64_t cycle) {
    const std::uint64_t room = reserve_bytes + 100 * KiB + dice_() % (100 * KiB);
    expect("ballast is left", disk_.set_free(room));
    const auto freed = Clock::now();
    for (ShardId shard = 0; shard < 2; ++shard) {
      expect("stores go on once there is space", comes_true(engine, [&] {
               if (disk_.free_bytes() < reserve_bytes) // what waited to be flushed has taken it
                 expect("ballast is left", disk_.set_free(room));
               return store_one(engine, book_, probe(engine, shard)).ok();
             }));
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - freed).count();
      if (cycle != 1)
        counts_.resume_ms_max = std::max(counts_.resume_ms_max, static_cast<std::uint64_t>(ms));
    }
    const bool to_the_last_byte = cycle % inspected_every == 0 || dice_() % 2 == 0;
    const std::uint64_t moment = book_.acknowledged() + dice_() % 300;
    threads.until_refused();
    if (to_the_last_byte) { // at any moment, also while they store
      expect("stores go on until then",
             threads.await([&] { return book_.acknowledged() >= moment || threads.done(); }));
      disk_.fill();
    }
    expect("stores are refused on a full disk", threads.await([&] { return threads.done(); }));
    threads.join();

    for (ShardId shard = 0; shard < 2; ++shard)
      expect("stores are refused on a full disk", comes_true(engine, [&] {
               if (to_the_last_byte)
                 disk_.fill();
               else if (disk_.free_bytes() >= reserve_bytes) // something has been flushed or merged
                 disk_.set_free(reserve_bytes / 2);
               return store_one(engine, book_, probe(engine, shard)).code() == Errc::disk_full;
             }));
    const Health health = engine.health();
    expect("health says that the disk is full", health.disk_full);
    for (const ShardHealth& shard : health.shards)
      expect("no shard has failed", !shard.error);
    expect("stats are there", engine.stats().shards.size() == 2);
    const Status flushed = engine.flush();
    expect("flush: " + text_of(flushed), flushed.ok() || flushed.code() == Errc::disk_full);
    judge(engine, "on a full disk");
    if (cycle % inspected_every == 0) {
      disk_.fill();
      char word = inspect;
      if (!asks_.write(&word, 1) || !answers_.read(&word, 1))
        throw std::runtime_error("nobody inspects");
    }
    ++counts_.cycles;
  }

  std::size_t probe(const Engine& engine, ShardId shard) const {
    for (std::size_t context = 0;; ++context)
      if (engine.shard_of(book_.context_id(context)) == shard)
        return context;
  }
  void judge(const Engine& engine, const std::string& when) {
    const Book::Verdict verdict = book_.judge(engine, false);
    counts_.lost += verdict.lost;
    expect(when + ": " + verdict.what, verdict.good());
  }
  void expect(const std::string& what, bool holds) {
    if (!holds)
      counts_.complain("not so in cycle " + std::to_string(counts_.cycles + 1) + ": " + what);
  }

  SmallDisk& disk_;
  Book& book_;
  std::mt19937_64 dice_;
  const std::uint64_t seed_;
  Pipe& asks_;
  Pipe& answers_;
  FullDiskCounts counts_;
};

// Stops the host for a moment and takes its files, as they would be had it been killed.
void take_image(pid_t host, const SmallDisk& from, SmallDisk& to) {
  std::filesystem::remove_all(to.data());
  to.set_free(disk_bytes);
  int status = 0;
  ::kill(host, SIGSTOP);
  if (::waitpid(host, &status, WUNTRACED) != host || !WIFSTOPPED(status))
    throw std::runtime_error("the host does not stop");
  std::error_code failed;
  std::filesystem::copy(from.data(), to.data(), std::filesystem::copy_options::recursive, failed);
  ::kill(host, SIGCONT);
  if (failed)
    throw std::runtime_error("copying the image: " + failed.message());
}

} // namespace

void FullDiskCounts::complain(const std::string& what) {
  if (wrong++ < 10)
    std::fprintf(stderr, "full_disk: %s\n", what.c_str());
}

void FullDiskCounts::add(const FullDiskCounts& other) {
  cycles += other.cycles;
  lost += other.lost;
  wrong += other.wrong;
  crashes += other.crashes;
  opens_with_no_byte_free += other.opens_with_no_byte_free;
  resume_ms_max = std::max(resume_ms_max, other.resume_ms_max);
  acknowledged += other.acknowledged;
  refused += other.refused;
}

FullDiskCounts fill_and_free(std::uint64_t cycles, std::uint64_t seed) {
  static_assert(std::is_trivially_copyable_v<FullDiskCounts>);
  SmallDisk disk(disk_bytes), elsewhere(disk_bytes);
  disk.set_free(reserve_bytes + 256 * KiB); // for an empty engine
  Book book(seed, book_size);
  Pipe asks, answers;
  std::fflush(nullptr);
  const pid_t host = ::fork();
  if (host < 0)
    throw std::runtime_error("no process");
  if (host == 0) {
    int code = 0;
    try {
      asks.close(0);
      answers.close(1);
      const FullDiskCounts counts = Host(disk, book, seed, asks, answers).run(cycles);
      if (!asks.write(&end, 1) || !asks.write(&counts, sizeof counts))
        code = 3;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "full_disk: %s\n", e.what());
      code = 3;
    }
    std::fflush(nullptr);
    ::_exit(code); // the disks are the parent's to take away
  }
  asks.close(1);
  answers.close(0);
  FullDiskCounts counts;
  char word = 0;
  while (asks.read(&word, 1) && word == inspect) {
    take_image(host, disk, elsewhere);
    judge_image(elsewhere, book, counts);
    progress("full_disk: " + std::to_string(counts.opens_with_no_byte_free) + " opens with no byte free");
    if (!answers.write(&go_on, 1))
      break;
  }
  FullDiskCounts hosts;
  if (word == end && asks.read(&hosts, sizeof hosts))
    counts.add(hosts);
  int status = 0;
  ::waitpid(host, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    ++counts.crashes;
    std::fprintf(stderr, "full_disk: the host ended with status %d\n", status);
  }
  return counts;
}

} // namespace weir::trust
