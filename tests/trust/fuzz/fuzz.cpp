#include "trust/fuzz/fuzz.hpp"

#include <algorithm>
#include <span>

namespace weir::fuzz {

std::string mutated(std::string input, std::size_t size_max) {
  const std::size_t size = std::min(input.size(), size_max);
  input.resize(size_max);
  input.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(input.data()), size, size_max));
  return input;
}

std::string mutated_inside(std::string input, Random& random) {
  if (input.empty())
    return input;
  const std::size_t at = random() % input.size();
  const std::size_t size = std::min<std::size_t>(input.size() - at, 1 + random() % 64);
  std::string part = mutated(input.substr(at, size), size);
  part.resize(size);
  return input.replace(at, size, part);
}

std::size_t mutate_and_repair(std::uint8_t* data, std::size_t size, std::size_t size_max, unsigned seed,
                              const std::function<void(std::string&, Random&)>& repair) {
  Random random(seed | 1U);
  std::string input(text_of(data, size));
  if (input.empty() || random() % 4 == 0)
    input = mutated(std::move(input), size_max);
  else
    for (std::size_t times = 1 + random() % 3; times != 0; --times)
      input = mutated_inside(std::move(input), random);
  if (random() % 8 != 0)
    repair(input, random);
  input.resize(std::min(input.size(), size_max));
  std::copy(input.begin(), input.end(), data);
  return input.size();
}

std::vector<std::string> unpack(std::string_view input) {
  std::vector<std::string> parts;
  while (input.size() > sizeof(std::uint32_t)) {
    const std::size_t size = std::min<std::size_t>(load<std::uint32_t>(input, 0), input.size() - sizeof(std::uint32_t));
    parts.emplace_back(input.substr(sizeof(std::uint32_t), size));
    input.remove_prefix(sizeof(std::uint32_t) + size);
  }
  return parts;
}

std::string pack(const std::vector<std::string>& parts) {
  std::string input;
  for (const std::string& part : parts) {
    const auto size = static_cast<std::uint32_t>(part.size());
    input.append(reinterpret_cast<const char*>(&size), sizeof size);
    input += part;
  }
  return input;
}

void write_file(io::FileSystem& fs, const std::string& path, std::string_view content) {
  auto file = fs.open(path, io::OpenMode::create);
  require(file.ok() && (*file)->append(std::as_bytes(std::span(content))).ok(), "the simulated disk takes a file");
}

std::string read_file(io::FileSystem& fs, const std::string& path) {
  const auto bytes = io::read_whole_file(fs, path, std::uint64_t{1} << 30U);
  require(bytes.ok(), "the simulated disk gives its file");
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

} // namespace weir::fuzz
