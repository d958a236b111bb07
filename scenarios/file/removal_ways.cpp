#include "unplug/scenarios/file/removal_ways.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"

namespace unplug::scenarios {
namespace {

using Kind = RemovalStage::Kind;

constexpr std::string_view stages =
    "or {STAGE: TARGET}, the target being a device, a module, or an attribute to write to; one after another: "
    "[[\"unbind\", \"rmmod\"]]";

std::optional<RemovalStage> stage(Node n, Diagnostics& out) {
  const std::vector<std::string> names(removal_words.begin(), removal_words.end());
  const std::vector<std::string> words(names.begin(), names.end() - 1);  // sysfs_write says what is written to
  const bool object = n.is(Node::Kind::object) && n.size() == 1;
  const Node word = object ? n.key_node(0) : n;
  const auto found = word.is(Node::Kind::string) ? std::ranges::find(object ? names : words, word.string()) : words.end();
  if (!word.is(Node::Kind::string) || found == (object ? names : words).end()) {
    const bool is_word = word.is(Node::Kind::string);
    word.error(out, is_word ? fmt::format("no way of removal '{}'", word.string()) : fmt::format("found {}", Node::kind_name(word.kind())),
               fmt::format("{}, {}", fmt::join(words, ", "), stages),
               !is_word                    ? ""
               : word.string() == "remove" ? "unbind"
                                           : nearest_word(word.string(), names));
    return {};
  }
  const auto kind = static_cast<Kind>(found - (object ? names : words).begin());
  if (!object) return RemovalStage{kind, {}};
  const Node target = n.at(0);
  if (target.is(Node::Kind::string)) return RemovalStage{kind, std::string(target.string())};
  target.error(out, fmt::format("found {}", Node::kind_name(target.kind())),
               kind == Kind::sysfs_write ? "the name of an attribute" : "the name of a device or a module");
  return {};
}

bool goes(Kind kind) { return kind == Kind::unplug || kind == Kind::pci_remove || kind == Kind::usb_disconnect; }

// What may follow what: a module is loaded where there is none, and a driver bound to a device that is there and has none.
class Order {
 public:
  Order(const Roster& roster, Diagnostics& out)
      : roster_(roster), out_(out), loaded_(roster.modules.size(), true), devices_(roster.devices.size()) {}

  void stage(const RemovalStage& s, Node at) {
    if (roster_.modules.empty()) return;  // then something else is wrong
    at_ = at.is(Node::Kind::object) ? at.at(0) : at;
    const StageTarget target = target_of(s, roster_);
    if (s.of_module()) {
      if (target.module) return of_module(s.kind, *target.module);
      const std::vector<std::string> names = roster_.module_names();
      error(s.target.empty() ? fmt::format("{} of which module?", name(s)) : fmt::format("no module '{}'", s.target), which(names, ""),
            nearest_word(s.target, names));
    } else if (target.device) {
      of_device(s.kind, *target.device);
    } else if (roster_.devices.empty()) {
      error(fmt::format("{}, and no device", name(s)), "a module with a probe function; one without it goes by rmmod");
    } else {
      const std::vector<std::string> names = roster_.device_names();
      const std::string word = s.target.substr(0, s.target.find('/'));
      error(word.empty() || s.kind == Kind::sysfs_write ? fmt::format("{} of which device?", name(s)) : fmt::format("no device '{}'", word),
            which(names, "no name: there is one device, without \"devices\""), nearest_word(word, names));
    }
  }

 private:
  struct State {
    bool bound = true, there = true;
  };
  void error(const std::string& message, const std::string& expected, const std::string& nearest = {}) {
    at_.error(out_, message, expected, nearest);
  }

  void of_module(Kind kind, std::uint32_t module) {
    if (kind == Kind::rmmod) {
      if (!loaded_[module]) error("rmmod of a module that is not loaded", "insmod before rmmod");
      loaded_[module] = false;
    } else {
      if (loaded_[module]) error("insmod of a module that is still loaded", "rmmod before insmod");
      for (const std::uint32_t on : roster_.modules[module].depends)
        if (!loaded_[on]) error(fmt::format("insmod without '{}', on which it depends", roster_.modules[on].name), "insmod of that before");
      loaded_[module] = true;
    }
    bool any = false, there = false;
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      if (roster_.devices[i].module != module) continue;
      any = true;
      there = there || devices_[i].there;
      devices_[i].bound = kind == Kind::insmod && devices_[i].there;
    }
    if (kind == Kind::insmod && any && !there) error("insmod for a device that is gone", "insmod before it goes");
  }

  void of_device(Kind kind, std::uint32_t device) {
    State& d = devices_[device];
    const bool loaded = loaded_[roster_.devices[device].module];
    if (kind == Kind::bind && (d.bound || !loaded || !d.there))
      error(d.bound   ? "bind of a device that is still bound"
            : d.there ? "bind without the module"
                      : "bind of a device that is gone",
            "unbind before bind");
    if (goes(kind)) {
      if (!d.there) error("the device is gone already", "one way in which it goes");
      d.there = false;
    }
    d.bound = kind == Kind::bind;
  }

  const Roster& roster_;
  Node at_;  // the stage
  Diagnostics& out_;
  std::vector<bool> loaded_;
  std::vector<State> devices_;
};

}  // namespace

StageTarget target_of(const RemovalStage& stage, const Roster& roster) {
  StageTarget out;
  if (stage.of_module()) {
    out.module = roster.module(stage.target);
    return out;
  }
  if (stage.kind != RemovalStage::Kind::sysfs_write) {
    out.device = roster.device(stage.target);
    return out;
  }
  const std::size_t slash = stage.target.find('/');
  const std::string before = slash == std::string::npos ? std::string{} : stage.target.substr(0, slash);
  out.device = before.empty() ? std::nullopt : roster.device(before);
  out.attribute = out.device ? stage.target.substr(slash + 1) : stage.target;
  if (!out.device) out.device = roster.device({});
  return out;
}

std::vector<std::vector<RemovalStage>> removal_ways(Node removal, const Roster& roster, Diagnostics& out) {
  std::vector<std::vector<RemovalStage>> ways;
  const auto one = [&](Node n) {
    std::vector<RemovalStage> way;
    Order order(roster, out);
    const auto add = [&](Node at) {
      const auto s = stage(at, out);
      if (!s) return;
      order.stage(*s, at);
      way.push_back(*s);
    };
    if (!n.is(Node::Kind::array)) add(n);
    for (std::size_t i = 0; n.is(Node::Kind::array) && i < n.size(); ++i) add(n.at(i));
    ways.push_back(std::move(way));
  };
  if (removal.is(Node::Kind::array)) {
    for (std::size_t i = 0; i < removal.size(); ++i) one(removal.at(i));
  } else if (removal) {
    one(removal);
  }
  return ways;
}

}  // namespace unplug::scenarios
