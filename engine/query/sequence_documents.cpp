// Documents of matches, fetched late: most events that may take part are in no match, and a LIMIT leaves few of those.
#include "engine/query/collector_sink.hpp"
#include "engine/query/order.hpp"
#include "engine/query/sequence_merge.hpp"
#include "engine/query/shard_scan.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <limits>
#include <utility>

namespace weir::query {
namespace {

/// A cell that holds the position of the event whose document it wants.
struct Wanted {
  Position position = 0;
  Value* cell = nullptr;
  Core document = Core::payload;

  friend bool operator<(const Wanted& a, const Wanted& b) noexcept {
    return a.position != b.position ? a.position < b.position : a.document < b.document;
  }
};

/// More of them at once would take more memory than rows; fewer would read a zone more often.
constexpr std::size_t positions_at_once = 65'536;

/// Events by their positions, as an ordinary query finds them.
class ByPosition {
public:
  ByPosition(std::vector<Value> positions, bool payloads, bool metadata) {
    EventSlots names(query_.fields);
    query_.predicate.require(Expr::one_of(Expr::field("position"), std::move(positions)), names, &query_.fields);
    query_.outputs.push_back(names.slot("position"));
    if (payloads)
      add_document(Core::payload);
    if (metadata)
      add_document(Core::metadata);
    query_.needed_columns = query_.fields.columns();
    query_.rows_max = query_.rows_kept = std::numeric_limits<std::uint64_t>::max();
  }

  /// Where an event has this document among its cells.
  [[nodiscard]] std::size_t cell_of(Core document) const { return cells_[static_cast<std::size_t>(document)]; }

  /// The events, by position.
  Result<std::deque<ResultRow>> find(std::span<const ShardView> views, const QueryControl& control,
                                     Pacer& pacer) const {
    ShardScan scan(target_of(query_), {views.begin(), views.end()}, control);
    CollectorSink sink(query_, control);
    QueryStats stats;
    WEIR_TRY(scan.work(sink, stats));
    std::deque<ResultRow> rows = std::move(sink).finish().rows;
    WEIR_TRY(sort_paced(
        rows, [](const ResultRow& a, const ResultRow& b) { return a.position < b.position; }, pacer));
    return rows;
  }

private:
  void add_document(Core document) {
    cells_[static_cast<std::size_t>(document)] = query_.outputs.size();
    query_.outputs.push_back(query_.fields.add({document, {}}));
  }

  CompiledQuery query_;
  std::array<std::size_t, core_names.size()> cells_{};
};

/// Fills in the documents of `wanted`, which ascend.
Status fetch(std::span<const Wanted> wanted, std::span<const ShardView> views, const QueryControl& control,
             Pacer& pacer) {
  std::vector<Value> positions;
  for (const Wanted& want : wanted) {
    if (positions.empty() || *positions.back().as_uint64() != want.position)
      positions.emplace_back(want.position);
  }
  const auto any_of = [&](Core document) {
    return std::any_of(wanted.begin(), wanted.end(), [=](const Wanted& want) { return want.document == document; });
  };
  const ByPosition events(std::move(positions), any_of(Core::payload), any_of(Core::metadata));
  auto found = events.find(views, control, pacer);
  if (!found)
    return std::move(found).error();
  ResultBudget budget(control);
  auto row = found->begin();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Wanted& want = wanted[i];
    while (row != found->end() && row->position < want.position)
      ++row;
    if (row == found->end() || row->position != want.position)
      return fail(Errc::corruption, "an event of a sequence was not found again", format("position {}", want.position));
    Value& document = row->cells[events.cell_of(want.document)];
    // Whoever wants it last gets what was found, and was counted then; all others a copy.
    if (i + 1 == wanted.size() || want < wanted[i + 1]) {
      WEIR_TRY(pacer.spend(1));
      *want.cell = std::move(document);
    } else {
      const std::uint64_t bytes = ValueView::of(document).text.size();
      WEIR_TRY(pacer.spend(1 + bytes / Watch::bytes_per_work));
      WEIR_TRY(budget.take(bytes));
      *want.cell = document;
    }
  }
  for (const ResultRow& left : *found)
    budget.give_back(bytes_of(left));
  return {};
}

} // namespace

Status fetch_documents(const CompiledSequence& query, std::span<const ShardView> views, const QueryControl& control,
                       std::vector<std::vector<Value>>& rows) {
  Pacer pacer(control);
  ResultBudget budget(control);
  const std::uint64_t wanted_bytes = rows.size() * query.documents.size() * sizeof(Wanted);
  WEIR_TRY(budget.take(wanted_bytes));
  std::vector<Wanted> wanted;
  wanted.reserve(rows.size() * query.documents.size());
  for (std::vector<Value>& row : rows) {
    for (const std::size_t column : query.documents) {
      WEIR_TRY(pacer.spend(1));
      Value& cell = row[column];
      wanted.push_back({*cell.as_uint64(), &cell, query.match->fields[query.match->outputs[column]].core});
    }
  }
  WEIR_TRY(sort_paced(wanted, std::less<>(), pacer));
  std::span<const Wanted> left = wanted;
  while (!left.empty()) {
    const std::span<const Wanted> some = left.first(std::min(left.size(), positions_at_once));
    WEIR_TRY(fetch(some, views, control, pacer));
    left = left.subspan(some.size());
  }
  budget.give_back(wanted_bytes);
  return {};
}

} // namespace weir::query
