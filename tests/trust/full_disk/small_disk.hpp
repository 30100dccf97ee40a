// A disk of a few megabytes that can be filled to the last byte.
//
// Purpose: what a full disk does to a process, by the real system calls. A tmpfs is mounted where only this process and
// its children see it: as root in a mount namespace of its own, otherwise in a user namespace as well; it is gone when
// the last of them is. Owner: a stage. Threading: enter() before there are threads, all else by one thread at a time.
#pragma once

#include <weir/result.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace weir::trust {

/// Gives this process mounts of its own. False with the reason in `why` where the system does not allow it.
[[nodiscard]] bool enter_private_mounts(std::string& why);

class SmallDisk {
public:
  /// Mounts one of `bytes`, with room for `files_max` names (0: enough). Throws std::runtime_error if that fails.
  explicit SmallDisk(std::uint64_t bytes, std::uint64_t files_max = 0);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  /// For the data, beside the ballast.
  [[nodiscard]] std::string data() const { return root_ + "/data"; }
  [[nodiscard]] std::uint64_t free_bytes() const;
  [[nodiscard]] std::uint64_t ballast_bytes() const noexcept { return ballast_bytes_; }
  /// Lets the ballast grow or shrink until `bytes` are free, to the page. Others may write meanwhile. False if there is
  /// not enough ballast to take away.
  bool set_free(std::uint64_t bytes);
  /// Lets it grow until nothing is free at this moment.
  void fill();

  [[nodiscard]] std::uint64_t free_names() const;
  /// Makes empty files until no more can be made, and takes them away again.
  void take_all_names();
  void give_names_back();

private:
  void resize_ballast(std::uint64_t bytes);
  std::string root_;
  int ballast_ = -1;
  std::uint64_t ballast_bytes_ = 0;
  std::uint64_t names_taken_ = 0;
};

} // namespace weir::trust
