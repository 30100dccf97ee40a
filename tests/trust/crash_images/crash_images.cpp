#include "trust/crash_images/crash_images.hpp"

#include "engine/hash.hpp"
#include "trust/support/disk/at_work.hpp"

#include <algorithm>
#include <cstdio>

namespace weir::trust {

void CrashRun::run() {
  for (unsigned variant = 0; variant < (workload_.by_chance ? plan_.variants : 1); ++variant)
    run_variant(variant);
}

void CrashRun::run_variant(unsigned variant) {
  shown_.clear(); // it is about this ledger's calls
  Life life(workload_.name, PlainEngine::small_options(workload_.shards), plan_.seed + variant);
  if (workload_.prepare != nullptr)
    workload_.prepare(life);
  ledger_ = &life.ledger();
  options_ = life.options();
  const std::string prefix = std::string(workload_.name) + "#" + std::to_string(variant) + "@";
  io::MemoryFileSystem& fs = life.fs();
  std::uint64_t last_call = 0;
  fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
    last_call = call.number;
    if (changes_disk(call.operation))
      at_boundary(fs, call.number, prefix);
    return std::nullopt;
  });
  try {
    workload_.run(life);
  } catch (const Broken& why) { // what it looked at itself
    fs.set_hook({});
    return report(prefix + std::to_string(last_call) + "/alive", why.what());
  }
  fs.set_hook({});
  at_boundary(fs, last_call + 1, prefix);
  check_reached(workload_, life);
}

void CrashRun::at_boundary(io::MemoryFileSystem& fs, std::uint64_t call, const std::string& before) {
  const bool second = before.back() == '>';
  ++counts_.boundaries;
  const std::string prefix = before + std::to_string(call) + "/";
  ImageKinds kinds;
  kinds.seed = hash64(prefix, plan_.seed);
  kinds.random_subsets = second ? plan_.second_random_subsets : plan_.random_subsets;
  for_each_image(fs, kinds, [&](const CrashImage& crash) {
    const std::string label = prefix + crash.name;
    if (wanted(label, second))
      try_image(fs, crash, label, second);
  });
  progress(std::to_string(counts_.distinct.size()) + " images, at " + prefix);
}

bool CrashRun::wanted(const std::string& label, bool second) {
  if (plan_.until_first_finding && counts_.findings() != 0)
    return false;
  if (plan_.only.find('@') != std::string::npos)
    return label == plan_.only || plan_.only.starts_with(label + ">");
  // By a hash, not by counting: every kind of image at every kind of call has its share.
  const std::uint64_t every = second ? std::max<std::uint64_t>(1, plan_.every / 8) : plan_.every;
  return every == 1 || hash64(label, 0) % (every * workload_.thin) == 0;
}

void CrashRun::try_image(io::MemoryFileSystem& fs, const CrashImage& crash, const std::string& label, bool second) {
  const bool process_only = crash.policy.unsynced == io::CrashPolicy::Unsynced::kept && !(second && machine_lost_);
  const auto image = crash.of(fs);
  // After a kill the same bytes are not the same disk: what was unsynced is.
  const std::uint64_t hash = crash.killed ? hash64(label, image->content_hash()) : image->content_hash();
  ++counts_.tried;
  const auto [known, fresh] = shown_.try_emplace(hash);
  try {
    if (!fresh) {
      // The same bytes, but more may have been promised since.
      if (known->second)
        check_promises(*known->second, *ledger_, process_only);
      return;
    }
    if (!crash.killed)
      counts_.distinct.insert(hash);
    ++counts_.recovered;
    counts_.in_recovery += second ? 1 : 0;
    work_on(label);
    Judgement judgement{process_only, {}, false};
    // After a kill, recovery finds unsynced what it hands out: its own order of steps matters most there.
    const bool again = plan_.only.starts_with(label + ">") ||
                       (!second && workload_.crash_in_recovery && plan_.second_every != 0 &&
                        ((crash.killed && plan_.kills_again) || seen_++ % plan_.second_every == 0));
    if (again)
      judgement.watch = [&](io::MemoryFileSystem& opened) { watch_recovery(opened, crash, label); };
    shown_[hash] = judge(*image, options_, *ledger_, judgement);
  } catch (const Broken& why) {
    report(label, why.what());
    shown_[hash] = ledger_->must_be_there(true); // once is enough
  }
}

void CrashRun::watch_recovery(io::MemoryFileSystem& image, const CrashImage& first, const std::string& label) {
  machine_lost_ = first.policy.unsynced != io::CrashPolicy::Unsynced::kept;
  image.set_hook([this, &image, label](const io::Call& call) -> std::optional<Error> {
    if (changes_disk(call.operation))
      at_boundary(image, call.number, label + ">");
    return std::nullopt;
  });
}

void CrashRun::report(const std::string& label, const std::string& what) {
  (what.starts_with("I1:") ? counts_.acknowledged_lost : counts_.wrong_answers) += 1;
  constexpr std::uint64_t printed_max = 40;
  if (!plan_.quiet && counts_.findings() <= printed_max)
    std::fprintf(stderr, "\n%s: %s\n  again: weir_trust_crash_images --seed %llu --only '%s'\n", label.c_str(),
                 what.c_str(), static_cast<unsigned long long>(plan_.seed), label.c_str());
}

} // namespace weir::trust
