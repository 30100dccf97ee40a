// The same objects, and every write is an event. docs/guides/from-events-to-models.md quotes from it.
#include <weir/engine.hpp>
#include <weir/event_sourcing_db.hpp>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

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
  weir::Engine engine = must(weir::Engine::open(argc > 1 ? argv[1] : "data"));

  weir::ModelDefinition test;
  test.model.name = "test";
  test.model.columns = {{.name = "id", .type = weir::ColumnType::integer},
                        {.name = "count", .index = weir::ColumnIndex::all}};
  auto db = must(weir::EventSourcingDB::open(engine, {.models = {test}}));

  weir::ESModel& model = *db->model("test");
  must(model.set(Json::object({{"id", 5}, {"name", "hi"}, {"count", 3}})));
  const auto found = must(model.search(Json::object({{"count", 3}})));
  for (const Json& item : found.items)
    std::cout << item.to_text() << '\n';

  const auto events = must(db->queue().search());
  for (const weir::QueuedEvent& event : events)
    std::cout << event.v << ' ' << event.type << ' ' << event.data.to_text() << '\n';

  const bool as_expected = found.items == std::vector<Json>{Json::object({{"id", 5}, {"name", "hi"}, {"count", 3}})};
  return as_expected && events.size() == 1 && events[0].data["data"]["count"].integer() == 3 ? 0 : 1;
}
