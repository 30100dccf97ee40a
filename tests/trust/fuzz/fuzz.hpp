// What fuzz targets share: how they fail, how they mutate, files in a container.
//
// Purpose: a target defines LLVMFuzzerTestOneInput and, where checksums stand in the way, LLVMFuzzerCustomMutator.
// libFuzzer drives it, or standalone_main.cpp where there is no libFuzzer. Threading: one thread.
#pragma once

#include <weir/result.hpp>

#include "engine/io/memory_file_system.hpp"
#include "engine/text.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace weir::fuzz {

/// Ends the process, and so tells the fuzzer of a broken promise.
[[noreturn]] inline void broken(const std::string& what) {
  std::fprintf(stderr, "broken promise: %s\n", what.c_str());
  std::abort();
}
inline void require(bool holds, const char* what) {
  if (!holds)
    broken(what);
}
/// A reader of bytes from anywhere may answer these, and nothing else.
inline void require_honest(const Error& error) {
  if (error.code != Errc::corruption && error.code != Errc::incompatible && error.code != Errc::unsupported)
    broken("bytes on disk were answered with " + to_string(error));
}

[[nodiscard]] inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

using Random = std::minstd_rand;

/// libFuzzer's mutation of a whole input.
[[nodiscard]] std::string mutated(std::string input, std::size_t size_max);
/// ... of up to 64 bytes somewhere inside, so that all else keeps its place.
[[nodiscard]] std::string mutated_inside(std::string input, Random& random);
/// For LLVMFuzzerCustomMutator: mutates, mostly in place, then mostly has `repair` make the checksums right.
[[nodiscard]] std::size_t mutate_and_repair(std::uint8_t* data, std::size_t size, std::size_t size_max, unsigned seed,
                                            const std::function<void(std::string&, Random&)>& repair);

template <class T> [[nodiscard]] T load(std::string_view bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
template <class T> void put(std::string& bytes, std::size_t at, const T& value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

/// Several strings in one input, each behind its length; what does not fit is cut.
[[nodiscard]] std::vector<std::string> unpack(std::string_view input);
[[nodiscard]] std::string pack(const std::vector<std::string>& parts);

void write_file(io::FileSystem& fs, const std::string& path, std::string_view content);
[[nodiscard]] std::string read_file(io::FileSystem& fs, const std::string& path);

} // namespace weir::fuzz
