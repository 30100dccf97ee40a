// Objects in a table of their own: a model without events. docs/guides/from-events-to-models.md quotes from it.
#include <weir/json_model.hpp>
#include <weir/model_database.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

namespace {

template <class T> T must(weir::Result<T> result) {
  if (result)
    return std::move(result).value();
  std::cerr << to_string(result.error()) << '\n';
  std::exit(1);
}

} // namespace

int main(int argc, char** argv) {
  using weir::Json;
  const std::string directory = argc > 1 ? argv[1] : "data";
  std::filesystem::create_directories(directory);

  auto db = must(weir::ModelDatabase::create({.file = directory + "/objects.db"}));
  weir::JsonModel& docs = *must(db->add_model({
      .name = "docs",
      .columns = {{.name = "id", .type = weir::ColumnType::integer},
                  {.name = "count", .index = weir::ColumnIndex::all}},
  }));

  must(docs.set(Json::object({{"id", 5}, {"name", "hi"}, {"count", 3}})));
  const auto found = must(docs.search(Json::object({{"count", 3}})));
  for (const Json& item : found.items)
    std::cout << item.to_text() << '\n'; // {"id":5,"name":"hi","count":3}

  const bool as_expected = found.items == std::vector<Json>{Json::object({{"id", 5}, {"name", "hi"}, {"count", 3}})};
  return as_expected ? 0 : 1;
}
