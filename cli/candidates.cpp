#include "unplug/cli/candidates.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::cli {
namespace {

bool takes_value(const CLI::Option& o) { return o.get_items_expected_max() > 0; }

// The line as far as it is written: which verb it is about, what is still to come.
class Line {
 public:
  explicit Line(const CLI::App& app) : at_(&app) {}

  void read(const std::string& word) {
    if (values_due_ > 0) {
      --values_due_;
    } else if (word.starts_with("-") && word.size() > 1) {
      const std::size_t equals = word.find('=');
      const CLI::Option* const o = at_->get_option_no_throw(word.substr(0, equals));
      if (o == nullptr || !takes_value(*o)) return;
      option_ = o;
      values_due_ = equals == std::string::npos ? std::max(1, o->get_expected_min()) : 0;
    } else if (const auto verb = find(word); verb != nullptr) {
      at_ = verb;
    } else {
      arguments_.push_back(word);
    }
  }

  void offer(const std::string& begun, Candidates& out) const {
    if (values_due_ > 0) return values(option_->get_type_name(), begun, "", out);
    if (begun.starts_with("-")) {
      const std::size_t equals = begun.find('=');
      if (equals == std::string::npos) return options(begun, out);
      const CLI::Option* const o = at_->get_option_no_throw(begun.substr(0, equals));
      if (o != nullptr && takes_value(*o)) values(o->get_type_name(), begun.substr(equals + 1), begun.substr(0, equals + 1), out);
      return;
    }
    for (const CLI::App* verb : verbs_of(*at_)) add({verb->get_name(), verb->get_description()}, begun, "", out);
    const CLI::Option* const next = next_positional();
    if (next != nullptr) values(next->get_name(true), begun, "", out);
  }

 private:
  [[nodiscard]] const CLI::App* find(const std::string& name) const {
    for (const CLI::App* verb : verbs_of(*at_))
      if (verb->get_name() == name) return verb;
    return nullptr;
  }

  // The last one takes all that is left if it may be given more than once.
  [[nodiscard]] const CLI::Option* next_positional() const {
    std::size_t given = arguments_.size();
    for (const CLI::Option* o : at_->get_options([](const CLI::Option* p) { return p->get_positional(); })) {
      const auto most = static_cast<std::size_t>(o->get_items_expected_max());
      if (given < most) return o;
      given -= most;
    }
    return nullptr;
  }

  static void add(Candidate c, const std::string& begun, const std::string& before, Candidates& out) {
    if (!c.word.starts_with(begun)) return;
    c.word = before + c.word;
    out.words.push_back(std::move(c));
  }

  void values(std::string_view placeholder, const std::string& begun, const std::string& before, Candidates& out) const {
    const Placeholder* const p = find_placeholder(placeholder);
    if (p == nullptr) return;
    if (p->words != nullptr)
      for (Candidate& c : p->words(arguments_)) add(std::move(c), begun, before, out);
    out.paths = p->paths;
  }

  void options(const std::string& begun, Candidates& out) const {
    for (const CLI::Option* o : at_->get_options())
      if (o->nonpositional() && !o->get_group().empty())
        for (const std::string& name : o->get_lnames()) add({"--" + name, o->get_description()}, begun, "", out);
  }

  const CLI::App* at_;
  const CLI::Option* option_ = nullptr;
  int values_due_ = 0;
  std::vector<std::string> arguments_;
};

}  // namespace

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); });
}

Candidates candidates(const CLI::App& app, std::span<const std::string> words) {
  Candidates out;
  if (words.empty()) return out;
  Line line(app);
  for (const std::string& w : words.first(words.size() - 1)) line.read(w);
  line.offer(words.back(), out);
  std::ranges::stable_sort(out.words, {}, &Candidate::word);
  return out;
}

}  // namespace unplug::cli
