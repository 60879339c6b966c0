"""What an emulated device prepares: an operator or a transfer with its modelled cost, and real arithmetic beside it."""

from typing import TYPE_CHECKING

from greenzone.lab.devices.emulated.arithmetic import bearable
from greenzone.lab.devices.emulated.links import EmulatedLink
from greenzone.lab.devices.emulated.model import Cost
from greenzone.lab.devices.numerics import simulated
from greenzone.lab.layers import DecoderLayer
from greenzone.lab.operators import Matmul, Operator
from greenzone.lab.peak import Peak
from greenzone.lab.results import Check
from greenzone.lab.steps import ModelStep

if TYPE_CHECKING:
    from greenzone.lab.devices.emulated.device import EmulatedDevice


class EmulatedKernel:
    """An operator with its modelled cost; its arithmetic runs small when it is checked."""

    def __init__(self, device: "EmulatedDevice", operator: Operator, cost: Cost, seed: int, held_bytes: int) -> None:
        self.operator, self.cost = operator, cost
        self._device, self._seed, self._held = device, seed, held_bytes
        self._small = bearable(operator)
        self.variant = _variant(operator)

    @property
    def note(self) -> str:
        pattern = "; the energy of its data is an estimate" if _low_toggle(self.operator) else ""
        return f"emulated; arithmetic checked at {_sizes(self._small)}{pattern}"

    def launch(self) -> None:
        self._device.time(self, 1)

    def check(self) -> Check:
        return self._device.checked(self._small, self._seed)

    def close(self) -> None:
        self._device.memory.give_back(self._held)
        self._held = 0


class EmulatedLinkKernel:
    """A copy or a sum over links, on a device that may fail."""

    def __init__(self, device: "EmulatedDevice", inner: EmulatedLink, held_bytes: int) -> None:
        self._device, self._inner, self._held = device, inner, held_bytes
        self.operator, self.cost = inner.operator, inner.cost
        self.variant, self.note = inner.variant, inner.note

    def launch(self) -> None:
        self._device.time(self, 1)

    def move(self) -> None:
        """The bytes and sums of one call, with what a fault makes of them."""
        fault = self._device.acting("wrong-result", "dropped-launch")
        if fault != "dropped-launch":
            self._inner.launch()
        if fault == "wrong-result":
            self._inner.spoil()

    def poison(self) -> None:
        self._inner.poison()

    def check(self) -> Check:
        self._device.require_there()
        self.poison()
        self.move()
        return self.arrived()

    def arrived(self) -> Check:
        self._device.require_there()
        return self._inner.arrived()

    def close(self) -> None:
        self._device.memory.give_back(self._held)
        self._held = 0


def _sizes(operator: Operator) -> str:
    if isinstance(operator, Matmul):
        return f"{operator.m}x{operator.n}x{operator.k}"
    if isinstance(operator, Peak):
        return f"{operator.tile}, {operator.repeats} times"
    if isinstance(operator, DecoderLayer | ModelStep):
        layers = f"{operator.model.layers} layers, " if isinstance(operator, ModelStep) else ""
        return f"{layers}hidden {operator.model.hidden}, {operator.tokens} tokens, context {operator.context}"
    return ", ".join(f"{name} {size}" for name, size in operator.shape.items())


def _low_toggle(operator: Operator) -> bool:
    return isinstance(operator, Matmul) and operator.data == "low_toggle"


def _variant(operator: Operator) -> str | None:
    if isinstance(operator, Peak):
        return operator.variant
    return simulated(operator.format).variant if isinstance(operator, Matmul) else None
