#include "engine/call_memory.hpp"
#include "engine/store_command.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

namespace weir {

namespace {

struct Piece {
  void* at = nullptr;
  std::size_t bytes = 0;
  unsigned char filled_with = 0;
};

Piece filled_piece(std::size_t bytes, unsigned char with) {
  const Piece piece{CallMemory::allocate(bytes), bytes, with};
  std::memset(piece.at, with, bytes);
  return piece;
}

bool is_whole(const Piece& piece) {
  const auto* const bytes = static_cast<const unsigned char*>(piece.at);
  for (std::size_t i = 0; i < piece.bytes; ++i)
    if (bytes[i] != piece.filled_with)
      return false;
  return true;
}

} // namespace

TEST_CASE("call memory: pieces are apart from each other, aligned, and of any size") {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < 2'000; ++i)
    pieces.push_back(filled_piece(1 + i * 7 % (CallMemory::piece_bytes_max + 100), static_cast<unsigned char>(i)));
  for (const Piece& piece : pieces) {
    CHECK(reinterpret_cast<std::uintptr_t>(piece.at) % alignof(std::max_align_t) == 0);
    CHECK(is_whole(piece));
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) { // in another order than they came
    const Piece& piece = pieces[(i * 7) % pieces.size()];
    REQUIRE(is_whole(piece));
    CallMemory::free(piece.at, piece.bytes);
  }
}

TEST_CASE("call memory: what several threads allocate others free, also after those have ended") {
  std::mutex mutex;
  std::vector<Piece> shared;
  bool whole = true;
  const auto work = [&](unsigned char with) {
    std::vector<Piece> taken;
    for (std::size_t i = 0; i < 20'000; ++i) {
      const Piece mine = filled_piece(16 + i % 700, static_cast<unsigned char>(with + i));
      const std::lock_guard lock(mutex);
      shared.push_back(mine);
      if (i % 100 == 99) {
        taken.assign(shared.begin(), shared.begin() + static_cast<std::ptrdiff_t>(shared.size() / 2));
        shared.erase(shared.begin(), shared.begin() + static_cast<std::ptrdiff_t>(taken.size()));
        for (const Piece& piece : taken) {
          whole = whole && is_whole(piece);
          CallMemory::free(piece.at, piece.bytes);
        }
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned char i = 0; i < 4; ++i)
    threads.emplace_back(work, i);
  for (std::thread& thread : threads)
    thread.join();
  for (const Piece& piece : shared) {
    whole = whole && is_whole(piece);
    CallMemory::free(piece.at, piece.bytes);
  }
  CHECK(whole);
  CHECK(CallMemory::idle_slabs() <= CallMemory::idle_max);
}

TEST_CASE("call memory: a slab is used again once all of it is free") {
  if (CallMemory::idle_slabs() == 0) { // sanitizers see each piece by itself
    std::vector<Piece> some;
    for (std::size_t i = 0; i < 64; ++i)
      some.push_back(filled_piece(1'000, 1));
    for (const Piece& piece : some)
      CallMemory::free(piece.at, piece.bytes);
    if (CallMemory::idle_slabs() == 0)
      return;
  }
  const std::size_t before = CallMemory::idle_slabs();
  for (std::size_t round = 0; round < 1'000; ++round) {
    const auto command = std::make_unique<StoreCommand>();
    command->encoded.assign(900, 'x');
  }
  CHECK(CallMemory::idle_slabs() + 2 >= before); // a thousand commands took no more than this thread's own and the next
  CHECK(CallMemory::idle_slabs() <= before + 2);
}

} // namespace weir
