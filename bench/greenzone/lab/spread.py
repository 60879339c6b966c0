"""A model over several devices of one node: every layer divided evenly, two sums a layer over the links.

Tensor parallelism (Shoeybi et al., "Megatron-LM", arXiv 1909.08053, section 3): each device has some of the
heads and some of the inner width, and the hidden states are summed over all devices behind the attention and
behind the network. Weights and the caches of grouped heads are divided; a latent cache is kept by every device.

    seconds of the links = 2 x layers x (2 (n - 1) / n x bytes / one-way bandwidth + (n - 1) x latency)

Bytes are those of the hidden states; 2 (n - 1) / n is what a ring moves of each (nccl-tests, PERFORMANCE.md).
Worked out, never measured.
"""

from dataclasses import fields, replace

from greenzone.errors import UsageError
from greenzone.lab.capacity import footprint
from greenzone.lab.operators import element_bytes
from greenzone.lab.shapes import GroupedAttention, LatentAttention, ModelShape
from greenzone.parts.profile import DeviceProfile

NODE = 8  # devices of one node, the most that a model is spread over here: what HGX and OAM boards hold
# H100 peers reached 376 to 380 GB/s one way of 450 (NVIDIA/nccl, issue 1264).
_EFFICIENCY = 0.83
_HOP_S = 3e-6  # of one step of a ring between two devices that are ready: an estimate


def shard(model: ModelShape, devices: int) -> ModelShape:
    """What one of several devices holds of a model.

    Raises:
        UsageError: the heads, or the inner width, do not divide by the number of devices.
    """
    whole = ModelShape(**{f.name: getattr(model, f.name) for f in fields(ModelShape)})
    if devices == 1:
        return whole
    _require_divides(model, devices)
    grouped, latent, mlp, experts = model.attention, model.latent_attention, model.mlp, model.experts
    return replace(
        whole,
        vocabulary=-(-model.vocabulary // devices),
        attention=_fewer_heads(grouped, devices) if grouped else None,
        latent_attention=replace(latent, heads=latent.heads // devices) if latent else None,
        mlp=replace(mlp, intermediate=mlp.intermediate // devices) if mlp else None,
        experts=replace(experts, intermediate=experts.intermediate // devices) if experts else None,
    )


def _fewer_heads(shape: GroupedAttention, devices: int) -> GroupedAttention:
    """With fewer groups than devices, each has a copy of one."""
    return replace(shape, heads=shape.heads // devices, kv_heads=max(1, shape.kv_heads // devices))


def _require_divides(model: ModelShape, devices: int) -> None:
    attends: GroupedAttention | LatentAttention = model.attends
    sizes = {"heads": attends.heads}
    sizes |= {"mlp.intermediate": model.mlp.intermediate} if model.mlp else {}
    sizes |= {"experts.intermediate": model.experts.intermediate} if model.experts else {}
    odd = [f"{name} {size}" for name, size in sizes.items() if size % devices]
    if odd:
        raise UsageError(f"{model.id} cannot be divided evenly over {devices} devices: {', '.join(odd)}")


def fewest_devices(
    model: ModelShape, batch: int, context: int, format: str, cache_format: str, memory_gb: float, most: int = NODE
) -> int:
    """The fewest devices, a power of two, each of which holds its part.

    Raises:
        UsageError: it does not fit `most` of them; the message says how many it would take.
    """
    devices = 1
    while not _fits(model, devices, batch, context, format, cache_format, memory_gb):
        devices *= 2
        if devices > 2**16:
            raise UsageError(
                f"{model.id} in {format}, batch {batch}, context {context}, does not fit devices of "
                f"{memory_gb:.4g} GB, however many there are; take a smaller batch or context"
            )
    if devices > most:
        raise UsageError(
            f"{model.id} in {format}, batch {batch}, context {context}, takes {devices} devices of {memory_gb:.4g} GB, "
            f"and a node has {most}; take a narrower format, a smaller batch or context, or a smaller model"
        )
    return devices


def _fits(
    model: ModelShape, devices: int, batch: int, context: int, format: str, cache_format: str, memory_gb: float
) -> bool:
    try:
        own = shard(model, devices)
    except UsageError:
        return False
    return footprint(own, batch, context, format, cache_format).total_bytes <= memory_gb * 1e9


def one_way_gb_s(profile: DeviceProfile | None) -> float | None:
    """What a device sends to its peers in a second, by the claim of its fastest link; None where nothing is claimed."""
    links = [link.bidirectional_gb_s for link in profile.links if not link.on_package] if profile else []
    return max(links) / 2 * _EFFICIENCY if links else None


def link_seconds(model: ModelShape, rows: int, format: str, devices: int, one_way: float) -> float:
    """Seconds that the sums of one step take.

    Args:
        model: the whole one.
        rows: hidden states that are summed: batch x tokens.
        format: of the hidden states.
        devices: in the ring; 1 takes no time.
        one_way: bandwidth of a device to its peers, 10^9 bytes a second.
    """
    moved = 2 * (devices - 1) / devices * rows * model.hidden * element_bytes(format)
    return 2 * model.layers * (moved / (one_way * 1e9) + (devices - 1) * _HOP_S)
