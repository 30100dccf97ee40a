#include "engine/io/manual_clock.hpp"
#include "engine/models/text_ids.hpp"
#include "tests/engine/models/model_support.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

using namespace weir;
using namespace weir::test;

namespace {

ModelFixture titled(bool real, std::function<std::string()> make_id = {}) {
  JsonModelOptions options =
      items({{.name = "slug",
              .type = real ? ColumnType::text : ColumnType::none,
              .slug_value = [](const Json& object, const JsonModel&) -> Result<Json> { return object["title"]; },
              .index = ColumnIndex::automatic,
              .unique = true}});
  options.make_id = std::move(make_id);
  return ModelFixture(std::move(options));
}

std::string slug_of(const Result<Json>& stored) {
  REQUIRE_MESSAGE(stored.ok(), why(stored));
  return std::string((*stored)["slug"].string("none"));
}

} // namespace

TEST_CASE("json_model: slugify makes a part of an address of any text") {
  for (const auto& each : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"Straße & Söhne", "strasse-sohne"},
           {"I'm (ok) ~x_y.z", "i-m-ok-x-y.z"},
           {"ab日本cd", "ab-cd"},
           {"日本", ""},
           {"...", ""},
           {"", ""},
           {"  Hello,  World!  ", "hello-world"},
           {"a.b!c*d", "a.b!c*d"},
           {".a!", "a"},
           {"ÆØŁß æøł", "aeolss-aeol"},
           {"Crème Brûlée", "creme-brulee"},
           {"Cre\u0300me", "creme"},
           {"ĲŒ Đđ Þ", "ijoe-dd-th"},
           {"Ệ ǅ ẞ", "e-dz-ss"},
           {"a---b - c", "a-b-c"},
           {"100% sure?", "100-sure"},
           {"012345678901234567890123456789x", "012345678901234567890123456789"},
           {"01234567890123456789012345678 9", "01234567890123456789012345678"},
           {"a\xff\xfe\x62", "a-b"},
           {"a\xe2\x82", "a"},
           {"\xf0\x9f\x98\x80 smile", "smile"}})
    CHECK_MESSAGE(slugify(each.first) == each.second, each.first);
}

TEST_CASE("json_model: a slug that is taken gets the next number") {
  for (const bool real : {true, false}) {
    ModelFixture f = titled(real);
    for (const char* const slug : {"hello", "hello-2", "hello-3", "hello-4", "hello-5", "hello-6", "hello-7"})
      CHECK(slug_of(f->set(parsed(R"({"title":"Hello"})"))) == slug);
    CHECK(slug_of(f->set(parsed(R"({"title":"hello 2"})"))) == "hello-2-2");
    CHECK(slug_of(f->set(parsed(R"({"title":"x","slug":"mine"})"))) == "mine");
  }
}

TEST_CASE("json_model: an object keeps its slug, and is itself not in its way") {
  ModelFixture f = titled(true);
  CHECK(slug_of(f->set(parsed(R"({"id":"a","title":"Hello"})"))) == "hello");
  CHECK(slug_of(f->update(parsed(R"({"id":"a","title":"Changed"})"))) == "hello");
  CHECK(slug_of(f->set(parsed(R"({"id":"a","title":"Hello"})"))) == "hello");
  CHECK(slug_of(f->set(parsed(R"({"id":"b","title":"Hello"})"))) == "hello-2");
}

TEST_CASE("json_model: a slug may be the id") {
  ModelFixture f(items({{.name = "id", .slug_value = [](const Json& object, const JsonModel&) -> Result<Json> {
                           return object["title"];
                         }}}));
  CHECK(text(f->set(parsed(R"({"title":"Hello"})"))) == R"({"id":"hello","title":"Hello"})");
  CHECK(text(f->set(parsed(R"({"title":"Hello"})"))) == R"({"id":"hello-2","title":"Hello"})");
  CHECK(text(f->set(parsed(R"({"id":"hello","x":1})"))) == R"({"id":"hello","x":1})");
  CHECK(text(f->set(parsed(R"({"id":"","x":1})"))) == R"({"id":"","x":1})");
}

TEST_CASE("json_model: a slug is made of a text, a number, or the first text of an object") {
  ModelFixture f = titled(true, [] { return std::string("random"); });
  CHECK(slug_of(f->set(parsed(R"({"title":5})"))) == "5");
  CHECK(slug_of(f->set(parsed(R"({"title":{"en":"","n":1,"de":"Straße","fr":"Rue"}})"))) == "strasse");
}

TEST_CASE("json_model: of nothing the slug is random, never empty") {
  int made = 0;
  ModelFixture f = titled(true, [&] { return std::string("random").append(std::to_string(++made)); });
  for (const char* const title : {"null", "\"\"", "\"日本\"", "\"...\"", "[]", "{}", "true"}) {
    Json object = parsed(std::string(R"({"title":)") + title + "}");
    const std::string slug = slug_of(f->set(object.set("id", title)));
    CHECK(slug == std::string("random").append(std::to_string(made)));
  }
  ModelFixture g = titled(true);
  const std::string first = slug_of(g->set(parsed(R"({"title":"日本"})")));
  const std::string second = slug_of(g->set(parsed(R"({"title":"日本"})")));
  CHECK(first.size() == 12);
  CHECK(first == slugify(first));
  CHECK(first != second);
}

TEST_CASE("json_model: finding a slug and taking it is one transaction, which joins a running one") {
  ModelFixture f = titled(true);
  must(f.database->transaction([&]() -> Status {
    CHECK(slug_of(f->set(parsed(R"({"title":"Hello"})"))) == "hello");
    CHECK(slug_of(f->set(parsed(R"({"title":"Hello"})"))) == "hello-2");
    return {};
  }));
  CHECK(f->set(parsed(R"({"title":"Hello","slug":"hello"})")).code() == Errc::condition_failed);
  CHECK(slug_of(f->set(parsed(R"({"title":"Hello"})"))) == "hello-3");
}

TEST_CASE("json_model: time-based ids ascend when the clock stands still or goes back, and show only the time") {
  const Timestamp start{std::chrono::seconds(1'700'000'000)};
  auto clock = std::make_unique<io::ManualClock>(start);
  io::ManualClock& time = *clock;
  TextIds ids(std::move(clock), io::make_seeded_random(1));
  std::string last = ids.next();
  CHECK(last.substr(0, 15) == "018bcfe5-6800-7");
  for (int i = 0; i < 1'000; ++i) {
    if (i == 300)
      time.advance(std::chrono::seconds(5));
    if (i == 600)
      time.set_now(start);
    std::string next = ids.next();
    CHECK(last < next);
    last = std::move(next);
  }
  CHECK(ids.letters(12).size() == 12);
}
