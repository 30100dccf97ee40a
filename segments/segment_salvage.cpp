#include "segments/segment_salvage.hpp"

#include "engine/hash.hpp"
#include "engine/text.hpp"
#include "segments/bytes.hpp"
#include "segments/format.hpp"
#include "segments/segment_reader.hpp"
#include "segments/zone_directory.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace weir::segments {
namespace {

constexpr std::uint64_t cache_bytes = 16 * MiB;
/// The footer is the last block; of the largest segment it is a few MiB.
constexpr std::uint64_t footer_search_bytes = 32 * MiB;
constexpr ColumnSet columns_kept = column_timestamp | column_type | column_event_id | column_metadata | column_payload;

struct Header {
  ShardId shard = 0;
  std::uint64_t number = 0;
  std::uint64_t identity = 0;
};

/// The header, if it is whole by its own words.
std::optional<Header> read_header(const io::File& file) {
  std::array<std::byte, segment_header_bytes> bytes;
  const auto got = file.pread(bytes, 0);
  if (!got || *got != bytes.size())
    return std::nullopt;
  const std::string_view text = as_text(bytes);
  ByteSource in(text.substr(segment_magic_bytes));
  const auto version = in.take<std::uint32_t>();
  Header header;
  header.shard = in.take<std::uint32_t>();
  header.number = in.take<std::uint64_t>();
  header.identity = in.take<std::uint64_t>();
  const std::size_t checked = text.size() - sizeof(std::uint64_t);
  const bool whole =
      text.starts_with(segment_magic) && version >= segment_format_version_min && version <= segment_format_version &&
      load<std::uint64_t>(text.data() + checked) == hash64(text.substr(0, checked), checksum_seed(header.identity, 0));
  return whole ? std::optional(header) : std::nullopt;
}

} // namespace

SegmentSalvage::SegmentSalvage(std::unique_ptr<io::File> file, const std::string& path, std::uint64_t identity,
                               std::uint64_t file_bytes, Damaged damaged)
    : file_(std::move(file)), cache_(cache_bytes), source_(*file_, path, identity, 0, file_bytes, cache_),
      damaged_(std::move(damaged)) {
  meta_.file_bytes = file_bytes;
}

Result<std::unique_ptr<SegmentSalvage>> SegmentSalvage::open(io::FileSystem& fs, const std::string& path, ShardId shard,
                                                             std::uint64_t number, std::uint64_t directory_seed,
                                                             Damaged damaged) {
  auto file = fs.open(path, io::OpenMode::read_only);
  if (!file)
    return std::move(file).error();
  const auto size = (*file)->size();
  if (!size)
    return size.error();
  const auto header = read_header(**file);
  const auto identity_of = [&](ShardId s, std::uint64_t n) {
    return file_identity(directory_seed, segment_file_kind, s, n);
  };
  // A file under another name is what its header says, if that is one of this directory.
  const bool ours = header && (directory_seed == 0 || header->identity == identity_of(header->shard, header->number));
  if (!ours && directory_seed == 0)
    return fail(Errc::corruption,
                "the header is damaged, and without the catalog nothing else tells whose file this is", path + ":0");
  const std::uint64_t identity = ours ? header->identity : identity_of(shard, number);
  std::unique_ptr<SegmentSalvage> salvage(
      new SegmentSalvage(*std::move(file), path, identity, *size, std::move(damaged)));
  salvage->meta_.shard = ours ? header->shard : shard;
  salvage->meta_.number = ours ? header->number : number;
  if (!ours)
    salvage->report(fail(Errc::corruption, "the header is damaged", path + ":0"));
  WEIR_TRY(salvage->find_footer());
  return salvage;
}

void SegmentSalvage::report(const Error& error, std::uint64_t rows) {
  if (rows == 0 && error.where == last_reported_) // one block, met again by every row of it
    return;
  last_reported_ = error.where;
  damaged_(error, rows);
}

Status SegmentSalvage::find_footer() {
  const std::uint64_t size = meta_.file_bytes;
  const std::uint64_t begin = std::max<std::uint64_t>(size - std::min(size, footer_search_bytes), segment_header_bytes);
  const Error missing =
      fail(Errc::corruption, "there is no whole footer: nobody knows the events' types", source_.path() + ":0");
  if (size < begin + block_header_bytes)
    return missing;
  std::string tail(static_cast<std::size_t>(size - begin), '\0');
  const auto got = file_->pread(std::as_writable_bytes(std::span(tail)), begin);
  if (!got)
    return got.error();
  for (std::size_t at = *got - std::min<std::size_t>(*got, block_header_bytes) + 1; at-- > 0;) {
    const char* const block = tail.data() + at;
    const auto stored_bytes = load<std::uint32_t>(block + 16);
    if (block[9] != static_cast<char>(BlockKind::footer) || block[10] != 0 || block[11] != 0 ||
        stored_bytes > *got - at - block_header_bytes)
      continue;
    const auto whole = try_footer(begin + at, stored_bytes);
    if (whole && *whole)
      return {};
  }
  return missing;
}

Result<bool> SegmentSalvage::try_footer(std::uint64_t offset, std::uint32_t stored_bytes) {
  const auto block = source_.read({offset, stored_bytes, BlockKind::footer});
  if (!block)
    return false;
  std::array<std::byte, sizeof(std::uint64_t)> checksum{};
  if (const auto got = file_->pread(checksum, offset); !got || *got != checksum.size())
    return false;
  SegmentMeta meta = meta_;
  meta.file_bytes = offset + block_header_bytes + stored_bytes;
  meta.footer_offset = offset;
  meta.footer_checksum = load<std::uint64_t>(checksum.data());
  ByteSource in((*block)->text());
  meta.event_count = in.take<std::uint64_t>();
  meta.context_count = in.take<std::uint64_t>();
  meta.payload_bytes = in.take<std::uint64_t>();
  meta.position_min = in.take<std::uint64_t>();
  meta.position_max = in.take<std::uint64_t>();
  meta.timestamp_min = time_of(in.take<std::uint64_t>());
  meta.timestamp_max = time_of(in.take<std::uint64_t>());
  meta.recorded_at_min = time_of(in.take<std::uint64_t>());
  meta.recorded_at_max = time_of(in.take<std::uint64_t>());
  // The header that says which format it is may be damaged. A footer fits to one of them.
  Result<Footer> footer = fail(Errc::corruption, "no format fits");
  for (const std::uint32_t version : {segment_format_version_pages, segment_format_version_times,
                                      segment_format_version_fields, segment_format_version_min})
    if (!footer)
      footer = parse_footer(source_.ending_at(offset), (*block)->text(), meta, version);
  if (!footer)
    return false;
  footer_ = *std::move(footer);
  meta_ = meta;
  find_dictionary();
  return true;
}

void SegmentSalvage::find_dictionary() {
  const Status whole = read_dictionary(source_, footer_);
  if (whole)
    return;
  report(whole.error());
  // It is the beginning of the first large block of payloads, which was encoded without it.
  for (std::size_t zone = 0; zone < footer_.zones.size(); ++zone) {
    const BlockRef& place = footer_.places[zone].directory;
    auto block = source_.read(place);
    if (!block)
      return;
    const auto directory = ZoneDirectory::open(source_, place, *std::move(block), footer_.zones[zone].rows);
    if (!directory)
      return;
    for (std::size_t i = 0; i < directory->count(BlockKind::payloads); ++i) {
      const auto payloads = source_.read(directory->at(BlockKind::payloads, i).ref);
      if (!payloads)
        return;
      if ((*payloads)->size() < dictionary_source_bytes_min)
        continue;
      footer_.dictionary = TextDictionary((*payloads)->text().substr(0, dictionary_bytes_max));
      return;
    }
  }
}

bool SegmentSalvage::next_context() {
  while (true) {
    if (cursor_) {
      auto moved = cursor_->next();
      std::uint64_t next_row = cursor_->next_row();
      if (moved && *moved) {
        entry_ = cursor_->entry();
        if (entry_.first_row + entry_.rows <= meta_.event_count)
          return true;
        next_row = entry_.first_row;
        moved = source_.damaged("the context index names rows that are not there",
                                footer_.index[index_block_ - 1].ref.offset);
      }
      cursor_.reset();
      // The block may have ended early.
      const std::uint64_t end =
          index_block_ == footer_.index.size() ? meta_.event_count : footer_.index[index_block_].first_row;
      if (!moved)
        report(moved.error(), end - std::min(end, next_row));
    }
    if (index_block_ == footer_.index.size())
      return false;
    const IndexBlockRef& place = footer_.index[index_block_++];
    auto cursor = IndexCursor::open(source_, place);
    if (cursor) {
      cursor_ = *std::move(cursor);
      continue;
    }
    const std::uint64_t end =
        index_block_ == footer_.index.size() ? meta_.event_count : footer_.index[index_block_].first_row;
    Error error = cursor.error();
    error.message += format("; it lists the contexts from {}", place.first_context);
    if (index_block_ != footer_.index.size())
      error.message += format(" to before {}", footer_.index[index_block_].first_context);
    report(error, end - place.first_row);
  }
}

bool SegmentSalvage::next_mark() {
  while (true) {
    if (marks_) {
      const auto moved = marks_->next();
      if (moved && *moved)
        return true;
      if (!moved)
        report(moved.error());
      marks_.reset();
    }
    if (mark_block_ == footer_.marks.size())
      return false;
    auto cursor = MarkCursor::open(source_, footer_.marks[mark_block_++]);
    if (cursor)
      marks_ = *std::move(cursor);
    else
      report(cursor.error());
  }
}

Status SegmentSalvage::read(Sequence from, Sequence to, const std::function<Status(const EventView&)>& visit) {
  while (from <= to) {
    const std::uint64_t row = entry_.first_row + (from - entry_.first_sequence);
    const auto zone = static_cast<std::size_t>(row / footer_.zone_rows);
    const auto first = static_cast<std::uint32_t>(row % footer_.zone_rows);
    const auto count =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(to - from + 1, footer_.zones[zone].rows - first));
    WEIR_TRY(read_piece(zone, first, count, from, visit));
    from += count;
  }
  return {};
}

Status SegmentSalvage::read_piece(std::size_t zone, std::uint32_t first, std::uint32_t count, Sequence sequence,
                                  const std::function<Status(const EventView&)>& visit) {
  auto slice = ZoneSlice::open(source_, footer_, zone, false);
  if (!slice) {
    report(slice.error());
    return {};
  }
  if (const Status numbers = slice->read_numbers(first, count, columns_kept); !numbers) {
    report(numbers.error());
    return {};
  }
  const auto hand_out = [&](std::uint32_t i) {
    EventView event;
    event.context_id = entry_.context_id;
    event.sequence = sequence + i;
    slice->fill(i, event);
    return visit(event);
  };
  if (slice->read_strings(0, count, columns_kept)) {
    for (std::uint32_t i = 0; i < count; ++i)
      WEIR_TRY(hand_out(i));
    return {};
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (const Status strings = slice->read_strings(i, 1, columns_kept); !strings)
      report(strings.error());
    else
      WEIR_TRY(hand_out(i));
  }
  return {};
}

} // namespace weir::segments
