#include "trust/kills/hit_board.hpp"

#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace weir::trust {

HitBoard::HitBoard(const std::string& path) : path_(path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  void* mapped = MAP_FAILED;
  if (file >= 0 && ::ftruncate(file, sizeof(Shared)) == 0)
    mapped = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file >= 0)
    ::close(file);
  if (mapped == MAP_FAILED)
    throw std::runtime_error("cannot map " + path);
  shared_ = static_cast<Shared*>(mapped); // a new file is full of zeros, and so are the counters
}

HitBoard::~HitBoard() {
  ::munmap(shared_, sizeof(Shared));
}

void HitBoard::clear() noexcept {
  for (auto& hits : shared_->hits)
    hits.store(0);
  shared_->died_at.store(0);
}

} // namespace weir::trust
