#include "unplug/scenarios/reference/templates.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "unplug/embedded/scenarios.hpp"
#include "unplug/scenarios/json/document.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::string_view template_folder = "templates/", template_ending = ".json";

std::string text_of(Node root, std::string_view key, std::string_view otherwise) {
  const Node n = root.find(key);
  return std::string(n.is(Node::Kind::string) ? n.string() : otherwise);
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

}  // namespace

std::vector<Template> templates() {
  std::vector<Template> out;
  for (const auto& f : embedded::files()) {
    if (!f.name.starts_with(template_folder)) continue;
    Diagnostics quiet;
    const auto d = Document::parse(std::string(f.text), std::string(f.name), quiet);
    const std::string kind = text_of(d->root(), "unplug", "scenario");
    const std::string_view name = f.name.substr(template_folder.size());
    out.push_back({std::string(name.substr(0, name.size() - template_ending.size())), text_of(d->root(), "title", ""),
                   kind.substr(0, kind.find('/')), f.text});
  }
  return out;
}

bool may_be_a_name(std::string_view name) {
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || std::isdigit(static_cast<unsigned char>(c)) != 0; });
}

std::string instantiate(const Template& from, std::string_view name, std::string_view schema) {
  std::string text(from.text);
  const std::string beside = from.kind + "-1.json";
  replace_all(text, "../../docs/schema/" + beside, schema.empty() ? std::string_view(beside) : schema);
  if (!schema.empty()) {  // nobody has to put one beside the file
    const std::size_t hint = text.find(fmt::format("//   unplug schema {} >", from.kind));
    if (hint != std::string::npos) text.erase(hint, text.find('\n', hint) + 1 - hint);
  }
  if (!name.empty()) replace_all(text, template_name, name);
  return text;
}

}  // namespace unplug::scenarios
