// The program that the kill test kills: an engine under load which tells its parent, on standard output, what it does.
//
// Usage: weir_kill_host DIRECTORY SEED LIFE ACKS FROM...
//   ACKS: after that many acknowledgements it kills itself, before the thread that said the last can take another step;
//         0: never. From outside nobody hits the moment between an answer and what must have come before it.
//   FROM: for each context the first sequence to show after opening; a single "-" shows nothing.
//
// One line per message, each written whole by one write() (a pipe does not split so little), so a killed host leaves no
// half message:
//   options TEXT
//   opening | opened
//   event CONTEXT SEQUENCE POSITION <tab separated caller fields>      what was found, context by context
//   count N                                                            the same as a query counts it; ends the showing
//   writing                                                            from here on stores run
//   flushing | flushed
//   merging | merged                                                   segments in the background, seen a moment later
//   ack WRITER NUMBER CONTEXT SEQUENCE EVENTS POSITION                 after the receipt came, never before
//   failed TEXT                                                        what must not happen
// It writes until it is killed.
#include "engine/text.hpp"
#include "tests/crash/kill_workload.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <semaphore>
#include <thread>
#include <unistd.h>

using namespace weir;
using namespace weir::test;

namespace {

// What is on its way into the pipe when the parent is gone ends this process by SIGPIPE; nothing else is needed.
void say(std::string line) {
  line += '\n';
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = ::write(STDOUT_FILENO, line.data() + done, line.size() - done);
    if (n < 0)
      std::abort();
    done += static_cast<std::size_t>(n);
  }
}

[[noreturn]] void give_up(const std::string& what, const Error& error) {
  say("failed " + what + ": " + to_string(error));
  std::_Exit(1);
}

// Everything small, so that logs change over and are recycled, memtables are flushed and contexts forgotten all the
// time.
EngineOptions small_options() {
  EngineOptions options;
  options.shards = 3;
  options.wal_file_bytes = 64 * KiB;
  options.unsealed_bytes_max = 512 * KiB;
  options.block_cache_bytes = 256 * KiB;
  options.context_cache_entries = 8;
  options.disk_reserve_bytes = 1 * MiB;
  options.zone_rows = 64;
  options.sync_interval_ms = std::chrono::milliseconds(5);
  return options;
}

void show_context(const Engine& engine, std::uint32_t context, Sequence from, std::string& out) {
  ReplayOptions options;
  options.from = from;
  auto stream = engine.replay(kill_context_name(context), options);
  if (!stream)
    give_up("replay of " + kill_context_name(context), stream.error());
  while (true) {
    const auto batch = stream->next();
    if (!batch)
      give_up("replay of " + kill_context_name(context), batch.error());
    if (batch->empty())
      return;
    for (const EventView& event : *batch)
      out += format("event {} {} {} {}\n", event.context_id, event.sequence, event.position,
                    caller_fields(event.event_type, event.timestamp, event.event_id, event.metadata, event.payload));
  }
}

void show(const Engine& engine, const std::vector<Sequence>& from) {
  std::string out;
  for (std::uint32_t context = 0; context < from.size(); ++context)
    show_context(engine, context, from[context], out);
  const auto counted = engine.query("QUERY * COUNT");
  if (!counted)
    give_up("count", counted.error());
  say(out + format("count {}", counted->rows.at(0).at(0).as_uint64().value_or(UINT64_MAX)));
}

class Writer {
public:
  Writer(Engine& engine, std::uint64_t seed, std::uint32_t life, std::uint32_t writer, std::atomic<std::int64_t>& acks)
      : engine_(engine), seed_(seed), life_(life), writer_(writer), dice_(Dice(seed ^ life).next() + writer),
        acks_left_(acks), room_(1 + 15 * writer) {}

  [[noreturn]] void run() {
    for (std::uint32_t number = 1;; ++number) {
      Call call = make_call(seed_, {life_, writer_, number});
      StoreOptions options;
      options.durability = call.durability;
      const std::string context = kill_context_name(call.context);
      room_.acquire();
      engine_.store_async(
          context, std::move(call.events),
          [this, number, context = call.context](Result<Receipt> receipt) {
            acknowledge(number, context, receipt);
            room_.release();
          },
          options);
      if (dice_.below(100) == 0)
        flush();
    }
  }

private:
  void acknowledge(std::uint32_t number, std::uint32_t context, const Result<Receipt>& receipt) const {
    if (!receipt)
      give_up("store", receipt.error());
    say(format("ack {} {} {} {} {} {}", writer_, number, context, receipt->sequence, receipt->events,
               receipt->position));
    if (--acks_left_ == 0)
      ::kill(::getpid(), SIGKILL);
  }
  void flush() {
    say("flushing");
    if (const Status flushed = engine_.flush(); !flushed)
      give_up("flush", flushed.error());
    say("flushed");
  }

  Engine& engine_;
  const std::uint64_t seed_;
  const std::uint32_t life_, writer_;
  Dice dice_;
  std::atomic<std::int64_t>& acks_left_;
  std::counting_semaphore<> room_; ///< For calls without an answer: writer 0 waits for each, the others run ahead.
};

[[noreturn]] void watch_merges(const Engine& engine) {
  for (std::uint64_t before = 0;; std::this_thread::sleep_for(std::chrono::microseconds(200))) {
    const std::uint64_t now = engine.stats().compactions_running;
    if (now != before)
      say(now != 0 ? "merging" : "merged");
    before = now;
  }
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 6)
    return 2;
  const std::uint64_t seed = number(argv[2]);
  const auto life = static_cast<std::uint32_t>(number(argv[3]));
  std::vector<Sequence> from;
  std::atomic<std::int64_t> acks_left{static_cast<std::int64_t>(number(argv[4]))};
  for (int i = 5; i < argc && std::string_view(argv[i]) != "-"; ++i)
    from.push_back(number(argv[i]));

  const EngineOptions options = small_options();
  say(format("options shards={} wal_file_bytes={} unsealed_bytes_max={} context_cache_entries={} zone_rows={}",
             options.shards, options.wal_file_bytes, options.unsealed_bytes_max, options.context_cache_entries,
             options.zone_rows));
  say("opening");
  auto engine = Engine::open(argv[1], options);
  if (!engine)
    give_up("open", engine.error());
  say("opened");
  if (!from.empty())
    show(*engine, from);
  say("writing");
  std::vector<std::thread> threads;
  for (std::uint32_t writer = 0; writer < 4; ++writer)
    threads.emplace_back([&, writer] { Writer(*engine, seed, life, writer, acks_left).run(); });
  threads.emplace_back([&] { watch_merges(*engine); });
  for (std::thread& thread : threads)
    thread.join();
}
