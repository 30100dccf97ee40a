// Random rows, searches and pages against what a plain loop over all rows finds.
#include "tests/engine/models/items.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <compare>
#include <map>
#include <random>

using namespace weir;
using test::column;
using test::Ids;
using test::Items;
using test::must;
using test::parsed;

namespace {

class Random {
public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t count) { return engine_() % count; }
  bool chance(std::uint64_t percent) { return below(100) < percent; }
  template <class T> const T& one_of(const std::vector<T>& values) { return values[below(values.size())]; }

private:
  std::mt19937_64 engine_;
};

// --- pages ---

// As SQLite sorts: NULL, numbers by their exact value, texts, blobs.
std::strong_ordering compare(std::int64_t integer, double real) {
  if (real >= 9223372036854775808.0)
    return std::strong_ordering::less;
  if (real < -9223372036854775808.0)
    return std::strong_ordering::greater;
  const auto whole = static_cast<std::int64_t>(real);
  if (integer != whole)
    return integer <=> whole;
  const double rest = real - static_cast<double>(whole);
  return rest > 0 ? std::strong_ordering::less : rest < 0 ? std::strong_ordering::greater : std::strong_ordering::equal;
}

std::strong_ordering compare(double left, double right) {
  return left < right   ? std::strong_ordering::less
         : left > right ? std::strong_ordering::greater
                        : std::strong_ordering::equal;
}

std::strong_ordering compare(const SqlValue& left, const SqlValue& right) {
  const auto kind = [](const SqlValue& value) { return value.index() == 2 ? 1 : value.index(); };
  if (kind(left) != kind(right))
    return kind(left) <=> kind(right);
  const auto* left_integer = std::get_if<std::int64_t>(&left);
  const auto* right_integer = std::get_if<std::int64_t>(&right);
  if (left_integer && right_integer)
    return *left_integer <=> *right_integer;
  if (left_integer)
    return compare(*left_integer, std::get<double>(right));
  if (right_integer)
    return 0 <=> compare(*right_integer, std::get<double>(left));
  if (const auto* real = std::get_if<double>(&left))
    return compare(*real, std::get<double>(right));
  if (const auto* text = std::get_if<std::string>(&left))
    return *text <=> std::get<std::string>(right);
  if (const auto* blob = std::get_if<SqlBlob>(&left))
    return blob->bytes <=> std::get<SqlBlob>(right).bytes;
  return std::strong_ordering::equal;
}

const std::vector<std::string> sortable = {"any", "text", "number", "flag", "list", "virtual", "sparse", "length"};

std::vector<Column> columns(ColumnType id) {
  Column any = column("any", ColumnType::blob, ColumnIndex::all);
  any.stringify = [](const Json& value) -> Result<SqlValue> {
    if (value.is_array())
      return SqlValue(SqlBlob{std::string(value.items()[0].string())});
    if (value.is_string())
      return SqlValue(std::string(value.string()));
    return value.is_integer() ? SqlValue(value.integer()) : SqlValue(value.number());
  };
  any.get = false;
  Column flag = column("flag", ColumnIndex::sparse);
  flag.falsy_bool = true;
  Column length = column("length");
  length.sql = "length(\"items\".\"text\")";
  return {column("id", id),
          std::move(any),
          column("text", ColumnType::text),
          column("number", ColumnType::numeric, ColumnIndex::sparse),
          std::move(flag),
          column("list", ColumnType::json),
          column("virtual"),
          column("sparse", ColumnIndex::sparse),
          std::move(length)};
}

const std::vector<Json> scalars = {0,
                                   1,
                                   2,
                                   -1,
                                   std::int64_t{INT64_MAX},
                                   std::int64_t{INT64_MIN},
                                   9007199254740993,
                                   1e300,
                                   -1e300,
                                   0.5,
                                   -0.5,
                                   1.25,
                                   "",
                                   "a",
                                   "b",
                                   "A",
                                   "1",
                                   "0.5",
                                   "\xc3\xa4",
                                   "\xe6\x97\xa5\xe6\x9c\xac",
                                   "\xf0\x9f\x98\x80",
                                   "ab",
                                   "a'b",
                                   "\"",
                                   "%_\\",
                                   "a\nb"};

Json random_value(Random& random, const std::string& name) {
  if (random.chance(25))
    return nullptr;
  if (name == "flag")
    return random.chance(50);
  if (name == "list")
    return Json::array({random.one_of(scalars), random.chance(50)});
  if (name == "text")
    return random.one_of(std::vector<Json>(scalars.begin() + 12, scalars.end()));
  if (name == "any" && random.chance(20))
    return Json::array({random.one_of(std::vector<Json>{"", "a", "b", std::string("a\0b", 3)})});
  if (name == "any" && random.chance(20))
    return random.one_of(
        std::vector<Json>{1.7976931348623157e308, -1.7976931348623157e308, 5e-324, 9223372036854775808.0});
  return random.one_of(scalars);
}

struct Row {
  std::string id; // As a literal.
  std::map<std::string, SqlValue> values;
};

// The rows as SQLite has them, in no order. What a JSON text says is for SQLite to read, so it is asked.
std::vector<Row> rows_of(const Items& items) {
  std::vector<Row> rows;
  const auto found = must(items.database().all(
      R"(SELECT id, "any", text, number, json_extract(json, '$.flag') AS flag, list,
                json_extract(json, '$.virtual') AS virtual, json_extract(json, '$.sparse') AS sparse,
                length(text) AS length FROM items)"));
  for (const SqlRow& row : found) {
    Row made{.id = sql_literal(row["id"]), .values = {{"id", row["id"]}}};
    for (const std::string& name : sortable)
      made.values[name] = row[name];
    rows.push_back(std::move(made));
  }
  return rows;
}

bool comes_before(const Row& left, const Row& right, const std::vector<SortKey>& sort) {
  for (const auto& [name, descending] : sort) {
    const auto order = compare(left.values.at(name), right.values.at(name));
    if (order != 0)
      return descending ? order > 0 : order < 0;
  }
  return compare(left.values.at("id"), right.values.at("id")) < 0;
}

std::vector<std::string> ids_of(const std::vector<Json>& items) {
  std::vector<std::string> found;
  for (const Json& item : items)
    found.push_back(item["id"].is_string() ? sql_literal(std::string(item["id"].string()))
                                           : sql_literal(item["id"].integer()));
  return found;
}

using Names = std::vector<std::string>;

void walk_there_and_back(const Items& items, Random& random, const Json& attributes, SearchOptions options,
                         const Names& expected) {
  Names seen;
  SearchResult found;
  do {
    options.cursor = found.cursor;
    options.limit = 1 + random.below(7);
    CHECK(must(items->count(attributes, options)) == expected.size() - seen.size());
    found = must(items->search(attributes, options));
    REQUIRE((!found.items.empty() || expected.empty()));
    REQUIRE(found.total == expected.size());
    REQUIRE(found.previous_cursor.empty() == seen.empty());
    const Names page = ids_of(found.items);
    seen.insert(seen.end(), page.begin(), page.end());
    REQUIRE(found.cursor.empty() == (seen.size() >= expected.size()));
  } while (!found.cursor.empty());
  REQUIRE(seen == expected);

  Names again = ids_of(found.items);
  while (!found.previous_cursor.empty()) {
    options.cursor = found.previous_cursor;
    options.limit = 1 + random.below(7);
    CHECK(must(items->count(attributes, options)) == expected.size() - again.size());
    found = must(items->search(attributes, options));
    REQUIRE(!found.items.empty());
    REQUIRE(found.total == expected.size());
    REQUIRE(!found.cursor.empty());
    const Names page = ids_of(found.items);
    again.insert(again.begin(), page.begin(), page.end());
    REQUIRE(found.previous_cursor.empty() == (again.size() >= expected.size()));
  }
  REQUIRE(again == expected);
}

// --- attributes ---

Json object_of(Random& random, int id) {
  Json object = Json::object({{"id", id}});
  const std::vector<Json> words = {1, 2, "a", "b", "A", "10%", "a_b", true, 0.5};
  for (const char* const name : {"virtual", "real", "text"})
    if (random.chance(75))
      object.set(name, random.one_of(words));
  if (random.chance(50))
    object.set("flag", random.one_of(std::vector<Json>{true, false, 0, 1, "", "x"}));
  if (random.chance(75)) {
    Json list = Json::array();
    for (auto left = random.below(4); left > 0; --left)
      list.push(random.one_of(words));
    object.set("list", std::move(list));
  }
  return object;
}

// true is 1 to SQLite.
bool same(const Json& left, const Json& right) {
  const auto plain = [](const Json& value) { return value.is_boolean() ? Json(value.boolean() ? 1 : 0) : value; };
  return plain(left) == plain(right);
}

bool is_in(const Json& value, const Json& list) {
  return std::any_of(list.items().begin(), list.items().end(), [&](const Json& item) { return same(item, value); });
}

std::string lower(std::string text) {
  for (char& letter : text)
    if (letter >= 'A' && letter <= 'Z')
      letter = static_cast<char>(letter - 'A' + 'a');
  return text;
}

bool meets(const Json& object, std::string_view name, const Json& wanted) {
  const auto any_of = [&](const Json& list) {
    return std::any_of(wanted.items().begin(), wanted.items().end(), [&](const Json& one) { return is_in(one, list); });
  };
  if (wanted.is_null() || (wanted.is_array() && wanted.size() == 0))
    return true;
  if (name == "flag")
    return object["flag"].truthy() == wanted.truthy();
  if (name == "in")
    return !object["virtual"].is_null() && is_in(object["virtual"], wanted);
  if (name == "has")
    return is_in(wanted, object["list"]);
  if (name == "any")
    return any_of(object["list"]);
  if (name == "all")
    return std::all_of(wanted.items().begin(), wanted.items().end(),
                       [&](const Json& one) { return is_in(one, object["list"]); });
  if (name == "part") {
    const Json& text = object["text"];
    if (text.is_null())
      return wanted.string().empty();
    const std::string in = text.is_boolean()  ? (text.boolean() ? "1" : "0")
                           : text.is_string() ? std::string(text.string())
                                              : text.to_text();
    return lower(in).find(lower(std::string(wanted.string()))) != std::string::npos;
  }
  return !object[name].is_null() && same(object[name], wanted);
}

Json wanted_of(Random& random, std::string_view name) {
  const std::vector<Json> words = {1, 2, "a", "b", "A", "10%", "a_b", true, 0.5, "none"};
  if (random.chance(10))
    return nullptr;
  if (name == "flag")
    return random.chance(50);
  if (name == "part")
    return random.one_of(std::vector<Json>{"", "a", "B", "%", "_", "1", "0.", "0%"});
  if (name == "in" || name == "any" || name == "all") {
    Json list = Json::array();
    for (auto left = random.below(4); left > 0; --left)
      list.push(random.one_of(words));
    return list;
  }
  return random.one_of(words);
}

} // namespace

TEST_CASE("json_model: pages of random sorts over random rows are the sorted rows, there and back") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const bool text_ids = seed % 2 == 0;
    const Items items(columns(text_ids ? ColumnType::text : ColumnType::integer));
    const auto count = static_cast<int>(random.below(60));
    must(items.database().transaction([&]() -> Status {
      for (int i = 0; i < count; ++i) {
        Json object =
            Json::object({{"id", text_ids ? Json("id" + std::to_string(random.below(1'000'000))) : Json(i * 3)}});
        for (const std::string& name : sortable)
          if (name != "length")
            object.set(name, random_value(random, name));
        must(items->set(object));
      }
      return {};
    }));
    const std::vector<Row> rows = rows_of(items);
    for (int search = 0; search < 15; ++search) {
      CAPTURE(search);
      SearchOptions options;
      for (auto keys = 1 + random.below(3); keys > 0; --keys)
        options.sort.push_back({.column = random.one_of(sortable), .descending = random.chance(50)});
      Json attributes;
      std::vector<Row> expected = rows;
      if (random.chance(30)) {
        attributes = Json::object({{"flag", true}});
        std::erase_if(expected, [](const Row& row) { return row.values.at("flag") == SqlValue(); });
      } else if (random.chance(30)) {
        options.where = {{.sql = "number IS NOT NULL AND text <> ?", .values = {std::string("a")}}};
        std::erase_if(expected, [](const Row& row) {
          return row.values.at("number") == SqlValue() || row.values.at("text") == SqlValue() ||
                 row.values.at("text") == SqlValue(std::string("a"));
        });
      }
      std::sort(expected.begin(), expected.end(),
                [&](const Row& left, const Row& right) { return comes_before(left, right, options.sort); });
      Names names;
      for (const Row& row : expected)
        names.push_back(row.id);
      walk_there_and_back(items, random, attributes, options, names);
    }
  }
}

TEST_CASE("json_model: a walk over random rows, some of which go meanwhile, has all that stay") {
  for (std::uint64_t seed = 101; seed <= 110; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const Items items(columns(ColumnType::integer));
    std::vector<std::int64_t> left;
    for (int i = 0; i < 50; ++i) {
      must(items->set(Json::object({{"id", i}, {"number", random_value(random, "number")}})));
      left.push_back(i);
    }
    Ids seen;
    SearchOptions options{.sort = {{.column = "number", .descending = random.chance(50)}}, .limit = 3};
    for (;;) {
      const auto found = must(items->search({}, options));
      const Ids page = test::ids(found.items);
      seen.insert(seen.end(), page.begin(), page.end());
      if (found.cursor.empty())
        break;
      options.cursor = found.cursor;
      // The row the cursor points behind, and any other.
      for (const std::int64_t gone : {page.back(), random.one_of(left)}) {
        must(items->remove(gone));
        std::erase(left, gone);
      }
    }
    for (const std::int64_t id : left)
      CHECK(std::count(seen.begin(), seen.end(), id) == 1);
    Ids once = seen;
    std::sort(once.begin(), once.end());
    CHECK(std::adjacent_find(once.begin(), once.end()) == once.end());
  }
}

TEST_CASE("json_model: random attributes find what a loop over all objects finds") {
  Column flag = column("flag"), in = column("in"), has = column("has"), any = column("any"), all = column("all"),
         part = column("part");
  flag.falsy_bool = true;
  in.path = "virtual", in.in = true;
  has.path = "list", has.is_array = true;
  any.path = "list", any.is_any_of_array = true;
  all.path = "list", all.in_all = true;
  part.path = "text", part.text_search = true;
  const std::vector<Column> made = {column("id", ColumnType::integer),
                                    column("virtual", ColumnIndex::sparse),
                                    column("real", ColumnType::blob, ColumnIndex::all),
                                    flag,
                                    in,
                                    has,
                                    any,
                                    all,
                                    part};
  const std::vector<std::string> names = {"virtual", "real", "flag", "in", "has", "any", "all", "part"};
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const Items items(made);
    std::vector<Json> objects;
    for (int id = 0; id < 80; ++id) {
      objects.push_back(object_of(random, id));
      must(items->set(objects.back()));
    }
    for (int search = 0; search < 150; ++search) {
      Json attributes = Json::object();
      for (auto count = random.below(3); count > 0; --count) {
        const std::string& name = random.one_of(names);
        attributes.set(name, wanted_of(random, name));
      }
      CAPTURE(attributes.to_text());
      Ids expected;
      for (const Json& object : objects)
        if (std::all_of(attributes.members().begin(), attributes.members().end(),
                        [&](const Json::Member& member) { return meets(object, member.first, member.second); }))
          expected.push_back(object["id"].integer());
      REQUIRE(test::ids(must(items->search_all(attributes, {.sort = {{"id"}}}))) == expected);
      REQUIRE(must(items->count(attributes)) == expected.size());
      REQUIRE(must(items->exists(attributes)) == !expected.empty());
    }
  }
}
