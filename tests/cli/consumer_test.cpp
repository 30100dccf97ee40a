// `weir consumer`, on a directory whose consumers a service has left.
#include "api/cli/program.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/consumers.hpp>
#include <weir/engine.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

/// What a command prints to standard output, and its exit code.
struct Ran {
  int code = 0;
  std::string out;
};

class Shell {
public:
  Ran operator()(std::vector<const char*> arguments) const {
    arguments.insert(arguments.begin(), "weir");
    std::fflush(stdout);
    const int out = ::dup(STDOUT_FILENO), err = ::dup(STDERR_FILENO);
    REQUIRE(std::freopen(file_.c_str(), "w", stdout) != nullptr);
    REQUIRE(std::freopen("/dev/null", "w", stderr) != nullptr);
    const int code = cli::run_program(static_cast<int>(arguments.size()), arguments.data());
    std::fflush(stdout);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    ::close(out);
    ::close(err);
    std::ostringstream text;
    text << std::ifstream(file_).rdbuf();
    return {code, text.str()};
  }

private:
  TempDirectory directory_;
  std::string file_ = directory_.path("out");
};

/// A group that has parked an event of context b and dealt with all else, and a reader that has seen nothing.
std::string leave_consumers(const TempDirectory& directory) {
  const std::string data = directory.path("data");
  auto engine = Engine::open(data);
  REQUIRE(engine.ok());
  for (const char* context : {"a", "b", "b", "c"}) {
    Event event;
    event.context_id = context;
    event.event_type = "placed";
    event.payload = "{}";
    REQUIRE(engine->store(std::move(event)).ok());
  }
  REQUIRE(engine->consumers().open("reader").ok());
  auto member = engine->consumers().join("labels");
  REQUIRE(member.ok());
  for (int settled = 0; settled < 3;) {
    const auto deliveries = member->next();
    REQUIRE_MESSAGE(deliveries.ok(), why(deliveries));
    for (const Delivery& each : *deliveries) {
      REQUIRE((each.event().context_id == "b" ? member->park(each, "unknown currency") : member->ack(each)).ok());
      ++settled;
    }
  }
  return data;
}

} // namespace

TEST_CASE("weir consumer: lists, shows, resets and replays what a service has left") {
  TempDirectory directory;
  const Shell weir;
  const std::string data = leave_consumers(directory);
  const Ran all = weir({"consumer", "list", data.c_str(), "--format", "csv"});
  CHECK(all.code == 0);
  CHECK(all.out.find("name,kind,checkpoint,lag_events,lag_ms,done_above,parked\r\nlabels,group,") == 0);
  CHECK(all.out.find("\r\nreader,single,") != std::string::npos);

  const Ran parked = weir({"consumer", "park", "list", data.c_str(), "labels", "--format", "jsonl"});
  CHECK(parked.code == 0);
  CHECK(std::count(parked.out.begin(), parked.out.end(), '\n') == 2); // and what waits behind it
  CHECK(parked.out.find(R"("context_id":"b","sequence":1,"event_type":"placed","deliveries":1)") != std::string::npos);
  CHECK(parked.out.find(R"("reason":"unknown currency")") != std::string::npos);
  CHECK(parked.out.find(R"("replay_wanted":true)") == std::string::npos);

  CHECK(weir({"consumer", "park", "replay", data.c_str(), "labels", "--context", "a"}).out ==
        "0 parked events of labels will be handed out again\n");
  CHECK(weir({"consumer", "park", "replay", data.c_str(), "labels"}).out ==
        "2 parked events of labels will be handed out again\n");
  CHECK(weir({"consumer", "park", "list", data.c_str(), "labels", "--format", "jsonl"})
            .out.find(R"("replay_wanted":true)") != std::string::npos);

  const Ran moved = weir({"consumer", "reset", data.c_str(), "reader", "--now"});
  CHECK(moved.code == 0);
  CHECK(moved.out.find("reader goes on at position ") == 0);
  CHECK(moved.out.find(", 0 events behind\n") != std::string::npos);
  CHECK(weir({"consumer", "reset", data.c_str(), "reader", "--oldest"}).out.find(", 4 events behind\n") !=
        std::string::npos);
  CHECK(weir({"consumer", "reset", data.c_str(), "reader", "--position", "0"}).code == 0);
  CHECK(weir({"consumer", "show", data.c_str(), "reader", "--format", "jsonl"}).out.find(R"("lag_events":4)") !=
        std::string::npos);

  auto engine = Engine::open(data);
  REQUIRE(engine.ok());
  auto member = engine->consumers().join("labels");
  REQUIRE(member.ok());
  for (Sequence sequence = 1; sequence <= 2; ++sequence) {
    const auto deliveries = member->next();
    REQUIRE_MESSAGE(deliveries.ok(), why(deliveries));
    REQUIRE(deliveries->size() == 1);
    CHECK(deliveries->front().event().context_id == "b");
    CHECK(deliveries->front().event().sequence == sequence);
    REQUIRE(member->ack(*deliveries).ok());
  }
}

TEST_CASE("weir consumer: what is not there is an error, what is not said is wrong usage") {
  TempDirectory directory;
  const Shell weir;
  const std::string data = leave_consumers(directory);
  CHECK(weir({"consumer", "show", data.c_str(), "nobody"}).code == 1);
  CHECK(weir({"consumer", "reset", data.c_str(), "nobody", "--now"}).code == 1);
  CHECK(weir({"consumer", "park", "list", data.c_str(), "reader"}).code == 1);
  CHECK(weir({"consumer", "list", directory.path("none").c_str()}).code == 1);
  CHECK(weir({"consumer"}).code == 2);
  CHECK(weir({"consumer", "park"}).code == 2);
  CHECK(weir({"consumer", "reset", data.c_str(), "reader"}).code == 2);
  CHECK(weir({"consumer", "reset", data.c_str(), "reader", "--now", "--oldest"}).code == 2);
  CHECK(weir({"consumer", "reset", data.c_str(), "reader", "--position", "x"}).code == 2);
}
