// The section "shared": words and things outside of any driver, there from the start.
#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/file_compiler.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::string_view forms =
    "a word (its first value), an array of words, a kind of thing (\"mutex\"), {\"kind\": ...}, {\"fields\": ...} or {\"points_to\": ...}";

std::optional<std::uint64_t> word(Node n) {
  if (n.is(Node::Kind::integer)) return static_cast<std::uint64_t>(n.integer());
  if (n.is(Node::Kind::null)) return 0;
  return {};
}

}  // namespace

void FileCompiler::declare_shared() {
  const Node shared = document_.root().find("shared");
  if (!shared.is(Node::Kind::object)) return;
  // All words are fields of one piece of memory that has no life of its own.
  auto& allocations = entities_.specs[static_cast<std::size_t>(EntityKind::allocation)];
  program_->shared = static_cast<std::uint32_t>(allocations.size());
  EntitySpec& words = allocations.emplace_back();
  words.name = "shared";
  words.from_start = true;
  words.scope = Scope::world;
  const auto add = [&](std::string name, std::uint64_t initial) {
    if (!take(shared)) return;
    entities_.specs[static_cast<std::size_t>(EntityKind::allocation)][program_->shared].fields.push_back({std::move(name), initial});
  };
  // Memory first: words may point to it.
  for (std::size_t i = 0; i < shared.size(); ++i) {
    const Node v = reader_.value(shared.at(i));
    if (v.is(Node::Kind::object) && v.find("fields")) declare_shared_thing(std::string(shared.key(i)), v);
  }
  auto& memory = entities_.specs[static_cast<std::size_t>(EntityKind::allocation)];
  for (const FirstPointer& p : first_pointers_)
    if (const auto to = shared_pointer(p.to)) memory[entities_.by_name[p.memory].index].fields[p.field].initial = *to;
  for (std::size_t i = 0; i < shared.size(); ++i) {
    const std::string name(shared.key(i));
    const Node v = reader_.value(shared.at(i));
    if (!std::ranges::all_of(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }) || name.empty()) {
      shared.key_node(i).error(reader_.out(), fmt::format("'{}' is no name", name), "letters, digits and _");
      continue;
    }
    if (const auto w = word(v)) {
      add(name, *w);
    } else if (v.is(Node::Kind::array)) {
      for (std::size_t k = 0; k < v.size(); ++k) {
        const auto w2 = word(reader_.value(v.at(k)));
        if (!w2) v.at(k).error(reader_.out(), fmt::format("found {}", Node::kind_name(v.at(k).kind())), "the first value of a word");
        add(fmt::format("{}[{}]", name, k), w2.value_or(0));
      }
    } else if (v.is(Node::Kind::object) && v.find("points_to")) {
      entities_.lost.insert(name);  // until it is there
      if (!check_keys(v, {"points_to"}, {}, "a pointer", reader_.out())) continue;
      const auto to = shared_pointer(v.find("points_to"));
      if (!to) continue;
      entities_.lost.erase(name);
      add(name, *to);
    } else if (v.is(Node::Kind::string) || (v.is(Node::Kind::object) && v.find("kind"))) {
      declare_shared_thing(name, v);
    } else if (!(v.is(Node::Kind::object) && v.find("fields"))) {
      entities_.lost.insert(name);
      shared.at(i).error(reader_.out(), fmt::format("'{}' is nothing that can be shared", name), std::string(forms));
    }
  }
}

std::optional<std::uint64_t> FileCompiler::shared_pointer(Node at) const {
  const auto to = reader_.text(at, "the name of shared memory");
  if (!to) return {};
  const auto found = entities_.by_name.find(*to);
  if (found != entities_.by_name.end() && found->second.kind == EntityKind::allocation)
    return found->second.index + 1;  // the pointer to declared memory of the first binding
  std::vector<std::string> names;
  for (const auto& [k, e] : entities_.by_name)
    if (e.kind == EntityKind::allocation) names.push_back(k);
  at.error(reader_.out(), fmt::format("no shared memory '{}'", *to), "one with \"fields\"", nearest_word(*to, names));
  return {};
}

void FileCompiler::declare_shared_thing(const std::string& name, Node n) {
  Diagnostics& out = reader_.out();
  EntitySpec spec;
  spec.name = spec.member = name;
  spec.scope = Scope::world;
  if (!take(n)) return;
  entities_.lost.insert(name);  // until it is there: who uses it is not told as well
  const auto enter = [&](EntityKind kind) {
    entities_.lost.erase(name);
    auto& list = entities_.specs[static_cast<std::size_t>(kind)];
    entities_.by_name[name] = {kind, static_cast<std::uint32_t>(list.size()), n.position()};
    list.push_back(std::move(spec));
  };
  if (n.is(Node::Kind::object) && n.find("fields")) {
    const Node fields = n.find("fields");
    if (!check_keys(n, {"fields"}, {}, "shared memory", out)) return;
    if (!fields.is(Node::Kind::object)) {
      fields.error(out, fmt::format("found {}", Node::kind_name(fields.kind())), "an object: field names and first values");
      return;
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const Node value = reader_.value(fields.at(i));
      spec.fields.push_back({std::string(fields.key(i)), word(value).value_or(0)});
      if (word(value)) continue;
      if (value.is(Node::Kind::string)) {
        first_pointers_.push_back({name, static_cast<std::uint32_t>(i), fields.at(i)});
      } else {
        fields.at(i).error(out, fmt::format("found {}", Node::kind_name(value.kind())),
                           "the first value of a word: an integer, null, or the name of shared memory");
      }
    }
    spec.from_start = true;
    enter(EntityKind::allocation);
    return;
  }
  const Node kind = n.is(Node::Kind::object) ? n.find("kind") : n;
  const auto text = reader_.text(kind, "a kind of thing (unplug list things)");
  if (!text) return;
  std::vector<std::string> names;
  for (std::size_t k = first_listed_kind; k < entity_kinds; ++k) names.emplace_back(scenarios::name(static_cast<EntityKind>(k)));
  const auto found = std::ranges::find(names, *text);
  if (found == names.end()) {
    kind.error(out, fmt::format("no kind of thing '{}'", *text), "a kind of thing (unplug list things)", nearest_word(*text, names));
    return;
  }
  const auto k = static_cast<EntityKind>(first_listed_kind + static_cast<std::size_t>(found - names.begin()));
  // The keys are those of the verb that declares such a thing.
  const Verb* verb = nullptr;
  for (const Verb& v : verbs())
    if (verb == nullptr && v.operand == OperandKind::declaration && v.entity == k) verb = &v;
  if (k == EntityKind::mapping) entities_.registers.emplace_back();
  if (n.is(Node::Kind::object) && verb != nullptr) {
    for (std::size_t i = 0; i < n.size(); ++i) {
      if (n.key(i) == "kind") continue;
      std::vector<std::string> allowed{"kind"};
      for (const KeySpec& key : verb->keys) allowed.emplace_back(key.name);
      if (std::ranges::find(allowed, n.key(i)) == allowed.end())
        n.key_node(i).error(out, fmt::format("{} has no key '{}'", with_article(*text), n.key(i)), fmt::format("one of: {}", join(allowed)),
                            nearest_word(n.key(i), allowed));
    }
    declare_common(*verb, n, spec);
    declare_keys(*verb, n, spec, static_cast<std::uint32_t>(entities_.specs[static_cast<std::size_t>(k)].size()));
  }
  if (verb != nullptr) {
    for (const KeySpec& key : verb->keys)
      if (key.required && (!n.is(Node::Kind::object) || !n.find(key.name))) {
        n.error(out, fmt::format("'{}' needs the key '{}'", name, key.name),
                fmt::format("{{\"kind\": \"{}\", \"{}\": ...}}: {}", *text, key.name, key.meaning));
        return;
      }
    spec.flags = verb->flags;
  }
  enter(k);
}

}  // namespace unplug::scenarios
