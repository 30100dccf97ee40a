#include "engine/snapshots/snapshots.hpp"

#include "engine/io/ask_lane.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <utility>

namespace weir {

Snapshots::Snapshots(std::unique_ptr<SnapshotFile> file, std::function<std::shared_ptr<io::Lane>()> make_lane,
                     PositionOf position_of, std::function<void(std::string)> warn)
    : file_(std::move(file)), make_lane_(std::move(make_lane)), position_of_(std::move(position_of)),
      warn_(std::move(warn)) {
}

template <class Answer> auto Snapshots::ask(Answer&& answer) {
  std::call_once(lane_made_, [this] { lane_ = make_lane_(); });
  return io::ask_lane(*lane_, [&] {
    auto reply = answer();
    if (auto warning = file_->take_warning())
      warn_(std::move(*warning));
    return reply;
  });
}

Status Snapshots::save(std::string_view context_id, Sequence sequence, std::string_view state,
                       std::string_view schema_tag) {
  const auto position = position_of_(context_id, sequence);
  if (!position)
    return position.error();
  if (!*position)
    return fail(Errc::not_found,
                format("context {} has no event {} that a snapshot could stand on", context_id, sequence),
                std::string(context_id));
  return ask([&] { return file_->write(context_id, schema_tag, sequence, **position, state, position_of_); });
}

Result<std::optional<SnapshotRow>> Snapshots::load(std::string_view context_id, std::string_view schema_tag) {
  auto row = ask([&] { return file_->read(context_id, schema_tag); });
  if (row.code() == Errc::closing)
    return row;
  if (!row) {
    warn_(format("a snapshot could not be read, the replay begins at the first event: {}", to_string(row.error())));
    return std::optional<SnapshotRow>();
  }
  if (!*row || sabotaged(Sabotage::believe_snapshot_of_lost_events))
    return row;
  const auto position = position_of_(context_id, (*row)->sequence);
  if (!position)
    return position.error();
  if (*position != (*row)->position)
    return std::optional<SnapshotRow>();
  return row;
}

Result<bool> Snapshots::copy_to(io::FileSystem& to, const std::string& path, const std::function<Status()>& may_go_on) {
  constexpr int pages = 64; // a fraction of a millisecond of the lane's time
  std::unique_ptr<sqlite::Copy> copy;
  WEIR_TRY(ask([&]() -> Status {
    auto begun = file_->begin_copy(to, path);
    if (!begun)
      return begun.error();
    copy = std::move(*begun);
    return {};
  }));
  if (copy == nullptr)
    return false;
  while (true) {
    const Status going = may_go_on();
    auto done = ask([&]() -> Result<bool> {
      auto stepped = going ? copy->step(pages) : Result<bool>(going.error());
      if (!stepped || *stepped)
        copy.reset(); // it belongs to the lane
      return stepped;
    });
    if (!done || *done)
      return done;
  }
}

Status Snapshots::remove(std::string_view context_id) {
  return ask([&] { return file_->remove(context_id); });
}

} // namespace weir
