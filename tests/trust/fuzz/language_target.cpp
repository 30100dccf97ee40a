// Texts of the language from anywhere, as queries and as statements: what is refused is refused as such, what is read
// is valid and prints to a text that gives the same again. Parameters of all kinds stand ready for them.
#include "trust/fuzz/fuzz.hpp"

#include <weir/query.hpp>
#include <weir/statement.hpp>

using namespace weir;
using namespace weir::fuzz;

namespace {

void check_refusal(std::string_view text, const Error& error) {
  require(error.code == Errc::parse_error || error.code == Errc::too_large || error.code == Errc::invalid_argument,
          "a text is refused as such");
  (void)caret(text, error);
}

void check_query(std::string_view text, const QueryParameters& parameters) {
  const auto plan = parse_query(text, parameters);
  if (!plan)
    return check_refusal(text, plan.error());
  require(plan->validate().ok(), "a parsed plan is valid");
  const std::string printed = to_text(*plan);
  const auto again = parse_query(printed);
  // A name bound many times, or spelled out, may make the text longer than a text may be.
  if (!again && again.code() == Errc::too_large)
    return;
  require(again.ok() && *again == *plan, "a printed plan is read back");
  require(to_text(*again) == printed, "printing is a fixpoint");
}

void check_statement(std::string_view text, const QueryParameters& parameters) {
  const auto statement = parse_statement(text, parameters);
  if (!statement)
    return check_refusal(text, statement.error());
  const std::string printed = to_text(*statement);
  const auto again = parse_statement(printed);
  if (!again && again.code() == Errc::too_large)
    return;
  require(again.ok() && *again == *statement, "a printed statement is read back");
  require(to_text(*again) == printed, "printing is a fixpoint");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const QueryParameters given{{"it's", -3, Timestamp{}}, {{"n", 7}, {"json", JsonText{"{}"}}}};
  const std::string_view text = text_of(bytes, size);
  for (const QueryParameters& parameters :
       {QueryParameters{}, QueryParameters{given.positional, {}}, QueryParameters{{}, given.named}, given}) {
    check_query(text, parameters);
    check_statement(text, parameters);
  }
  return 0;
}
