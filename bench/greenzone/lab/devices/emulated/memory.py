"""The memory of an emulated device: its capacity less what a context and error correction take, in whole blocks."""

import math

from greenzone.errors import OutOfMemory
from greenzone.parts.profile import DeviceProfile

BLOCK_BYTES = 2 * 2**20  # the granularity of CUDA's allocations (CUDA driver API, cuMemGetAllocationGranularity)
# What a CUDA context with torch's kernels takes before anything is allocated: 0.3 to 0.6 GB are usually seen
# beside a process in nvidia-smi; an estimate for all, and no more than a fiftieth of a small memory.
CONTEXT_BYTES, _CONTEXT_MOST = 0.5e9, 0.02


class Memory:
    """What is allocated, and what is left."""

    def __init__(self, profile: DeviceProfile, device: str) -> None:
        memory, emulation = profile.memory, profile.emulation
        self._device = device
        self.capacity_bytes = int(memory.capacity_gb * 1e9) if memory and memory.capacity_gb else 0
        self.ecc_bytes = int(self.capacity_bytes * ((emulation.ecc_share if emulation else None) or 0.0))
        self.context_bytes = int(min(CONTEXT_BYTES, _CONTEXT_MOST * self.capacity_bytes))
        self.held_bytes = 0  # by something else
        self._allocated = 0

    @property
    def used_bytes(self) -> int:
        """As a driver tells it: what is allocated, the context, and what others hold."""
        if not self.capacity_bytes:
            return 0
        return min(self.total_bytes, self._allocated + self.context_bytes + self.held_bytes)

    @property
    def total_bytes(self) -> int:
        """As a driver tells it: what error correction takes is not there."""
        return self.capacity_bytes - self.ecc_bytes

    @property
    def free_bytes(self) -> int:
        return self.total_bytes - self.used_bytes

    def leave(self, free_bytes: int | None) -> None:
        """Have something else hold all but so much; None has it let go."""
        own = self.context_bytes + self._allocated
        self.held_bytes = max(0, self.total_bytes - own - free_bytes) if free_bytes is not None else 0

    def take(self, size_bytes: float, what: str) -> int:
        """Allocate so much in whole blocks; the bytes to give back.

        Raises:
            OutOfMemory: it does not fit.
        """
        blocks = math.ceil(size_bytes / BLOCK_BYTES) * BLOCK_BYTES
        if self.capacity_bytes and blocks > self.free_bytes:
            raise OutOfMemory(
                f"{self._device}: out of memory ({what} needs {blocks / 1e9:.3g} GB and "
                f"{self.free_bytes / 1e9:.3g} of {self.total_bytes / 1e9:.3g} GB are left)"
            )
        self._allocated += blocks
        return blocks

    def give_back(self, size_bytes: int) -> None:
        """Free what `take` gave."""
        self._allocated -= size_bytes
