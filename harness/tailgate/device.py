"""Where a model computes."""

from __future__ import annotations

from tailgate.errors import UsageError


def choose_device(asked: str | None) -> str:
    """The device asked for, else CUDA where there is one, else the CPU.

    Raises
    ------
    UsageError
        A device that this machine or this build of torch does not have.
    """
    import torch

    # Setting the count, even to itself, keeps MKL from choosing fewer threads by itself: that could change the order
    # of its sums, and with it answers that hang on a near-tie. A precaution, its effect was not measured.
    torch.set_num_threads(torch.get_num_threads())
    has_cuda = torch.cuda.is_available()
    if asked is None:
        return "cuda" if has_cuda else "cpu"
    if asked.split(":")[0] not in ("cpu", "cuda"):
        raise UsageError(f"--device {asked}: choose cpu or cuda[:N]")
    if asked.startswith("cuda") and not has_cuda:
        raise UsageError(f"--device {asked}: torch sees no CUDA device here; use --device cpu")
    return asked
