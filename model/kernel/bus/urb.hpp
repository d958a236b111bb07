// URBs: transfers that a USB driver hands to the host controller, and how it gets them back.
//
// drivers/usb/core/urb.c, drivers/usb/core/hcd.c (usb_hcd_submit_urb, __usb_hcd_giveback_urb, usb_hcd_flush_endpoint),
// drivers/usb/core/driver.c (usb_unbind_interface), v6.18. A URB is memory with references: the driver's, and the host controller's from a
// usb_submit_urb() that succeeds until the completion handler has returned; so it is there, whatever the driver puts, while it is in
// flight. Not so what the handler looks at. The device ends a transfer when it likes, if at all; who unlinks it ends it soon. The handler
// runs in softirq context, once for each submission, and may submit its URB again. usb_kill_urb() unlinks, waits until the handler has
// returned, and has submissions fail until then; usb_poison_urb() has them fail from then on; usb_unlink_urb() waits for nobody.
// Before it calls disconnect(), the core disables the endpoints of the interface and unlinks what they have: submissions fail from there
// on, nothing is queued any more, but a handler that has begun may still run. Endpoint 0 is the device's, not the interface's: an unbind
// leaves it as it is. Once the device is being disconnected (usb_set_device_state(), USB_STATE_NOTATTACHED) submissions fail with -ENODEV
// there, too, and after all interfaces have gone it is flushed (drivers/usb/core/message.c, usb_disable_device). Nobody kills what a
// driver's probe() leaves behind when it fails. Left out: the transfer buffer (its DMA), anchors, how many bytes came, errors of the device
// other than that it is slow (so that pulling it out ends no transfer, disconnect does), endpoints that URBs share (each has one of its
// own), soft_unbind, host controllers that complete in hard interrupt, suspend, reset, usb_set_interface().
#pragma once

#include <vector>

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/lib/memory.hpp"

namespace unplug::model {

struct Urb {
  ObjectId object;  // word: see urb.cpp
  NameId name;
  LifetimeId home;                              // memory that the driver's pointer to it is in; none: static
  void (*complete)(Context&, void*) = nullptr;  // the completion handler
  void* argument = nullptr;
  std::uint64_t answers = 0;  // transfers that the device ends by itself; part of the program
  // Which endpoint it is for: one of the interface's, or endpoint 0; left open, it is a data choice which, made when it matters first.
  enum class Endpoint : std::uint8_t { either, of_interface, zero } endpoint = Endpoint::of_interface;
  Kernel* kernel = nullptr;
  std::uint64_t left = 0;  // of them; this and what follows is touched in steps on `object` only
  int status = 0;          // urb->status
  // One struct urb after another.
  struct Memory {
    LifetimeId life;
    unsigned references = 0;
    unsigned reject = 0;  // urb->reject
  };
  std::vector<Memory> memory;  // the last is what the driver's pointer leads to
  bool allocated = false;      // ever
};

// The endpoints of one binding: of each the URB, in the order of init_urb(). Emptied before every execution.
struct UsbInterface {
  std::vector<Urb*> urbs;
};

// Makes known a URB that usb_alloc_urb() may allocate later, and the softirq that gives it back, a daemon task called `task_name`. Handler
// and answers are set before. `owner`: what has to free it before it ends. The Urb must stay where it is until the execution has ended.
void init_urb(Kernel& kernel, UsbInterface& i, Urb& u, NameId unique_name, NameId declared, LifetimeId home, LifetimeId owner,
              NameId task_name);

// One reference, the driver's. Again: another one, while the host controller's reference may still keep the earlier one. One at a time is
// in flight: else the execution is given up (Engine::give_up). Whatever is done by this name is done to the last one: who holds a reference
// to the earlier one can't put it.
void usb_alloc_urb(Context& context, Urb& u, Gfp gfp = Gfp::kernel);
void usb_get_urb(Context& context, Urb& u);
// Puts one; the last frees it. Also usb_put_urb().
void usb_free_urb(Context& context, Urb& u);

// 0, -EPERM: it is being killed, poisoned or blocked; -ENOENT: its endpoint is disabled; -ENODEV: the device is being disconnected; -EBUSY:
// it is in flight, which is api-misuse.
int usb_submit_urb(Context& context, Urb& u, Gfp gfp = Gfp::kernel);
// -EINPROGRESS: its handler is told -ECONNRESET; -EBUSY: somebody has; -EIDRM: it is not in flight, though its handler may run.
int usb_unlink_urb(Context& context, Urb& u);
// Gate until it returns, and drain. From the completion handler it never returns.
void usb_kill_urb(Context& context, Urb& u);
// Gate and drain. Nests with usb_block_urb().
void usb_poison_urb(Context& context, Urb& u);
// Gate.
void usb_block_urb(Context& context, Urb& u);
// Undoes one of them; without one: api-misuse.
void usb_unpoison_urb(Context& context, Urb& u);
// urb->status, for the completion handler: 0, or what it was unlinked with: -ENOENT (killed), -ECONNRESET, -ESHUTDOWN (by the core).
int usb_urb_status(Context& context, Urb& u);

// What usb_unbind_interface() does before disconnect(): the endpoints of the interface.
void usb_disable_interface(Context& context, UsbInterface& i);
// What usb_disconnect() does before the interfaces go: the device is not attached any more; and after they have gone: endpoint 0.
void usb_set_not_attached(Context& context, UsbInterface& i);
void usb_disable_endpoint_zero(Context& context, UsbInterface& i);

}  // namespace unplug::model
