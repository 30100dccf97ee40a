#include "segments/segment_files.hpp"

#include "engine/hash.hpp"
#include "engine/io/quarantine.hpp"
#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "segments/compaction.hpp"
#include "segments/format.hpp"
#include "segments/paced_file.hpp"
#include "segments/segment_reader.hpp"
#include "segments/segment_writer.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>

namespace weir::segments {
namespace {

constexpr char segments_directory[] = "segments";
constexpr std::string_view temp_suffix = ".tmp";

/// Larger zones are made where there remain so many, and they are so many times as large at most.
constexpr std::uint64_t zones_kept = 32, zones_joined_max = 4;
/// On average: whoever reads a zone with all it has keeps it in memory.
constexpr std::uint64_t zone_payload_bytes_max = 8 * MiB;

std::string file_name(std::uint64_t number) {
  return format("{:016}.seg", number);
}

std::string temp_path(ShardId shard, std::uint64_t number) {
  return format("{}/{:016}{}", segment_directory(shard), number, temp_suffix);
}

/// The number of the segment file called `name`, if it is called like one.
std::optional<std::uint64_t> number_of(std::string_view name) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc{} && name == file_name(number) ? std::optional(number) : std::nullopt;
}

/// `status`, but fine if it only says that there was nothing.
Status unless_missing(Status status) {
  return status.code() == Errc::not_found ? Status{} : status;
}

} // namespace

std::uint32_t zone_rows_of(std::uint32_t zone_rows, std::uint64_t event_count, std::uint64_t payload_bytes) noexcept {
  const std::uint64_t by_events = event_count / (std::uint64_t{zone_rows} * zones_kept);
  const std::uint64_t zones = std::max<std::uint64_t>(event_count / zone_rows, 1);
  const std::uint64_t by_bytes = zone_payload_bytes_max / std::max<std::uint64_t>(payload_bytes / zones, 1);
  const std::uint64_t joined = std::bit_floor(std::min(by_events, by_bytes));
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(zone_rows * std::clamp<std::uint64_t>(joined, 1, zones_joined_max), zone_rows_max));
}

std::string segment_directory(ShardId shard) {
  return format("{}/{:03}", segments_directory, shard);
}

std::string segment_path(ShardId shard, std::uint64_t number) {
  return format("{}/{}", segment_directory(shard), file_name(number));
}

SegmentFiles::SegmentFiles(io::FileSystem& fs, BlockCache& cache, const SegmentOptions& options)
    : fs_(fs), open_files_(std::make_shared<OpenFiles>(fs, options.open_files_max)), cache_(cache), options_(options) {
}

std::uint64_t SegmentFiles::identity_of(ShardId shard, std::uint64_t number) const noexcept {
  return file_identity(options_.directory_seed, segment_file_kind, shard, number);
}

Status SegmentFiles::prepare_directory(ShardId shard) {
  const std::lock_guard lock(directories_mutex_);
  if (durable_directories_.contains(shard))
    return {};
  // Synced even if they exist: an earlier process may have died between creating and syncing them.
  WEIR_TRY(fs_.create_directory(segments_directory));
  WEIR_TRY(fs_.create_directory(segment_directory(shard)));
  kill_point("segment.after_directories");
  if (sabotaged(Sabotage::skip_segment_directory_sync))
    return {};
  WEIR_TRY(fs_.sync_directory(segments_directory));
  WEIR_TRY(fs_.sync_directory(""));
  durable_directories_.insert(shard);
  return {};
}

Result<SegmentMeta> SegmentFiles::write_file(const std::string& path, ShardId shard, std::uint64_t number,
                                             SortedEvents& events, std::span<const SegmentMeta> replaced) {
  auto created = fs_.open(path, io::OpenMode::create);
  if (!created)
    return std::move(created).error();
  kill_point("segment.after_create");
  PacedFile file(metered(*std::move(created), replaced.empty() ? nullptr : options_.merge_meter));
  std::uint64_t replaced_events = 0, replaced_bytes = 0;
  for (const SegmentMeta& meta : replaced) {
    replaced_events += meta.event_count;
    replaced_bytes += meta.payload_bytes;
  }
  SegmentWriter writer(file, {shard, number, identity_of(shard, number)},
                       {.zone_rows = zone_rows_of(options_.zone_rows, replaced_events, replaced_bytes),
                        .filter_bits_per_key = options_.filter_bits_per_key,
                        .pages = replaced_events / options_.zone_rows >= zones_kept});
  for (const SegmentMeta& meta : replaced)
    writer.cover(meta);
  for (EventView event; events.next(event);)
    WEIR_TRY(writer.add(event));
  WEIR_TRY(events.status());
  std::string_view marked;
  for (ContextMark mark; events.next_mark(marked, mark);)
    WEIR_TRY(writer.add_mark(marked, mark));
  WEIR_TRY(events.status());
  auto meta = writer.finish();
  if (!meta)
    return std::move(meta).error();
  kill_point("segment.before_sync");
  if (!sabotaged(Sabotage::skip_segment_sync))
    WEIR_TRY(file.sync_data());
  kill_point("segment.after_sync");
  return *meta;
}

Result<SegmentMeta> SegmentFiles::write(ShardId shard, std::uint64_t number, SortedEvents& events) {
  return write_checked(shard, number, events, {}, [](const std::string&, const SegmentMeta&) { return Status{}; });
}

Result<SegmentMeta> SegmentFiles::write_checked(ShardId shard, std::uint64_t number, SortedEvents& events,
                                                std::span<const SegmentMeta> replaced, const Check& check) {
  WEIR_TRY(prepare_directory(shard));
  const std::string temp = temp_path(shard, number);
  const std::string path = segment_path(shard, number);
  WEIR_TRY(unless_missing(fs_.unlink(temp)));
  // An earlier attempt may have got as far as the rename. Whatever is there is not ours to overwrite.
  if (const auto there = fs_.stat(path); there.ok())
    WEIR_TRY(io::move_to_quarantine(fs_, path));
  else if (there.code() != Errc::not_found)
    return there.error();

  auto meta = write_file(temp, shard, number, events, replaced);
  Status named = meta.ok() ? check(temp, *meta) : Status{};
  if (meta.ok() && named) {
    kill_point("segment.before_rename");
    named = fs_.rename(temp, path);
    kill_point("segment.after_rename");
  }
  if (!meta || !named) {
    static_cast<void>(fs_.unlink(temp).ok()); // the error that counts is the first; sweep() removes what stays
    return meta.ok() ? Result<SegmentMeta>(std::move(named).error()) : meta;
  }
  if (sabotaged(Sabotage::skip_segment_name_sync))
    return meta;
  if (Status durable = fs_.sync_directory(segment_directory(shard)); !durable) {
    static_cast<void>(fs_.unlink(path).ok()); // written, but its name may not last: no segment to anybody
    return std::move(durable).error();
  }
  kill_point("segment.after_directory_sync");
  return meta;
}

Status SegmentFiles::check_size(const SegmentMeta& meta) const {
  const std::string path = segment_path(meta.shard, meta.number);
  auto info = fs_.stat(path);
  if (info.code() == Errc::not_found)
    return fail(Errc::corruption, "a live segment is missing", path + ":0");
  if (!info)
    return std::move(info).error();
  if (info->kind != io::EntryKind::file)
    return fail(Errc::corruption, "a live segment is no file", path + ":0");
  if (info->size_bytes != meta.file_bytes)
    return fail(Errc::corruption,
                format("a live segment has {} bytes instead of {}", info->size_bytes, meta.file_bytes),
                format("{}:{}", path, std::min(info->size_bytes, meta.file_bytes)));
  return {};
}

Result<std::shared_ptr<const SegmentReader>> SegmentFiles::open(const SegmentMeta& meta) {
  WEIR_TRY(check_size(meta));
  const std::string path = segment_path(meta.shard, meta.number);
  return std::shared_ptr<const SegmentReader>(std::make_shared<SegmentFileReader>(
      meta, open_on_demand(open_files_, path), path, identity_of(meta.shard, meta.number), cache_));
}

Result<std::unique_ptr<SegmentWalk>> SegmentFiles::walk(const std::string& path, const SegmentMeta& meta) const {
  auto file = fs_.open(path, io::OpenMode::read_only);
  if (!file)
    return std::move(file).error();
  return SegmentWalk::open(metered(*std::move(file), options_.merge_meter), path, identity_of(meta.shard, meta.number),
                           meta);
}

namespace {

/// A mark goes where the events were: to the segment that takes their place. It may come from a later one.
MarkLookup within(std::span<const SegmentMeta> inputs, const MarkLookup& removed) {
  if (!removed)
    return {};
  Timestamp recorded_at_max = inputs.front().recorded_at_max;
  for (const SegmentMeta& input : inputs)
    recorded_at_max = std::max(recorded_at_max, input.recorded_at_max);
  return [&removed, recorded_at_max, position_max = inputs.back().position_max](std::string_view context_id) {
    auto mark = removed(context_id);
    if (mark) {
      mark->position = std::min(mark->position, position_max);
      mark->recorded_at = std::min(mark->recorded_at, recorded_at_max);
    }
    return mark;
  };
}

} // namespace

Result<MergedSegment> SegmentFiles::merge(std::span<const SegmentMeta> inputs, std::uint64_t number,
                                          const MayGoOn& may_go_on, const RemovedEvents& removed) {
  std::vector<std::unique_ptr<SegmentWalk>> walks;
  std::uint64_t event_count = 0;
  for (const SegmentMeta& input : inputs) {
    // One that claims more by itself is damaged, and its footer says so.
    if (!walks.empty() && input.event_count > segment_rows_max - event_count)
      return fail(Errc::too_large, format("a segment holds at most {} events", segment_rows_max));
    WEIR_TRY(check_size(input));
    auto one = walk(segment_path(input.shard, input.number), input);
    if (!one)
      return std::move(one).error();
    walks.push_back(*std::move(one));
    event_count += input.event_count;
  }
  MergedEvents events(std::move(walks), may_go_on, {within(inputs, removed.mark), removed.older_rows});
  auto merged = write_checked(
      inputs.front().shard, number, events, inputs, [&](const std::string& path, const SegmentMeta& meta) -> Status {
        auto written = walk(path, meta);
        if (!written)
          return std::move(written).error();
        const auto sum = sum_of(**written, may_go_on);
        if (!sum)
          return sum.error();
        WEIR_TRY((*written)->check_derived());
        const auto marks = marks_of(**written);
        if (!marks)
          return marks.error();
        if ((sum->events() + events.dropped().events != event_count || !(*sum == events.sum()) ||
             *marks != events.mark_sum()) &&
            !sabotaged(Sabotage::believe_merge))
          return fail(Errc::corruption, "a merged segment does not hold the events of its inputs", path);
        return {};
      });
  if (!merged)
    return std::move(merged).error();
  return MergedSegment{*merged, events.dropped()};
}

Result<Reclaimable> SegmentFiles::reclaimable(const SegmentMeta& segment, const MayGoOn& may_go_on,
                                              const MarkLookup& removed) {
  const auto walked = walk(segment_path(segment.shard, segment.number), segment);
  return walked ? (*walked)->reclaimable(may_go_on, removed) : Result<Reclaimable>(walked.error());
}

Status SegmentFiles::remove(const SegmentMeta& meta) {
  return unless_missing(fs_.unlink(segment_path(meta.shard, meta.number)));
}

Status SegmentFiles::sweep(ShardId shard, std::span<const SegmentMeta> live, std::uint64_t next_segment) {
  std::unordered_set<std::string> known;
  for (const SegmentMeta& meta : live) {
    WEIR_TRY(check_size(meta));
    known.insert(file_name(meta.number));
  }
  const std::string directory = segment_directory(shard);
  auto entries = fs_.list(directory);
  if (entries.code() == Errc::not_found)
    return {};
  if (!entries)
    return std::move(entries).error();
  for (const io::DirectoryEntry& entry : *entries) {
    if (known.contains(entry.name))
      continue;
    const auto replaced = [&] {
      const auto number = number_of(entry.name);
      return number && *number < next_segment; // merged into another, or from an attempt that was made again
    };
    if (entry.kind == io::EntryKind::file &&
        (entry.name.ends_with(temp_suffix) || replaced() || sabotaged(Sabotage::sweep_unknown_files))) {
      kill_point("sweep.before_unlink");
      WEIR_TRY(unless_missing(fs_.unlink(directory + "/" + entry.name)));
      kill_point("sweep.after_unlink");
    } else {
      WEIR_TRY(io::move_to_quarantine(fs_, directory + "/" + entry.name));
    }
  }
  return {};
}

} // namespace weir::segments
