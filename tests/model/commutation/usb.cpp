#include "model/commute.hpp"
#include "unplug/model/kernel/bus/urb.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t urbs(Covered& covered) {
  UsbInterface interface;
  std::array<Urb, 2> urb;
  Allocation own, flag;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(flag, "flag", {"f"});
    interface.urbs.clear();
    for (std::size_t i = 0; i < urb.size(); ++i) {
      Urb& u = urb[i];
      const std::string n = i == 0 ? "a" : "b";
      u.complete = Lab::Call<void>::run;
      u.argument = l.keep<void>([&](Context& c) {
        if (usb_urb_status(c, u) == 0) set(c, flag, 1);
      });
      u.answers = 2;
      if (i == 1) u.endpoint = Urb::Endpoint::either;
      init_urb(l.kernel, interface, u, l.name(n), l.name(n), {}, {}, l.name("completion " + n));
      l.task("user " + n, [&](Context& c) {
        usb_alloc_urb(c, u);
        usb_get_urb(c, u);
        usb_submit_urb(c, u);
        usb_unlink_urb(c, u);
        usb_kill_urb(c, u);
        usb_submit_urb(c, u);
        usb_block_urb(c, u);
        usb_unpoison_urb(c, u);
        usb_poison_urb(c, u);
        usb_free_urb(c, u);
        usb_free_urb(c, u);
      });
    }
    l.task("core", [&](Context& c) {
      usb_set_not_attached(c, interface);
      usb_disable_interface(c, interface);
      usb_disable_endpoint_zero(c, interface);
    });
  });
  return commute(lab, 200, 8, covered);
}
const CommutationLab urbs_lab{"URBs", 500, urbs};

}  // namespace
}  // namespace unplug::model::test
