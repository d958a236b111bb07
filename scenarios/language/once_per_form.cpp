#include "unplug/scenarios/language/once_per_form.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "unplug/scenarios/language/entities.hpp"
#include "unplug/scenarios/language/in_form.hpp"

namespace unplug::scenarios {
namespace {

// The forms in which there is something at `pointer`: each step on the way there may be in some only.
std::vector<std::string> forms_at(Node at, const std::string& pointer, std::vector<std::string> forms) {
  for (std::size_t from = 0; from < pointer.size();) {
    const std::size_t to = std::min(pointer.find('/', from + 1), pointer.size());
    const std::string_view token = std::string_view(pointer).substr(from + 1, to - from - 1);
    from = to;
    if (at.is(Node::Kind::array)) {
      std::size_t index = 0;
      if (std::from_chars(token.data(), token.data() + token.size(), index).ec != std::errc{} || index >= at.size()) break;
      at = at.at(index);
    } else if (at.is(Node::Kind::object)) {
      at = at.find(token);  // a name with a slash or a tilde in it isn't found: then nothing more is known
    }
    if (!at) break;
    if (at.is(Node::Kind::object)) std::erase_if(forms, [&](const std::string& f) { return !in_form(at, f); });
  }
  return forms;
}

}  // namespace

void FormMessages::add(const std::string& form, const Diagnostics& found) {
  for (const Diagnostic& d : found.all()) {
    const std::string key = fmt::format("{}:{}:{}:{}", d.at ? d.at->line : 0, d.at ? d.at->column : 0, d.message, d.expected);
    const auto [place, fresh] = known_.emplace(key, list_.size());
    if (fresh) list_.push_back({d, {}});
    list_[place->second].forms.insert(form);
  }
}

void FormMessages::say(Node root, Diagnostics& out) const {
  for (const Message& m : list_) {
    Diagnostic d = m.what;
    std::vector<std::string> in;
    for (const std::string& f : forms_)
      if (m.forms.contains(f)) in.push_back(f);
    const std::vector<std::string> there = forms_at(root, d.pointer, forms_);
    if (!std::ranges::all_of(there, [&](const std::string& f) { return m.forms.contains(f); }))
      d.message += fmt::format(", in {}", forms_text(in));
    out.add(std::move(d));
  }
}

}  // namespace unplug::scenarios
