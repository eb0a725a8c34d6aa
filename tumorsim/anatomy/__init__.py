"""Anatomy: the tumour in its box, its capsule, septa and satellites, and the zones of the target."""

from tumorsim.anatomy.build import Anatomy, build
from tumorsim.anatomy.capsule import Capsule, FacePermeability, face_permeability
from tumorsim.anatomy.organ_place import OrganSpec
from tumorsim.anatomy.organs import Organs, Walls
from tumorsim.anatomy.satellites import Satellite
from tumorsim.anatomy.septa import Septum
from tumorsim.anatomy.spec import TumourSpec, box_size
from tumorsim.anatomy.zones import ZONES, zone_of_sites

__all__ = [
    "ZONES",
    "Anatomy",
    "Capsule",
    "FacePermeability",
    "OrganSpec",
    "Organs",
    "Satellite",
    "Septum",
    "TumourSpec",
    "Walls",
    "box_size",
    "build",
    "face_permeability",
    "zone_of_sites",
]
