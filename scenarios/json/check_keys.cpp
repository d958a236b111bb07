#include "unplug/scenarios/json/check_keys.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::scenarios {

std::string join(std::span<const std::string> words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

std::string with_article(std::string_view noun) {
  constexpr std::string_view as_a_vowel = "aeioAEFHILMNORSX";  // capitals: as their letters are read
  const bool an = noun.starts_with("hr") || (!noun.empty() && as_a_vowel.find(noun.front()) != std::string_view::npos);
  return fmt::format("{} {}", an ? "an" : "a", noun);
}

bool check_keys(Node object, std::initializer_list<std::string_view> allowed, std::initializer_list<std::string_view> required,
                std::string_view what, Diagnostics& out) {
  if (!object.is(Node::Kind::object)) {
    object.error(out, fmt::format("found {}", Node::kind_name(object.kind())), fmt::format("{}: an object", what));
    return false;
  }
  const std::vector<std::string> list(allowed.begin(), allowed.end());
  bool good = true;
  std::vector<std::string> meant;  // keys that are there but misspelt: not missing as well
  for (std::size_t i = 0; i < object.size(); ++i) {
    if (std::ranges::find(list, object.key(i)) != list.end()) continue;
    meant.push_back(nearest_word(object.key(i), list));
    object.key_node(i).error(out, fmt::format("{} has no key '{}'", what, object.key(i)), fmt::format("one of: {}", join(list)),
                             meant.back());
    good = false;
  }
  for (const std::string_view r : required) {
    if (object.find(r) || std::ranges::find(meant, r) != meant.end()) continue;
    object.error(out, fmt::format("{} needs the key '{}'", what, r));
    good = false;
  }
  return good;
}

bool check_kind(Node root, std::string_view kind, Diagnostics& out) {
  if (!root.is(Node::Kind::object)) {
    root.error(out, fmt::format("found {}", Node::kind_name(root.kind())), "an object");
    return false;
  }
  const Node n = root.find("unplug");
  const bool of_policy = (root.find("parts") || root.find("hooks")) && !root.find("run");
  if (of_policy && kind.starts_with("scenario/") && (!n || (n.is(Node::Kind::string) && n.string() == kind))) {
    (n ? n : root).error(out, "a policy that does not say that it is one", "\"unplug\": \"policy/1\"");
    return false;
  }
  if (!n) return true;
  if (n.is(Node::Kind::string) && n.string() == kind) return true;
  if (!n.is(Node::Kind::string)) {
    n.error(out, fmt::format("found {}", Node::kind_name(n.kind())), fmt::format("\"{}\"", kind));
    return false;
  }
  const std::string_view found = n.string().substr(0, n.string().find('/'));
  if (found == kind.substr(0, kind.find('/'))) {
    n.error(out, fmt::format("this file is of version '{}'", n.string()), fmt::format("\"{}\", the version that this program reads", kind));
    return false;
  }
  std::string use;
  if (found == "failure") use = "; replay it with: unplug replay FILE";
  if (found == "result") use = "; the run that wrote it is its \"command\"";
  if (found == "policy") use = "; use it with: unplug run SCENARIO --policy FILE";
  if (found == "scenario") use = "; run it with: unplug run FILE";
  n.error(out, fmt::format("this file is a '{}'{}", n.string(), use), fmt::format("\"{}\"", kind),
          use.empty() ? nearest_word(n.string(), std::vector<std::string>{std::string(kind)}) : "");
  return false;
}

}  // namespace unplug::scenarios
