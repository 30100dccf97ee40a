#include "engine/models/es_events.hpp"
#include "tests/engine/models/projection_rig.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

ModelDefinition model_of(const std::string& name) {
  ModelDefinition definition;
  definition.model.name = name;
  return definition;
}

/// A model whose rows are what its reducer says.
ModelDefinition reducing(const std::string& name,
                         std::function<Result<Change>(const ModelEvent&, ReduceContext&)> reduce) {
  ModelDefinition definition = model_of(name);
  definition.event_sourced = false;
  definition.reduce = std::move(reduce);
  return definition;
}

ModelDefinition deriving(const std::string& name, std::function<Status(const ModelEvent&, DeriveContext&)> derive) {
  ModelDefinition definition = model_of(name);
  definition.event_sourced = false;
  definition.derive = std::move(derive);
  return definition;
}

/// {"rm": [...], ...} as a change.
Change change_of(const Json& data) {
  Change change;
  change.rm = data["rm"].items();
  change.ins = data["ins"].items();
  change.set = data["set"].items();
  change.upd = data["upd"].items();
  change.sav = data["sav"].items();
  change.es_fail = data["es_fail"].string();
  return change;
}

ModelDefinition obedient(const std::string& name) {
  return reducing(name,
                  [](const ModelEvent& event, ReduceContext&) -> Result<Change> { return change_of(event.data); });
}

} // namespace

TEST_CASE("event_sourcing_db: a change is applied in the order rm, ins, set, upd, sav") {
  ProjectionRig rig({obedient("a")});
  rig.run("any", loose_json("{'ins':[{'id':'1','n':1},{'id':'2','n':2}]}"));
  // Each step needs the one before it.
  const auto outcome =
      rig.run("any", loose_json("{'sav':[{'id':'3','m':5},{'id':'4','n':4}],'upd':[{'id':'3','n':null}],"
                                "'set':[{'id':'3','n':3}],'ins':[{'id':'1','n':7}],'rm':['1','9']}"));
  CHECK(rig.rows("a") ==
        "{\"id\":\"1\",\"n\":7}\n{\"id\":\"2\",\"n\":2}\n{\"id\":\"3\",\"m\":5}\n{\"id\":\"4\",\"n\":4}\n");
  CHECK(outcome.applied.result["a"]["rm"].to_text() == R"(["1","9"])");
}

TEST_CASE("event_sourcing_db: upd needs the object, sav does not, ins refuses a taken id") {
  ProjectionRig rig({obedient("a")});
  rig.run("any", loose_json("{'sav':[{'id':'1','n':1}]}"));
  CHECK(rig.failure("any", loose_json("{'upd':[{'id':'2','n':1}]}")).find("_apply_apply a: upd[0]: ") == 0);
  CHECK(rig.projection().position() == 2);
  rig.projection().add_correction(2, {"any", R"({"ins":[{"id":"1"}]})"});
  CHECK(rig.apply().halted->error.message.find("_apply_apply a: ins[0]: ") == 0);
  CHECK(rig.rows("a") == "{\"id\":\"1\",\"n\":1}\n");
}

TEST_CASE("event_sourcing_db: every item of a change is tried, and every error told") {
  ProjectionRig rig({obedient("a"), obedient("b")});
  const std::string message =
      rig.failure("any", loose_json("{'rm':[null,{'id':'1'}],'ins':[5,{'n':1}],'upd':[{'id':'9'}],'set':[{'id':[]}]}"));
  CAPTURE(message);
  for (const char* const part : {"_apply_apply a: rm[0]: it is no id", "rm[1]: it is no id", "ins[0]: it is no object",
                                 "ins[1]: there is no id", "upd[0]: ", "set[0]: ", "; _apply_apply b: rm[0]: "})
    CHECK(message.find(part) != std::string::npos);
}

TEST_CASE("event_sourcing_db: what a model does with a change is its own business if it says so") {
  ModelDefinition sums = obedient("sums");
  sums.apply = [](const Change& change, JsonModel& model) -> Status {
    const auto stored = model.set(Json::object({{"id", "all"}, {"items", change.set.size()}}));
    return stored ? Status() : stored.error();
  };
  ProjectionRig rig({std::move(sums)});
  rig.run("any", loose_json("{'set':[1,2,3]}"));
  CHECK(rig.rows("sums") == "{\"id\":\"all\",\"items\":3}\n");
  rig.run("any");
  CHECK(rig.rows("sums") == "{\"id\":\"all\",\"items\":3}\n");
}

TEST_CASE("event_sourcing_db: a denial changes nothing and is told, but is no error") {
  ProjectionRig rig({obedient("a"), obedient("b")});
  const auto outcome = rig.run("any", loose_json("{'set':[{'id':'1'}],'es_fail':'full'}"));
  CHECK(outcome.es_fail == std::map<std::string, std::string>{{"a", "full"}, {"b", "full"}});
  CHECK(outcome.applied.result["a"]["es_fail"].string() == "full");
  CHECK(rig.rows("a") == "");
  CHECK(rig.projection().events_applied() == 1);
}

TEST_CASE("event_sourcing_db: no change gives an empty result, a change is told under its model's name") {
  ProjectionRig rig({obedient("a"), model_of("b")});
  CHECK(rig.run("any").applied.result.to_text() == "{}");
  CHECK(rig.run("any", loose_json("{'set':[{'id':'1'}]}")).applied.result.to_text() == R"({"a":{"set":[{"id":"1"}]}})");
  const auto outcome = rig.run(es_event("b", EsAction::set, "x", loose_json("{'n':1}")));
  CHECK(outcome.applied.result.to_text() == R"({"b":{"ins":[{"id":"x","n":1}]}})");
  CHECK(outcome.applied.event.type == "es/b");
  CHECK(outcome.applied.event.position == 3);
  CHECK(outcome.applied.event.sequence == 3);
  CHECK(outcome.applied.event.context_id == "context");
}

TEST_CASE("event_sourcing_db: every reducer sees all models as they were before the event") {
  const auto count_of_both = [](const ModelEvent&, ReduceContext& context) -> Result<Change> {
    Change change;
    std::int64_t sum = 0;
    for (const char* const name : {"a", "b"})
      if (const auto found = context.model(name).get("x"); found && *found)
        sum += (**found)["n"].integer();
    change.set.push_back(Json::object({{"id", "x"}, {"n", sum + 1}}));
    return change;
  };
  ProjectionRig rig({reducing("a", count_of_both), reducing("b", count_of_both)});
  rig.run("any");
  rig.run("any");
  CHECK(rig.rows("a") == "{\"id\":\"x\",\"n\":3}\n");
  CHECK(rig.rows("b") == rig.rows("a"));
}

TEST_CASE("event_sourcing_db: preprocessors run in the order of models, each sees what the one before made") {
  std::vector<std::string> seen;
  const auto appending = [&seen](const std::string& name) {
    ModelDefinition definition = model_of(name);
    definition.preprocess = [&seen, name](ModelEvent& event, ReduceContext& context) -> Status {
      seen.push_back(name + ":" + event.type + context.cache().to_text());
      context.cache().push(name);
      if (event.type == "raw")
        event.type = "cooked";
      return {};
    };
    definition.reduce = [&seen, name](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
      seen.push_back(name + "!" + event.type + context.cache().to_text());
      return Change{};
    };
    return definition;
  };
  ModelDefinition only_raw = appending("a"), only_cooked = appending("b");
  only_raw.types = {"raw"};
  only_cooked.types = {"cooked"};
  ProjectionRig rig({std::move(only_raw), std::move(only_cooked), appending("c")});
  const auto outcome = rig.run("raw");
  CHECK(outcome.applied.event.type == "cooked");
  CHECK(seen == std::vector<std::string>{"a:rawnull", R"(b:cooked["a"])", R"(c:cooked["a","b"])",
                                         R"(b!cooked["a","b","c"])", R"(c!cooked["a","b","c"])"});
}

TEST_CASE("event_sourcing_db: a preprocessor must leave the event its place and a type") {
  ModelDefinition definition = model_of("a");
  definition.preprocess = [](ModelEvent& event, ReduceContext&) -> Status {
    if (event.data["moved"].truthy())
      event.position += 1;
    if (event.data["nameless"].truthy())
      event.type.clear();
    if (event.data["refused"].truthy())
      return fail(Errc::invalid_argument, "not today");
    return {};
  };
  ProjectionRig rig({std::move(definition)});
  CHECK(rig.failure("any", loose_json("{'moved':1}")) == "_preprocess_a: the event's position was changed");
  rig.projection().add_correction(1, {"any", R"({"nameless":1})"});
  CHECK(rig.apply().halted->error.message == "_preprocess_a: the event has no type any more");
  rig.projection().add_correction(1, {"any", R"({"refused":1})"});
  CHECK(rig.apply().halted->error.message == "_preprocess_a: not today");
}

TEST_CASE("projection: functions of models cannot change the event they are given, but for preprocessors") {
  using Definition = ModelDefinition;
  // A function that wants an event it may change is none of the kind.
  static_assert(!std::is_assignable_v<decltype(Definition::reduce)&, Result<Change> (*)(ModelEvent&, ReduceContext&)>);
  static_assert(!std::is_assignable_v<decltype(Definition::derive)&, Status (*)(ModelEvent&, DeriveContext&)>);
  static_assert(!std::is_assignable_v<decltype(Definition::transact)&, Status (*)(ModelEvent&, TransactContext&)>);
  static_assert(!std::is_assignable_v<decltype(Definition::apply)&, Status (*)(Change&, JsonModel&)>);
  // One that does not, is: so it is the event that was in the way above.
  static_assert(
      std::is_assignable_v<decltype(Definition::reduce)&, Result<Change> (*)(const ModelEvent&, ReduceContext&)>);
  static_assert(std::is_assignable_v<decltype(Definition::derive)&, Status (*)(const ModelEvent&, DeriveContext&)>);
  static_assert(std::is_assignable_v<decltype(Definition::transact)&, Status (*)(const ModelEvent&, TransactContext&)>);
  static_assert(std::is_assignable_v<decltype(Definition::apply)&, Status (*)(const Change&, JsonModel&)>);
  static_assert(std::is_assignable_v<decltype(Definition::preprocess)&, Status (*)(ModelEvent&, ReduceContext&)>);

  // All of them see what the preprocessors made of it.
  std::vector<std::string> seen;
  ModelDefinition looking = model_of("looking");
  looking.event_sourced = false;
  const auto look = [&seen](const ModelEvent& event) { seen.push_back(event.type + event.data.to_text()); };
  looking.preprocess = [](ModelEvent& event, ReduceContext&) -> Status {
    event.data.set("n", event.data["n"].integer() + 1);
    return {};
  };
  looking.reduce = [look](const ModelEvent& event, ReduceContext&) -> Result<Change> {
    look(event);
    return Change{};
  };
  looking.derive = [look](const ModelEvent& event, DeriveContext&) -> Status {
    look(event);
    return {};
  };
  looking.transact = [look](const ModelEvent& event, TransactContext&) -> Status {
    look(event);
    return {};
  };
  ProjectionRig rig({std::move(looking)});
  look(rig.run("any", loose_json("{'n':1}")).applied.event);
  CHECK(seen == std::vector<std::string>(4, R"(any{"n":2})"));
}

TEST_CASE("event_sourcing_db: preprocessors work on an event before it is stored, and again with the same outcome") {
  ModelDefinition definition = model_of("a");
  definition.preprocess = [](ModelEvent& event, ReduceContext& context) -> Status {
    if (event.type != "any")
      return {};
    const auto found = context.model("a").exists("x");
    if (!found)
      return found.error();
    if (event.data["known"].is_null())
      event.data.set("known", *found);
    return {};
  };
  ProjectionRig rig({std::move(definition)});
  rig.run(es_event("a", EsAction::set, "x", Json::object()));
  ModelEvent event;
  event.type = "any";
  event.data = Json::object();
  REQUIRE(rig.projection().preprocess(event).ok());
  CHECK(event.data.to_text() == R"({"known":true})");
  rig.run(es_event("a", EsAction::remove, "x"));
  CHECK(rig.run(event).applied.event.data.to_text() == R"({"known":true})");

  ModelEvent write = es_event("a", EsAction::insert, {}, loose_json("{'n':1}"));
  REQUIRE(rig.projection().preprocess(write).ok());
  CHECK(write.data["id"].is_string());
  ModelEvent wrong = es_event("a", EsAction::update, {}, loose_json("{'n':1}"));
  const Status refused = rig.projection().preprocess(wrong);
  CHECK(refused.code() == Errc::projection_failed);
  CHECK(refused.error().message == "_preprocess_a: a.update: there is no id");
}

TEST_CASE("event_sourcing_db: the error of each phase names the phase and the model") {
  const auto failing = [](const std::string& phase) {
    ModelDefinition definition = model_of("a");
    const auto said = [phase](const std::string& now) -> Status {
      return phase == now ? Status(fail(Errc::invalid_argument, "no")) : Status();
    };
    definition.preprocess = [said](ModelEvent&, ReduceContext&) { return said("preprocess"); };
    definition.reduce = [said](const ModelEvent&, ReduceContext&) -> Result<Change> {
      if (const Status status = said("reduce"); !status)
        return status.error();
      Change change;
      change.set.push_back(Json::object({{"id", "x"}}));
      return change;
    };
    definition.apply = [said](const Change&, JsonModel& model) -> Status {
      const auto stored = model.set(Json::object({{"id", "x"}}));
      return stored ? said("apply") : stored.error();
    };
    definition.derive = [said](const ModelEvent&, DeriveContext&) { return said("derive"); };
    definition.transact = [said](const ModelEvent&, TransactContext&) { return said("transact"); };
    return definition;
  };
  const std::vector<std::pair<std::string, std::string>> phases{{"preprocess", "_preprocess_a: no"},
                                                                {"reduce", "_reduce_a: no"},
                                                                {"apply", "_apply_apply a: no"},
                                                                {"derive", "_apply_derive a: no"},
                                                                {"transact", "_transact_a: no"}};
  for (const auto& wanted : phases) {
    CAPTURE(wanted.second);
    ProjectionRig rig({failing(wanted.first)});
    rig.log().add("context", "any");
    const auto progress = rig.apply();
    REQUIRE(progress.halted);
    CHECK(progress.halted->error.code == Errc::projection_failed);
    CHECK(progress.halted->error.message == wanted.second);
    CHECK(progress.halted->event_type == "any");
    CHECK(progress.halted->context_id == "context");
    CHECK(progress.halted->sequence == 1);
    CHECK(progress.halted->position == 1);
    // Nothing of a failed event is left.
    CHECK(rig.rows("a") == "");
    CHECK(rig.projection().events_applied() == 0);
  }
}

TEST_CASE("event_sourcing_db: the errors of all models are told, not the last one alone") {
  const auto refusing = [](const std::string& name) {
    return reducing(name, [name](const ModelEvent&, ReduceContext&) -> Result<Change> {
      return fail(Errc::not_found, "no " + name);
    });
  };
  ProjectionRig reducers({refusing("a"), obedient("b"), refusing("c")});
  CHECK(reducers.failure("any") == "_reduce_a: no a; _reduce_c: no c");
  const auto sad = [](const std::string& name) {
    return deriving(
        name, [name](const ModelEvent&, DeriveContext&) -> Status { return fail(Errc::not_found, "no " + name); });
  };
  ProjectionRig derivers({sad("a"), sad("b")});
  CHECK(derivers.failure("any") == "_apply_derive a: no a; _apply_derive b: no b");
}

TEST_CASE("event_sourcing_db: an exception fails the event, not the process") {
  ProjectionRig rig({reducing("a", [](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
    if (event.data["kind"].integer() == 1)
      throw std::runtime_error("thrown");
    if (event.data["kind"].integer() == 2)
      throw 5;
    (void)context.model("nowhere");
    return Change{};
  })});
  CHECK(rig.failure("any", loose_json("{'kind':1}")) == "_reduce_a: the function threw: thrown");
  rig.projection().add_correction(1, {"any", R"({"kind":2})"});
  CHECK(rig.apply().halted->error.message == "_reduce_a: the function threw what is no std::exception");
  rig.projection().add_correction(1, {"any", "{}"});
  CHECK(rig.apply().halted->error.message == "_reduce_a: the function threw: there is no model 'nowhere'");
}

TEST_CASE("event_sourcing_db: derivers may write any model, and see their own model's change") {
  ModelDefinition stock = deriving("stock", [](const ModelEvent& event, DeriveContext& context) -> Status {
    CHECK(context.result().empty());
    CHECK(context.has_model("orders"));
    CHECK_FALSE(context.has_model("nowhere"));
    const auto stored = context.model("orders").update(Json::object({{"id", event.data["id"]}, {"seen", true}}));
    return stored ? Status() : stored.error();
  });
  ModelDefinition orders = model_of("orders");
  orders.types = {"es/orders"};
  orders.derive = [](const ModelEvent& event, DeriveContext& context) -> Status {
    const auto stored =
        context.model("stock").set(Json::object({{"id", event.data["id"]}, {"changes", context.result().to_json()}}));
    return stored ? Status() : stored.error();
  };
  ProjectionRig rig({std::move(orders), std::move(stock)});
  rig.run(es_event("orders", EsAction::set, "o", loose_json("{'n':1}")));
  CHECK(rig.rows("orders") == "{\"id\":\"o\",\"n\":1,\"seen\":true}\n");
  CHECK(rig.rows("stock") == "{\"id\":\"o\",\"changes\":{\"ins\":[{\"id\":\"o\",\"n\":1}]}}\n");
}

TEST_CASE("event_sourcing_db: the reducer of a service comes before the one that every event-sourced model has") {
  ModelDefinition notes = model_of("notes");
  notes.types = {"cleared"};
  notes.reduce = [](const ModelEvent& event, ReduceContext&) -> Result<Change> {
    Change change;
    if (event.type == "cleared")
      change.rm.push_back(event.data["id"]);
    else if (event.data["data"]["loud"].truthy())
      change.set.push_back(Json::object({{"id", event.data["id"]}, {"text", "HEY"}}));
    else if (event.data["data"]["refused"].truthy())
      change.es_fail = "refused";
    return change;
  };
  ProjectionRig rig({std::move(notes)});
  rig.run(es_event("notes", EsAction::set, "a", loose_json("{'loud':1}")));
  rig.run(es_event("notes", EsAction::set, "b", loose_json("{'text':'hey'}")));
  CHECK(rig.rows("notes") == "{\"id\":\"a\",\"text\":\"HEY\"}\n{\"id\":\"b\",\"text\":\"hey\"}\n");
  CHECK(rig.run(es_event("notes", EsAction::set, "c", loose_json("{'refused':1}"))).es_fail.at("notes") == "refused");
  rig.run("cleared", loose_json("{'id':'a'}"));
  CHECK(rig.rows("notes") == "{\"id\":\"b\",\"text\":\"hey\"}\n");
}

TEST_CASE("event_sourcing_db: an event that reaches no function is not even parsed") {
  ModelDefinition definition = obedient("a");
  definition.types = {"wanted"};
  ProjectionRig rig({std::move(definition)}, {.all_wanted = false});
  rig.log().add("context", "unwanted", Json("no object"));
  CHECK_FALSE(rig.apply().halted);
  CHECK(rig.projection().events_applied() == 1);
  rig.log().add("context", "wanted", Json("no object"));
  CHECK(rig.apply().halted->error.message == "_payload: it is no JSON object");
}
