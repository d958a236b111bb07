#include "unplug/sim/names.hpp"

#include <fmt/format.h>

#include "unplug/sim/hash.hpp"

namespace unplug::sim {

NameId NameTable::intern(std::string_view text) {
  if (const auto found = by_text_.find(text); found != by_text_.end()) return found->second;
  const NameId id{static_cast<std::uint32_t>(entries_.size())};
  entries_.push_back({std::string(text), hash_bytes(text)});
  by_text_.emplace(entries_.back().text, id);
  return id;
}

NameId NameTable::child(NameId parent, std::string_view part, std::uint32_t n) {
  const std::uint64_t key = combine(combine(hash(parent), hash_bytes(part)), n);
  if (const auto found = children_.find(key); found != children_.end()) return found->second;
  const NameId id = intern(fmt::format("{}/{}#{}", text(parent), part, n));
  children_.emplace(key, id);
  return id;
}

}  // namespace unplug::sim
