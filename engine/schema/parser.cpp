// DEFINE: text to schema, one pass from left to right.
#include "engine/query/field.hpp"
#include "engine/query/lexer.hpp"
#include "engine/query/text_position.hpp"
#include "engine/text.hpp"

#include <weir/limits.hpp>
#include <weir/schema.hpp>

#include <algorithm>
#include <array>

namespace weir {
namespace schema {
namespace {

using query::Token;

constexpr std::array<std::string_view, 6> symbols = {"{", "}", "(", ")", ":", ","};

constexpr std::array kinds = {FieldKind::string, FieldKind::int64,     FieldKind::uint64, FieldKind::double_,
                              FieldKind::bool_,  FieldKind::timestamp, FieldKind::date,   FieldKind::enum_,
                              FieldKind::object, FieldKind::array};

class Parser {
public:
  explicit Parser(std::string_view text) : text_(text), lexer_(text, symbols) {}

  Result<Schema> run() {
    WEIR_TRY(advance());
    WEIR_TRY(keyword("DEFINE"));
    Schema schema;
    if (token_.kind == Token::Kind::string)
      schema.event_type = token_.string;
    else if (token_.kind == Token::Kind::word && is_bare(query::is_word_char))
      schema.event_type = token_.text;
    else
      return expected("an event type");
    const std::size_t type_offset = token_.offset;
    WEIR_TRY(advance());
    WEIR_TRY(keyword("FIELDS"));
    WEIR_TRY(object(schema.fields, schema.open, 1));
    if (token_.kind != Token::Kind::end)
      return expected("the end");
    // What is left to judge is sizes and characters, and of those the type's alone has no place yet.
    if (Status valid = schema.validate(); !valid) {
      Error error = std::move(valid).error();
      if (error.code != Errc::too_large)
        return query::parse_failure(text_, type_offset, std::move(error.message));
      return error;
    }
    return schema;
  }

private:
  Status advance() {
    auto token = lexer_.next();
    if (!token)
      return std::move(token).error();
    token_ = *std::move(token);
    return {};
  }

  [[nodiscard]] bool is_bare(bool (*allowed)(char) noexcept) const {
    return std::all_of(token_.text.begin(), token_.text.end(), allowed);
  }

  [[nodiscard]] Error at_token(std::string message) const {
    return query::parse_failure(text_, token_.offset, std::move(message));
  }

  [[nodiscard]] Error expected(std::string_view what) const {
    return at_token(format("expected {}, found {}", what,
                           token_.kind == Token::Kind::end ? "the end of the definition" : query::describe(token_)));
  }

  Status keyword(std::string_view word) { return token_.is_keyword(word) ? advance() : expected(word); }
  Status symbol(std::string_view symbol) {
    return token_.is_symbol(symbol) ? advance() : expected(format("'{}'", symbol));
  }

  /// `[OPEN] { name: type [OPTIONAL], ... }`
  Status object(std::vector<SchemaField>& fields, bool& open, std::size_t depth) {
    open = token_.is_keyword("OPEN");
    if (open)
      WEIR_TRY(advance());
    if (!token_.is_symbol("{"))
      return expected(open ? "'{'" : "'{' or OPEN");
    WEIR_TRY(advance());
    if (token_.is_symbol("}"))
      return advance();
    while (true) {
      WEIR_TRY(field(fields, depth));
      if (token_.is_symbol("}"))
        return advance();
      if (!token_.is_symbol(","))
        return expected(fields.back().optional ? "',' or '}'" : "',', '}' or OPTIONAL");
      WEIR_TRY(advance());
    }
  }

  Status field(std::vector<SchemaField>& fields, std::size_t depth) {
    std::string name = token_.string;
    if (token_.kind == Token::Kind::word) {
      if (!is_bare(query::is_segment_char))
        return at_token("a field's name of other characters than letters, digits and _ is put in quotes");
      name = token_.text;
    } else if (token_.kind != Token::Kind::string) {
      return expected("a field's name");
    }
    if (std::any_of(fields.begin(), fields.end(), [&](const SchemaField& other) { return other.name == name; }))
      return at_token(format("the field {} is there twice", query::shortened(token_.text)));
    if (fields.size() == limits::schema_fields_max)
      return at_token(format("an object has at most {} fields", limits::schema_fields_max));
    WEIR_TRY(advance());
    WEIR_TRY(symbol(":"));
    FieldType made;
    WEIR_TRY(type(made, depth));
    const bool optional = token_.is_keyword("OPTIONAL");
    if (optional)
      WEIR_TRY(advance());
    fields.emplace_back(std::move(name), std::move(made), optional);
    return {};
  }

  Status type(FieldType& out, std::size_t depth) {
    // Kinds are written small, keywords are compared with capitals.
    const auto* const kind = std::find_if(kinds.begin(), kinds.end(), [&](FieldKind each) {
      return token_.kind == Token::Kind::word && token_.text == to_string(each);
    });
    if (kind == kinds.end())
      return expected("a kind (string, int64, uint64, double, bool, timestamp, date, enum, object or array)");
    const bool nests = *kind == FieldKind::object || *kind == FieldKind::array;
    if (nests && depth == limits::schema_depth_max) // the recursion ends here, whatever the text
      return at_token(format("nested deeper than {} levels", limits::schema_depth_max));
    out.kind = *kind;
    WEIR_TRY(advance());
    switch (out.kind) {
    case FieldKind::enum_: return variants(out.variants);
    case FieldKind::object: return object(out.fields, out.open, depth + 1);
    case FieldKind::array:
      WEIR_TRY(symbol("("));
      WEIR_TRY(type(out.element.emplace_back(), depth + 1));
      return symbol(")");
    default: return {};
    }
  }

  Status variants(std::vector<std::string>& out) {
    WEIR_TRY(symbol("("));
    while (true) {
      if (token_.kind != Token::Kind::string)
        return expected("a variant in quotes");
      if (std::find(out.begin(), out.end(), token_.string) != out.end())
        return at_token(format("the variant {} is there twice", query::shortened(token_.text)));
      if (out.size() == limits::schema_variants_max)
        return at_token(format("an enum has at most {} variants", limits::schema_variants_max));
      out.push_back(token_.string);
      WEIR_TRY(advance());
      if (token_.is_symbol(")"))
        return advance();
      if (!token_.is_symbol(","))
        return expected("',' or ')'");
      WEIR_TRY(advance());
    }
  }

  std::string_view text_;
  query::Lexer lexer_;
  Token token_;
};

} // namespace
} // namespace schema

Result<Schema> parse_schema(std::string_view text) {
  if (text.size() > limits::schema_text_bytes_max)
    return fail(Errc::too_large,
                format("a definition of {} bytes, at most {} are allowed", text.size(), limits::schema_text_bytes_max));
  return schema::Parser(text).run();
}

} // namespace weir
