#include "engine/models/es_events.hpp"
#include "tests/engine/models/projection_rig.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

/// Types of an event's sub-events, and of theirs: "a(b,c(d))".
std::string tree(const AppliedEvent& applied) {
  std::string text = applied.event.type;
  for (const AppliedEvent& each : applied.events)
    text += (&each == &applied.events.front() ? "(" : ",") + tree(each);
  return applied.events.empty() ? text : text + ")";
}

ModelDefinition model_of(const std::string& name) {
  ModelDefinition definition;
  definition.model.name = name;
  return definition;
}

/// Writes down what runs, and brings about what the event's data says: {"P": [...], "A": [...], "R": [...], ...} with
/// P: added in preprocess, A: added in reduce, R: returned by reduce, D: added in derive, T: dispatched in transact.
/// `mark` leads what it writes down and the types of what it brings about.
ModelDefinition tracing(std::vector<std::string>& trace, const std::string& name = "tracing",
                        const std::string& mark = {}) {
  ModelDefinition definition = model_of(name);
  definition.event_sourced = false;
  const auto each = [mark](const ModelEvent& event, const char* source, const auto& run) {
    for (const Json& sub_event : event.data[source].items())
      run(std::string(sub_event["type"].string()).insert(0, mark), sub_event);
  };
  const auto note = [&trace, mark](const char* phase, const ModelEvent& event, std::size_t depth) {
    trace.push_back(mark + phase + (" " + event.type) + " " + std::to_string(depth));
  };
  definition.preprocess = [=](ModelEvent& event, ReduceContext& context) -> Status {
    note("P", event, context.depth());
    each(event, "P", [&](std::string type, Json data) { context.add_event(std::move(type), std::move(data)); });
    return {};
  };
  definition.reduce = [=](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
    note("R", event, context.depth());
    each(event, "A", [&](std::string type, Json data) { context.add_event(std::move(type), std::move(data)); });
    Change change;
    each(event, "R", [&](std::string type, Json data) { change.events.push_back({std::move(type), std::move(data)}); });
    return change;
  };
  definition.derive = [=](const ModelEvent& event, DeriveContext& context) -> Status {
    note("D", event, context.depth());
    each(event, "D", [&](std::string type, Json data) { context.add_event(std::move(type), std::move(data)); });
    return {};
  };
  definition.transact = [=](const ModelEvent& event, TransactContext& context) -> Status {
    note("T", event, context.depth());
    Status status;
    each(event, "T", [&](std::string type, Json data) {
      if (const auto done = context.dispatch(std::move(type), std::move(data)); !done)
        status = done.error();
    });
    return status;
  };
  return definition;
}

} // namespace

TEST_CASE("event_sourcing_db: sub-events of all sources run depth-first, each through all its phases") {
  std::vector<std::string> trace;
  ProjectionRig rig({tracing(trace)});
  const auto outcome = rig.run("root", loose_json("{'P':[{'type':'p','P':[{'type':'pp'}]}],'A':[{'type':'a'}],"
                                                  "'R':[{'type':'r'}],'D':[{'type':'d'}],'T':[{'type':'t'}]}"));
  CHECK(trace == std::vector<std::string>{"P root 0", "R root 0", "D root 0",                                      //
                                          "P p 1",    "R p 1",    "D p 1",                                         //
                                          "P pp 2",   "R pp 2",   "D pp 2",   "T pp 2", "T p 1",                   //
                                          "P a 1",    "R a 1",    "D a 1",    "T a 1",  "P r 1", "R r 1", "D r 1", //
                                          "T r 1",    "P d 1",    "R d 1",    "D d 1",  "T d 1",                   //
                                          "T root 0", "P t 1",    "R t 1",    "D t 1",  "T t 1"});
  CHECK(tree(outcome.applied) == "root(p(pp),a,r,d,t)");
}

TEST_CASE("event_sourcing_db: with several models what is added comes before what is returned") {
  std::vector<std::string> trace, expected;
  ProjectionRig rig({tracing(trace, "x", "x."), tracing(trace, "y", "y.")});
  const auto outcome = rig.run("root", loose_json("{'P':[{'type':'p'}],'A':[{'type':'a'}],'R':[{'type':'r'}],"
                                                  "'D':[{'type':'d'}],'T':[{'type':'t'}]}"));
  CHECK(tree(outcome.applied) == "root(x.p,y.p,x.a,y.a,x.r,y.r,x.d,y.d,x.t,y.t)");
  const auto both = [&expected](const std::string& what) {
    expected.push_back("x." + what);
    expected.push_back("y." + what);
  };
  const auto through_all = [&both](const std::string& type) {
    for (const char* const phase : {"P ", "R ", "D ", "T "})
      both(phase + type + " 1");
  };
  for (const char* const phase : {"P", "R", "D"})
    both(std::string(phase) + " root 0");
  for (const char* const type : {"x.p", "y.p", "x.a", "y.a", "x.r", "y.r", "x.d", "y.d"})
    through_all(type);
  // What a transact function brings about is over before the next model's begins.
  expected.emplace_back("x.T root 0");
  through_all("x.t");
  expected.emplace_back("y.T root 0");
  through_all("y.t");
  CHECK(trace == expected);
}

TEST_CASE("event_sourcing_db: a sub-event has its parent's place") {
  std::vector<std::string> trace;
  ProjectionRig rig({tracing(trace)});
  rig.run("before");
  const AppliedEvent applied = rig.run("root", loose_json("{'A':[{'type':'a','n':1}]}")).applied;
  REQUIRE(applied.events.size() == 1);
  const ModelEvent& sub_event = applied.events.front().event;
  CHECK(sub_event.position == 2);
  CHECK(sub_event.sequence == 2);
  CHECK(sub_event.context_id == "context");
  CHECK(sub_event.timestamp == applied.event.timestamp);
  CHECK(sub_event.data["n"].integer() == 1);
  CHECK(rig.projection().events_applied() == 2);
}

TEST_CASE("event_sourcing_db: a sub-event sees what the ones before it did") {
  ModelDefinition counter = model_of("counter");
  counter.event_sourced = false;
  counter.reduce = [](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
    Change change;
    if (event.type == "three")
      change.events = {{"one", {}}, {"one", {}}, {"one", {}}};
    if (event.type != "one")
      return change;
    const auto found = context.model("counter").get("x");
    if (!found)
      return found.error();
    const std::int64_t before = *found ? (**found)["n"].integer() : 0;
    change.set.push_back(Json::object({{"id", "x"}, {"n", before + 1}}));
    return change;
  };
  ProjectionRig rig({std::move(counter)});
  rig.run("three");
  CHECK(rig.rows("counter") == "{\"id\":\"x\",\"n\":3}\n");
}

TEST_CASE("event_sourcing_db: sub-events without end are an error that names the way down") {
  ModelDefinition endless = model_of("endless");
  endless.event_sourced = false;
  std::size_t deepest = 0;
  endless.reduce = [&deepest](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
    deepest = std::max(deepest, context.depth());
    Change change;
    if (event.type != "harmless")
      change.events.push_back({"more", {}});
    return change;
  };
  ProjectionRig rig({std::move(endless)});
  CHECK(rig.failure("root") == "_handle more.more.more.more.....more.more.more.more: sub-events go deeper than 100");
  CHECK(deepest == sub_event_depth_max);
  rig.projection().add_correction(1, {"harmless", "{}"});
  CHECK_FALSE(rig.apply().halted);
}

TEST_CASE("event_sourcing_db: a failing sub-event fails the event, under the path of types") {
  std::vector<std::string> trace;
  ModelDefinition failing = model_of("picky");
  failing.event_sourced = false;
  failing.types = {"bad"};
  failing.reduce = [](const ModelEvent&, ReduceContext&) -> Result<Change> { return fail(Errc::not_found, "no"); };
  ProjectionRig rig({tracing(trace), std::move(failing)});
  CHECK(rig.failure("root", loose_json("{'D':[{'type':'ok'},{'type':'ok','A':[{'type':'bad'}]},{'type':'late'}]}")) ==
        "_handle ok.bad: _reduce_picky: no");
  CHECK(std::count(trace.begin(), trace.end(), "P late 1") == 0);
  rig.projection().add_correction(1, {"root", R"({"D":[{"type":""}]})"});
  CHECK(rig.apply().halted->error.message == "a sub-event has no type");
}

TEST_CASE("event_sourcing_db: transact runs after the sub-events, and brings about events that run at once") {
  ModelDefinition notes = model_of("notes");
  std::vector<std::string> seen;
  notes.types = {"go"};
  notes.reduce = [](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
    if (event.type == "go")
      context.add_event("es/notes", es_event("notes", EsAction::set, "first", loose_json("{'n':1}")).data);
    return Change{};
  };
  notes.transact = [&seen](const ModelEvent& event, TransactContext& context) -> Status {
    if (event.type != "go")
      return {};
    CHECK(context.depth() == 0);
    CHECK(context.model("notes").exists("first").value());
    const auto done = context.dispatch("es/notes", es_event("notes", EsAction::insert, {}, loose_json("{'n':2}")).data);
    if (!done)
      return done.error();
    seen.push_back(done->result.to_text().substr(0, 16));
    CHECK(context.model("notes").exists(done->event.data["id"]).value());
    return {};
  };
  ProjectionRig rig({std::move(notes)});
  const auto outcome = rig.run("go");
  CHECK(seen == std::vector<std::string>{R"({"notes":{"ins":)"});
  CHECK(tree(outcome.applied) == "go(es/notes,es/notes)");
  CHECK(rig.model("notes").count().value() == 2);
}

TEST_CASE("event_sourcing_db: transact writes event-sourced models as an ESModel's caller does") {
  std::vector<std::string> said;
  ModelDefinition flow = model_of("flow");
  flow.event_sourced = false;
  flow.types = {"go"};
  flow.transact = [&said](const ModelEvent&, TransactContext& context) -> Status {
    const auto tell = [&said](const auto& result) { said.push_back(result ? "ok" : result.error().message); };
    const auto set = context.set("notes", loose_json("{'id':'a','n':1,'o':2}"));
    said.push_back(set ? set->to_text() : set.error().message);
    tell(context.set("notes", loose_json("{'id':'a'}"), true));
    const auto updated = context.update("notes", loose_json("{'id':'a','n':5}"));
    said.push_back(updated ? updated->to_text() : updated.error().message);
    tell(context.update("notes", loose_json("{'id':'b','n':5}")));
    tell(context.update("notes", loose_json("{'id':'b','n':5}"), true));
    tell(context.remove("notes", "a"));
    tell(context.remove("notes", "gone"));
    tell(context.set("flow", loose_json("{'id':'a'}")));
    tell(context.remove("nowhere", "a"));
    return {};
  };
  ProjectionRig rig({std::move(flow), model_of("notes")});
  const auto outcome = rig.run("go");
  CHECK(said == std::vector<std::string>{R"({"id":"a","n":1,"o":2})", "notes.set a: EEXIST",
                                         R"({"id":"a","n":5,"o":2})", "notes.update b: ENOENT", "ok", "ok", "ok",
                                         "there is no event-sourced model 'flow'",
                                         "there is no event-sourced model 'nowhere'"});
  CHECK(rig.rows("notes") == "{\"id\":\"b\",\"n\":5}\n");
  CHECK(outcome.applied.events.size() == 7);
}

TEST_CASE("event_sourcing_db: transact may go on inside of sub-events, and ids made there are the same every time") {
  const auto definitions = [] {
    ModelDefinition flow = model_of("flow");
    flow.event_sourced = false;
    flow.types = {"go", "deeper"};
    flow.transact = [](const ModelEvent& event, TransactContext& context) -> Status {
      if (event.type == "go") {
        const auto done = context.dispatch("deeper", {});
        return done ? Status() : Status(done.error());
      }
      for (int i = 0; i < 3; ++i)
        if (const auto made = context.set("notes", loose_json("{'n':1}")); !made)
          return made.error();
      return {};
    };
    return std::vector<ModelDefinition>{std::move(flow), model_of("notes")};
  };
  ProjectionRig first(definitions()), again(definitions());
  first.run("go");
  again.run("go");
  CHECK(first.model("notes").count().value() == 3);
  CHECK(first.rows("notes") == again.rows("notes"));
}

TEST_CASE("projection: integer ids of one event's objects go up in the order they are made, in every rebuild") {
  const auto definitions = [] {
    const auto insert = [](const char* from) {
      return es_event("notes", EsAction::insert, {}, Json::object({{"from", from}})).data;
    };
    ModelDefinition flow = model_of("flow");
    flow.event_sourced = false;
    flow.types = {"go"};
    // What is returned is named first and added later, to tell the order from that of the calls.
    flow.reduce = [insert](const ModelEvent&, ReduceContext& context) -> Result<Change> {
      Change change;
      change.events = {{"es/notes", insert("returned")}, {"es/notes", insert("returned, too")}};
      context.add_event("es/notes", insert("added"));
      context.add_event("es/notes", insert("added, too"));
      return change;
    };
    flow.derive = [insert](const ModelEvent&, DeriveContext& context) -> Status {
      context.add_event("es/notes", insert("derived"));
      return {};
    };
    flow.transact = [insert](const ModelEvent&, TransactContext& context) -> Status {
      if (const auto made = context.set("notes", Json::object({{"from", "set"}})); !made)
        return made.error();
      const auto done = context.dispatch("es/notes", insert("dispatched"));
      return done ? Status() : Status(done.error());
    };
    ModelDefinition notes = model_of("notes");
    notes.types = {"go"};
    notes.model.columns = {{.name = "id", .type = ColumnType::integer}};
    // Objects of a change have an id already; a reducer asks for the next one.
    notes.reduce = [](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
      Change change;
      if (event.type != "go")
        return change;
      const auto next = context.model("notes").next_id();
      if (!next)
        return next.error();
      change.ins.push_back(Json::object({{"id", *next}, {"from", "ins"}}));
      return change;
    };
    return std::vector<ModelDefinition>{std::move(flow), std::move(notes)};
  };
  std::string expected;
  int id = 0;
  for (int event = 0; event < 2; ++event)
    for (const std::string from :
         {"ins", "added", "added, too", "returned", "returned, too", "derived", "set", "dispatched"})
      expected += "{\"id\":" + std::to_string(++id) + ",\"from\":\"" + from + "\"}\n";
  ProjectionRig first(definitions()), again(definitions());
  first.run("go");
  first.run("go");
  CHECK(first.rows("notes") == expected);
  // Both in one step, as a rebuild applies them.
  again.log().add("context", "go");
  again.log().add("context", "go");
  CHECK_FALSE(again.apply().halted);
  CHECK(again.projection().events_applied() == 2);
  CHECK(again.rows("notes") == expected);
}

TEST_CASE("projection: an object of a change needs an id, also where ids are integers") {
  ModelDefinition notes = model_of("notes");
  notes.event_sourced = false;
  notes.model.columns = {{.name = "id", .type = ColumnType::integer}};
  notes.reduce = [](const ModelEvent&, ReduceContext&) -> Result<Change> {
    Change change;
    change.ins = {Json::object({{"id", 1}}), Json::object({{"n", 2}})};
    return change;
  };
  ProjectionRig rig({std::move(notes)});
  CHECK(rig.failure("go") == "_apply_apply notes: ins[1]: there is no id");
  CHECK(rig.rows("notes") == "");
}

TEST_CASE("event_sourcing_db: a failed dispatch fails the event, whatever its function makes of it") {
  ModelDefinition flow = model_of("flow");
  flow.event_sourced = false;
  flow.types = {"go", "nested"};
  flow.transact = [](const ModelEvent& event, TransactContext& context) -> Status {
    if (event.type == "go") {
      const auto done = context.dispatch(std::string(event.data["type"].string()), {});
      CHECK_FALSE(done.ok());
      return {}; // as if nothing had happened
    }
    return context.dispatch("bad", {}) ? Status() : Status(fail(Errc::not_found, "my own words"));
  };
  ModelDefinition notes = model_of("notes");
  notes.types = {"bad"};
  notes.derive = [](const ModelEvent&, DeriveContext& context) -> Status {
    if (const auto stored = context.model("notes").set(loose_json("{'id':'half'}")); !stored)
      return stored.error();
    return fail(Errc::not_found, "no");
  };
  ProjectionRig rig({std::move(flow), std::move(notes)});
  CHECK(rig.failure("go", loose_json("{'type':'bad'}")) == "_transact_flow: _handle bad: _apply_derive notes: no");
  CHECK(rig.rows("notes") == "");
  rig.projection().add_correction(1, {"go", R"({"type":"nested"})"});
  CHECK(rig.apply().halted->error.message == "_transact_flow: _handle nested: _transact_flow: my own words");
}

TEST_CASE("event_sourcing_db: replaying an event computes its sub-events anew") {
  // The event is corrected after a failure: nothing of the first attempt is left.
  std::vector<std::string> trace;
  ModelDefinition failing = model_of("picky");
  failing.event_sourced = false;
  failing.types = {"bad"};
  failing.derive = [](const ModelEvent&, DeriveContext&) -> Status { return fail(Errc::not_found, "no"); };
  ProjectionRig rig({tracing(trace), std::move(failing)});
  CHECK(rig.failure("root", loose_json("{'A':[{'type':'one'},{'type':'bad'}]}")) ==
        "_handle bad: _apply_derive picky: no");
  rig.projection().add_correction(1, {"root", R"({"A":[{"type":"two"}]})"});
  const auto progress = rig.apply();
  CHECK_FALSE(progress.halted);
  CHECK(tree(progress.outcomes.at(1).applied) == "root(two)");
}
