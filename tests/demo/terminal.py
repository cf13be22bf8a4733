"""The sample drawing: a small airport terminal in eight disciplines, the same bytes every time.

`python -m tests.demo.terminal OUT.dxf [--scale N]`: N = 1 is one concourse of 18 x 6 bays, some 8,400 entities; each
further N adds a concourse of the same size beside it. Millimetres. Layers are named `CODE-THING`, as the template
libraries of the field have them, annotation by AIA; a few layers speak of nothing, as in every real drawing.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.demo.dxftext import Drawing, Space

BAY: Final = 9000.0
BAYS_X: Final = 18
BAYS_Y: Final = 6
CONCOURSE_PITCH: Final = 80_000.0
ORIGIN: Final = (412_000.0, 98_000.0)
"""Site coordinates: drawings rarely begin at zero."""

LAYERS: Final = {
    "ARC-WALL": 7, "ARC-WALL-PARTITION": 8, "ARC-CURTAIN-WALL": 4, "ARC-DOOR": 30, "ARC-WINDOW": 4, "ARC-FURN": 33,
    "ARC-SEATING": 33, "ARC-CEILING": 9, "ARC-ROOF": 15, "ARC-STAIR": 40, "ARC-BAGGAGE": 41, "ARC-MISC": 8,
    "STR-COLUMN": 1, "STR-BEAM": 1, "STR-SLAB": 251, "STR-FOOTING": 252, "STR-BRACING": 11, "FP-PIPE": 10,
    "FP-SPRINKLER": 10, "FP-HYDRANT": 10, "FP-DETECTOR": 12, "ELEC-LIGHTING": 50, "ELEC-CABLE-TRAY": 51,
    "ELEC-SOCKET": 52, "ELEC-DB": 53, "ELEC-CABLE": 54, "ACMV-DUCT": 140, "ACMV-DIFFUSER": 141, "ACMV-EQPM": 142,
    "SP-PIPE": 92, "SP-FIXTURE": 93, "SP-DRAIN": 94, "CW-PIPE-SUPPLY": 130, "CW-PIPE-RETURN": 131, "CW-VALVE": 132,
    "CW-EQPM": 133, "LPG-PIPE": 20, "LPG-VALVE": 21, "LPG-TANK": 22, "A-ANNO-TEXT": 7, "A-ANNO-DIMS": 7,
    "A-WALL-PATT": 8, "S-GRID": 8, "A-TTLB": 7, "SURVEY": 9,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bay:
    """One bay of the grid: lower left corner in mm, place in the grid, a number of its own."""

    x: float
    y: float
    column: int
    row: int
    number: int

    @property
    def wet(self) -> bool:
        """Whether it holds a toilet."""
        return self.column % 4 == 1 and self.row in {0, BAYS_Y - 1}

    @property
    def kitchen(self) -> bool:
        """Whether it holds a food outlet, which needs gas."""
        return self.column % 6 == 3 and self.row in {1, BAYS_Y - 2}

    @property
    def hall(self) -> bool:
        """Whether it is open waiting area with seats."""
        return self.row in {2, 3}


# --- blocks -----------------------------------------------------------------------------------------------------------


def _door(block: Space, width: float) -> None:
    block.box("0", 0, 0, 40, width)
    block.arc("0", (0, 0), width, 0, 90)
    block.attdef("MARK", (0, -200), "D")
    block.attdef("WIDTH", (0, -350), f"{width:.0f}")
    block.attdef("FIRE_RATING", (0, -500), "-")


def _crossed(block: Space, radius: float, tag: str) -> None:
    block.circle("0", (0, 0), radius)
    block.line("0", (-radius, 0), (radius, 0))
    block.line("0", (0, -radius), (0, radius))
    block.attdef(tag, (0, radius), "-")


def _squares(block: Space, size: float, rings: int, tag: str) -> None:
    for ring in range(rings):
        half = size / 2 * (1 - ring / rings)
        block.box("0", -half, -half, 2 * half, 2 * half)
    block.attdef(tag, (0, size), "-")


def _seat(block: Space) -> None:
    block.outline("0", [(0, 0), (520, 0, 0.2), (520, 480), (0, 480, 0.2)])
    block.outline("0", [(0, 480), (520, 480), (520, 560), (0, 560)])


def _seat_row(block: Space) -> None:
    for place in range(5):
        block.insert("0", "SEAT", (560.0 * place, 0))


def _seat_island(block: Space) -> None:
    block.insert("0", "SEAT_ROW_5", (0, 100))
    block.insert("0", "SEAT_ROW_5", (2760, -100), rotation=180)


def _basin(block: Space) -> None:
    block.outline("0", [(-250, 0), (250, 0), (250, 400, 0.4), (-250, 400)])
    block.circle("0", (0, 200), 30)


def _toilet(block: Space) -> None:
    block.box("0", -200, 0, 400, 200)
    block.outline("0", [(-180, 200), (180, 200), (180, 650, 1.0), (-180, 650)])


def _valve(block: Space) -> None:
    block.outline("0", [(-150, -80), (150, 80), (150, -80), (-150, 80)])
    block.attdef("DN", (0, 120), "80")


def _unit(block: Space, width: float, depth: float) -> None:
    block.box("0", 0, 0, width, depth)
    block.line("0", (0, 0), (width, depth))
    block.line("0", (0, depth), (width, 0))
    block.attdef("TAG", (0, -150), "-")


def _window(block: Space) -> None:
    for offset in (-50, 0, 50):
        block.line("0", (0, offset), (1800, offset))
    block.attdef("MARK", (0, 150), "W")


BLOCKS: Final[dict[str, Callable[[Space], None]]] = {
    "DOOR_SINGLE_900": lambda block: _door(block, 900),
    "DOOR_DOUBLE_1800": lambda block: _door(block, 1800),
    "WINDOW_1800": _window,
    "SEAT": _seat,
    "SEAT_ROW_5": _seat_row,
    "SEAT_ISLAND": _seat_island,
    "CHECKIN_COUNTER": lambda block: _unit(block, 2200, 900),
    "SPRINKLER_HEAD": lambda block: _crossed(block, 50, "K_FACTOR"),
    "SMOKE_DETECTOR": lambda block: _crossed(block, 75, "ZONE"),
    "FIRE_HYDRANT": lambda block: _crossed(block, 200, "TAG"),
    "LIGHT_600X600": lambda block: _squares(block, 600, 2, "CIRCUIT"),
    "SOCKET_TWIN": lambda block: _crossed(block, 60, "CIRCUIT"),
    "DISTRIBUTION_BOARD": lambda block: _unit(block, 800, 250),
    "DIFFUSER_SUPPLY_600": lambda block: _squares(block, 600, 3, "FLOW_LPS"),
    "FAN_COIL_UNIT": lambda block: _unit(block, 1200, 600),
    "WC_PAN": _toilet,
    "WASH_BASIN": _basin,
    "FLOOR_DRAIN": lambda block: _crossed(block, 80, "DN"),
    "GATE_VALVE": _valve,
    "CHILLER": lambda block: _unit(block, 4200, 1800),
    "CHW_PUMP": lambda block: _crossed(block, 400, "TAG"),
    "LPG_TANK": lambda block: _unit(block, 3000, 1200),
    "DOOR_TAG": lambda block: _crossed(block, 150, "MARK"),
    "GRID_BUBBLE": lambda block: _crossed(block, 400, "AXIS"),
}


# --- disciplines, bay by bay ------------------------------------------------------------------------------------------


class Terminal:
    """The drawing on its way; one method per discipline."""

    def __init__(self, scale: int, seed: int = 20250101) -> None:
        self.drawing = Drawing(LAYERS)
        for name, make in BLOCKS.items():
            make(self.drawing.block(name))
        self.model = self.drawing.model
        self.random = random.Random(seed)
        for concourse in range(scale):
            self.concourse(concourse)
        self.title()

    def concourse(self, number: int) -> None:
        """Draw one concourse: its shell, then every bay in every discipline."""
        x0, y0 = ORIGIN[0], ORIGIN[1] + number * CONCOURSE_PITCH
        self.shell(x0, y0)
        self.plant(x0, y0, number)
        for index in range(BAYS_X * BAYS_Y):
            column, row = index % BAYS_X, index // BAYS_X
            bay = Bay(x0 + column * BAY, y0 + row * BAY, column, row, number * BAYS_X * BAYS_Y + index + 1)
            for draw in (self.arc, self.str, self.fp, self.elec, self.acmv, self.sp, self.cw, self.lpg, self.anno):
                draw(bay)

    def shell(self, x0: float, y0: float) -> None:
        """Outer walls, glass front, roof, grid, site."""
        model, width, depth = self.model, BAYS_X * BAY, BAYS_Y * BAY
        for at in (0.0, width - 300):
            model.box("ARC-WALL", x0 + at, y0, 300, depth)
        for column in range(BAYS_X):
            for y in (y0 - 100, y0 + depth + 100):
                model.line("ARC-CURTAIN-WALL", (x0 + column * BAY, y), (x0 + (column + 1) * BAY, y))
                model.insert(
                    "ARC-WINDOW", "WINDOW_1800", (x0 + column * BAY + 3600, y), attributes={"MARK": f"W{column + 1:02}"}
                )
        for column in range(BAYS_X):  # a vaulted roof of flat strips
            left, right = x0 + column * BAY, x0 + (column + 1) * BAY
            for step, (low, high) in enumerate(((6000, 7500), (7500, 8000), (8000, 7500), (7500, 6000))):
                front, back = y0 + depth * step / 4, y0 + depth * (step + 1) / 4
                model.face(
                    "ARC-ROOF", [(left, front, low), (right, front, low), (right, back, high), (left, back, high)]
                )
        model.spline(
            "ARC-BAGGAGE", [(x0 + BAY * place, y0 + 20_000 + 2500 * (place % 2), 0) for place in range(BAYS_X)]
        )
        model.spline("SURVEY", [(x0 + 12_000 * place, y0 - 9000 - 1500 * (place % 3), 0) for place in range(9)])
        for column in range(BAYS_X + 1):
            x = x0 + column * BAY
            model.line("S-GRID", (x, y0 - 4000), (x, y0 + depth + 4000))
            model.insert("S-GRID", "GRID_BUBBLE", (x, y0 - 4400), attributes={"AXIS": str(column + 1)})
        for row in range(BAYS_Y + 1):
            y = y0 + row * BAY
            model.line("S-GRID", (x0 - 4000, y), (x0 + width + 4000, y))
            model.insert("S-GRID", "GRID_BUBBLE", (x0 - 4400, y), attributes={"AXIS": chr(65 + row)})

    def plant(self, x0: float, y0: float, number: int) -> None:
        """Chillers, pumps, the gas tank."""
        for place in range(3):
            x = x0 + 5000 * place
            tag = f"{number + 1}-{place + 1}"
            self.model.insert("CW-EQPM", "CHILLER", (x, y0 - 20_000), attributes={"TAG": f"CH-{tag}"})
            self.model.insert("CW-EQPM", "CHW_PUMP", (x, y0 - 17_000), attributes={"TAG": f"CHP-{tag}"})
            self.model.line("CW-PIPE-SUPPLY", (x, y0 - 17_000, 400), (x, y0 - 17_000, 3200))
        self.model.insert("LPG-TANK", "LPG_TANK", (x0 + 40_000, y0 - 20_000), attributes={"TAG": f"LT-{number + 1}"})
        self.model.line("LPG-PIPE", (x0 + 41_000, y0 - 20_000), (x0 + 41_000, y0))

    def arc(self, bay: Bay) -> None:
        """Walls, doors, ceilings, seats, counters, stairs."""
        model, x, y = self.model, bay.x, bay.y
        if bay.hall:
            for place in range(4):
                turned = 90.0 if bay.column % 2 else 0.0
                model.insert(
                    "ARC-SEATING",
                    "SEAT_ISLAND",
                    (x + 900 + 4200 * (place % 2), y + 2000 + 4000 * (place // 2)),
                    rotation=turned,
                )
            model.outline("ARC-CEILING", [(x, y), (x + BAY, y), (x + BAY, y + BAY, 0.1), (x, y + BAY)])
            return
        model.box("ARC-WALL", x, y, 200, BAY)
        model.line("ARC-WALL", (x + 200, y), (x + 3800, y))
        model.line("ARC-WALL", (x + 5600, y), (x + BAY, y))
        model.line("ARC-WALL-PARTITION", (x + 4500, y + 2600), (x + 4500, y + BAY))
        model.line("ARC-WALL-PARTITION", (x + 200, y + 5000), (x + 4500, y + 5000))
        model.box("ARC-CEILING", x + 200, y, BAY - 200, BAY)
        rating = self.random.choice(("-", "FR30", "FR60"))
        mirrored = (-1.0, 1.0, 1.0) if bay.number % 2 else (1.0, 1.0, 1.0)
        model.insert(
            "ARC-DOOR",
            "DOOR_DOUBLE_1800",
            (x + 3800, y),
            attributes={"MARK": f"D{bay.number}A", "WIDTH": "1800", "FIRE_RATING": rating},
        )
        model.insert(
            "ARC-DOOR",
            "DOOR_SINGLE_900",
            (x + 4500, y + 1200),
            scale=mirrored,
            rotation=90,
            attributes={"MARK": f"D{bay.number}B", "WIDTH": "900", "FIRE_RATING": "-"},
        )
        model.insert(
            "ARC-DOOR",
            "DOOR_SINGLE_900",
            (x + 1200, y + 5000),
            upside_down=bay.number % 3 == 0,
            attributes={"MARK": f"D{bay.number}C", "WIDTH": "900", "FIRE_RATING": "-"},
        )
        if bay.row == 1:
            for place in range(2):
                model.insert(
                    "ARC-FURN",
                    "CHECKIN_COUNTER",
                    (x + 600 + 4300 * place, y + 6200),
                    scale=(1.0, 1.1, 1.0),
                    attributes={"TAG": f"C{bay.number}-{place + 1}"},
                )
        if bay.column % 6 == 5:
            for step in range(12):
                model.box("ARC-STAIR", x + 5200, y + 3000 + 280 * step, 1500, 280)
        if bay.number % 5 == 0:
            model.circle("ARC-MISC", (x + 7000, y + 7000), 600)

    def str(self, bay: Bay) -> None:
        """Columns, beams, slabs, footings."""
        model, x, y = self.model, bay.x, bay.y
        if (bay.column + bay.row) % 2:
            model.circle("STR-COLUMN", (x, y), 350)
        else:
            model.box("STR-COLUMN", x - 300, y - 300, 600, 600)
        model.box("STR-FOOTING", x - 1200, y - 1200, 2400, 2400)
        model.box("STR-SLAB", x, y, BAY, BAY)
        model.line("STR-BEAM", (x, y, 5200), (x + BAY, y, 5200))
        model.line("STR-BEAM", (x, y, 5200), (x, y + BAY, 5200))
        model.line("STR-BEAM", (x + BAY / 2, y), (x + BAY / 2, y + BAY))
        if bay.column in {0, BAYS_X - 1}:
            model.line("STR-BRACING", (x, y, 0), (x, y + BAY, 5200))

    def fp(self, bay: Bay) -> None:
        """Sprinklers on their branches, detectors, hydrants."""
        model, x, y = self.model, bay.x, bay.y
        model.line("FP-PIPE", (x, y + 4400), (x + BAY, y + 4400))
        for branch in range(3):
            across = x + 1500 + 3000 * branch
            for place in range(3):
                along = y + 1500 + 3000 * place
                model.line("FP-PIPE", (across, along - 1500), (across, along + 1500))
                model.insert("FP-SPRINKLER", "SPRINKLER_HEAD", (across, along), attributes={"K_FACTOR": "80"})
        model.insert(
            "FP-DETECTOR", "SMOKE_DETECTOR", (x + 4500, y + 6500), attributes={"ZONE": f"Z{bay.number % 16 + 1:02}"}
        )
        if bay.column % 4 == 0 and bay.row in {0, BAYS_Y - 1}:
            model.insert("FP-HYDRANT", "FIRE_HYDRANT", (x + 600, y + 600), attributes={"TAG": f"H{bay.number}"})
            model.line("FP-PIPE", (x + 600, y + 600, 0), (x + 600, y + 600, 3400))

    def elec(self, bay: Bay) -> None:
        """Lights, trays, sockets, boards."""
        model, x, y = self.model, bay.x, bay.y
        for place in range(12):
            at = (x + 1200 + 2200 * (place % 4), y + 1500 + 3000 * (place // 4))
            model.insert(
                "ELEC-LIGHTING",
                "LIGHT_600X600",
                at,
                rotation=45.0 * (bay.hall and place % 2),
                attributes={"CIRCUIT": f"L{bay.number}.{place % 3 + 1}"},
            )
        model.line("ELEC-CABLE-TRAY", (x, y + 4000), (x + BAY, y + 4000))
        model.line("ELEC-CABLE-TRAY", (x + 4000, y), (x + 4000, y + BAY))
        model.outline("ELEC-CABLE", [(x + 400, y + 400), (x + 400, y + 3900), (x + 3900, y + 3900)], closed=False)
        for place in range(4):
            model.insert(
                "ELEC-SOCKET",
                "SOCKET_TWIN",
                (x + 500 + 2400 * place, y + 300),
                rotation=90,
                attributes={"CIRCUIT": f"P{bay.number}.{place + 1}"},
            )
        if bay.number % 8 == 0:
            model.insert("ELEC-DB", "DISTRIBUTION_BOARD", (x + 8000, y + 200), attributes={"TAG": f"DB-{bay.number}"})

    def acmv(self, bay: Bay) -> None:
        """Ducts, diffusers, fan coils."""
        model, x, y = self.model, bay.x, bay.y
        model.line("ACMV-DUCT", (x, y + 5400), (x + BAY, y + 5400))
        for place in range(4):
            across, along = x + 1900 + 5000 * (place % 2), y + 3000 + 4800 * (place // 2)
            model.line("ACMV-DUCT", (across, y + 5400), (across, along))
            model.insert(
                "ACMV-DIFFUSER",
                "DIFFUSER_SUPPLY_600",
                (across, along),
                attributes={"FLOW_LPS": str(self.random.randrange(120, 260, 10))},
            )
        if not bay.hall:
            model.insert(
                "ACMV-EQPM", "FAN_COIL_UNIT", (x + 6000, y + 2200), rotation=15, attributes={"TAG": f"FCU-{bay.number}"}
            )
            model.box("ACMV-DUCT", x + 6000, y + 2800, 1200, 500)

    def sp(self, bay: Bay) -> None:
        """Toilets in the wet bays, rainwater elsewhere."""
        model, x, y = self.model, bay.x, bay.y
        if not bay.wet:
            if bay.row in {0, BAYS_Y - 1}:
                model.line("SP-PIPE", (x + 300, y + 300, 0), (x + 300, y + 300, 6000))
            return
        for place in range(6):
            at = x + 700 + 1300 * place
            model.insert("SP-FIXTURE", "WC_PAN", (at, y + 8000), rotation=180)
            model.insert("SP-FIXTURE", "WASH_BASIN", (at, y + 5200), scale=(1.0, 1.2, 1.0))
            model.line("SP-PIPE", (at, y + 8000), (at, y + 8700))
            model.line("SP-PIPE", (at, y + 5200), (at, y + 8700))
        model.line("SP-PIPE", (x, y + 8700), (x + BAY, y + 8700))
        for place in range(2):
            model.insert("SP-DRAIN", "FLOOR_DRAIN", (x + 2500 + 4000 * place, y + 6600), attributes={"DN": "100"})

    def cw(self, bay: Bay) -> None:
        """Chilled water along the concourse, a valve per coil."""
        model, x, y = self.model, bay.x, bay.y
        for layer, along in (("CW-PIPE-SUPPLY", y + 3100), ("CW-PIPE-RETURN", y + 3400)):
            model.line(layer, (x, along), (x + BAY, along))
            if not bay.hall:
                model.outline(
                    layer, [(x + 6300, along), (x + 6300, y + 2400), (x + 6100, y + 2400)], closed=False, elevation=3000
                )
        if not bay.hall:
            model.insert("CW-VALVE", "GATE_VALVE", (x + 6300, y + 2900), rotation=90, attributes={"DN": "32"})

    def lpg(self, bay: Bay) -> None:
        """Gas for the kitchens."""
        if not bay.kitchen:
            return
        model, x, y = self.model, bay.x, bay.y
        for place in range(5):
            model.line("LPG-PIPE", (x + 1500 * place, y + 7800), (x + 1500 * (place + 1), y + 7800))
            model.insert(
                "LPG-VALVE",
                "GATE_VALVE",
                (x + 1500 * place + 700, y + 7800),
                scale=(0.5, 0.5, 0.5),
                attributes={"DN": "25"},
            )

    def anno(self, bay: Bay) -> None:
        """Room names, door tags, dimensions, hatched columns: none of it becomes an element."""
        model, x, y = self.model, bay.x, bay.y
        use = "WC" if bay.wet else "KITCHEN" if bay.kitchen else "GATE LOUNGE" if bay.hall else "OFFICE"
        model.text("A-ANNO-TEXT", (x + 1500, y + 1000), 250, f"{use} {bay.number}")
        model.mtext("A-ANNO-TEXT", (x + 1500, y + 700), 150, f"Area: {BAY * BAY / 1e6:.1f} m\\P{use}")
        half = 300
        model.hatch(
            "A-WALL-PATT", [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
        )
        if not bay.hall:
            model.insert("A-ANNO-TEXT", "DOOR_TAG", (x + 4700, y - 600), attributes={"MARK": f"D{bay.number}A"})
        if bay.row == 0:
            model.dimension("A-ANNO-DIMS", (x, y), (x + BAY, y), -2500)
        if bay.number % 9 == 0:
            model.line("0", (x + 200, y + 200), (x + 400, y + 400))

    def title(self) -> None:
        """Draw the sheet's frame and title."""
        x, y = ORIGIN
        self.model.box("A-TTLB", x - 8000, y - 26_000, BAYS_X * BAY + 18_000, 90_000)
        self.model.text("A-TTLB", (x + 130_000, y - 25_000), 800, "TERMINAL 1 - LEVEL 1")


def main() -> None:
    """Write the sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", help="the DXF file to be written")
    parser.add_argument("--scale", type=int, default=1, help="concourses of some 8,400 entities each (default 1)")
    arguments = parser.parse_args()
    if arguments.scale < 1:
        parser.error("--scale must be at least 1")
    terminal = Terminal(arguments.scale)
    terminal.drawing.write(arguments.output)
    print(f"{arguments.output}: {len(terminal.model):,} entities")


if __name__ == "__main__":
    main()
