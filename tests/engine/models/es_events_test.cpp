#include "engine/models/change_apply.hpp"
#include "engine/models/es_events.hpp"
#include "tests/engine/models/projection_rig.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

/// A database with one model, and its rules.
struct Rules {
  explicit Rules(JsonModelOptions options) {
    auto made = ModelDatabase::create({});
    REQUIRE_MESSAGE(made.ok(), why(made));
    database = *std::move(made);
    auto added = database->add_model(std::move(options));
    REQUIRE_MESSAGE(added.ok(), why(added));
    model = *added;
    rules.emplace(*model);
  }

  /// What the preprocessor makes of a write, or why it refuses it.
  [[nodiscard]] std::string prepared(EsAction action, Json id, Json object = {},
                                     std::optional<EsPlace> place = EsPlace{7, 0}) const {
    Json data = es_event(model->name(), action, std::move(id), std::move(object)).data;
    const Status done = rules->preprocess(data, place);
    return done ? data.to_text() : done.error().message;
  }
  [[nodiscard]] std::string id_of(EsAction action, Json id, Json object, std::optional<EsPlace> place) const {
    Json data = es_event(model->name(), action, std::move(id), std::move(object)).data;
    const Status done = rules->preprocess(data, place);
    return done ? data["id"].to_text() : done.error().message;
  }
  [[nodiscard]] EsChange reduced(EsAction action, Json id, Json object = {}) const {
    Json data = es_event(model->name(), action, std::move(id), std::move(object)).data;
    const Status done = rules->preprocess(data, EsPlace{7, 0});
    REQUIRE_MESSAGE(done.ok(), why(done));
    auto change = rules->reduce(data);
    REQUIRE_MESSAGE(change.ok(), why(change));
    return *std::move(change);
  }
  [[nodiscard]] std::string changed(EsAction action, Json id, Json object = {}) const {
    return reduced(action, std::move(id), std::move(object)).change.to_json().to_text();
  }
  void store(const std::string& object) const {
    const auto stored = model->set(loose_json(object));
    REQUIRE_MESSAGE(stored.ok(), why(stored));
  }

  std::unique_ptr<ModelDatabase> database;
  JsonModel* model = nullptr;
  std::optional<EsRules> rules;
};

JsonModelOptions with_integer_id(std::string name) {
  JsonModelOptions options;
  options.name = std::move(name);
  options.columns.push_back({.name = "id", .type = ColumnType::integer});
  return options;
}

const auto text_ids = [] {
  JsonModelOptions options;
  options.name = "notes";
  return options;
};

} // namespace

TEST_CASE("es_model: an event creator makes the event of a write, and does not send it") {
  const ModelEvent event = es_event("notes", EsAction::save, "a", loose_json("{'n':1}"), loose_json("{'by':'me'}"));
  CHECK(event.type == "es/notes");
  CHECK(event.data.to_text() == R"({"action":"save","id":"a","data":{"n":1},"meta":{"by":"me"}})");
  CHECK(event.position == 0);
  CHECK(es_event("notes", EsAction::remove, "a").data.to_text() == R"({"action":"remove","id":"a"})");
  CHECK(es_event("notes", EsAction::remove, "a", {}, "why").data.to_text() ==
        R"({"action":"remove","id":"a","meta":"why"})");
  CHECK(es_init_type("notes") == "es/INIT:notes");
}

TEST_CASE("es_model: the preprocessor leaves the id in one place, and a second time changes nothing") {
  const Rules notes(text_ids());
  for (const EsAction action : {EsAction::set, EsAction::insert, EsAction::update, EsAction::save}) {
    const std::string name(to_string(action));
    const std::string wanted = R"({"action":")" + name + R"(","id":"a","data":{"n":1}})";
    CHECK(notes.prepared(action, {}, loose_json("{'id':'a','n':1}")) == wanted);
    CHECK(notes.prepared(action, "a", loose_json("{'id':'a','n':1}")) == wanted);
    CHECK(notes.prepared(action, "a", loose_json("{'id':null,'n':1}")) == wanted);
    CHECK(notes.prepared(action, "a", loose_json("{'n':1}")) == wanted);
  }
  CHECK(notes.prepared(EsAction::remove, "a") == R"({"action":"remove","id":"a"})");
}

TEST_CASE("es_model: an id is what its column has: whole numbers become texts of a text id, nothing else does") {
  const Rules notes(text_ids());
  CHECK(notes.id_of(EsAction::set, 5, Json::object(), {}) == R"("5")");
  CHECK(notes.id_of(EsAction::set, 5'000'000'000, Json::object(), {}) == R"("5000000000")");
  CHECK(notes.id_of(EsAction::set, "", Json::object(), {}) == R"("")");
  CHECK(notes.id_of(EsAction::set, 0, Json::object(), {}) == R"("0")");
  CHECK(notes.id_of(EsAction::set, true, Json::object(), {}).find("neither a text nor an integer") !=
        std::string::npos);
  CHECK(notes.id_of(EsAction::set, 1.5, Json::object(), {}).find("neither") != std::string::npos);
  const Rules items(with_integer_id("items"));
  CHECK(items.id_of(EsAction::set, 0, Json::object(), {}) == "0");
  CHECK(items.id_of(EsAction::set, 4.0, Json::object(), {}) == "4");
  CHECK(items.id_of(EsAction::set, "5", Json::object(), {}).find("no integer") != std::string::npos);
  CHECK(items.prepared(EsAction::set, 1, loose_json("{'id':2}")).find("but that of the object 2") != std::string::npos);
}

TEST_CASE("es_model: a new object gets the next integer") {
  const Rules items(with_integer_id("items"));
  CHECK(items.id_of(EsAction::insert, {}, Json::object(), {}) == "1");
  items.store("{'id':41}");
  CHECK(items.id_of(EsAction::set, {}, Json::object(), {}) == "42");
  CHECK(items.id_of(EsAction::save, {}, Json::object(), EsPlace{9, 9}) == "42");
}

TEST_CASE("es_model: a new object gets the text that the id column computes") {
  JsonModelOptions options = text_ids();
  options.columns.push_back({.name = "id", .value = [](const Json& object, const JsonModel&) -> Result<Json> {
                               return object["name"].is_null() ? Json() : Json("by-" + object["name"].to_text());
                             }});
  const Rules notes(std::move(options));
  CHECK(notes.prepared(EsAction::set, {}, loose_json("{'name':5}")) ==
        R"({"action":"set","id":"by-5","data":{"name":5}})");
  CHECK(notes.id_of(EsAction::set, "own", loose_json("{'name':5}"), {}) == R"("own")");
}

TEST_CASE("es_model: a new object gets a slug that is free, and whoever takes it meanwhile is not replaced") {
  JsonModelOptions options = text_ids();
  options.columns.push_back({.name = "id", .slug_value = [](const Json& object, const JsonModel&) -> Result<Json> {
                               return object["title"];
                             }});
  const Rules notes(std::move(options));
  CHECK(notes.prepared(EsAction::set, {}, loose_json("{'title':'A Title'}")) ==
        R"({"action":"insert","id":"a-title","data":{"title":"A Title"}})");
  notes.store("{'id':'a-title'}");
  CHECK(notes.id_of(EsAction::set, {}, loose_json("{'title':'A Title'}"), {}) == R"("a-title-2")");
  CHECK(notes.id_of(EsAction::save, {}, loose_json("{'title':'A Title'}"), EsPlace{1, 0}) == R"("a-title-2")");
  // Of nothing a slug is made up; while an event is applied always the same one.
  CHECK(notes.id_of(EsAction::set, {}, Json::object(), EsPlace{1, 0}) ==
        notes.id_of(EsAction::set, {}, Json::object(), EsPlace{1, 0}));
  CHECK(notes.id_of(EsAction::set, {}, Json::object(), {}) != notes.id_of(EsAction::set, {}, Json::object(), {}));
}

TEST_CASE("es_model: an id that is made while an event is applied is the same in every rebuild") {
  const Rules notes(text_ids());
  const auto made = [&](std::uint64_t position, std::uint64_t ordinal) {
    return notes.id_of(EsAction::insert, {}, Json::object(), EsPlace{position, ordinal});
  };
  CHECK(made(7, 1) == made(7, 1));
  CHECK(made(7, 1) != made(7, 2));
  CHECK(made(7, 1) != made(8, 1));
  const std::string id = made(7, 1);
  CHECK(id.size() == 38);
  CHECK(id[15] == '8');
  CHECK(notes.id_of(EsAction::insert, {}, Json::object(), {}) != notes.id_of(EsAction::insert, {}, Json::object(), {}));
}

TEST_CASE("es_model: before it is stored a new object gets the text of make_id") {
  JsonModelOptions options = text_ids();
  options.make_id = [] { return std::string("made"); };
  const Rules notes(std::move(options));
  CHECK(notes.id_of(EsAction::insert, {}, Json::object(), {}) == R"("made")");
}

TEST_CASE("es_model: a write that makes no sense is refused with what is wrong") {
  const Rules notes(text_ids());
  const auto refused = [&](const std::string& data) {
    Json write = loose_json(data);
    const Status done = notes.rules->preprocess(write, EsPlace{7, 0});
    REQUIRE_FALSE(done.ok());
    CHECK(done.code() == Errc::invalid_argument);
    return done.error().message;
  };
  CHECK(refused("[1,2]") == "the data of a write is no object");
  CHECK(refused("{}").find("'action' is none of remove") == 0);
  CHECK(refused("{'action':1,'id':'a','data':{}}").find("'action' is none of") == 0);
  CHECK(refused("{'action':'SET','id':'a','data':{}}").find("'action' is none of") == 0);
  CHECK(refused("{'action':'set','id':'a','data':{},'more':1}") == "unknown member 'more'");
  CHECK(refused("{'action':'set','id':'a'}") == "'data' is no object");
  CHECK(refused("{'action':'set','id':'a','data':[]}") == "'data' is no object");
  CHECK(refused("{'action':'remove','id':'a','data':{}}") == "'data' has no place in a removal");
  CHECK(refused("{'action':'remove'}") == "notes.remove: there is no id");
  CHECK(refused("{'action':'update','data':{'n':1}}") == "notes.update: there is no id");
  CHECK(refused("{'action':'set','id':[],'data':{}}").find("the id is neither") == 0);
}

TEST_CASE("es_model: set makes a new object, or names the least that differs") {
  const Rules notes(text_ids());
  CHECK(notes.changed(EsAction::set, "a", loose_json("{'n':1,'o':{'x':1,'y':2}}")) ==
        R"({"ins":[{"id":"a","n":1,"o":{"x":1,"y":2}}]})");
  notes.store("{'id':'a','n':1,'o':{'x':1,'y':2},'l':[1,2]}");
  // No difference, whatever the order of members.
  CHECK(notes.changed(EsAction::set, "a", loose_json("{'l':[1,2],'o':{'y':2,'x':1},'n':1.0}")) == "{}");
  CHECK(notes.changed(EsAction::set, "a", loose_json("{'n':2,'o':{'x':1,'y':2},'l':[1,2]}")) ==
        R"({"upd":[{"id":"a","n":2}]})");
  // What is missing is taken away; what is nested is replaced whole.
  CHECK(notes.changed(EsAction::set, "a", loose_json("{'o':{'x':1},'l':[1,2]}")) ==
        R"({"upd":[{"id":"a","o":{"x":1},"n":null}]})");
  CHECK(notes.changed(EsAction::set, "a", Json::object()) == R"({"upd":[{"id":"a","n":null,"o":null,"l":null}]})");
}

TEST_CASE("es_model: null over a member that is not there is recorded though nothing changes") {
  const Rules notes(text_ids());
  notes.store("{'id':'a','n':1}");
  CHECK(notes.changed(EsAction::update, "a", loose_json("{'gone':null}")) == R"({"upd":[{"id":"a","gone":null}]})");
  CHECK(notes.changed(EsAction::update, "a", loose_json("{'n':null}")) == R"({"upd":[{"id":"a","n":null}]})");
}

TEST_CASE("es_model: insert of what is there and update of what is not are failures, no errors") {
  const Rules notes(text_ids());
  notes.store("{'id':'a','n':1}");
  CHECK(notes.changed(EsAction::insert, "a", loose_json("{'n':1}")) == R"({"es_fail":"EEXIST"})");
  CHECK(notes.changed(EsAction::insert, "b", loose_json("{'n':1}")) == R"({"ins":[{"id":"b","n":1}]})");
  CHECK(notes.changed(EsAction::update, "b", loose_json("{'n':1}")) == R"({"es_fail":"ENOENT"})");
  CHECK(notes.changed(EsAction::update, "a", loose_json("{'n':1}")) == "{}");
  CHECK(notes.changed(EsAction::update, "a", loose_json("{'m':2}")) == R"({"upd":[{"id":"a","m":2}]})");
  CHECK(notes.changed(EsAction::save, "a", loose_json("{'m':2}")) == R"({"upd":[{"id":"a","m":2}]})");
  CHECK(notes.changed(EsAction::save, "b", loose_json("{'m':2}")) == R"({"ins":[{"id":"b","m":2}]})");
  CHECK(es_failure("notes", "set", "a", "EEXIST").message == "notes.set a: EEXIST");
  CHECK(es_failure("notes", "set", 5, "EEXIST").code == Errc::condition_failed);
  CHECK(es_failure("notes", "update", 5, "ENOENT").code == Errc::not_found);
}

TEST_CASE("es_model: remove takes an object away, of a missing one nothing changes") {
  const Rules notes(text_ids());
  notes.store("{'id':'a'}");
  CHECK(notes.changed(EsAction::remove, "a") == R"({"rm":["a"]})");
  CHECK(notes.changed(EsAction::remove, "b") == "{}");
}

TEST_CASE("es_model: what comes back by itself is no difference when a set leaves it out") {
  JsonModelOptions options = text_ids();
  options.columns.push_back({.name = "level", .default_value = Json(3)});
  options.columns.push_back({.name = "twice", .value = [](const Json& object, const JsonModel&) -> Result<Json> {
                               return Json(object["n"].integer() * 2);
                             }});
  options.columns.push_back({.name = "bag", .type = ColumnType::json, .always_object = true});
  const Rules notes(std::move(options));
  notes.store("{'id':'a','n':1}");
  CHECK(notes.changed(EsAction::set, "a", loose_json("{'n':1}")) == "{}");
  notes.store("{'id':'a','n':1,'level':4}");
  const std::string changed = notes.changed(EsAction::set, "a", loose_json("{'n':1}"));
  CHECK(changed.find("\"level\":null") != std::string::npos);
}

TEST_CASE("es_model: the object as a change leaves it is what the change, applied member by member, gives") {
  constexpr unsigned seed = 20'260'122;
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](unsigned limit) { return static_cast<int>(random() % limit); };
  const auto some_object = [&](const std::string& id) {
    Json object = Json::object({{"id", id}});
    for (const char* const key : {"a", "b", "c", "real"})
      switch (below(5)) {
      case 0: object.set(key, below(3)); break;
      case 1: object.set(key, Json::object({{"x", below(2)}})); break;
      case 2: object.set(key, nullptr); break;
      default: break;
      }
    return object;
  };
  JsonModelOptions options = text_ids();
  options.columns.push_back({.name = "real", .type = ColumnType::json});
  const Rules by_member(options), whole(options);
  for (int step = 0; step < 400; ++step) {
    const std::string id(1, static_cast<char>('a' + below(4)));
    const auto action = static_cast<EsAction>(below(5));
    const Json object = action == EsAction::remove ? Json() : some_object(id);
    const EsChange change = by_member.reduced(action, id, object);
    const EsChange same = whole.reduced(action, id, object);
    REQUIRE(change.change.to_json() == same.change.to_json());
    const Status applied = apply_change(change.change, *by_member.model);
    REQUIRE_MESSAGE(applied.ok(), why(applied));
    if (same.whole) {
      REQUIRE(whole.model->set(*same.whole).ok());
    } else {
      REQUIRE(apply_change(same.change, *whole.model).ok());
    }
    const auto left = by_member.model->all(), right = whole.model->all();
    REQUIRE(left.ok());
    REQUIRE(right.ok());
    REQUIRE(*left == *right);
  }
}
