#include "actors/engine_parts.hpp"

#include "actors/merge.hpp"
#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <utility>

namespace weir {

void HealthBoard::warn(std::string what) {
  std::lock_guard lock(mutex_);
  warnings_.push_back(std::move(what));
  if (warnings_.size() > kept)
    warnings_.pop_front();
}

std::vector<std::string> HealthBoard::warnings() const {
  std::lock_guard lock(mutex_);
  return {warnings_.begin(), warnings_.end()};
}

void RetentionBook::load(RetentionRecord record) {
  const std::lock_guard lock(mutex_);
  record_ = std::move(record);
}

RetentionRecord RetentionBook::record() const {
  const std::lock_guard lock(mutex_);
  return record_;
}

Status RetentionBook::set(CatalogStore& catalog, RetentionRecord record) {
  WEIR_TRY(catalog.set_retention(record));
  load(std::move(record));
  return {};
}

void ShardParts::fail(const Error& why) {
  std::lock_guard lock(mutex_);
  if (!failure_)
    failure_ = why;
  failed_.store(true);
}

std::optional<Error> ShardParts::failure() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

void ShardParts::when_idle(std::function<void()> idle) {
  std::lock_guard lock(mutex_);
  when_idle_ = std::move(idle);
  idle_awaited_.store(true);
}

std::function<void()> ShardParts::take_when_idle() {
  std::lock_guard lock(mutex_);
  idle_awaited_.store(false);
  return std::exchange(when_idle_, nullptr);
}

void EngineParts::give_up_stores(const std::string& why) {
  if (stopping.load())
    return;
  for (const auto& shard : shards)
    if (shard->table)
      shard->log->give_up(weir::fail(Errc::shard_failed, format("shard {} takes no stores since {}", shard->id, why)));
}

void EngineParts::reserve_positions() {
  if (!reserving_.exchange(true))
    flush_lane->post([this] { reserve_positions_now(); });
}

void EngineParts::reserve_positions_now() {
  const Position until = positions->next_reservation();
  if (const Status reserved = catalog->reserve_positions(until); !reserved) {
    health.warn(format("positions could not be reserved, trying again: {}", to_string(reserved.error())));
    flush_lane->post_after(std::chrono::milliseconds(100), [this] { reserve_positions_now(); });
    positions_blocked_.store(reserved.code() == Errc::disk_full);
    if (positions_blocked())
      poke_all(); // stores that wait for positions are refused
    return;
  }
  positions_blocked_.store(false);
  positions->reserved(until);
  reserving_.store(false);
  poke_all();
}

namespace {

Result<WrittenSegment> write_segment(EngineParts& parts, ShardParts& shard,
                                     const std::shared_ptr<const Memtable>& memtable) {
  kill_point("flush.begin");
  const auto sorted = MemtableView(memtable).sorted();
  // A number is used for one file only: whatever a failed attempt left behind can never be taken for the next.
  const auto meta = parts.segments->write(shard.id, shard.next_segment++, *sorted);
  if (!meta)
    return meta.error();
  auto reader = parts.segments->open(*meta);
  if (!reader) {
    static_cast<void>(parts.segments->remove(*meta).ok()); // the catalog has never heard of it
    return std::move(reader).error();
  }
  return WrittenSegment{*meta, *std::move(reader)};
}

Status publish_segment(EngineParts& parts, ShardParts& shard, const std::shared_ptr<const Memtable>& memtable) {
  const SegmentMeta& meta = shard.unpublished->meta;
  const std::uint64_t cut = memtable->last_record() + (sabotaged(Sabotage::cut_one_record_too_many) ? 1 : 0);
  const std::uint64_t first_file = shard.log->first_file_after(cut);
  kill_point("flush.before_catalog");
  if (sabotaged(Sabotage::cut_log_before_commit))
    shard.log->cut(first_file);
  WEIR_TRY(parts.catalog->publish_segment(meta, cut, first_file));
  kill_point("flush.after_catalog");
  shard.flushed_bytes.fetch_add(meta.file_bytes, std::memory_order_relaxed);
  shard.flushes.fetch_add(1, std::memory_order_relaxed); // before those who wait are answered
  if (parts.options.segment_bytes_max != 0 && MemtableView(memtable).has_marks())
    shard.reclaim_due.store(true);
  shard.table->publish_segment(std::exchange(shard.unpublished, std::nullopt)->reader);
  look_for_backlog(parts, shard);
  kill_point("flush.before_cut");
  shard.log->cut(first_file);
  return {};
}

Status write_and_publish(EngineParts& parts, ShardParts& shard, const std::shared_ptr<const Memtable>& memtable) {
  if (!shard.unpublished) {
    auto written = write_segment(parts, shard, memtable);
    if (!written)
      return std::move(written).error();
    shard.unpublished = *std::move(written);
  }
  return publish_segment(parts, shard, memtable);
}

} // namespace

Status flush_oldest(EngineParts& parts, ShardParts& shard) {
  const std::shared_ptr<const Memtable> memtable = shard.table->flush_queue().front();
  if (memtable == nullptr)
    return {};
  Status flushed = write_and_publish(parts, shard, memtable);
  parts.guard->set_flush_blocked(flushed.code() == Errc::disk_full);
  return flushed;
}

void drop_unpublished(EngineParts& parts, ShardParts& shard) {
  if (const auto dropped = std::exchange(shard.unpublished, std::nullopt))
    static_cast<void>(parts.segments->remove(dropped->meta).ok()); // what stays is swept away by the next open
}

} // namespace weir
