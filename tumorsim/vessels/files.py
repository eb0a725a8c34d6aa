"""Files of vessel graphs: network.dat and GraphML, told apart by what they hold."""

from __future__ import annotations

from pathlib import Path

from tumorsim.errors import InputError
from tumorsim.vessels.files_graphml import read_graphml
from tumorsim.vessels.files_graphml_write import write_graphml
from tumorsim.vessels.files_networkdat import read_network_dat
from tumorsim.vessels.files_networkdat_write import write_network_dat
from tumorsim.vessels.graph import VesselGraph

__all__ = ["read_graph", "read_graphml", "read_network_dat", "write_graphml", "write_network_dat"]


def read_graph(path: str | Path) -> VesselGraph:
    """Read a vessel graph: GraphML where the file starts with "<", else network.dat.

    Raises
    ------
    InputError
        Where the file is not there, or with a line `FILE:line: what` for every problem in it.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file. Expected a vessel graph (GraphML or network.dat)")
    try:
        with path.open("rb") as stream:
            start = stream.read(256)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    markup = start.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")
    return read_graphml(path) if markup else read_network_dat(path)
