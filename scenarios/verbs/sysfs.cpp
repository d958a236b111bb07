// sysfs attributes.
#include "unplug/model/kernel/base/sysfs.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::attribute;

std::uint32_t do_access(Frame& f, const Instruction& i, std::uint32_t next) {
  const int r = model::sysfs_access(f.context, *thing<kind>(f, i));
  f.answer = r;
  set_local(f, i, static_cast<std::uint64_t>(static_cast<std::int64_t>(r)));
  return r >= 0 ? next : otherwise(f, i, next);
}

std::uint32_t do_notify(Frame& f, const Instruction& i, std::uint32_t next) {
  model::sysfs_notify(f.context, owner(f, i.operand).attribute_files[i.operand.index]);
  return next;
}

void compile_notify(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  c.program().attribute_descriptors = true;
  c.generic(verb, step, operand);
}

constexpr VerbFamily family{kind, "directories, links, binary attributes, attributes of a second binding"};

void lay_out(model::SysfsAttribute& a, const ThingSetup& s) {
  a.operation = &World::result_entry;
  a.argument = s.callback();
  model::init_sysfs_attribute(s.kernel, a, s.unique, s.declared, s.binding.binding.life);
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<kind>() { return things<kind>(lay_out); }

std::vector<Verb> sysfs_verbs() {
  constexpr std::string_view dir = "fs/kernfs/dir.c, v6.18";
  constexpr KeySpec other{"else", KeyKind::otherwise, false, "where to go if it fails: a label, or steps"};
  Verb read = family.on_thing(
      "sysfs_read", do_access, {{"to", KeyKind::to, false, "local that receives what it answers"}, other}, "kernfs_seq_start, v6.18",
      "user space opens, reads or writes, and closes an attribute: its function runs; -ENODEV if it is being removed");
  read.place = Where::task;
  read.asks = true;
  Verb notify =
      family.on_thing("sysfs_notify", do_notify, {}, "fs/sysfs/file.c, v6.18", "who polls a descriptor of the attribute is woken");
  notify.compile = compile_notify;
  return {
      family.declares("device_create_file", try_on<kind, model::sysfs_create_file>,
                      {{"fn", KeyKind::function, true, "its show() or store()"}, other}, "device_create_file, v6.18",
                      "makes an attribute appear"),
      family.on_thing("device_remove_file", on<kind, model::sysfs_remove_file>, {}, "kernfs_remove_by_name_ns, v6.18",
                      "refuses new reads and writes, and waits for those under way; not for descriptors"),
      family.on_thing("device_remove_file_self", try_on<kind, model::sysfs_remove_file_self>,
                      {{"to", KeyKind::to, false, "local that receives 1, or 0 if another does it"}, other}, "kernfs_remove_self, v6.18",
                      "from its own function: removes it without waiting for itself"),
      alias("sysfs_remove_file_self", "device_remove_file_self"),
      family.on_thing("sysfs_break_active_protection", on<kind, model::sysfs_break_active_protection>, {}, dir,
                      "from its own function: removal no longer waits for it, and what it goes on to use is its own affair"),
      family.on_thing("sysfs_unbreak_active_protection", on<kind, model::sysfs_unbreak_active_protection>, {}, dir, "undoes that"),
      notify,
      read,
      alias("sysfs_write", "sysfs_read"),
  };
}

}  // namespace unplug::scenarios
