#include <weir/query_stream.hpp>

#include "engine/query/row_stream.hpp"

#include <utility>

namespace weir {

Status QueryStreamOptions::validate() const {
  if (batch_rows_max == 0)
    return fail(Errc::invalid_argument, "a batch has at least one row", "batch_rows_max");
  if (pass_bytes_max < 1 * MiB)
    return fail(Errc::invalid_argument, "a pass takes at least 1 MiB", "pass_bytes_max");
  return {};
}

QueryStream::QueryStream(std::unique_ptr<query::RowStream> rows, std::shared_ptr<std::atomic<bool>> cancel)
    : rows_(std::move(rows)), cancel_(std::move(cancel)) {
}
QueryStream::QueryStream(QueryStream&&) noexcept = default;
QueryStream& QueryStream::operator=(QueryStream&&) noexcept = default;
QueryStream::~QueryStream() = default;

const std::vector<std::string>& QueryStream::columns() const noexcept {
  return rows_->columns();
}

Result<std::vector<std::vector<Value>>> QueryStream::next() {
  return rows_->next();
}

void QueryStream::cancel() noexcept {
  cancel_->store(true);
}

} // namespace weir
