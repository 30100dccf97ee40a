// Every limit from both sides, through the public door: the right code, a message that names what is wrong, nothing
// stored by the bad call, and the next good one works.
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <functional>

using namespace weir;
using namespace weir::test;

namespace {

using Events = std::vector<Event>;

Event good_event() {
  Event event;
  event.event_type = "noted";
  event.payload = R"({"ok":true})";
  return event;
}

// An engine and the number of events it must hold.
class Bench {
public:
  explicit Bench(std::size_t payload_bytes_max = limits::payload_bytes_default_max) {
    EngineOptions options;
    options.shards = 2;
    options.payload_bytes_max = payload_bytes_max;
    auto opened = disk_.open(options);
    REQUIRE_MESSAGE(opened.ok(), why(opened));
    engine_.emplace(std::move(*opened));
  }

  void accepted(const std::string& context, Events events) {
    const std::size_t count = events.size();
    const auto receipt = engine_->store(context, std::move(events));
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
    CHECK(receipt->events == count);
    stored_ += count;
  }
  void accepted(Event event) {
    const std::string context = event.context_id;
    accepted(context, {std::move(event)});
  }

  // `named` must occur in the message or in the place.
  void refused(const std::string& context, const Events& events, Errc code, const std::string& named,
               const StoreOptions& options = {}) {
    CAPTURE(named);
    const auto check = [&](const Result<Receipt>& answer) {
      CHECK(answer.code() == code);
      const std::string text = why(answer);
      CHECK_MESSAGE(text.find(named) != std::string::npos, text);
    };
    check(engine_->store(context, events, options));
    check(engine_->store_async(context, events, options).wait());
    check(engine_->try_store(context, events, options).wait());
    int called = 0;
    engine_->store_async(
        context, events,
        [&](const Result<Receipt>& answer) {
          ++called;
          check(answer);
        },
        options);
    CHECK(called == 1);
    goes_on();
  }
  void refused(const Event& event, Errc code, const std::string& named) {
    refused(event.context_id, {event}, code, named);
  }

  [[nodiscard]] Engine& engine() { return *engine_; }

private:
  void goes_on() {
    CHECK(count_of(engine_->query("QUERY * COUNT")) == stored_);
    Event event = good_event();
    event.context_id = "good";
    const auto receipt = engine_->store(std::move(event));
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
    ++stored_;
    CHECK(receipt->sequence == ++good_);
    CHECK(engine_->health().ok);
  }

  SimulatedDisk disk_;
  std::optional<Engine> engine_;
  std::uint64_t stored_ = 0;
  Sequence good_ = 0;
};

std::string text_of(std::size_t bytes) {
  return std::string(bytes, 'x');
}

// A JSON object of exactly that many bytes.
std::string object_of(std::size_t bytes) {
  return R"({"a":")" + text_of(bytes - 8) + R"("})";
}

Event with(const std::function<void(Event&)>& change) {
  Event event = good_event();
  event.context_id = "c";
  change(event);
  return event;
}

std::string nested(std::size_t levels) {
  std::string text = R"({"a":)";
  for (std::size_t i = 1; i < levels; ++i)
    text += '[';
  text += '1';
  for (std::size_t i = 1; i < levels; ++i)
    text += ']';
  return text + '}';
}

std::string members(std::size_t count) {
  std::string text = "{";
  for (std::size_t i = 0; i < count; ++i)
    text += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  return text + '}';
}

} // namespace

TEST_CASE("bad input: the lengths of names, one below, at and above their limits") {
  Bench bench;
  struct Name {
    const char* field;
    std::size_t bytes_max;
    std::function<std::string&(Event&)> of;
    bool may_be_empty;
  };
  const std::vector<Name> names = {
      {"context_id", limits::context_id_bytes_max, [](Event& e) -> std::string& { return e.context_id; }, false},
      {"event_type", limits::event_type_bytes_max, [](Event& e) -> std::string& { return e.event_type; }, false},
      {"event_id", limits::event_id_bytes_max, [](Event& e) -> std::string& { return e.event_id; }, true},
  };
  for (const Name& name : names) {
    CAPTURE(name.field);
    const auto event = [&](const std::string& text) { return with([&](Event& e) { name.of(e) = text; }); };
    bench.accepted(event(text_of(1)));
    bench.accepted(event(text_of(name.bytes_max - 1)));
    bench.accepted(event(text_of(name.bytes_max)));
    bench.refused(event(text_of(name.bytes_max + 1)), Errc::too_large, name.field);
    bench.refused(event(text_of(name.bytes_max + 1)), Errc::too_large, std::to_string(name.bytes_max));
    bench.refused(event(text_of(100'000)), Errc::too_large, name.field);
    if (name.may_be_empty)
      bench.accepted(event(""));
    else
      bench.refused(event(""), Errc::invalid_argument, name.field);
    for (const char* broken : {"\xFF", "a\xC0\xAF", "\xED\xA0\x80", "cut\xE2\x82", "\xF4\x90\x80\x80"})
      bench.refused(event(broken), Errc::invalid_argument, name.field);
    for (const char* control : {"a\nb", "\x01", "del\x7F", "\xC2\x85"})
      bench.refused(event(control), Errc::invalid_argument, name.field);
    bench.refused(event(std::string("nul\0byte", 8)), Errc::invalid_argument, name.field);
    bench.accepted(event("zwölf/../\xE2\x82\xAC \xF0\x9F\x98\x80"));
  }
}

TEST_CASE("bad input: payload and metadata that are no JSON object as they should be") {
  Bench bench;
  for (const char* const field : {"payload", "metadata"}) {
    CAPTURE(field);
    const bool metadata = std::string(field) == "metadata";
    const auto event = [&](const std::string& text) {
      return with([&](Event& e) { (metadata ? e.metadata : e.payload) = text; });
    };
    for (const char* bad : {"[]", "1", "null", "\"text\"", "{", "{}}", "{\"a\":}", "{\"a\":1,}", "{'a':1}", "{a:1}",
                            "{\"a\":NaN}", "{\"a\":01}", "{} {}", "{\"a\":tru}", "{\"a\":\"\t\"}", "no json", "   "})
      bench.refused(event(bad), Errc::invalid_argument, field);
    if (!metadata)
      bench.refused(event(""), Errc::invalid_argument, field);
    bench.refused(event(R"({"a":1,"a":2})"), Errc::invalid_argument, "twice");
    bench.refused(event(R"({"b":{"a":1,"\u0061":2}})"), Errc::invalid_argument, "twice");
    bench.refused(event("{\"a\":\"\xC3\x28\"}"), Errc::invalid_argument, "UTF-8");
    bench.refused(event(R"({"a":"\uD800"})"), Errc::invalid_argument, field);
    bench.refused(event(R"({"a":1e400})"), Errc::invalid_argument, field);

    bench.accepted(event(nested(limits::json_depth_max - 1)));
    bench.accepted(event(nested(limits::json_depth_max)));
    bench.refused(event(nested(limits::json_depth_max + 1)), Errc::too_large, std::to_string(limits::json_depth_max));
    const std::string number(limits::json_number_chars_max - 1, '7');
    bench.accepted(event("{\"a\":" + number + "}"));
    bench.accepted(event("{\"a\":" + number + "7}"));
    bench.refused(event("{\"a\":" + number + "77}"), Errc::too_large, std::to_string(limits::json_number_chars_max));
  }
  // Ten thousand members do not fit into metadata's 64 KiB.
  const auto payload = [](const std::string& text) { return with([&](Event& e) { e.payload = text; }); };
  bench.accepted(payload(members(limits::json_members_max - 1)));
  bench.accepted(payload(members(limits::json_members_max)));
  bench.refused(payload(members(limits::json_members_max + 1)), Errc::too_large,
                std::to_string(limits::json_members_max));
  // White space around the object is not part of it.
  bench.accepted(payload(" \n{\"a\": 1}\t "));
  CHECK(read_dense(bench.engine(), "c").back().payload == "{\"a\": 1}");
}

TEST_CASE("bad input: sizes of payload and metadata around their limits") {
  const auto payload = [](std::size_t bytes) { return with([&](Event& e) { e.payload = object_of(bytes); }); };
  const auto metadata = [](std::size_t bytes) { return with([&](Event& e) { e.metadata = object_of(bytes); }); };
  SUBCASE("by default") {
    Bench bench;
    bench.accepted(payload(limits::payload_bytes_default_max - 1));
    bench.accepted(payload(limits::payload_bytes_default_max));
    bench.refused(payload(limits::payload_bytes_default_max + 1), Errc::too_large,
                  std::to_string(limits::payload_bytes_default_max));
    bench.accepted(metadata(limits::metadata_bytes_max - 1));
    bench.accepted(metadata(limits::metadata_bytes_max));
    bench.refused(metadata(limits::metadata_bytes_max + 1), Errc::too_large,
                  std::to_string(limits::metadata_bytes_max));
  }
  SUBCASE("as an option has it") {
    Bench bench(100);
    bench.accepted(payload(99));
    bench.accepted(payload(100));
    bench.refused(payload(101), Errc::too_large, "100");
  }
  SUBCASE("at the most an option can ask for") {
    Bench bench(limits::payload_bytes_max);
    bench.accepted(payload(limits::payload_bytes_max));
    bench.refused(payload(limits::payload_bytes_max + 1), Errc::too_large, std::to_string(limits::payload_bytes_max));
  }
}

TEST_CASE("bad input: calls of too many events, too many bytes, none, or of several contexts") {
  Bench bench;
  bench.refused("c", {}, Errc::invalid_argument, "at least one");
  bench.accepted("c", Events(1, good_event()));
  bench.accepted("c", Events(limits::call_events_max - 1, good_event()));
  bench.accepted("c", Events(limits::call_events_max, good_event()));
  bench.refused("c", Events(limits::call_events_max + 1, good_event()), Errc::too_large,
                std::to_string(limits::call_events_max));
  bench.refused("", {good_event()}, Errc::invalid_argument, "context_id");

  // The last of them bad: none is stored, and the error says which.
  Events last_bad(10, good_event());
  last_bad.back().payload = "{";
  bench.refused("c", last_bad, Errc::invalid_argument, "event 9");
  Events mixed(3, good_event());
  mixed[0].context_id = "c"; // named or left empty: both are fine
  bench.accepted("c", mixed);
  mixed[2].context_id = "d";
  bench.refused("c", mixed, Errc::invalid_argument, "event 2");
  CHECK(read_dense(bench.engine(), "d").empty());
}

TEST_CASE("bad input: a call of 20 MiB over all fields is taken, a byte more is not") {
  Bench bench;
  Events events(20, good_event());
  for (Event& event : events) {
    event.context_id = "c";
    event.event_type = "big";
    event.payload = object_of(1 * MiB - 4);
  }
  events.back().payload = object_of(1 * MiB - 4 - 100);
  static_assert(limits::call_bytes_max == 20 * MiB);
  events.back().event_id = text_of(99);
  bench.accepted("c", events);
  events.back().event_id = text_of(100);
  bench.accepted("c", events);
  events.back().event_id = text_of(101);
  bench.refused("c", events, Errc::too_large, std::to_string(limits::call_bytes_max));
  CHECK(read_dense(bench.engine(), "c").size() == 40);
}

TEST_CASE("bad input: timestamps outside of the years 1 to 9999") {
  Bench bench;
  using namespace std::chrono;
  const Timestamp first = sys_days(year(1) / 1 / 1);
  const Timestamp latest = sys_days(year(9999) / 12 / 31) + days(1) - microseconds(1);
  const auto at = [](Timestamp time) { return with([&](Event& e) { e.timestamp = time; }); };
  bench.accepted(at(first));
  bench.accepted(at(first + microseconds(1)));
  bench.accepted(at(latest - microseconds(1)));
  bench.accepted(at(latest));
  for (const Timestamp bad : {first - microseconds(1), latest + microseconds(1), Timestamp::min(), Timestamp::max()})
    bench.refused(at(bad), Errc::invalid_argument, "timestamp");
  const auto events = read_dense(bench.engine(), "c");
  REQUIRE(events.size() == 4);
  CHECK(events.front().timestamp == first);
  CHECK(events.back().timestamp == latest);
}

TEST_CASE("bad input: an unknown durability, by call and by option") {
  Bench bench;
  StoreOptions options;
  options.durability = static_cast<Durability>(3);
  bench.refused("c", {good_event()}, Errc::invalid_argument, "durability", options);
  options.durability = static_cast<Durability>(255);
  bench.refused("c", {good_event()}, Errc::invalid_argument, "255", options);

  SimulatedDisk disk;
  EngineOptions wrong;
  wrong.durability = static_cast<Durability>(7);
  const auto engine = disk.open(wrong);
  CHECK(engine.code() == Errc::invalid_argument);
  CHECK(why(engine).find("durability") != std::string::npos);
}

TEST_CASE("bad input: replays and queries that ask for what cannot be") {
  Bench bench;
  bench.accepted("c", Events(3, good_event()));
  const Engine& engine = bench.engine();
  CHECK(engine.replay("").code() == Errc::invalid_argument);
  CHECK(engine.replay(text_of(limits::context_id_bytes_max)).ok());
  CHECK(engine.replay(text_of(limits::context_id_bytes_max + 1)).code() == Errc::too_large);
  CHECK(engine.replay("a\nb").code() == Errc::invalid_argument);
  ReplayOptions options;
  options.batch_events_max = 0;
  auto stream = engine.replay("c", options);
  CHECK(stream.code() == Errc::invalid_argument);
  CHECK(why(stream).find("batch_events_max") != std::string::npos);
  options = {};
  options.batch_bytes_max = 0;
  CHECK(engine.replay("c", options).code() == Errc::invalid_argument);
  bool called = false;
  CHECK(engine
            .replay(
                "c", options, [&](const EventBatch&) { called = true; }, [&](const Status&) { called = true; })
            .code() == Errc::invalid_argument);
  CHECK_FALSE(called);

  const auto unfinished = engine.query("QUERY noted WHERE");
  CHECK(unfinished.code() == Errc::parse_error);
  CHECK(unfinished.error().where == "line 1, column 18");
  CHECK(engine.query("").code() == Errc::parse_error);
  CHECK(engine.query(std::string(limits::query_text_bytes_max + 1, ' ')).code() == Errc::too_large);
  CHECK(engine.query(Query::all_types().order_by("nonsense")).code() == Errc::invalid_argument);
  CHECK(count_of(engine.query("QUERY * COUNT")) == 3);
}
