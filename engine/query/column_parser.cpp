#include "engine/query/column_parser.hpp"

#include "engine/query/check_plan.hpp"
#include "engine/query/column_names.hpp"
#include "engine/query/field.hpp"

namespace weir::query {

Result<ColumnUse> parse_column(TokenReader& in) {
  const Place place = in.place();
  if (in.token().kind != Token::Kind::word)
    return in.expected("a field or a column of the result");
  std::string name(in.token().text);
  const bool unique = in.token().is_keyword("COUNT") && in.peek().is_keyword("UNIQUE");
  if (unique) {
    WEIR_TRY(in.advance());
    name += " UNIQUE";
  }
  // A column may be called total, say: only a field behind it makes it an aggregate.
  const Token next = in.peek();
  const bool aggregate = next.kind == Token::Kind::word && parse_field(next.text) &&
                         parse_aggregate_name(name + " " + std::string(next.text));
  if (unique && !aggregate) {
    WEIR_TRY(in.advance());
    return in.expected("a field");
  }
  if (aggregate) {
    WEIR_TRY(in.advance());
    name += " ";
    name += in.token().text;
  }
  WEIR_TRY(in.advance());
  return ColumnUse{canonical_column(name), place};
}

Result<std::string> parse_query_field(TokenReader& in, const Query& query, bool whole_too) {
  if (in.token().kind != Token::Kind::word)
    return in.expected("a field");
  std::string name = canonical_column(in.token().text);
  if (auto status = check_field(query, name, whole_too); !status)
    return in.at_token(status.error().message);
  WEIR_TRY(in.advance());
  return name;
}

} // namespace weir::query
