// Definitions from anywhere, and payloads from anywhere: a schema prints to a text that gives the same schema and the
// same text, may follow itself, and says of any payload that it fits or where it does not.
#include "trust/fuzz/fuzz.hpp"

#include "engine/json/json.hpp"
#include "engine/schema/checker.hpp"
#include "engine/schema/evolution.hpp"

#include <weir/query.hpp>
#include <weir/schema.hpp>

#include <algorithm>

using namespace weir;
using namespace weir::fuzz;

namespace {

/// Two versions and a payload: a payload that fits one fits whatever may follow it.
void check_payload(const Schema& schema, const Result<Schema>& next, std::string_view payload) {
  const Status fits = schema::check_payload({schema, 1}, payload);
  const bool valid = json::validate_object(payload, "payload").ok() && json::trim(payload).size() == payload.size();
  if (!fits) {
    require(fits.code() == Errc::schema_violation || (!valid && fits.code() == Errc::invalid_argument),
            "a payload is refused as such");
    require(fits.error().where.starts_with("payload"), "a violation names its path");
  }
  if (valid && fits.ok() && next.ok() && schema::check_evolution(schema, *next).ok())
    require(schema::check_payload({*next, 2}, payload).ok(), "what fits a version fits the next one");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  // Up to three lines of their own: a definition, the next one, a payload.
  std::string_view rest = text_of(bytes, size);
  const auto part = [&] {
    const std::size_t end = std::min(rest.find('\x1e'), rest.size());
    const std::string_view taken = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return taken;
  };
  const std::string_view text = part();
  const auto schema = parse_schema(text);
  if (!schema) {
    require(schema.code() == Errc::parse_error || schema.code() == Errc::too_large, "a text is refused as such");
    (void)caret(text, schema.error());
    return 0;
  }
  require(schema->validate().ok(), "a parsed schema is valid");
  const std::string printed = to_text(*schema);
  const auto again = parse_schema(printed);
  require(again.ok() && to_text(*again) == printed, "a printed schema is read back, and printing is a fixpoint");
  require(schema::same_meaning(*schema, *again), "a printed schema means the same");
  const auto next = parse_schema(part());
  check_payload(*schema, next, part());
  check_payload(*schema, next, R"({"a":1})");
  return 0;
}
