#include "api/cli/gunzip_source.hpp"

#include "engine/check.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <climits>

namespace weir::cli {
namespace {

constexpr std::size_t input_bytes = 64 * 1024;
constexpr int gzip_window_bits = 15 + 16; // The largest window; 16 asks for the gzip wrapper.

} // namespace

GunzipSource::GunzipSource(ByteSource& source, std::string name)
    : source_(source), name_(std::move(name)), input_(input_bytes) {
}

GunzipSource::~GunzipSource() {
  if (mode_ == Mode::gzip)
    ::inflateEnd(&stream_);
}

Result<std::size_t> GunzipSource::read(std::span<char> out) {
  if (mode_ == Mode::unknown)
    WEIR_TRY(recognise());
  if (mode_ == Mode::gzip)
    return inflate_into(out);
  if (begin_ == end_)
    return source_.read(out);
  const std::size_t bytes = std::min(out.size(), end_ - begin_);
  std::copy_n(input_.data() + begin_, bytes, out.data());
  begin_ += bytes;
  return bytes;
}

Status GunzipSource::recognise() {
  while (end_ < 2 && !source_ended_)
    WEIR_TRY(fill());
  const bool magic = end_ >= 2 && input_[0] == '\x1f' && input_[1] == '\x8b';
  if (!magic) {
    mode_ = Mode::plain;
    return {};
  }
  WEIR_CHECK(::inflateInit2(&stream_, gzip_window_bits) == Z_OK); // It fails for want of memory only.
  mode_ = Mode::gzip;
  return {};
}

Status GunzipSource::fill() {
  if (begin_ == end_)
    begin_ = end_ = 0;
  const auto bytes = source_.read(std::span(input_).subspan(end_));
  if (!bytes)
    return bytes.error();
  source_ended_ = *bytes == 0;
  end_ += *bytes;
  return {};
}

Result<std::size_t> GunzipSource::inflate_into(std::span<char> out) {
  const auto room = static_cast<uInt>(std::min<std::size_t>(out.size(), UINT_MAX));
  for (;;) {
    if (begin_ == end_ && !source_ended_)
      WEIR_TRY(fill());
    if (begin_ == end_ && between_members_)
      return std::size_t{0};
    between_members_ = false;
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data() + begin_);
    stream_.avail_in = static_cast<uInt>(end_ - begin_);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = room;
    const int code = ::inflate(&stream_, Z_NO_FLUSH);
    const std::size_t taken = end_ - begin_ - stream_.avail_in;
    begin_ += taken;
    consumed_ += taken;
    if (code == Z_STREAM_END) {
      between_members_ = true;
      ::inflateReset(&stream_);
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return damaged(format("the compressed file is damaged: {}", stream_.msg != nullptr ? stream_.msg : "no reason"));
    }
    if (stream_.avail_out < room)
      return std::size_t{room - stream_.avail_out};
    if (begin_ == end_ && source_ended_ && !between_members_)
      return damaged("the compressed file ends too early");
  }
}

Error GunzipSource::damaged(std::string message) const {
  return fail(Errc::corruption, std::move(message), format("{}, byte {}", name_, consumed_));
}

} // namespace weir::cli
