// The rows of a query in batches, in bounded memory.
//
// Purpose: an answer may be larger than memory. Rows in position order come in passes: each runs the query for so many
// rows behind the last one, so that what is held is one pass. As rows of a segment are not in that order, each pass
// looks at all zones that hold positions of its own; so passes ask for as many rows as their memory takes. Answers that
// must be known as a whole (ORDER BY, groups, sequences) are made by one run, bounded as any query is, and handed out
// in batches. Owner: whoever reads it. Threading: one thread at a time; its pin any. Invariants: all passes see the
// same views, which are dropped with the end, an error, the stream, or by the pin.
#pragma once

#include <weir/event.hpp>
#include <weir/limits.hpp>
#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/partial.hpp"
#include "engine/query/view_pin.hpp"
#include "engine/shard_view.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::query {

struct RowStreamBounds {
  std::uint64_t batch_rows_max = 1'024;
  std::uint64_t first_pass_rows = 65'536; ///< Of the first pass; later ones go by the memory that it took.
  std::uint64_t pass_rows_max = 4'194'304;
  std::uint64_t pass_bytes_max = 32 * MiB; ///< Memory of the rows of a pass.
};

class RowStream {
public:
  using Rows = std::vector<std::vector<Value>>;
  using Views = std::vector<ShardView>;
  struct PassRows {
    std::vector<ResultRow> rows; ///< By position.
    std::uint64_t bytes = 0;     ///< Memory that they took.
  };
  /// How the stream gets at rows. The deadline of both calls is that of the stream.
  struct Source {
    /// Runs the whole query.
    std::function<Result<QueryResult>(const Query& query, const Views& views)> run;
    /// Rows at `positions` alone: `too_large` if they take more than `bytes_max`.
    std::function<Result<PassRows>(const Query& query, const Views& views, const PositionWindow& positions,
                                   std::uint64_t bytes_max)>
        pass;
    /// Whether the stream goes on: asked before each batch.
    std::function<Status()> may_go_on;
  };

  /// Errors: as Query::validate().
  static Result<RowStream> make(Query query, Views views, const RowStreamBounds& bounds, Source source);

  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
  /// The next rows; empty at the end. Errors: those of the source, for good; `deadline_exceeded` once the pin was
  /// released.
  Result<Rows> next();
  /// Whoever enforces the deadline releases it then.
  [[nodiscard]] const std::shared_ptr<ViewPin>& pin() const noexcept { return pin_; }

private:
  RowStream(Query query, Views views, const RowStreamBounds& bounds, Source source)
      : query_(std::move(query)), pin_(std::make_shared<ViewPin>(std::move(views))), bounds_(bounds),
        source_(std::move(source)), pass_rows_(bounds.first_pass_rows) {}
  Status fill();
  Status run_pass(const Views& views);
  void fit_passes(std::uint64_t asked, std::uint64_t bytes);
  [[nodiscard]] Rows take_batch();

  Query query_;
  std::shared_ptr<ViewPin> pin_;
  RowStreamBounds bounds_;
  Source source_;
  std::vector<std::string> columns_;
  bool in_passes_ = false;
  std::uint64_t pass_rows_;  ///< That the next pass asks for.
  Position next_ = 0;        ///< Behind the last row found.
  std::uint64_t skip_ = 0;   ///< Rows still to be left out.
  std::uint64_t wanted_ = 0; ///< Rows still to be handed out.
  Rows rows_;                ///< Of the pass.
  std::size_t given_ = 0;    ///< How many of them were handed out.
  bool at_end_ = false;      ///< Nothing is behind rows_.
  std::optional<Error> error_;
};

} // namespace weir::query
