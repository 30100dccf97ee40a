#include <weir/replay_stream.hpp>

#include "engine/replay_cursor.hpp"
#include "engine/replay_pump.hpp"

namespace weir {

ReplayStream::ReplayStream(std::unique_ptr<ReplayCursor> cursor) : cursor_(std::move(cursor)) {
}
ReplayStream::ReplayStream(ReplayStream&&) noexcept = default;
ReplayStream& ReplayStream::operator=(ReplayStream&&) noexcept = default;
ReplayStream::~ReplayStream() = default;

Result<EventBatch> ReplayStream::next() {
  return cursor_->next();
}

void ReplaySubscription::request(std::uint64_t batches) {
  pump_->request(batches);
}

void ReplaySubscription::cancel() {
  pump_->cancel();
}

} // namespace weir
