"""One training by several processes: what torchrun has started of it, and which one speaks for all."""

import os

import lightning
from lightning.fabric.plugins.environments import TorchElasticEnvironment
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from vesselapp.core.errors import VesselError


def as_launched(devices: int | str, nodes: int) -> tuple[int | str, int]:
    """Give the devices of a machine and the machines: torchrun's own numbers where a person gives none.

    Parameters
    ----------
    devices : int or str
        As Lightning takes them; ``auto`` where they aren't given.
    nodes : int
        1 where they aren't given.
    """
    if not TorchElasticEnvironment.detect():
        return devices, nodes
    local, whole = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    return local if devices == "auto" else devices, whole // local if nodes == 1 else nodes


def check_launched(trainer: lightning.Trainer) -> None:
    """Refuse a trainer of more or fewer processes than torchrun has started (VesselError)."""
    if not TorchElasticEnvironment.detect():
        return
    started, asked = int(os.environ["WORLD_SIZE"]), processes_of(trainer)
    if started != asked:
        raise VesselError(
            f"torchrun has started {started} processes, but this training is one of {asked}.",
            "Leave out --devices and --nodes: torchrun's own numbers are taken.",
        )


def processes_of(trainer: lightning.Trainer) -> int:
    """Give how many processes train together, also before the others are started."""
    return int(trainer.num_devices * trainer.num_nodes)


def devices_of(trainer: lightning.Trainer) -> str:
    """Give the options that ask for just the devices and machines that a trainer has."""
    more = f" --nodes {trainer.num_nodes}" if trainer.num_nodes > 1 else ""
    return f"--devices {trainer.num_devices}{more}"


def is_first(nodes: int) -> bool:
    """Tell whether this is the process that holds the run folder, speaks and heeds Ctrl+C for all of them.

    Before there is a trainer, Lightning takes the first process of each of the ``nodes`` machines for it.
    """
    machine = os.environ.get("NODE_RANK", os.environ.get("GROUP_RANK", "0"))
    return not rank_zero_only.rank and (nodes == 1 or int(machine) == 0)
