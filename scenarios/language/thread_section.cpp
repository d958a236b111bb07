// Threads outside of any module, and what the state that they leave is asked.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"

namespace unplug::scenarios {

void FileCompiler::read_thread(const std::string& name, Node thread) {
  TaskSpec spec;
  spec.kind = TaskSpec::Kind::thread;
  spec.role = name;
  std::int64_t count = 1;
  Node steps = thread;
  std::string variable;
  if (thread.is(Node::Kind::object)) {
    steps = thread.find("do");
    if (const Node n = thread.find("count"))
      if (const auto v = reader_.integer(n, 1, 64, "how many threads of this kind")) count = *v;
    if (const Node n = thread.find("as"))
      if (const auto v = reader_.text(n, "the name of a local")) variable = *v;
  }
  if (!steps.is(Node::Kind::array)) return;                                                   // said by the structure's check
  parameters_[name] = variable.empty() ? std::vector<std::string>{} : std::vector{variable};  // a function may be called the same
  FunctionCompiler f(*this, name, CodeKind::thread);
  spec.function = f.run(steps, {});
  add_tasks(std::move(spec), name, count, !variable.empty(), thread);
}

void FileCompiler::read_final() {
  const Node final = document_.root().find("final");
  if (!final.is(Node::Kind::object)) return;
  const Node run = document_.root().find("run"), threads = run.is(Node::Kind::object) ? run.find("threads") : Node{};
  if (!threads.is(Node::Kind::object) || threads.size() == 0) {
    final.error(reader_.out(), "a final state without threads", "\"threads\" in \"run\": the state is the one that they leave");
    return;
  }
  FinalState& f = program_->final_state;
  for (const auto& [key, list] : {std::pair{"forbid", &f.forbid}, std::pair{"require", &f.require}}) {
    const Node conditions = final.find(key);
    for (std::size_t i = 0; conditions.is(Node::Kind::array) && i < conditions.size(); ++i) {
      Node n = conditions.at(i);
      if (n.is(Node::Kind::object)) {
        if (!in_form(n)) continue;
        n = n.find("that");
      }
      if (n) list->push_back(final_condition(n));
    }
  }
  if (const Node observe = final.find("observe"); observe.is(Node::Kind::array)) {
    for (std::size_t i = 0; i < observe.size(); ++i)
      if (const auto text = reader_.text(observe.at(i), "THREAD.LOCAL or a shared word")) {
        const auto t = final_term(*text, observe.at(i));
        if (t && t->kind == FinalTerm::Kind::constant)
          observe.at(i).error(reader_.out(), fmt::format("'{}' is the same in every final state", *text), "THREAD.LOCAL or a shared word");
        if (t) f.observed.push_back(*t);
      }
    return;
  }
  for (std::uint32_t t = 0; t < program_->tasks.size(); ++t) {
    const TaskSpec& task = program_->tasks[t];
    if (task.kind != TaskSpec::Kind::thread) continue;
    for (std::uint32_t l = 0; l < program_->functions[task.function].locals; ++l)
      f.observed.push_back({.kind = FinalTerm::Kind::local, .task = t, .local = l});
  }
  const auto& allocations = entities_.specs[static_cast<std::size_t>(EntityKind::allocation)];
  for (std::uint32_t a = 0; a < allocations.size(); ++a)
    for (std::uint32_t w = 0; allocations[a].from_start && w < allocations[a].fields.size(); ++w)
      f.observed.push_back({.kind = FinalTerm::Kind::word, .allocation = a, .field = w});
}

FinalCondition FileCompiler::final_condition(Node n) {
  FinalCondition c;
  constexpr std::string_view expected =
      "\"P0.r0 == 1 && P1.r1 == 0\": THREAD.LOCAL or a shared word, compared with a number or another one";
  const auto text = reader_.text(n, expected);
  if (!text) return c;
  c.text = *text;
  const std::vector<std::string> words = split_words(*text);
  for (std::size_t at = 0; at < words.size(); at += 4) {
    if (at + 3 > words.size() || (at + 3 < words.size() && (words[at + 3] != "&&" || at + 4 == words.size()))) {
      n.error(reader_.out(), fmt::format("'{}' is not a condition on the final state", *text), std::string(expected));
      return c;
    }
    FinalCondition::Part part;
    const auto op = comparison(words[at + 1]);
    const auto left = final_term(words[at], n), right = final_term(words[at + 2], n);
    if (!op) n.error(reader_.out(), fmt::format("no comparison '{}'", words[at + 1]), "==, !=, <, <=, > or >=");
    if (!op || !left || !right) return c;
    part = {*op, *left, *right};
    if (left->kind == FinalTerm::Kind::local && c.parts.empty()) c.task = left->task;
    c.parts.push_back(part);
  }
  return c;
}

std::optional<FinalTerm> FileCompiler::final_term(const std::string& word, Node at) {
  if (word == "NULL") return FinalTerm{};
  if (const auto n = number_word(word)) return FinalTerm{.constant = *n};
  std::vector<std::string> known;
  for (std::uint32_t t = 0; t < program_->tasks.size(); ++t) {
    const TaskSpec& task = program_->tasks[t];
    if (task.kind != TaskSpec::Kind::thread || task.function >= program_->functions.size()) continue;
    const auto& locals = program_->functions[task.function].local_names;
    for (std::uint32_t l = 0; l < locals.size(); ++l) {
      known.push_back(task.name + "." + locals[l]);
      if (known.back() == word) return FinalTerm{.kind = FinalTerm::Kind::local, .task = t, .local = l};
    }
  }
  const auto& allocations = entities_.specs[static_cast<std::size_t>(EntityKind::allocation)];
  for (std::uint32_t a = 0; a < allocations.size(); ++a) {
    if (!allocations[a].from_start) continue;
    if (a != program_->shared && allocations[a].name == word) return FinalTerm{.constant = a + 1};
    for (std::uint32_t f = 0; f < allocations[a].fields.size(); ++f) {
      known.push_back(a == program_->shared ? allocations[a].fields[f].name : allocations[a].name + "." + allocations[a].fields[f].name);
      if (known.back() == word) return FinalTerm{.kind = FinalTerm::Kind::word, .allocation = a, .field = f};
    }
  }
  std::string expected = "THREAD.LOCAL, a shared word or memory, or a number", nearest = nearest_word(word, known);
  const std::size_t dot = word.find('.');
  for (const TaskSpec& task : program_->tasks) {
    if (task.kind != TaskSpec::Kind::thread || task.role != word.substr(0, dot) || task.role == task.name || dot == std::string::npos)
      continue;
    expected = fmt::format("the local of one thread; there are several '{}', the first is '{}'", task.role, task.name);
    nearest = task.name + word.substr(dot);
    break;
  }
  at.error(reader_.out(), fmt::format("nothing '{}' is left at the end", word), expected, nearest);
  return {};
}

}  // namespace unplug::scenarios
