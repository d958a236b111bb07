// Lists, and tables from ids to pointers.
#include "unplug/model/kernel/lib/list.hpp"

#include <fmt/format.h>

#include "unplug/model/kernel/lib/idr.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

// --- Lists.

template <auto function> std::uint32_t on_entry(Frame& f, const Instruction& i, std::uint32_t next) {
  model::ListEntry* e = thing<EntityKind::list_entry>(f, i);
  model::List* l = e == nullptr ? nullptr : thing<EntityKind::list>(f, i.second);
  if (l != nullptr) function(f.context, *l, *e);
  return next;
}

using Next = model::ListEntry* (*)(model::Context&, const model::List&, const model::ListEntry*);

std::uint32_t do_first(Frame& f, const Instruction& i, std::uint32_t next) {
  const model::List* l = thing<EntityKind::list>(f, i);
  if (l == nullptr) return next;
  const model::ListEntry* e = model::list_next(f.context, *l, nullptr);
  set_local(f, i, e == nullptr ? 0 : e->container);
  return next;
}

// The head of a loop over a list. `to` is the cursor; `other` has what was the cursor before, 0 at first, and is kept apart so that the
// body may free what the cursor points to in a loop that is safe against that.
template <Next step> std::uint32_t do_next(Frame& f, const Instruction& i, std::uint32_t next) {
  const model::List* l = thing<EntityKind::list>(f, i);
  if (l == nullptr) return i.target;
  const model::ListEntry* from = nullptr;
  if (f.locals[i.other] != 0) {
    from = thing<EntityKind::list_entry>(f, i.second);
    if (from == nullptr) return i.target;
  }
  const model::ListEntry* e = step(f.context, *l, from);
  const Handle at = e == nullptr ? 0 : e->container;
  f.locals[i.other] = f.locals[i.to] = at;
  return at == 0 ? i.target : next;
}

// list_for_each_entry_safe(): `to` is what was looked up last time round, and the one after it is looked up before the body runs.
std::uint32_t do_next_safe(Frame& f, const Instruction& i, std::uint32_t next) {
  const model::List* l = thing<EntityKind::list>(f, i);
  if (l == nullptr) return i.target;
  Handle& ahead = f.locals[i.other];
  if (i.flags != 0) {  // before the loop
    const model::ListEntry* first = model::list_next(f.context, *l, nullptr);
    ahead = first == nullptr ? 0 : first->container;
    return next;
  }
  f.locals[i.to] = ahead;
  if (ahead == 0) return i.target;
  const model::ListEntry* at = thing<EntityKind::list_entry>(f, i.second);
  const model::ListEntry* after = at == nullptr ? nullptr : model::list_next(f.context, *l, at);
  ahead = after == nullptr ? 0 : after->container;
  return next;
}

std::uint32_t do_jump(Frame& f, const Instruction& i, std::uint32_t) {
  f.leave_scopes(i.depth);
  return i.target;
}

std::uint32_t do_clear(Frame& f, const Instruction& i, std::uint32_t next) {
  f.locals[i.other] = 0;
  return next;
}

// "p.node", for a cursor and the member's name.
Operand member(FunctionCompiler& c, Node n, std::uint32_t local) {
  const auto name = c.reader().text(n, "the entry's name in what the list is of");
  if (!name) return {};
  const auto& specs = c.entities().specs[static_cast<std::size_t>(EntityKind::list_entry)];
  std::vector<std::string> known;
  for (const EntitySpec& e : specs) {
    if (e.member == *name) return {Operand::Kind::member, EntityKind::list_entry, 0, 0, local, *name};
    known.push_back(e.member);
  }
  n.error(c.out(), fmt::format("no list entry '{}' in any memory", *name), "a member of type list_head or LIST_HEAD_INIT",
          nearest_word(*name, known));
  return {};
}

void compile_for_each(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  const bool safe = verb.execute == do_next_safe;
  Instruction head;
  head.execute = verb.execute;
  head.to = c.local(operand, true);
  if (const Node list = step.find("head"))
    if (auto o = c.entity(list, EntityKind::list)) head.operand = *o;
  if (const Node n = step.find("member")) head.second = member(c, n, head.to);
  // A local of its own, which the author can't name.
  head.other = c.local_named(fmt::format("list_for_each {}", c.here()), true);
  if (head.to == no_local) return;
  Instruction before = head;
  before.execute = safe ? do_next_safe : do_clear;
  before.flags = 1;
  c.emit(std::move(before));
  if (!safe) c.at(c.here() - 1).site = no_site;
  const std::uint32_t loop = c.emit(std::move(head));
  if (const Node body = step.find("do")) c.steps(body);
  Instruction again;
  again.execute = do_jump;
  again.depth = c.depth();
  again.target = loop;
  const std::uint32_t j = c.emit(std::move(again));
  c.at(j).site = no_site;
  c.at(loop).target = c.here();
}

void lay_out_list(model::List& l, const ThingSetup& s) { model::init_list(s.kernel, l, s.unique, s.declared, s.home); }

void lay_out_entry(model::ListEntry& e, const ThingSetup& s) {
  model::init_list_entry(e, s.declared, s.home, s.spec.flags != 0);
  e.container = s.self;
}

constexpr std::string_view list_h = "include/linux/list.h, v6.18", rculist_h = "include/linux/rculist.h, v6.18";
constexpr VerbFamily lists{EntityKind::list, "splicing, moving, hlists, walking backwards"},
    entries{EntityKind::list_entry, "splicing, moving, hlists, walking backwards"};

Verb on_list(std::string_view name, Execute execute, std::string_view models, std::string_view summary) {
  return entries.on_thing(name, execute, {{"head", KeyKind::thing, true, "the list", EntityKind::list}}, models, summary);
}

Verb for_each(std::string_view name, Execute execute, std::string_view models, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::custom;
  v.execute = execute;
  v.compile = compile_for_each;
  v.keys = {{"head", KeyKind::custom, true, "the list"},
            {"member", KeyKind::custom, true, "the entry's name in what the list is of"},
            {"do", KeyKind::custom, true, "steps, for each"}};
  v.acts = false;
  v.models = models;
  v.leaves_out = lists.leaves_out;
  v.summary = summary;
  return v;
}

// --- Tables.

constexpr auto table = EntityKind::id_table;

int id_of(const Frame& f, const Instruction& i) { return static_cast<int>(static_cast<std::int64_t>(value(f, i.old))); }

template <auto function> std::uint32_t do_alloc(Frame& f, const Instruction& i, std::uint32_t next) {
  model::IdTable* t = thing<table>(f, i);
  if (t == nullptr) return next;
  const int id = function(f.context, *t, f.world.allocation(value(f, i)), 0, model::IdTable::capacity, static_cast<model::Gfp>(i.amount));
  set_local(f, i, static_cast<std::uint64_t>(static_cast<std::int64_t>(id)));
  return id >= 0 ? next : otherwise(f, i, next);
}

std::uint32_t do_find(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const model::IdTable* t = thing<table>(f, i)) set_local(f, i, f.world.handle_of(model::idr_find(f.context, *t, id_of(f, i))));
  return next;
}

std::uint32_t do_remove(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::IdTable* t = thing<table>(f, i)) set_local(f, i, f.world.handle_of(model::idr_remove(f.context, *t, id_of(f, i))));
  return next;
}

std::uint32_t do_replace(Frame& f, const Instruction& i, std::uint32_t next) {
  model::IdTable* t = thing<table>(f, i);
  if (t == nullptr) return next;
  return model::idr_replace(f.context, *t, f.world.allocation(value(f, i)), id_of(f, i)) ? next : otherwise(f, i, next);
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::list>() { return things<EntityKind::list>(lay_out_list); }
template <> std::unique_ptr<ThingList> make_things<EntityKind::list_entry>() { return things<EntityKind::list_entry>(lay_out_entry); }
template <> std::unique_ptr<ThingList> make_things<EntityKind::id_table>() {
  return things<EntityKind::id_table>(
      [](model::IdTable& t, const ThingSetup& s) { model::init_id_table(s.kernel, t, s.unique, s.declared, s.home); });
}

std::vector<Verb> list_verbs() {
  Verb empty = lists.on_thing("list_empty", on<EntityKind::list, model::list_empty>,
                              {{"to", KeyKind::to, true, "local that receives 1 or 0"}}, list_h, "whether nothing is on the list");
  Verb first = lists.on_thing("list_first_entry_or_null", do_first,
                              {{"to", KeyKind::to, true, "local that receives the pointer to what the first entry is in, or NULL"}}, list_h,
                              "looks up the first of a list");
  empty.acts = first.acts = false;
  return {
      lists.sets_up("INIT_LIST_HEAD", {}, list_h, "declares a list; an entry of one is a member of memory, of type list_head",
                    set_up_again<EntityKind::list>),
      on_list("list_add", on_entry<model::list_add>, list_h, "puts an entry at the beginning of a list"),
      on_list("list_add_tail", on_entry<model::list_add_tail>, list_h, "puts an entry at the end"),
      on_list("list_add_rcu", on_entry<model::list_add_rcu>, rculist_h, "the same on a list that is walked under RCU"),
      on_list("list_add_tail_rcu", on_entry<model::list_add_tail_rcu>, rculist_h, "the same at the end"),
      on_list("list_del", on_entry<model::list_del>, list_h, "takes an entry off its list and poisons it"),
      on_list("list_del_init", on_entry<model::list_del_init>, list_h, "takes it off and leaves it on a list of its own; may be repeated"),
      on_list("list_del_rcu", on_entry<model::list_del_rcu>, rculist_h, "takes it off; who walks the list under RCU walks on from it"),
      empty,
      first,
      for_each("list_for_each_entry", do_next<model::list_next>, list_h, "steps for each object on a list, which the operand points to"),
      for_each("list_for_each_entry_safe", do_next_safe, list_h, "the same where the steps may take the object off or free it"),
      for_each("list_for_each_entry_rcu", do_next<model::list_next_rcu>, rculist_h, "the same under RCU"),
  };
}

std::vector<Verb> id_table_verbs() {
  constexpr VerbFamily family{table, "ids above 63, ranges, cyclic allocation, marks, failure for want of memory"};
  constexpr std::string_view idr = "lib/idr.c, v6.18", xarray = "lib/xarray.c, v6.18";
  constexpr KeySpec ptr{"ptr", KeyKind::value, true, "what the id stands for: a pointer to memory, or NULL to reserve it"},
      id{"index", KeyKind::old, true, "the id: an integer or a local"},
      full{"else", KeyKind::otherwise, false, "where to go if there is none"},
      to_id{"to", KeyKind::to, true, "local that receives the id, or an error"},
      to_ptr{"to", KeyKind::to, true, "local that receives the pointer, or NULL"},
      was{"to", KeyKind::to, false, "local that receives the pointer that was there, or NULL"},
      gfp{"flags", KeyKind::words, false, "GFP_ATOMIC: it does not sleep", EntityKind::none, "GFP_ATOMIC"};
  return {
      family.sets_up("idr_init", {}, idr, "declares an IDR"),
      family.on_thing("idr_alloc", do_alloc<model::idr_alloc>, {ptr, to_id, gfp, full}, idr,
                      "publishes a pointer under the lowest free id; the caller holds a lock"),
      family.on_thing("idr_find", do_find, {id, to_ptr}, idr, "looks an id up; what it finds may be on its way out"),
      family.on_thing("idr_replace", do_replace, {ptr, id, full}, idr, "another pointer under an id that is taken"),
      family.on_thing("idr_remove", do_remove, {id, was}, idr, "takes an id out of the table; waits for nobody"),
      family.on_thing("idr_destroy", on<table, model::idr_destroy>, {}, idr, "empties the table; what it pointed to is left alone"),
      family.sets_up("xa_init", {}, xarray, "declares an XArray"),
      family.on_thing("xa_alloc", do_alloc<model::xa_alloc>, {ptr, to_id, gfp, full}, xarray, "as idr_alloc, under the table's own lock"),
      family.on_thing("xa_load", do_find, {id, to_ptr}, xarray, "looks an id up; what it finds may be on its way out"),
      family.on_thing("xa_erase", do_remove, {id, was}, xarray, "takes an id out of the table; waits for nobody"),
      family.on_thing("xa_destroy", on<table, model::idr_destroy>, {}, xarray, "empties the table; what it pointed to is left alone"),
  };
}

}  // namespace unplug::scenarios
