#include "api/cli/rows.hpp"

#include "api/cli/table.hpp"
#include "engine/json/json.hpp"
#include "engine/time_text.hpp"

#include <algorithm>

namespace weir::cli {
namespace {

class JsonLines : public RowFormat {
public:
  explicit JsonLines(const std::vector<Column>& columns) {
    for (const Column& column : columns) {
      std::string key;
      json::append_string(key, column.name);
      keys_.push_back({key + ':', column.optional});
    }
  }

  void begin(std::string&) override {}
  void settle(std::string&) override {}

  void add(std::string& out, std::span<const Value> row) override {
    char before = '{';
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (keys_[i].optional && row[i].is_null())
        continue;
      out += before;
      out += keys_[i].name;
      if (const auto json = row[i].as_json())
        append_one_line(out, *json);
      else
        append_json(out, row[i]);
      before = ',';
    }
    out += before == '{' ? "{}\n" : "}\n";
  }

private:
  std::vector<Column> keys_; // Each name with its quotes and colon.
};

/// RFC 4180: CRLF, and quotes where they are needed. An empty text is "" and null is nothing, so they stay apart.
class Csv : public RowFormat {
public:
  explicit Csv(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void begin(std::string& out) override {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      out += i > 0 ? "," : "";
      append_field(out, columns_[i].name);
    }
    out += "\r\n";
  }
  void settle(std::string&) override {}

  void add(std::string& out, std::span<const Value> row) override {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += i > 0 ? "," : "";
      if (row[i].is_null())
        continue;
      field_.clear();
      append_text(field_, row[i]);
      append_field(out, field_);
    }
    out += "\r\n";
  }

private:
  static void append_field(std::string& out, std::string_view text) {
    if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
      out += text;
      return;
    }
    out += '"';
    for (const char c : text) {
      out += c;
      if (c == '"')
        out += c;
    }
    out += '"';
  }

  std::vector<Column> columns_;
  std::string field_;
};

} // namespace

void append_text(std::string& out, const Value& value) {
  if (value.is_null())
    return;
  if (const auto text = value.as_string())
    out += *text;
  else if (const auto time = value.as_timestamp())
    append_timestamp(out, *time);
  else
    append_json(out, value);
}

void append_one_line(std::string& out, std::string_view json) {
  const auto start = static_cast<std::ptrdiff_t>(out.size());
  out += json;
  std::replace_if(
      out.begin() + start, out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

std::unique_ptr<RowFormat> make_row_format(Format format, std::vector<Column> columns, std::size_t width) {
  switch (format) {
  case Format::table: return std::make_unique<Table>(std::move(columns), width);
  case Format::jsonl: return std::make_unique<JsonLines>(columns);
  case Format::csv: break;
  }
  return std::make_unique<Csv>(std::move(columns));
}

} // namespace weir::cli
