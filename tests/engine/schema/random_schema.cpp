#include "tests/engine/schema/random_schema.hpp"

#include "engine/json/json.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace weir::test {

namespace {

std::size_t pick(SchemaRandom& random, std::size_t end) {
  return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
}
bool chance(SchemaRandom& random, std::size_t one_in) {
  return pick(random, one_in) == 0;
}
template <std::size_t n> std::string one_of(SchemaRandom& random, const std::array<std::string_view, n>& texts) {
  return std::string(texts[pick(random, n)]);
}

constexpr std::array<std::string_view, 8> names = {"a", "b", "total", "OPTIONAL", "odd key", "d\"q", "x.y", "\u00e9"};
constexpr std::array<std::string_view, 5> variants = {"open", "paid", "it's", "", "a\\b"};

FieldType random_type(SchemaRandom& random, std::size_t depth);

std::vector<SchemaField> random_fields(SchemaRandom& random, std::size_t depth) {
  std::vector<SchemaField> fields;
  const std::size_t count = pick(random, 5);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = one_of(random, names);
    if (std::any_of(fields.begin(), fields.end(), [&](const SchemaField& field) { return field.name == name; }))
      continue;
    FieldType type = random_type(random, depth + 1);
    const bool optional = chance(random, 2);
    fields.emplace_back(name, std::move(type), optional);
  }
  return fields;
}

FieldType random_type(SchemaRandom& random, std::size_t depth) {
  const auto kind = static_cast<FieldKind>(pick(random, depth < 4 ? 10 : 8));
  switch (kind) {
  case FieldKind::enum_: {
    const std::size_t first = pick(random, variants.size() - 1);
    return FieldType::one_of({variants.begin() + first, variants.begin() + first + 2});
  }
  case FieldKind::object: {
    auto fields = random_fields(random, depth);
    const bool open = chance(random, 3);
    return FieldType::object(std::move(fields), open);
  }
  case FieldKind::array: return FieldType::array_of(random_type(random, depth + 1));
  default: return FieldType::of(kind);
  }
}

constexpr std::array<std::string_view, 4> strings = {R"("")", R"("x")", R"("\u00e9\n")", R"("2024-01-01x")"};
constexpr std::array<std::string_view, 5> integers = {"0", "-1", "9223372036854775807", "-9223372036854775808", "42"};
constexpr std::array<std::string_view, 4> naturals = {"0", "1", "18446744073709551615", "9223372036854775808"};
constexpr std::array<std::string_view, 5> doubles = {"0", "-1.5", "1e300", "1.0", "123456789012345678901234567890"};
constexpr std::array<std::string_view, 2> bools = {"true", "false"};
constexpr std::array<std::string_view, 4> times = {R"("2024-02-29T23:59:59Z")", R"("0001-01-01T00:00:00.123456+00:00")",
                                                   "0", "1700000000000"};
constexpr std::array<std::string_view, 3> dates = {R"("2024-02-29")", R"("0001-01-01")", R"("9999-12-31")"};
constexpr std::array<std::string_view, 6> anything = {"null", "[1,{\"a\":[]}]", "{\"a\":{\"b\":null}}",
                                                      "1",    "\"s\"",          "false"};

/// What cannot be of a kind, whatever else the schema says.
std::string wrong_value(FieldKind kind, SchemaRandom& random) {
  constexpr std::array<std::string_view, 4> no_string = {"true", "1", "{}", "[]"};
  constexpr std::array<std::string_view, 5> no_int64 = {"9223372036854775808", "1.0", "1e3", "\"1\"", "-1.5"};
  constexpr std::array<std::string_view, 4> no_uint64 = {"-1", "18446744073709551616", "-0", "0.0"};
  constexpr std::array<std::string_view, 3> no_double = {"\"1.5\"", "true", "[1.5]"};
  constexpr std::array<std::string_view, 3> no_bool = {"\"true\"", "0", "{}"};
  constexpr std::array<std::string_view, 5> no_time = {R"("2024-02-30T00:00:00Z")", R"("2024-02-28")", "1.5",
                                                       "9999999999999999", "true"};
  constexpr std::array<std::string_view, 6> no_date = {R"("2023-02-29")",           R"("2024-1-1")",
                                                       R"("2024-01-01T00:00:00Z")", R"("0000-01-01")",
                                                       R"("2024-13-01")",           "20240101"};
  constexpr std::array<std::string_view, 4> no_variant = {"\"none\"", "1", "[\"open\"]", "true"};
  constexpr std::array<std::string_view, 3> no_object = {"[]", "\"{}\"", "7"};
  constexpr std::array<std::string_view, 3> no_array = {"{}", "\"[]\"", "7"};
  switch (kind) {
  case FieldKind::string: return one_of(random, no_string);
  case FieldKind::int64: return one_of(random, no_int64);
  case FieldKind::uint64: return one_of(random, no_uint64);
  case FieldKind::double_: return one_of(random, no_double);
  case FieldKind::bool_: return one_of(random, no_bool);
  case FieldKind::timestamp: return one_of(random, no_time);
  case FieldKind::date: return one_of(random, no_date);
  case FieldKind::enum_: return one_of(random, no_variant);
  case FieldKind::object: return one_of(random, no_object);
  case FieldKind::array: return one_of(random, no_array);
  }
  return {};
}

std::string spelled(const std::string& name) {
  const bool bare = std::all_of(name.begin(), name.end(),
                                [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; });
  if (bare)
    return name;
  std::string out = "\"";
  for (const char c : name)
    out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

/// Writes payloads; the `fault`-th place where something could be wrong is.
class Writer {
public:
  Writer(SchemaRandom& random, std::size_t fault) : random_(random), fault_(fault) {}

  void object(const std::vector<SchemaField>& fields, bool open, const std::string& path) {
    std::vector<const SchemaField*> order;
    for (const SchemaField& field : fields)
      order.push_back(&field);
    std::shuffle(order.begin(), order.end(), random_);
    out_ += '{';
    bool first = true;
    const auto name = [&](std::string_view text) {
      out_ += first ? "" : ", ";
      first = false;
      json::append_string(out_, text);
      out_ += ':';
    };
    if (open && chance(random_, 2)) {
      name("unknown");
      out_ += one_of(random_, anything);
    }
    if (!open && is_fault(path + ".unknown")) {
      name("unknown");
      out_ += one_of(random_, anything);
    }
    for (const SchemaField* field : order) {
      const std::string place = path + "." + spelled(field->name);
      if (field->optional) {
        const std::size_t left_out = pick(random_, 4);
        if (left_out == 0)
          continue;
        if (left_out == 1) {
          name(field->name);
          out_ += "null";
          continue;
        }
      } else if (is_fault(place)) {
        continue;
      }
      name(field->name);
      value(field->type, place);
    }
    out_ += '}';
  }

  std::string out_;
  std::size_t places_ = 0;
  std::string wrong_;

private:
  bool is_fault(const std::string& path) {
    if (places_++ != fault_)
      return false;
    wrong_ = path;
    return true;
  }

  void value(const FieldType& type, const std::string& path) {
    if (is_fault(path)) {
      out_ += wrong_value(type.kind, random_);
      return;
    }
    switch (type.kind) {
    case FieldKind::string: out_ += one_of(random_, strings); break;
    case FieldKind::int64: out_ += one_of(random_, integers); break;
    case FieldKind::uint64: out_ += one_of(random_, naturals); break;
    case FieldKind::double_: out_ += one_of(random_, doubles); break;
    case FieldKind::bool_: out_ += one_of(random_, bools); break;
    case FieldKind::timestamp: out_ += one_of(random_, times); break;
    case FieldKind::date: out_ += one_of(random_, dates); break;
    case FieldKind::enum_: json::append_string(out_, type.variants[pick(random_, type.variants.size())]); break;
    case FieldKind::object: object(type.fields, type.open, path); break;
    case FieldKind::array: {
      const std::size_t elements = pick(random_, 3);
      out_ += '[';
      for (std::size_t i = 0; i < elements; ++i) {
        out_ += i == 0 ? "" : ",";
        value(type.element.front(), path + "[" + std::to_string(i) + "]");
      }
      out_ += ']';
      break;
    }
    }
  }

  SchemaRandom& random_;
  std::size_t fault_;
};

std::vector<SchemaField>* random_object(std::vector<SchemaField>& fields, bool*& open, SchemaRandom& random) {
  for (SchemaField& field : fields)
    if (field.type.kind == FieldKind::object && chance(random, 2)) {
      open = &field.type.open;
      return random_object(field.type.fields, open, random);
    }
  return &fields;
}

} // namespace

Schema random_schema(SchemaRandom& random) {
  Schema schema;
  schema.event_type = chance(random, 2) ? "order_placed" : "it's odd";
  schema.fields = random_fields(random, 0);
  schema.open = chance(random, 4);
  return schema;
}

Schema changed_schema(const Schema& schema, SchemaRandom& random) {
  Schema changed = schema;
  bool* open = &changed.open;
  std::vector<SchemaField>& fields = *random_object(changed.fields, open, random);
  const std::size_t change = pick(random, 6);
  const std::size_t at = fields.empty() ? 0 : pick(random, fields.size());
  if (change == 0) {
    FieldType type = random_type(random, 3);
    const bool optional = !chance(random, 4);
    fields.emplace_back("new", std::move(type), optional);
  } else if (change == 1) {
    *open = !*open;
  } else if (!fields.empty() && change == 2) {
    fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(at));
  } else if (!fields.empty() && change == 3) {
    fields[at].optional = !fields[at].optional;
  } else if (!fields.empty() && change == 4 && fields[at].type.kind == FieldKind::enum_) {
    fields[at].type.variants.emplace_back("more");
  } else if (!fields.empty()) {
    fields[at].type = chance(random, 2) ? FieldType::of(FieldKind::string) : random_type(random, 3);
  }
  return changed;
}

std::string fitting_payload(const Schema& schema, SchemaRandom& random) {
  Writer writer(random, SIZE_MAX);
  writer.object(schema.fields, schema.open, "payload");
  return writer.out_;
}

std::optional<WrongPayload> wrong_payload(const Schema& schema, SchemaRandom& random) {
  const SchemaRandom from_here = random;
  Writer count(random, SIZE_MAX);
  count.object(schema.fields, schema.open, "payload");
  if (count.places_ == 0)
    return std::nullopt;
  const std::size_t fault = pick(random, count.places_);
  SchemaRandom again = from_here; // the same payload up to the fault
  Writer writer(again, fault);
  writer.object(schema.fields, schema.open, "payload");
  return WrongPayload{writer.out_, writer.wrong_};
}

} // namespace weir::test
