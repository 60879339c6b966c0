"""Several emulated devices in one node: how a device is named, what is its own, and how siblings differ."""

import re
import uuid
from dataclasses import dataclass

import numpy as np

from greenzone.errors import UsageError

MOST_DEVICES = 72  # in one NVLink domain (NVIDIA, GB200 NVL72)
# Eight RTX 4090 spread by 5.2 % in int8 from the slowest to the fastest (xzwgit/gpu-flops-bench); the range of
# eight normal values is 2.85 standard deviations (L. H. C. Tippett, Biometrika 17, 1925).
SILICON_SPREAD = 0.052 / 2.85
_SPEC = re.compile(r"(?:(?P<count>\d{1,9})x(?!\d))?(?P<profile>.*?)(?::(?P<index>-?\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """One device of a node of `count` devices of one profile.

    >>> Place.of("8xnvidia-h20:3")
    Place(profile='nvidia-h20', count=8, index=3)
    """

    profile: str
    count: int = 1
    index: int = 0

    @classmethod
    def of(cls, spec: str) -> "Place":
        """PROFILE, COUNTxPROFILE, or either with :INDEX.

        Raises:
            UsageError: a node of no device or of too many, or an index past its end.
        """
        found = _SPEC.fullmatch(spec)
        if found is None or not found["profile"]:
            raise UsageError(f"emulated:{spec}: no profile is named; write emulated:ID or emulated:8xID")
        count, index = int(found["count"] or 1), int(found["index"] or 0)
        if not 1 <= count <= MOST_DEVICES:
            raise UsageError(f"emulated:{spec}: a node of {count} devices; it may have 1 to {MOST_DEVICES}")
        if not 0 <= index < count:
            raise UsageError(f"emulated:{spec}: no device {index} in this node; it has 0..{count - 1}")
        return cls(found["profile"], count, index)

    @classmethod
    def all_of(cls, spec: str) -> tuple[str, ...]:
        """Every device of the node of a spec, each as a spec of its own; the one alone where it names one.

        >>> Place.all_of("2xnvidia-h20"), Place.all_of("8xnvidia-h20:3"), Place.all_of("nvidia-h20")
        (('2xnvidia-h20:0', '2xnvidia-h20:1'), ('8xnvidia-h20:3',), ('nvidia-h20',))

        Raises:
            UsageError: as `of`.
        """
        place, named = cls.of(spec), _SPEC.fullmatch(spec)
        if place.count == 1 or (named and named["index"]):
            return (spec,)
        return tuple(f"{spec}:{index}" for index in range(place.count))

    def id(self, profile_id: str) -> str:
        """The device's name; that of a node's first device leaves the index out, as its request may."""
        node = f"{self.count}x" if self.count > 1 else ""
        return f"emulated:{node}{profile_id}" + (f":{self.index}" if self.index else "")

    def uuid(self, profile_id: str, seed: int) -> str:
        """Made of the profile, the place and the seed; it begins with a word that no driver's does."""
        own = uuid.uuid5(uuid.NAMESPACE_URL, f"greenzone:{profile_id}:{self.count}:{self.index}:{seed}")
        return f"EMULATED-{own}"

    def speed(self, seed: int) -> float:
        """Of its silicon beside its siblings' mean, at most two standard deviations off; 1 of a device alone."""
        if self.count == 1:
            return 1.0
        drawn = float(np.random.default_rng([seed, self.index, self.count]).normal())
        return 1 + SILICON_SPREAD * min(2.0, max(-2.0, drawn))
