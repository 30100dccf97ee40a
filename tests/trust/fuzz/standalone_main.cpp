// Drives a fuzz target without libFuzzer: every input of the corpus once, and a few hundred mutations of them.
//
//   fuzz_NAME [--mutations N] [--seed N] FILE or DIRECTORY ...
#include "trust/fuzz/fuzz.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" __attribute__((weak)) std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                                                     std::size_t size_max, unsigned seed);

namespace {
weir::fuzz::Random mutations(1);
}

// A plain stand-in for libFuzzer's.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max) {
  auto& random = mutations;
  switch (size == 0 ? 3 : random() % 5) {
  case 0: data[random() % size] ^= static_cast<std::uint8_t>(1U << (random() % 8)); break;
  case 1: data[random() % size] = static_cast<std::uint8_t>(random()); break;
  case 2: return size - random() % std::min<std::size_t>(size, 16);
  case 3:
    for (std::size_t more = 1 + random() % 8; more != 0 && size < size_max; --more)
      data[size++] = static_cast<std::uint8_t>(random());
    break;
  default: // one draw, then the other: in which order arguments are worked out is the compiler's choice
    const std::size_t one = random() % size;
    std::swap(data[one], data[random() % size]);
  }
  return size;
}

int main(int argc, char** argv) {
  std::size_t per_input = 0;
  std::vector<std::string> inputs;
  const auto add = [&](const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  };
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--mutations" && i + 1 < argc) {
      per_input = std::stoul(argv[++i]);
    } else if (argument == "--seed" && i + 1 < argc) {
      mutations.seed(static_cast<unsigned>(std::stoul(argv[++i])));
    } else if (std::filesystem::is_directory(argument)) {
      std::vector<std::filesystem::path> paths;
      for (const auto& entry : std::filesystem::directory_iterator(argument))
        paths.push_back(entry.path());
      std::sort(paths.begin(), paths.end());
      std::for_each(paths.begin(), paths.end(), add);
    } else {
      add(argument);
    }
  }
  std::size_t executions = 0;
  const auto run = [&](const std::string& input) {
    ++executions;
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  };
  for (const std::string& input : inputs) {
    run(input);
    std::string changed = input;
    for (std::size_t i = 0; i < per_input; ++i) {
      if (i % 8 == 0)
        changed = input;
      const std::size_t size = changed.size(), size_max = size + 64;
      changed.resize(size_max);
      auto* const data = reinterpret_cast<std::uint8_t*>(changed.data());
      changed.resize(LLVMFuzzerCustomMutator != nullptr
                         ? LLVMFuzzerCustomMutator(data, size, size_max, static_cast<unsigned>(mutations()))
                         : LLVMFuzzerMutate(data, size, size_max));
      run(changed);
    }
  }
  std::printf("%zu inputs, %zu executions\n", inputs.size(), executions);
  return inputs.empty() ? 1 : 0;
}
