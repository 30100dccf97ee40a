// A service whose events have a schema that changes: docs/guides/evolving-events.md quotes from it.
#include <weir/engine.hpp>

#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

namespace {

[[noreturn]] void give_up(const weir::Error& error) {
  std::cerr << to_string(error) << '\n';
  std::exit(1);
}

void define_history(weir::Engine& engine) {
  // Oldest first, each time the service starts: what is defined already changes nothing.
  for (const char* definition : {
           "DEFINE order_placed FIELDS { customer: string, total: int64, status: enum('open', 'paid') }",
           "DEFINE order_placed FIELDS { customer: string, total: int64, status: enum('open', 'paid', 'sent'),"
           " note: string OPTIONAL }",
       })
    if (auto version = engine.define_schema(definition); !version)
      give_up(version.error());
}

void define_built(weir::Engine& engine) {
  using enum weir::FieldKind;
  const auto line = weir::FieldType::object({{"sku", string}, {"count", uint64}});
  weir::Schema shipped{"order_shipped", {{"parcel", string}, {"on", date}, {"lines", weir::FieldType::array_of(line)}}};
  auto version = engine.define_schema(shipped);
  if (!version)
    give_up(version.error());
  std::cout << to_text(shipped) << " is version " << *version << '\n';
}

void register_upcasters(weir::Engine& engine) {
  // Version 2 had a total in cents, and everybody paid in euros; version 3 says so.
  const auto with_currency = [](std::string_view payload) -> weir::Result<std::string> {
    const std::string_view field = R"("total": )";
    const std::size_t at = payload.find(field);
    if (at == std::string_view::npos)
      return weir::fail(weir::Errc::invalid_argument, "an order without a total");
    std::string made(payload);
    return made.insert(at, R"("currency": "EUR", )");
  };
  if (auto registered = engine.register_upcasters("order_placed", {{2, with_currency}}); !registered)
    give_up(registered.error());
  auto version = engine.define_schema("DEFINE order_placed FIELDS { customer: string, total: int64, currency: string,"
                                      " status: enum('open', 'paid', 'sent'), note: string OPTIONAL }");
  if (!version)
    give_up(version.error());
}

void read_as_of_today(const weir::Engine& engine) {
  auto stream = engine.replay("order-42");
  auto batch = stream ? stream->next() : stream.error();
  if (!batch)
    give_up(batch.error());
  for (const weir::EventView& event : *batch)
    std::cout << event.payload << ", stored under version " << event.schema_version << '\n';
}

weir::Event order(const std::string& payload) {
  return {.context_id = "order-42", .event_type = "order_placed", .payload = payload};
}

void store_and_be_refused(weir::Engine& engine) {
  if (auto stored = engine.store(order(R"({"customer": "c-7", "total": 12, "status": "open"})")); !stored)
    give_up(stored.error());
  auto refused = engine.store(order(R"({"customer": "c-7", "total": 12.5, "status": "open"})"));
  if (refused.code() == weir::Errc::schema_violation)
    std::cout << refused.error().where << ": " << refused.error().message << '\n';
}

void change_what_cannot_change(weir::Engine& engine) {
  auto refused = engine.define_schema("DEFINE order_placed FIELDS { customer: string, total: double }");
  if (refused.code() == weir::Errc::incompatible)
    std::cout << refused.error().where << ": " << refused.error().message << '\n';
}

} // namespace

int main(int argc, char** argv) {
  auto engine = weir::Engine::open(argc > 1 ? argv[1] : "orders");
  if (!engine)
    give_up(engine.error());
  define_history(*engine);
  define_built(*engine);
  store_and_be_refused(*engine);
  change_what_cannot_change(*engine);
  register_upcasters(*engine);
  read_as_of_today(*engine);
}
