#include "unplug/model/kernel/base/devres.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/lib/fault.hpp"

namespace unplug::model {
namespace {

const Operation add_op{.name = "devres_add"}, remove_op{.name = "devres_remove"}, detach_op{.name = "devres_release_all: detach list"},
    open_op{.name = "devres_open_group"}, close_op{.name = "devres_close_group"}, ungroup_op{.name = "devres_remove_group"},
    detach_group_op{.name = "devres_release_group: detach nodes"};

using Entry = Devres::Entry;
using Entries = std::vector<Entry>;

void misuse(Context& context, const Devres& d, std::string_view function, std::string_view why) {
  context.kernel().report(ViolationClass::api_misuse, d.name, fmt::format("{}('{}') {}", function, context.kernel().text(d.name), why));
}

void call_release(Context& context, std::string_view function, const DevresNode& node) {
  context.at(context.kernel().site(
      {std::string(function), std::string(node.release_name->text), std::string(node.release_name->text), {}, false}));
  node.release(context);
}

void release_nodes(Context& context, std::string_view function, const Entries& todo) {
  for (auto e = todo.rbegin(); e != todo.rend() && !context.aborting(); ++e)
    if (e->kind == Entry::Kind::resource) call_release(context, function, e->node);
}

bool is_closed(const Entries& entries, std::uint64_t group) {
  return std::ranges::any_of(entries, [&](const Entry& e) { return e.kind == Entry::Kind::close && e.group == group; });
}

// The opening marker.
Entries::iterator find_group(Entries& entries, const void* id) {
  for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
    if (e->kind != Entry::Kind::open) continue;
    if (id != nullptr ? e->node.key == id : !is_closed(entries, e->group)) return std::next(e).base();
  }
  return entries.end();
}

// Takes the resources of [first, last) and the groups that are wholly in there. A group that is still open is if its marker is.
Entries remove_nodes(Entries& entries, std::size_t first, std::size_t last) {
  const auto inside = [&](std::uint64_t group) {
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (entries[i].kind != Entry::Kind::resource && entries[i].group == group && (i < first || i >= last)) return false;
    return true;
  };
  Entries todo, rest;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const bool taken = i >= first && i < last && (entries[i].kind == Entry::Kind::resource || inside(entries[i].group));
    (taken ? todo : rest).push_back(entries[i]);
  }
  entries.swap(rest);
  return todo;
}

}  // namespace

void init_devres(Kernel& kernel, Devres& d, NameId unique_name, NameId declared, LifetimeId home) {
  d.object = kernel.engine().new_object(unique_name, 0);
  d.name = declared;
  d.home = home;
  d.entries.clear();
  d.groups = 0;
}

void devres_add(Context& context, Devres& d, DevresNode node) {
  context.write(add_op, d.object, d.home, [&](std::uint64_t& word) {
    d.entries.push_back({Entry::Kind::resource, std::move(node)});
    ++word;
  });
}

bool devres_remove(Context& context, Devres& d, const void* key) {
  return context.write(remove_op, d.object, d.home, [&](std::uint64_t& word) {
    for (auto e = d.entries.rbegin(); e != d.entries.rend(); ++e) {
      if (e->kind != Entry::Kind::resource || e->node.key != key) continue;
      d.entries.erase(std::next(e).base());
      ++word;
      return true;
    }
    return false;
  });
}

void devres_release_all(Context& context, Devres& d) {
  static const KernelSite detach_site{"devres_release_all", "detach list"};
  const Context::KernelFunction function(context, detach_site.function);
  context.at(detach_site);
  Entries todo;
  context.write(detach_op, d.object, d.home, [&](std::uint64_t& word) {
    todo.swap(d.entries);
    ++word;
  });
  release_nodes(context, "devres_release_all", todo);
}

int devm_add_action(Context& context, Devres& d, DevresNode node) {
  if (should_fail(context)) return enomem;
  if (!context.aborting()) devres_add(context, d, std::move(node));
  return 0;
}

int devm_add_action_or_reset(Context& context, Devres& d, DevresNode node) {
  const int result = devm_add_action(context, d, node);
  if (result != 0 && !context.aborting()) node.release(context);
  return result;
}

int devm_remove_action_nowarn(Context& context, Devres& d, const void* key) { return devres_remove(context, d, key) ? 0 : enoent; }

void devm_remove_action(Context& context, Devres& d, const void* key) {
  if (!devres_remove(context, d, key)) misuse(context, d, "devm_remove_action", "finds no such action");
}

void devm_release_action(Context& context, Devres& d, const void* key) {
  static const KernelSite site{"devm_release_action", "devres_remove"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  std::vector<DevresNode> found;
  context.write(remove_op, d.object, d.home, [&](std::uint64_t& word) {
    const auto e = std::find_if(d.entries.rbegin(), d.entries.rend(),
                                [&](const Entry& x) { return x.kind == Entry::Kind::resource && x.node.key == key; });
    if (e == d.entries.rend()) {
      misuse(context, d, "devm_release_action", "finds no such action");
      return;
    }
    found.push_back(e->node);
    d.entries.erase(std::next(e).base());
    ++word;
  });
  if (!found.empty() && !context.aborting()) call_release(context, site.function.text, found.front());
}

bool devm_kzalloc(Context& context, Devres& d, Allocation& a) {
  static const StaticName release{"devm kfree"};
  if (should_fail(context) || context.aborting()) return false;
  kzalloc(context, a);
  if (!context.aborting()) devres_add(context, d, {&release, a.name, [&a](Context& c) { kfree(c, a); }, &a});
  return true;
}

void devm_kfree(Context& context, Devres& d, Allocation& a) {
  if (devres_remove(context, d, &a)) {
    if (!context.aborting()) kfree(context, a);
  } else {
    misuse(context, d, "devm_kfree", "finds no such memory");
  }
}

bool devres_open_group(Context& context, Devres& d, const void* id) {
  if (should_fail(context) || context.aborting()) return false;
  context.write(open_op, d.object, d.home, [&](std::uint64_t& word) {
    d.entries.push_back({Entry::Kind::open, {nullptr, d.name, {}, id}, ++d.groups});
    ++word;
  });
  return true;
}

void devres_close_group(Context& context, Devres& d, const void* id) {
  context.write(close_op, d.object, d.home, [&](std::uint64_t& word) {
    const auto open = find_group(d.entries, id);
    if (open == d.entries.end()) {
      misuse(context, d, "devres_close_group", "finds no such group");
      return;
    }
    if (is_closed(d.entries, open->group)) {
      misuse(context, d, "devres_close_group", "finds it closed already");
      return;
    }
    d.entries.push_back({Entry::Kind::close, {nullptr, d.name, {}, id}, open->group});
    ++word;
  });
}

void devres_remove_group(Context& context, Devres& d, const void* id) {
  context.write(ungroup_op, d.object, d.home, [&](std::uint64_t& word) {
    const auto open = find_group(d.entries, id);
    if (open == d.entries.end()) {
      misuse(context, d, "devres_remove_group", "finds no such group");
      return;
    }
    std::erase_if(d.entries, [group = open->group](const Entry& e) { return e.kind != Entry::Kind::resource && e.group == group; });
    ++word;
  });
}

std::uint32_t devres_release_group(Context& context, Devres& d, const void* id) {
  static const KernelSite site{"devres_release_group", "detach nodes"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  Entries todo;
  context.write(detach_group_op, d.object, d.home, [&](std::uint64_t& word) {
    const auto open = find_group(d.entries, id);
    if (open == d.entries.end()) {
      misuse(context, d, "devres_release_group", "finds no such group");
      return;
    }
    const auto close =
        std::ranges::find_if(d.entries, [&](const Entry& e) { return e.kind == Entry::Kind::close && e.group == open->group; });
    const auto first = static_cast<std::size_t>(open - d.entries.begin());
    const std::size_t last = close == d.entries.end() ? d.entries.size() : static_cast<std::size_t>(close - d.entries.begin()) + 1;
    todo = remove_nodes(d.entries, first, last);
    ++word;
  });
  release_nodes(context, site.function.text, todo);
  return static_cast<std::uint32_t>(std::ranges::count(todo, Entry::Kind::resource, &Entry::kind));
}

}  // namespace unplug::model
