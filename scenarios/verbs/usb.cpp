// URBs. What USB drivers register as character devices is in chardev.cpp.
#include "unplug/model/kernel/bus/urb.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto urb = EntityKind::urb;
constexpr std::string_view answers = "answers", endpoint = "endpoint";

std::uint32_t do_alloc(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Urb* const u = thing<urb>(f, i)) model::usb_alloc_urb(f.context, *u, static_cast<model::Gfp>(i.amount));
  return next;
}

std::uint32_t do_submit(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Urb* const u = thing<urb>(f, i);
  if (u == nullptr) return next;
  const int error = model::usb_submit_urb(f.context, *u, static_cast<model::Gfp>(i.amount));
  set_local(f, i, static_cast<std::uint64_t>(std::int64_t{error}));
  return error == 0 ? next : otherwise(f, i, next);
}

void lay_out(model::Urb& u, const ThingSetup& s) {
  u.complete = &World::callback_entry;
  u.argument = s.callback();
  u.answers = s.spec.number(answers);
  u.endpoint = !s.spec.has_number(endpoint)      ? model::Urb::Endpoint::either
               : s.spec.number(endpoint, 0) == 0 ? model::Urb::Endpoint::zero
                                                 : model::Urb::Endpoint::of_interface;
  model::init_urb(s.kernel, s.binding.usb, u, s.unique, s.declared, s.home, s.binding.binding.life, s.task_name("URB"));
}

constexpr VerbFamily family{urb, "URBs that each request allocates, two of one name in flight (the execution is cut), the transfer buffer, "
                                 "anchors, how many bytes came, errors of the "
                                 "device (pulling it out ends no transfer, "
                                 "disconnect does), soft_unbind, completion in hard interrupts"};
constexpr std::string_view urb_c = "drivers/usb/core/urb.c, v6.18", hcd_c = "drivers/usb/core/hcd.c, v6.18";
constexpr KeySpec gfp{"flags", KeyKind::words, false, "GFP_ATOMIC: it does not sleep", EntityKind::none, "GFP_ATOMIC"};

}  // namespace

template <> std::unique_ptr<ThingList> make_things<urb>() { return things<urb>(lay_out); }

std::vector<Verb> usb_verbs() {
  return {
      family.declares("usb_alloc_urb", do_alloc,
                      {{"fn", KeyKind::function, true, "its completion handler, which usb_fill_bulk_urb() and the like set; in softirq"},
                       {answers, KeyKind::number, true,
                        "how many transfers the device ends by itself, sooner or later; others last until the URB is unlinked"},
                       {endpoint, KeyKind::number, false,
                        "the number of its endpoint; 0 is the device's (usb_rcvctrlpipe(udev, 0)) and stays as it is in an unbind, "
                        "others are the interface's; without it, both are tried"},
                       gfp,
                       {"else", KeyKind::otherwise, false, "where to go if there is no memory"}},
                      urb_c, "allocates a URB, which is memory of its own, and fills it"),
      family.on_thing("usb_get_urb", on<urb, model::usb_get_urb>, {}, urb_c, "takes a reference, for who has one"),
      family.on_thing("usb_free_urb", on<urb, model::usb_free_urb>, {}, urb_c,
                      "puts a reference, the last frees it; the host controller has one while the URB is in flight"),
      alias("usb_put_urb", "usb_free_urb"),
      family.on_thing("usb_submit_urb", do_submit,
                      {{"to", KeyKind::to, false,
                        "local that receives 0, -EPERM (killed, poisoned), -ENOENT (the core has "
                        "disabled its endpoint), -ENODEV (the device is being disconnected) or -EBUSY (it is in flight)"},
                       gfp,
                       {"at_most", KeyKind::at_most, false, "how often a task submits it here"},
                       {"else", KeyKind::otherwise, false, "where to go if it fails"}},
                      hcd_c, "hands it to the host controller, which calls its completion handler later"),
      family.on_thing("urb_status", on<urb, model::usb_urb_status>,
                      {{"to", KeyKind::to, true,
                        "local that receives 0, or -ENOENT (killed, poisoned), -ECONNRESET (unlinked) or "
                        "-ESHUTDOWN (its interface goes)"}},
                      "urb->status, v6.18", "what became of the transfer, for its completion handler"),
      family.on_thing(
          "usb_unlink_urb", on<urb, model::usb_unlink_urb>,
          {{"to", KeyKind::to, false, "local that receives -EINPROGRESS (done), -EBUSY (somebody has) or -EIDRM (not in flight)"}}, urb_c,
          "has the transfer end soon; waits for nobody"),
      family.on_thing("usb_kill_urb", on<urb, model::usb_kill_urb>, {}, urb_c,
                      "unlinks it and waits until its completion handler has returned; submissions fail meanwhile, later ones don't"),
      family.on_thing("usb_poison_urb", on<urb, model::usb_poison_urb>, {}, urb_c, "as usb_kill_urb, and submissions fail from then on"),
      family.on_thing("usb_block_urb", on<urb, model::usb_block_urb>, {}, urb_c, "has submissions fail from then on, and waits for nobody"),
      family.on_thing("usb_unpoison_urb", on<urb, model::usb_unpoison_urb>, {}, urb_c, "undoes one usb_poison_urb or usb_block_urb"),
  };
}

}  // namespace unplug::scenarios
