#include "api/cli/table.hpp"

#include "api/cli/printable.hpp"

#include <algorithm>
#include <numeric>

namespace weir::cli {
namespace {

bool is_number(const Value& value) {
  return value.as_double().has_value();
}

std::string cell_text(const Value& value) {
  std::string text;
  append_text(text, value);
  if (value.as_json()) {
    std::string line;
    append_one_line(line, text);
    text = std::move(line);
  }
  return printable(text);
}

} // namespace

Table::Table(std::vector<Column> columns, std::size_t width) : width_max_(width) {
  for (const Column& column : columns)
    names_.push_back(printable(column.name));
  numeric_.assign(names_.size(), true);
}

void Table::add(std::string& out, std::span<const Value> row) {
  Cells cells;
  for (std::size_t i = 0; i < row.size(); ++i) {
    cells.push_back(cell_text(row[i]));
    if (!settled_ && !row[i].is_null() && !is_number(row[i]))
      numeric_[i] = false;
  }
  if (settled_) {
    append_line(out, cells);
    return;
  }
  held_.push_back(std::move(cells));
  if (held_.size() == rows_measured)
    settle(out);
}

void Table::settle(std::string& out) {
  if (settled_)
    return;
  settled_ = true;
  choose_widths();
  Cells heading = names_;
  append_line(out, heading);
  Cells rule;
  for (const std::size_t width : widths_)
    rule.emplace_back(width, '-');
  append_line(out, rule);
  for (Cells& cells : held_)
    append_line(out, cells);
  held_ = {};
}

void Table::choose_widths() {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    std::size_t width = display_width(names_[i]);
    for (const Cells& cells : held_)
      width = std::max(width, display_width(cells[i]));
    widths_.push_back(width);
  }
  if (width_max_ == 0 || widths_.empty())
    return;
  // The widest column gives way until the line fits, or until all are as narrow as is of use.
  std::size_t total = std::accumulate(widths_.begin(), widths_.end(), gap * (widths_.size() - 1));
  while (total > width_max_) {
    const auto widest = std::max_element(widths_.begin(), widths_.end());
    if (*widest <= column_width_min)
      break;
    --*widest;
    --total;
  }
}

void Table::append_line(std::string& out, Cells& cells) const {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::string& cell = cells[i];
    if (width_max_ > 0)
      cut_to_width(cell, std::max<std::size_t>(widths_[i], 1));
    const std::size_t width = display_width(cell);
    const std::size_t padding = width < widths_[i] ? widths_[i] - width : 0;
    const bool last = i + 1 == cells.size();
    if (numeric_[i])
      out.append(padding, ' ');
    out += cell;
    if (!last)
      out.append((numeric_[i] ? 0 : padding) + gap, ' ');
  }
  out.erase(out.find_last_not_of(' ') + 1); // Of an empty last cell.
  out += '\n';
}

} // namespace weir::cli
