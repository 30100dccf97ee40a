#include "trust/damage/damage.hpp"

#include "engine/io/buffers_ahead.hpp"
#include "trust/damage/sqlite_bytes.hpp"
#include "wal/paths.hpp"
#include "wal/reader.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>

namespace weir::trust {

namespace {

constexpr std::size_t sector_bytes = 512;

std::string garbage_of(std::size_t bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string garbage(bytes, '\0');
  for (char& byte : garbage)
    byte = static_cast<char>(random());
  return garbage;
}

/// Knows of every file what a change of it may lead to.
class Effects {
public:
  explicit Effects(const Fixture& fixture) : fixture_(fixture) {
    catalog_used_ = meaningful_bytes(fixture.files.at("catalog.db"));
    for (const SegmentMeta& segment : fixture.catalog.segments) {
      char path[64];
      std::snprintf(path, sizeof path, "segments/%03u/%016llu.seg", segment.shard,
                    static_cast<unsigned long long>(segment.number));
      live_segments_.insert(path);
    }
    for (const ShardRecord& shard : fixture.catalog.shards)
      read_log(shard);
  }

  /// Fills in what `damage.files` may lead to.
  void assess(Damage& damage) const {
    damage.harmless = damage.may_go_unseen = true;
    for (const Damage::File& file : damage.files) {
      const auto before = fixture_.files.find(file.path);
      const std::string* const old = before == fixture_.files.end() ? nullptr : &before->second;
      if (old != nullptr && file.content == *old)
        continue;
      assess(file, old, damage);
    }
  }

private:
  /// One live file of a log.
  struct LogFile {
    std::uint64_t end = 0; ///< Nothing is read behind it.
  };

  void read_log(const ShardRecord& shard) {
    io::BuffersAhead buffers(8 * 1024);
    for (std::uint64_t number = shard.wal_first_file;; ++number) {
      const std::string path = wal::file_path(shard.shard, number);
      if (!fixture_.files.contains(path))
        return;
      const auto reader = wal::FileReader::open(*fixture_.disk, shard.shard, fixture_.catalog.directory_seed, number);
      if (!reader)
        throw std::runtime_error(to_string(reader.error()));
      LogFile& file = logs_[path];
      if (reader->header_state() != wal::HeaderState::valid)
        continue;
      const auto end = reader->read({}, buffers);
      if (!end)
        throw std::runtime_error(to_string(end.error()));
      file.end = end->offset + (end->seal ? sizeof(wal::Seal) : 0);
    }
  }

  void assess(const Damage::File& file, const std::string* old, Damage& damage) const {
    const ByteRange changed =
        old == nullptr || !file.content ? ByteRange{0, UINT64_MAX} : difference(*old, *file.content);
    const bool resized = old == nullptr || !file.content || old->size() != file.content->size();
    if (file.path == "LOCK" || file.path.find("/spare-") != std::string::npos)
      return;
    if (file.path.starts_with("catalog.db")) {
      assess_catalog(file, changed, resized, damage);
      return;
    }
    if (file.path.starts_with("segments/")) {
      if (live_segments_.contains(file.path))
        damage.harmless = damage.may_go_unseen = false;
      return; // a file that others have replaced is not live: swept away
    }
    const auto log = logs_.find(file.path);
    if (log == logs_.end())
      return; // older than the log's first file
    assess_log(file.path, log->second, changed, resized, damage);
  }

  void assess_catalog(const Damage::File& file, const ByteRange& changed, bool resized, Damage& damage) const {
    damage.harmless = false;
    // One flipped byte that means something is found. What cannot be: a journal that ends early, pages of which the
    // journal holds newer ones, an older version of the file, free space.
    if (file.path == "catalog.db" && !fixture_.files.contains("catalog.db-wal") && file.content && !resized &&
        changed.end == changed.begin + 1 && catalog_used_[changed.begin])
      damage.may_go_unseen = false;
    // user_version and application_id
    if (changed.begin < 72 && changed.end > 60)
      damage.may_be_incompatible = true;
  }

  void assess_log(const std::string& path, const LogFile& log, const ByteRange& changed, bool resized,
                  Damage& damage) const {
    const bool idle =
        changed.begin >= log.end || (changed.begin >= sizeof(wal::FileHeader) && changed.end <= wal::data_offset);
    if (idle) {
      // Behind the end, too, a file may be found shorter than it was.
      if (resized || log.end == 0)
        damage.harmless = false;
      return;
    }
    damage.harmless = false;
    const auto shard = static_cast<std::size_t>(shard_of_path(path));
    const FixtureShard& history = fixture_.shards[shard];
    const auto& writes = history.last_writes;
    if (writes.empty() || writes.front().path != path) {
      damage.may_go_unseen = false;
      return;
    }
    // A whole group behind the damage says that everything before it was on the disk. Where two writes meet is known
    // but for bytes that had the same value before; both sides count as hit then.
    std::size_t hit = 0;
    while (hit + 1 < writes.size() && writes[hit + 1].bytes.begin <= changed.begin)
      ++hit;
    const std::size_t first_voucher = changed.begin < wal::data_offset ? 1 : hit + 1;
    for (std::size_t i = std::max<std::size_t>(first_voucher, 1); i < writes.size(); ++i) {
      if (writes[i - 1].bytes.end >= changed.end) {
        damage.may_go_unseen = false;
        return;
      }
    }
    damage.calls_cut_max[shard] =
        std::max(damage.calls_cut_max[shard], history.calls.size() - writes[hit].calls_before);
  }

  const Fixture& fixture_;
  std::vector<bool> catalog_used_;
  std::set<std::string> live_segments_;
  std::map<std::string, LogFile> logs_;
};

/// Makes the families; what they share lives as long as one of them.
class Maker : public std::enable_shared_from_this<Maker> {
public:
  explicit Maker(const Fixture& fixture) : fixture_(fixture), effects_(fixture) {
    for (const auto& file : fixture.files)
      paths_.push_back(file.first);
  }

  std::vector<DamageFamily> families() {
    return {flips(),  edge_flips(), all_flips(),   truncations(),   extensions(),
            blocks(), files(),      older_files(), older_sectors(), removals()};
  }

private:
  using Files = std::vector<Damage::File>;
  using Build = std::function<Damage(std::uint64_t)>;

  const std::string& content(const std::string& path) const { return fixture_.files.at(path); }

  Damage made(std::string what, Files changed) const {
    Damage damage;
    damage.what = fixture_.name + ": " + std::move(what);
    damage.files = std::move(changed);
    effects_.assess(damage);
    return damage;
  }

  /// A family whose members belong to files: `count_of` says how many of each, `make` gets the path and the number
  /// within it.
  template <class Count, class Make> DamageFamily per_file(const char* name, Count count_of, Make make) {
    std::vector<std::uint64_t> ends;
    std::uint64_t count = 0;
    for (const std::string& path : paths_)
      ends.push_back(count += count_of(path));
    return {fixture_.name + " " + name, count,
            [self = shared_from_this(), ends, make](std::uint64_t number) {
              const auto at =
                  static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), number) - ends.begin());
              return make(*self, self->paths_[at], number - (at == 0 ? 0 : ends[at - 1]));
            },
            true};
  }

  Damage flip(const std::string& path, std::size_t at, unsigned bit) const {
    std::string changed = content(path);
    changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
    return made("bit " + std::to_string(bit) + " of " + path + ":" + std::to_string(at) + " is flipped",
                {{path, std::move(changed)}});
  }

  /// One bit of every byte.
  DamageFamily flips() {
    return per_file(
        "flips", [this](const std::string& path) { return content(path).size(); },
        [](const Maker& self, const std::string& path, std::uint64_t number) {
          return self.flip(path, static_cast<std::size_t>(number), static_cast<unsigned>(number * 5 / 3 % 8));
        });
  }

  /// Every bit where headers, footers and indexes are: near both ends of a file that is read, and where a log's data
  /// begins.
  DamageFamily edge_flips() {
    static constexpr std::size_t edge_bytes = 512;
    const auto edges = [](std::size_t size) { return size > 3 * edge_bytes ? 3 * edge_bytes : size; };
    return per_file(
        "edge flips",
        [this, edges](const std::string& path) {
          const bool idle = path == "LOCK" || path.find("/spare-") != std::string::npos;
          return idle ? 0 : edges(content(path).size()) * 8;
        },
        [edges](const Maker& self, const std::string& path, std::uint64_t number) {
          const std::size_t size = self.content(path).size();
          auto at = static_cast<std::size_t>(number / 8);
          if (edges(size) != size && at >= 2 * edge_bytes)
            at = size - 3 * edge_bytes + at;
          else if (edges(size) != size && at >= edge_bytes && path.starts_with("wal/"))
            at += wal::data_offset - edge_bytes;
          return self.flip(path, at, static_cast<unsigned>(number % 8));
        });
  }

  /// Every bit of every byte.
  DamageFamily all_flips() {
    DamageFamily family = per_file(
        "all flips", [this](const std::string& path) { return content(path).size() * 8; },
        [](const Maker& self, const std::string& path, std::uint64_t number) {
          return self.flip(path, static_cast<std::size_t>(number / 8), static_cast<unsigned>(number % 8));
        });
    family.exhaustive = false;
    return family;
  }

  DamageFamily truncations() {
    return per_file(
        "truncations", [this](const std::string& path) { return content(path).size(); },
        [](const Maker& self, const std::string& path, std::uint64_t bytes) {
          return self.made(path + " is cut to " + std::to_string(bytes) + " bytes",
                           {{path, self.content(path).substr(0, static_cast<std::size_t>(bytes))}});
        });
  }

  DamageFamily extensions() {
    static constexpr std::size_t sizes[] = {1, 7, 39, 40, 63, 64, 512, 4096, 8192};
    return per_file(
        "extensions", [](const std::string&) { return 3 * std::size(sizes); },
        [](const Maker& self, const std::string& path, std::uint64_t number) {
          const std::size_t bytes = sizes[number / 3];
          std::string more(bytes, '\0');
          if (number % 3 == 1)
            more = garbage_of(bytes, number);
          if (number % 3 == 2) // its own beginning once more
            for (std::size_t i = 0; i < bytes && !self.content(path).empty(); ++i)
              more[i] = self.content(path)[i % self.content(path).size()];
          return self.made(path + " has " + std::to_string(bytes) + " bytes more, " +
                               (number % 3 == 0   ? "zeros"
                                : number % 3 == 1 ? "garbage"
                                                  : "its own beginning"),
                           {{path, self.content(path) + more}});
        });
  }

  /// Of n sectors of a file: swapped, one over the other, zeroed, garbage.
  DamageFamily blocks() {
    const auto sectors = [](const std::string& bytes) { return (bytes.size() + sector_bytes - 1) / sector_bytes; };
    return per_file(
        "blocks",
        [this, sectors](const std::string& path) {
          const std::uint64_t n = sectors(content(path));
          return 2 * n * n;
        },
        [sectors](const Maker& self, const std::string& path, std::uint64_t number) {
          const std::uint64_t n = sectors(self.content(path));
          const auto i = static_cast<std::size_t>(number / 2 / n);
          const auto j = static_cast<std::size_t>(number / 2 % n);
          std::string changed = self.content(path);
          const std::string a = changed.substr(i * sector_bytes, sector_bytes);
          const std::string b = changed.substr(j * sector_bytes, sector_bytes);
          std::string what = path + ": sector " + std::to_string(i);
          const bool odd = number % 2 == 1;
          const auto put = [&changed](std::size_t sector, std::string_view bytes) {
            const std::size_t at = sector * sector_bytes;
            const std::size_t room = std::min({changed.size() - at, bytes.size(), sector_bytes});
            changed.replace(at, room, bytes.substr(0, room));
          };
          if (i == j) {
            put(i, odd ? garbage_of(sector_bytes, number) : std::string(sector_bytes, '\0'));
            what += odd ? " is garbage" : " is zero";
          } else if (odd || i > j) {
            put(i, b);
            what += " holds sector " + std::to_string(j);
          } else {
            put(i, b);
            put(j, a);
            what += " and " + std::to_string(j) + " are swapped";
          }
          return self.made(what, {{path, std::move(changed)}});
        });
  }

  DamageFamily files() {
    const std::uint64_t n = paths_.size();
    return {fixture_.name + " files", n * n,
            [self = shared_from_this(), n](std::uint64_t number) {
              const std::string& a = self->paths_[static_cast<std::size_t>(number / n)];
              const std::string& b = self->paths_[static_cast<std::size_t>(number % n)];
              if (a < b)
                return self->made(a + " and " + b + " are swapped", {{a, self->content(b)}, {b, self->content(a)}});
              return self->made(a + " holds what " + b + " does", {{a, self->content(b)}});
            },
            true};
  }

  DamageFamily older_files() {
    // Every file that was ever there, the catalog also together with its journal.
    struct Old {
      const OlderImage* image;
      std::string path;
    };
    std::vector<Old> all;
    for (const OlderImage& older : fixture_.older) {
      std::set<std::string> paths(paths_.begin(), paths_.end());
      for (const auto& file : older.files)
        paths.insert(file.first);
      for (const std::string& path : paths)
        all.push_back({&older, path});
      all.push_back({&older, ""});
    }
    const std::uint64_t count = all.size();
    return {fixture_.name + " older files", count,
            [self = shared_from_this(), all = std::move(all)](std::uint64_t number) {
              const Old& old = all[static_cast<std::size_t>(number)];
              const auto version = [&](const std::string& path) -> Damage::File {
                const auto found = old.image->files.find(path);
                return {path, found == old.image->files.end() ? std::nullopt : std::optional(found->second)};
              };
              if (old.path.empty())
                return self->made("catalog and journal are older", {version("catalog.db"), version("catalog.db-wal")});
              return self->made(old.path + " is older", {version(old.path)});
            },
            true};
  }

  DamageFamily older_sectors() {
    struct Old {
      const OlderImage* image;
      std::string path;
      std::size_t at;
    };
    std::vector<Old> all;
    for (const OlderImage& older : fixture_.older) {
      for (const auto& [path, bytes] : older.files) {
        const auto now = fixture_.files.find(path);
        if (now == fixture_.files.end())
          continue;
        for (std::size_t at = 0; at < std::min(bytes.size(), now->second.size()); at += sector_bytes)
          if (bytes.compare(at, sector_bytes, now->second, at, sector_bytes) != 0)
            all.push_back({&older, path, at});
      }
    }
    const std::uint64_t count = all.size();
    return {fixture_.name + " older sectors", count,
            [self = shared_from_this(), all = std::move(all)](std::uint64_t number) {
              const Old& old = all[static_cast<std::size_t>(number)];
              std::string changed = self->content(old.path);
              const std::string sector = old.image->files.at(old.path).substr(old.at, sector_bytes);
              const std::size_t room = std::min(sector.size(), changed.size() - old.at);
              changed.replace(old.at, room, sector, 0, room);
              return self->made("a sector of " + old.path + ":" + std::to_string(old.at) + " is older",
                                {{old.path, std::move(changed)}});
            },
            true};
  }

  DamageFamily removals() {
    return per_file(
        "removals", [](const std::string&) { return std::uint64_t{1}; },
        [](const Maker& self, const std::string& path, std::uint64_t) {
          return self.made(path + " is missing", {{path, std::nullopt}});
        });
  }

  const Fixture& fixture_;
  Effects effects_;
  std::vector<std::string> paths_;
};

} // namespace

std::vector<DamageFamily> damages_of(const Fixture& fixture) {
  return std::make_shared<Maker>(fixture)->families();
}

} // namespace weir::trust
