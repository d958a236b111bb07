#include "unplug/scenarios/json/shipped.hpp"

#include <algorithm>
#include <array>

#include "unplug/embedded/scenarios.hpp"
#include "unplug/scenarios/json/diagnostics.hpp"
#include "unplug/scenarios/json/document.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::string_view folder = "scenarios/", ending = ".json";
constexpr std::array<std::string_view, 4> other_files{"schema/", "policies/", "templates/", "calibration/"};

}  // namespace

std::vector<ShippedFile> shipped_files() {
  std::vector<ShippedFile> out;
  for (const auto& f : embedded::files())
    if (std::ranges::none_of(other_files, [&](std::string_view o) { return f.name.starts_with(o); }))
      out.push_back({std::string(folder) + std::string(f.name), f.text});
  return out;
}

std::optional<ShippedFile> shipped_file(std::string_view name) {
  if (name.starts_with(folder)) name.remove_prefix(folder.size());
  std::string wanted(name);
  if (!wanted.ends_with(ending)) wanted += ending;
  std::vector<ShippedFile> by_last_word;
  for (ShippedFile& f : shipped_files()) {
    const std::string_view path = std::string_view(f.path).substr(folder.size());
    if (path == wanted) return std::move(f);
    if (path.substr(path.rfind('/') + 1) == wanted) by_last_word.push_back(std::move(f));
  }
  if (by_last_word.size() == 1) return std::move(by_last_word.front());
  return {};
}

std::string short_name(const ShippedFile& f) {
  const std::size_t from = f.path.rfind('/') + 1;
  return f.path.substr(from, f.path.size() - from - ending.size());
}

std::string title(const ShippedFile& f) {
  Diagnostics quiet;
  const auto d = Document::parse(std::string(f.text), f.path, quiet);
  const Node title = d ? d->root().find("title") : Node{};
  return title.is(Node::Kind::string) ? std::string(title.string()) : std::string{};
}

std::string nearest_shipped_file(std::string_view name) {
  std::vector<std::string> names;
  for (const ShippedFile& f : shipped_files()) names.push_back(short_name(f));
  std::string_view word = name.substr(name.rfind('/') + 1);
  if (word.ends_with(ending)) word.remove_suffix(ending.size());
  return nearest_word(word, names);
}

}  // namespace unplug::scenarios
