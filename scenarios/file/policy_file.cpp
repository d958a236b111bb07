#include "unplug/scenarios/file/policy_file.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/embedded/scenarios.hpp"
#include "unplug/scenarios/json/check_keys.hpp"

namespace unplug::scenarios {
namespace {

std::string text_of(Node object, std::string_view key, Diagnostics& out) {
  const Node n = object.find(key);
  if (!n) return {};
  if (n.is(Node::Kind::string)) return std::string(n.string());
  n.error(out, fmt::format("found {}", Node::kind_name(n.kind())), "a string");
  return {};
}

// What the steps say is looked at when they are compiled with a scenario.
void read_hooks(Node root, PolicyFile& p, Diagnostics& out) {
  for (const std::string_view key : {"state", "functions", "hooks"}) {
    const Node n = root.find(key);
    if (n && !n.is(Node::Kind::object)) n.error(out, fmt::format("found {}", Node::kind_name(n.kind())), "an object");
    if (n && key != "hooks" && !root.find("hooks"))
      root.key_node(key).error(out, fmt::format("'{}' without hooks", key), "\"hooks\": steps by the name of where they run");
  }
  if (const Node state = root.find("state"); state.is(Node::Kind::object)) {
    const std::vector<std::string> names(policy_state_names.begin(), policy_state_names.end());
    for (std::size_t i = 0; i < state.size(); ++i) {
      if (std::ranges::find(names, state.key(i)) == names.end())
        state.key_node(i).error(out, fmt::format("a policy keeps nothing for a '{}'", state.key(i)), fmt::format("one of: {}", join(names)),
                                nearest_word(state.key(i), names));
      if (!state.at(i).is(Node::Kind::object))
        state.at(i).error(out, fmt::format("found {}", Node::kind_name(state.at(i).kind())), "an object: words and their first values");
    }
  }
  if (p.spec[model::Part::entry] != "none" && root.find("state").is(Node::Kind::object) && root.find("state").find("file"))
    root.find("state").key_node("file").error(out, fmt::format("words of open files beside mechanism '{}'", p.spec[model::Part::entry]),
                                              "\"entry\": \"none\" in \"parts\", and hooks that do it");
  const Node list = root.find("hooks");
  if (!list.is(Node::Kind::object)) return;
  std::vector<std::string> names;
  for (const HookInfo& h : hooks()) names.emplace_back(h.name);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto hook = find_hook(list.key(i));
    if (!hook) {
      list.key_node(i).error(out, fmt::format("no hook '{}'", list.key(i)), fmt::format("one of: {}", join(names)),
                             nearest_word(list.key(i), names));
      continue;
    }
    const std::optional<model::Part> part = hooks()[static_cast<std::size_t>(*hook)].part;
    if (part && p.spec[*part] != "none") {
      const std::string_view name = model::parts()[static_cast<std::size_t>(*part)].name;
      list.key_node(i).error(out, fmt::format("hook '{}' beside mechanism '{}'", list.key(i), p.spec[*part]),
                             fmt::format("\"{}\": \"none\" in \"parts\": the hook does it", name), {},
                             root.find("parts").find(name).position());
      continue;
    }
    p.hooks.push_back(*hook);
  }
}

}  // namespace

bool PolicyFile::guards_resources() const {
  return spec[model::Part::resource] != "none" ||
         std::ranges::any_of(hooks, [](Hook h) { return scenarios::hooks()[static_cast<std::size_t>(h)].part == model::Part::resource; });
}

bool PolicyFile::does_nothing() const {
  return hooks.empty() && std::ranges::all_of(spec.mechanism, [](const std::string& m) { return m.empty() || m == "none"; });
}

std::optional<PolicyFile> read_policy(std::shared_ptr<const Document> document, Diagnostics& out) {
  const std::size_t errors = out.errors();
  const Node root = document->root();
  if (!check_kind(root, "policy/1", out) || !check_string_lengths(*document, out)) return {};
  check_keys(root, {"$schema", "unplug", "name", "title", "shipped_by", "since", "description", "parts", "state", "functions", "hooks"},
             {"name", "parts"}, "a policy", out);
  PolicyFile p;
  p.name = text_of(root, "name", out);
  p.title = text_of(root, "title", out);
  p.shipped_by = text_of(root, "shipped_by", out);
  p.since = text_of(root, "since", out);
  p.description = text_of(root, "description", out);
  const Node parts = root.find("parts");
  if (parts && !parts.is(Node::Kind::object)) {
    parts.error(out, fmt::format("found {}", Node::kind_name(parts.kind())), "an object: parts and their mechanisms");
  } else if (parts) {
    std::vector<std::string> part_names;
    for (const model::PartInfo& i : model::parts()) part_names.emplace_back(i.name);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto part = std::ranges::find(part_names, parts.key(i));
      if (part == part_names.end()) {
        parts.key_node(i).error(out, fmt::format("a policy has no part '{}'", parts.key(i)), fmt::format("one of: {}", join(part_names)),
                                nearest_word(parts.key(i), part_names));
        continue;
      }
      const auto kind = static_cast<model::Part>(part - part_names.begin());
      std::vector<std::string> names;
      for (const model::MechanismInfo& m : model::mechanisms())
        if (m.part == kind) names.emplace_back(m.name);
      const Node v = parts.at(i);
      if (!v.is(Node::Kind::string)) {
        v.error(out, fmt::format("found {}", Node::kind_name(v.kind())), fmt::format("a mechanism: one of {}", join(names)));
      } else if (std::ranges::find(names, v.string()) == names.end()) {
        v.error(out, fmt::format("no mechanism '{}' for part '{}'", v.string(), *part), fmt::format("one of: {}", join(names)),
                nearest_word(v.string(), names));
      } else {
        p.spec.mechanism[static_cast<std::size_t>(kind)] = std::string(v.string());
      }
    }
  }
  read_hooks(root, p, out);
  if (!p.hooks.empty()) p.steps = std::move(document);
  return out.errors() == errors ? std::optional(p) : std::nullopt;
}

std::vector<std::string> builtin_policies() {
  // The order of the comparison: the control, the fences, revocation, reference counts.
  std::vector<std::string> order{
      "none", "srcu-fence", "rwsem-fence", "rcu-revoke", "rcu-revoke-batched", "fd-refcount", "rcu-revoke+fd-refcount"};
  std::vector<std::string> more;
  for (const auto& f : embedded::files()) {
    std::string_view n = f.name;
    if (!n.starts_with("policies/") || !n.ends_with(".json")) continue;
    n = n.substr(9, n.size() - 14);
    if (std::ranges::find(order, n) == order.end()) more.emplace_back(n);
  }
  std::erase_if(order, [](const std::string& n) { return embedded::find("policies/" + n + ".json") == nullptr; });
  order.insert(order.end(), more.begin(), more.end());
  return order;
}

std::optional<PolicyFile> find_policy(const std::string& name, const std::string& directory, Node at, Diagnostics& out) {
  if (name.find('/') != std::string::npos || name.ends_with(".json")) {
    std::unique_ptr<Document> d;
    if (!directory.empty() && !name.starts_with('/')) {
      Diagnostics quiet;
      d = Document::load(directory + "/" + name, quiet);
    }
    if (!d) d = Document::load(name, out);
    return d ? read_policy(std::move(d), out) : std::nullopt;
  }
  const auto* file = embedded::find("policies/" + name + ".json");
  if (file == nullptr) {
    const std::vector<std::string> known = builtin_policies();
    const std::string message = fmt::format("no policy '{}'", name),
                      expected = fmt::format("a built-in policy ({}) or a policy file", join(known));
    if (at) {
      at.error(out, message, expected, nearest_word(name, known));
    } else {
      Diagnostic d;
      d.file = "--policy";
      d.message = message;
      d.expected = expected;
      d.nearest = nearest_word(name, known);
      out.add(std::move(d));
    }
    return {};
  }
  auto d = Document::parse(std::string(file->text), std::string(file->name), out);
  return d ? read_policy(std::move(d), out) : std::nullopt;
}

std::vector<std::string> removable_parts(const PolicyFile& policy) {
  std::vector<std::string> names;
  for (const model::PartInfo& i : model::parts()) names.emplace_back(i.name);
  for (const Hook h : policy.hooks) names.emplace_back(hooks()[static_cast<std::size_t>(h)].name);
  return names;
}

PolicyFile without(PolicyFile policy, std::string_view part) {
  if (const auto hook = find_hook(part)) std::erase(policy.hooks, *hook);
  const auto all = model::parts();
  for (const model::PartInfo& i : all)
    if (i.name == part) policy.spec.mechanism[static_cast<std::size_t>(i.part)] = "none";
  policy.name += policy.name.find(" without ") == std::string::npos ? fmt::format(" without {}", part) : fmt::format(", {}", part);
  return policy;
}

std::string steps_at(const PolicyFile& policy, std::optional<model::Part> part) {
  std::string own;
  for (const Hook h : policy.hooks)
    if (const HookInfo& info = hooks()[static_cast<std::size_t>(h)]; info.part == part) own += fmt::format(" {}", info.name);
  return own;
}

PolicyLabel label(const PolicyFile& policy) {
  PolicyLabel l{policy.name, policy.title, policy.shipped_by, policy.since, policy.description, {}};
  for (const model::PartInfo& i : model::parts()) {
    const std::string own = steps_at(policy, i.part);
    l.parts.push_back(own.empty() ? fmt::format("{}: {}", i.name, policy.spec[i.part]) : fmt::format("{}: steps at{}", i.name, own));
    if (i.part == model::Part::resource && !policy.spec.guards.empty())
      l.parts.back() += fmt::format(" ({} only)", join(policy.spec.guards));
  }
  if (const std::string own = steps_at(policy, {}); !own.empty()) l.parts.push_back("binding: steps at" + own);
  return l;
}

}  // namespace unplug::scenarios
