// Which functions a variant (a form, with values of the parameters) leads to: those that others alone call are not checked in it.
#include <algorithm>

#include "unplug/scenarios/language/file_compiler.hpp"
#include "unplug/scenarios/language/in_form.hpp"
#include "unplug/scenarios/language/in_member.hpp"

namespace unplug::scenarios {
namespace {

// What the steps of a function, and the sections of the file, lead to: whatever they name.
class Leads {
 public:
  // `form`, `member`: what to leave out steps and tasks of others by; nothing is left out for an empty form, and for no member.
  Leads(const Reader& reader, const std::map<std::string, Node>& functions, std::string form, const Parameters* member)
      : reader_(reader), functions_(functions), form_(std::move(form)), member_(member) {}

  void from(const std::string& name) {
    if (functions_.contains(name) && live_.insert(name).second) open_.push_back(name);
  }
  // Every word under `n`. Steps of other forms are left out.
  void from_words(Node n) {
    if (n.is(Node::Kind::string)) {
      const Node v = reader_.value(n);
      if (v.is(Node::Kind::string)) from(std::string(v.string()));
    } else if (n.is(Node::Kind::array)) {
      for (std::size_t i = 0; i < n.size(); ++i) from_words(n.at(i));
    } else if (n.is(Node::Kind::object) && in_form(n, form_)) {
      if (member_ != nullptr && !is_in_member(n, *member_)) return;
      for (std::size_t i = 0; i < n.size(); ++i)
        if (n.key(i) != "form" && n.key(i) != "note") from_words(n.at(i));
    }
  }
  std::set<std::string> all() {
    while (!open_.empty()) {
      const std::string name = open_.back();
      open_.pop_back();
      from_words(functions_.at(name));
    }
    return std::move(live_);
  }

 private:
  const Reader& reader_;
  const std::map<std::string, Node>& functions_;
  std::string form_;
  const Parameters* member_;
  std::set<std::string> live_;
  std::vector<std::string> open_;
};

}  // namespace

std::set<std::string> FileCompiler::led_to(bool here) const {
  Leads leads(reader_, function_nodes_, here ? variant_.form : "", here ? &variant_.parameters : nullptr);
  const Node root = document_.root();
  for (const char* section : {"modules", "run"}) leads.from_words(root.find(section));
  for (const Roster::Module& m : roster_.modules)
    for (const std::string_view suffix : {"_probe", "_remove", "_exit"}) leads.from(m.name + std::string(suffix));
  // What is declared may call its function, whoever has set it up.
  for (const auto& list : entities_.specs)
    for (const EntitySpec& e : list) {
      const auto add = [&](std::uint32_t f) {
        if (f < function_names_.size()) leads.from(function_names_[f]);
      };
      add(e.function);
      for (const auto& [key, f] : e.functions) add(f);
    }
  return leads.all();
}

}  // namespace unplug::scenarios
