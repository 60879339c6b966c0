"""A device that is not there.

`device` runs it, `model` times it, `state` holds its time, heat and limits, `memory` its capacity, `links`
joins it to the host and to its siblings of one `node`, `arithmetic` computes for real what it claims to,
`noise` scatters its times and `faults` has it fail.
"""
