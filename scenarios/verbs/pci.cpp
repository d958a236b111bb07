// The PCI function that the driver is bound to: what enables and disables it. It needs no name: there is one.
#include <fmt/format.h>

#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

template <auto function> std::uint32_t on_pci(Frame& f, const Instruction&, std::uint32_t next) {
  function(f.context, f.binding->pci);
  return next;
}

std::uint32_t do_request(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::pci_request_regions(f.context, f.binding->pci)) return next;
  f.result = -16;  // -EBUSY
  return otherwise(f, i, next);
}

template <model::PciPower state> std::uint32_t do_power(Frame& f, const Instruction&, std::uint32_t next) {
  model::pci_set_power_state(f.context, f.binding->pci, state);
  return next;
}

std::uint32_t do_disconnected(Frame& f, const Instruction& i, std::uint32_t next) {
  set_local(f, i, model::pci_dev_is_disconnected(f.context, f.binding->pci) ? 1 : 0);
  return next;
}

void compile(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  c.program().hardware.presence = c.program().hardware.pci = true;
  c.generic(verb, step, operand);
}

void compile_power(FunctionCompiler& c, const Verb&, Node, Node operand) {
  c.program().hardware.presence = c.program().hardware.pci = true;
  const auto state = c.reader().text(operand, "PCI_D0 or PCI_D3cold");
  if (!state) return;
  if (*state != "PCI_D0" && *state != "PCI_D3cold") {
    const std::vector<std::string> states{"PCI_D0", "PCI_D3cold"};
    operand.error(c.out(), fmt::format("no power state '{}'", *state), "PCI_D0 or PCI_D3cold", nearest_word(*state, states));
    return;
  }
  Instruction i;
  i.execute = *state == "PCI_D0" ? do_power<model::PciPower::d0> : do_power<model::PciPower::d3cold>;
  i.acts = true;
  c.emit(std::move(i));
}

Verb verb(std::string_view name, Execute execute, std::string_view summary) {
  Verb v;
  v.name = name;
  v.execute = execute;
  v.compile = compile;
  v.models = "drivers/pci/pci.c, v6.18";
  v.leaves_out = "memory decoding, bridges, errors of pci_enable_device()";
  v.summary = summary;
  return v;
}

}  // namespace

std::vector<Verb> pci_verbs() {
  Verb request = verb("pci_request_regions", do_request, "claims all BARs (pci_iomap), or none");
  request.keys = {{"else", KeyKind::otherwise, false, "where to go if one is taken"}};
  Verb power = verb("pci_set_power_state", nullptr, "PCI_D3cold: the device answers all ones and forgets; PCI_D0: it is back");
  power.operand = OperandKind::custom;
  power.compile = compile_power;
  Verb gone = verb("pci_dev_is_disconnected", do_disconnected, "whether the hotplug driver has said that the device is gone");
  gone.keys = {{"to", KeyKind::to, true, "local that receives 1 or 0"}};
  return {
      verb("pci_enable_device", on_pci<model::pci_enable_device>, "counts"),
      verb("pci_disable_device", on_pci<model::pci_disable_device>,
           "the last one clears bus mastering; BARs stay mapped, the device answers"),
      verb("pci_set_master", on_pci<model::pci_set_master>, "the device may do DMA"),
      verb("pci_clear_master", on_pci<model::pci_clear_master>, "the device may not; what has left it still arrives"),
      request,
      verb("pci_release_regions", on_pci<model::pci_release_regions>, "gives the claims of all BARs back"),
      power,
      verb("pci_reset_function", on_pci<model::pci_reset_function>,
           "the device forgets, and answers again with its configuration as before"),
      gone,
  };
}

}  // namespace unplug::scenarios
