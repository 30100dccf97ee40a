#include "bench/raw_log.hpp"

#include "engine/hash.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::bench {

namespace {

constexpr std::size_t head_bytes = 16;          ///< Length, zero, checksum.
constexpr std::size_t fields_bytes = 12;        ///< Timestamp and the lengths.
constexpr std::size_t window_bytes = 1U << 20U; ///< Of a scan; large reads run at the disk's full speed.

template <class T> T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T> void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

[[noreturn]] void failed(const std::string& what, const std::string& path) {
  throw std::runtime_error("raw: " + what + " " + path + ": " + std::strerror(errno));
}

void write_exactly(int descriptor, const char* from, std::size_t bytes, std::uint64_t offset, const std::string& path) {
  while (bytes > 0) {
    const ssize_t written = ::pwrite(descriptor, from, bytes, static_cast<off_t>(offset));
    if (written < 0)
      failed("writing", path);
    from += written;
    bytes -= static_cast<std::size_t>(written);
    offset += static_cast<std::uint64_t>(written);
  }
}

std::uint64_t checksum(const char* frame, std::uint32_t length, std::uint64_t offset) {
  return hash64(frame + head_bytes, length, offset);
}

/// The row of the frame of `available` bytes that begins at `frame`, or nothing if none does.
std::optional<Row> parse(const char* frame, std::size_t available, std::uint64_t offset) {
  if (available < head_bytes)
    return std::nullopt;
  const auto length = load<std::uint32_t>(frame);
  if (length < fields_bytes || length > available - head_bytes ||
      load<std::uint64_t>(frame + 8) != checksum(frame, length, offset))
    return std::nullopt;
  const char* const fields = frame + head_bytes;
  const auto context_bytes = load<std::uint16_t>(fields + 8);
  const auto type_bytes = load<std::uint16_t>(fields + 10);
  const char* const texts = fields + fields_bytes;
  Row row;
  row.timestamp_us = load<std::int64_t>(fields);
  row.context_id = {texts, context_bytes};
  row.event_type = {texts + context_bytes, type_bytes};
  row.payload = {texts + context_bytes + type_bytes, length - fields_bytes - context_bytes - type_bytes};
  return row;
}

constexpr std::size_t padded(std::size_t bytes) {
  return (bytes + 7) / 8 * 8;
}

} // namespace

void RawBatch::add(const Row& row) {
  Frame frame;
  frame.begin = bytes_.size();
  frame.length =
      static_cast<std::uint32_t>(fields_bytes + row.context_id.size() + row.event_type.size() + row.payload.size());
  frame.context = hash64(row.context_id, 0);
  append(bytes_, static_cast<std::uint64_t>(frame.length));
  append(bytes_, std::uint64_t{0});
  append(bytes_, row.timestamp_us);
  append(bytes_, static_cast<std::uint16_t>(row.context_id.size()));
  append(bytes_, static_cast<std::uint16_t>(row.event_type.size()));
  bytes_ += row.context_id;
  bytes_ += row.event_type;
  bytes_ += row.payload;
  bytes_.resize(padded(bytes_.size()));
  frames_.push_back(frame);
}

void RawBatch::clear() {
  bytes_.clear();
  frames_.clear();
}

RawLog::RawLog(const std::string& path, std::uint64_t capacity_bytes)
    : path_(path), descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0)
    failed("opening", path_);
  recover();
  lay_out(capacity_bytes);
}

RawLog::~RawLog() {
  ::close(descriptor_);
}

void RawLog::lay_out(std::uint64_t capacity_bytes) {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0)
    failed("looking at", path_);
  const std::string zeros(window_bytes, '\0');
  for (auto size = static_cast<std::uint64_t>(status.st_size); size < end_ + capacity_bytes; size += zeros.size())
    write_exactly(descriptor_, zeros.data(), zeros.size(), size, path_);
  if (::fsync(descriptor_) != 0)
    failed("syncing", path_);
}

void RawLog::recover() {
  end_ = scan([this](const Row& row, Place place) { places_[hash64(row.context_id, 0)].push_back(place); });
}

void RawLog::commit(RawBatch& batch, bool sync_too) {
  const std::lock_guard one_at_a_time(writing_);
  for (const auto& frame : batch.frames_) {
    char* const begin = batch.bytes_.data() + frame.begin;
    const std::uint64_t sum = checksum(begin, frame.length, end_ + frame.begin);
    std::memcpy(begin + 8, &sum, sizeof sum);
  }
  write_exactly(descriptor_, batch.bytes_.data(), batch.bytes_.size(), end_, path_);
  if (sync_too)
    sync();
  const std::lock_guard lock(mutex_);
  for (const auto& frame : batch.frames_)
    places_[frame.context].push_back({end_ + frame.begin, static_cast<std::uint32_t>(head_bytes + frame.length)});
  end_ += batch.bytes_.size();
}

void RawLog::sync() {
  if (::fdatasync(descriptor_) != 0)
    failed("syncing", path_);
}

const char* RawLog::mapped(std::uint64_t end) const {
  if (map_bytes_ < end) {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0)
      failed("looking at", path_);
    if (map_ != nullptr)
      throw std::runtime_error("raw: " + path_ + " outgrew what was laid out while it was read");
    const auto bytes = static_cast<std::size_t>(status.st_size);
    void* const memory = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (memory == MAP_FAILED)
      failed("mapping", path_);
    ::madvise(memory, bytes, MADV_RANDOM);
    map_ = static_cast<const char*>(memory);
    map_bytes_ = bytes;
  }
  return map_;
}

void RawLog::read(std::string_view context_id, const std::function<void(const Row&)>& visit) const {
  std::vector<Place> places;
  const char* file = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(hash64(context_id, 0));
    if (found == places_.end())
      return;
    places = found->second;
    file = mapped(places.back().offset + places.back().bytes);
  }
  // An event of a context is far from the one before, so memory is asked for it some frames ahead.
  constexpr std::size_t ahead = 8;
  const auto prefetch = [&](std::size_t i) {
    if (i < places.size())
      for (std::uint64_t line = 0; line < places[i].bytes; line += 64)
        __builtin_prefetch(file + places[i].offset + line);
  };
  for (std::size_t i = 0; i < ahead; ++i)
    prefetch(i);
  for (std::size_t i = 0; i < places.size(); ++i) {
    prefetch(i + ahead);
    const Place& place = places[i];
    const auto row = parse(file + place.offset, place.bytes, place.offset);
    if (!row)
      throw std::runtime_error("raw: a damaged frame at " + path_ + ":" + std::to_string(place.offset));
    if (row->context_id == context_id)
      visit(*row);
  }
}

void RawLog::read_all(const std::function<void(const Row&)>& visit) const {
  scan([&visit](const Row& row, Place) { visit(row); });
}

std::uint64_t RawLog::scan(const std::function<void(const Row&, Place)>& visit) const {
  std::string window(window_bytes, '\0');
  std::uint64_t offset = 0; // of the window
  while (true) {
    const ssize_t got = ::pread(descriptor_, window.data(), window.size(), static_cast<off_t>(offset));
    if (got < 0)
      failed("reading", path_);
    std::size_t used = 0;
    while (const auto row = parse(window.data() + used, static_cast<std::size_t>(got) - used, offset + used)) {
      const std::size_t bytes = head_bytes + load<std::uint32_t>(window.data() + used);
      visit(*row, {offset + used, static_cast<std::uint32_t>(bytes)});
      used += padded(bytes);
    }
    offset += used;
    // A frame that the window cuts is whole in the next one; no frame at the window's begin is the end.
    if (used == 0)
      return offset;
  }
}

} // namespace weir::bench
