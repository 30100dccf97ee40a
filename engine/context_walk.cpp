#include "engine/context_walk.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace weir {

namespace {

/// Contexts in order; the text of current() lives until next().
class Contexts {
public:
  virtual ~Contexts() = default;
  [[nodiscard]] virtual bool at_end() const = 0;
  [[nodiscard]] virtual std::string_view current() const = 0;
  virtual Status next() = 0;
};

class ContextsOfMemtables final : public Contexts {
public:
  ContextsOfMemtables(const std::vector<MemtableView>& memtables, std::string_view prefix) {
    for (const MemtableView& memtable : memtables) {
      const auto sorted = memtable.sorted();
      std::string_view last;
      for (EventView event; sorted->next(event);) // the bytes live as long as the memtable
        if (event.context_id != last) {
          last = event.context_id;
          if (last.starts_with(prefix))
            names_.emplace_back(last);
        }
    }
    std::sort(names_.begin(), names_.end());
    names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
  }
  [[nodiscard]] bool at_end() const override { return at_ == names_.size(); }
  [[nodiscard]] std::string_view current() const override { return names_[at_]; }
  Status next() override {
    ++at_;
    return {};
  }

private:
  std::vector<std::string> names_;
  std::size_t at_ = 0;
};

class ContextsOfSegment final : public Contexts {
public:
  ContextsOfSegment(std::shared_ptr<const SegmentReader> segment, std::string_view prefix)
      : segment_(std::move(segment)), prefix_(prefix) {}

  /// Goes to the first context with the prefix.
  Status start() {
    const auto zones = segment_->zones();
    if (!zones)
      return zones.error();
    zones_ = zones->size();
    // The last zone that begins before the prefix may hold the first context that has it.
    std::size_t low = 0, high = prefix_.empty() ? 0 : zones_;
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      WEIR_TRY(read(middle));
      if (rows_->row(0).context_id < prefix_)
        low = middle + 1;
      else
        high = middle;
    }
    WEIR_TRY(read(low == 0 ? 0 : low - 1));
    while (!at_end_ && here() < prefix_)
      WEIR_TRY(step());
    take();
    return {};
  }
  [[nodiscard]] bool at_end() const override { return at_end_; }
  [[nodiscard]] std::string_view current() const override { return current_; }
  Status next() override {
    while (!at_end_ && here() == current_)
      WEIR_TRY(step());
    take();
    return {};
  }

private:
  [[nodiscard]] std::string_view here() const { return rows_->row(row_).context_id; }
  Status read(std::size_t zone) {
    zone_ = zone;
    row_ = 0;
    if (zone == zones_) {
      at_end_ = true;
      return {};
    }
    auto rows = segment_->read_zone(zone, column_context);
    if (!rows)
      return rows.error();
    rows_ = std::move(*rows);
    return {};
  }
  Status step() { return ++row_ < rows_->rows() ? Status() : read(zone_ + 1); }
  void take() {
    at_end_ = at_end_ || !here().starts_with(prefix_);
    if (!at_end_)
      current_ = here();
  }

  std::shared_ptr<const SegmentReader> segment_;
  std::string_view prefix_;
  std::size_t zones_ = 0, zone_ = 0;
  std::uint32_t row_ = 0;
  std::shared_ptr<const ZoneRows> rows_; // of zone_
  std::string current_;
  bool at_end_ = false;
};

} // namespace

Status walk_contexts(std::vector<ShardView> views, std::string_view prefix,
                     const std::function<Status(std::string_view)>& visit) {
  std::vector<std::unique_ptr<Contexts>> sources;
  for (ShardView& view : views) {
    sources.push_back(std::make_unique<ContextsOfMemtables>(view.memtables, prefix));
    view.memtables.clear();
    for (const auto& segment : *view.segments) {
      auto source = std::make_unique<ContextsOfSegment>(segment, prefix);
      WEIR_TRY(source->start());
      sources.push_back(std::move(source));
    }
  }
  std::string smallest;
  while (true) {
    std::erase_if(sources, [](const auto& each) { return each->at_end(); });
    if (sources.empty())
      return {};
    smallest = (*std::min_element(sources.begin(), sources.end(), [](const auto& a, const auto& b) {
                 return a->current() < b->current();
               }))->current();
    for (const auto& each : sources)
      if (each->current() == smallest)
        WEIR_TRY(each->next());
    WEIR_TRY(visit(smallest));
  }
}

} // namespace weir
