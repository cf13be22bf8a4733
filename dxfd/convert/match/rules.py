"""The words of matching: a rule, its condition, and the element it makes of an entity.

Owns the frozen types and the default dimensions per recipe. Does not decide (engine.py) and does not read files
(load.py). Runs in the worker and in `dxfd convert`.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct, field
from msgspec.structs import force_setattr

DISCIPLINES: Final = ("ARC", "STR", "FP", "ELEC", "ACMV", "SP", "CW", "LPG", "REB")
"""Architecture, structure, fire protection, electrical, air conditioning, sanitary, chilled water, gas, rebar."""


DEFAULT_CEILING_M: Final = 3.5
"""Where services hang if no building file says otherwise."""


class Recipe(StrEnum):
    """How the body of an element is made from its entity. All lengths in metres, z up."""

    CURVE = "curve"
    """No body: keep the vertices."""
    WALL = "wall"
    """Closed outline: extruded by height_m. Open line: a strip of width_m along it, extruded by height_m."""
    COLUMN = "column"
    """Closed outline or circle extruded by height_m; an open line becomes a square of width_m at its middle."""
    SLAB = "slab"
    """Closed outline extruded by height_m (its thickness); an open line keeps its vertices."""
    BEAM = "beam"
    """A box of width_m x height_m along the line; a closed outline is extruded by height_m."""
    PIPE = "pipe"
    """A cylinder of diameter_m along the line."""
    DUCT = "duct"
    """A box of width_m x height_m along the line; a closed outline is extruded by height_m."""
    BOX = "box"
    """The box of the entity's (or block's) extents; a flat one gets height_m, a degenerate one width_m."""
    EXTRUDE = "extrude"
    """Closed outline extruded by height_m; an open line keeps its vertices."""
    POINT = "point"
    """A box of width_m x width_m x height_m at the entity's place."""
    MESH = "mesh"
    """The entity has faces of its own: take them."""


class Dimensions(Struct, frozen=True, kw_only=True):
    """Default measures of a recipe, in metres."""

    width_m: float
    height_m: float
    diameter_m: float


RECIPE_DEFAULTS: Final = MappingProxyType(
    {
        Recipe.CURVE: Dimensions(width_m=0.1, height_m=0.1, diameter_m=0.1),
        Recipe.WALL: Dimensions(width_m=0.2, height_m=3.0, diameter_m=0.2),
        Recipe.COLUMN: Dimensions(width_m=0.4, height_m=3.5, diameter_m=0.4),
        Recipe.SLAB: Dimensions(width_m=0.2, height_m=0.2, diameter_m=0.2),
        Recipe.BEAM: Dimensions(width_m=0.3, height_m=0.5, diameter_m=0.3),
        Recipe.PIPE: Dimensions(width_m=0.1, height_m=0.1, diameter_m=0.1),
        Recipe.DUCT: Dimensions(width_m=0.4, height_m=0.3, diameter_m=0.4),
        Recipe.BOX: Dimensions(width_m=0.3, height_m=0.3, diameter_m=0.3),
        Recipe.EXTRUDE: Dimensions(width_m=0.2, height_m=1.0, diameter_m=0.2),
        Recipe.POINT: Dimensions(width_m=0.2, height_m=0.2, diameter_m=0.2),
        Recipe.MESH: Dimensions(width_m=0.1, height_m=0.1, diameter_m=0.1),
    }
)


class Element(Struct, frozen=True, kw_only=True):
    """What a rule makes of an entity.

    Attributes:
        rule_id: stable identifier of the rule.
        name: stem of the element's name, e.g. "Wall".
        discipline: one of DISCIPLINES.
        ifc_class: e.g. "IfcWall".
        predefined_type: IFC predefined type or "".
        object_type: free type name or ""; goes to element_type.
        description: one line or "".
        material_name: or None.
        material_rgba: "r,g,b,a" with parts 0..1, or None; never "".
        recipe: how the body is made.
        width_m: metres; 0 means the recipe's default and is replaced by it, so that readers never see 0.
        height_m: the same.
        diameter_m: the same.
        elevation_m: metres above the storey where the drawing itself gives no height (z = 0).
        below_ceiling_m: metres below the ceiling, where that is what the height hangs on; elevation_m is then that of
            a ceiling at DEFAULT_CEILING_M, until heights.py knows the building's.
        full_height: the body is as high as the storey, where a building file gives one.
        name_pattern: of the element's name, with {name} {handle} {layer} {block} {type} {attr:TAG}; "" = name and
            handle.
        confidence: 0..1, how sure the rule is.
    """

    rule_id: str
    name: str
    discipline: str
    ifc_class: str
    predefined_type: str = ""
    object_type: str = ""
    description: str = ""
    material_name: str | None = None
    material_rgba: str | None = None
    recipe: Recipe
    width_m: float = 0.0
    height_m: float = 0.0
    diameter_m: float = 0.0
    elevation_m: float = 0.0
    below_ceiling_m: float | None = None
    full_height: bool = False
    name_pattern: str = ""
    confidence: float = 1.0

    def __post_init__(self) -> None:
        if self.below_ceiling_m is not None:
            force_setattr(self, "elevation_m", round(DEFAULT_CEILING_M - self.below_ceiling_m, 6))
        defaults = RECIPE_DEFAULTS[self.recipe]
        for name in ("width_m", "height_m", "diameter_m"):
            if getattr(self, name) <= 0:
                force_setattr(self, name, getattr(defaults, name))


class NameTest(Struct, frozen=True, kw_only=True):
    """Names that satisfy a condition: any word, glob or regular expression, and none of the `no` words.

    Attributes:
        words: as in tokens.py: phrases, plurals, `*` inside a word.
        globs: `*`, `?` and `[…]` on the whole folded name.
        regex: searched in the name as it stands, without regard to case.
        no: words that rule the name out.
    """

    words: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    no: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether anything has to be found (exclusions alone ask for nothing)."""
        return bool(self.words or self.globs or self.regex)


class Span(Struct, frozen=True, kw_only=True):
    """A range of metres, both ends included; None is open."""

    low: float | None = None
    high: float | None = None


class Where(Struct, frozen=True, kw_only=True):
    """What a rule asks of the single entity, beyond its type, layer and block. All that is given must hold.

    Attributes:
        attributes: (tag, globs): the block reference has this attribute with such a value, without regard to case.
        colors: colours the entity shows (BYLAYER is the layer's): ACI 0 to 255, or RGB_COLOR + 0xRRGGBB.
        linetypes: globs of the linetype it shows (BYLAYER is the layer's).
        layouts: globs of the layout it stands in; entities of paper space are matched by rules that ask this alone.
        closed: its curve is closed (a circle, a closed polyline or one that ends where it began), or is not.
        length_m: of the curve.
        size_m: the longer side of its box in plan; of a block reference that of the block, scaled.
    """

    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    colors: tuple[int, ...] = ()
    linetypes: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    closed: bool | None = None
    length_m: Span | None = None
    size_m: Span | None = None

    @property
    def asks(self) -> bool:
        """Whether it asks anything."""
        return self != Where()

    @property
    def asks_geometry(self) -> bool:
        """Whether the entity's geometry is needed to answer."""
        return self.closed is not None or self.length_m is not None or self.size_m is not None


RGB_COLOR: Final = 1 << 24
"""Added to 0xRRGGBB in `Where.colors`, so that true colours and colour numbers are one kind of number."""


class Rule(Struct, frozen=True, kw_only=True):
    """One rule: which entities, and what they become.

    The conditions on types, layer, block and discipline must all hold; `either` holds if block or layer satisfies it.
    Among the rules that hold, the highest priority wins, then the more specific, then the earlier.

    Attributes:
        rule_id: unique in its set.
        types: DXF type names; empty = every type that has a body (annotation types must be named to be matched).
        layer: test of the layer name.
        block: test of the block name; holds for INSERT only.
        either: test that block or layer must satisfy; the block is asked first and counts more.
        disciplines: codes the element may take from the layer's name; the first is taken where the name says nothing.
        layer_discipline: the layer's name must speak of one of these codes; empty = anything.
        where: what it asks of the single entity.
        priority: higher first.
        skip: matching entities make no element, and no rule of lower priority is asked.
        block_recipe: recipe for INSERT.
        element: what is made, with `recipe` for curves; None exactly if skip.
    """

    rule_id: str
    types: frozenset[str] = frozenset()
    layer: NameTest = field(default_factory=NameTest)
    block: NameTest = field(default_factory=NameTest)
    either: NameTest = field(default_factory=NameTest)
    disciplines: tuple[str, ...] = ()
    layer_discipline: tuple[str, ...] = ()
    priority: int = 0
    skip: bool = False
    where: Where = field(default_factory=Where)
    block_recipe: Recipe = Recipe.BOX
    element: Element | None = None


class DisciplineWords(Struct, frozen=True, kw_only=True):
    """How a layer's name speaks of a discipline.

    Attributes:
        code: one of DISCIPLINES.
        words: count anywhere in the name.
        prefixes: count only as the first word (numbers before it are passed over).
        rgba: colour of elements whose rule names none, "r,g,b,a", or None.
    """

    code: str
    words: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    rgba: str | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """One answer to a triple, given to the entities that satisfy `where`.

    Attributes:
        where: what it asks of the entity; None = given to all.
        element: what is made; None = nothing, for `reason`.
        reason: why nothing is made; "" if something is.
    """

    where: Where | None
    element: Element | None
    reason: str = ""


class SkipReason(StrEnum):
    """Why an entity makes no element; the ledger's reason."""

    ANNOTATION_TYPE = "annotation_type"
    ANNOTATION_LAYER = "annotation_layer"
    ANNOTATION_BLOCK = "annotation_block"
    NO_RULE = "no_rule"


class Verdict(Struct, frozen=True, kw_only=True):
    """What one rule said about a triple.

    Attributes:
        rule_id: which rule.
        matched: all its conditions hold.
        chosen: it made the element (or the skip).
        priority: of the rule.
        specificity: of this match; 0 if it did not match.
        why: what was found, or the first condition that failed.
        asks: what it also asks of the single entity, in words; "" if nothing.
        result: class and discipline it makes, "no element", or "" for a rule that is not asked further.
    """

    rule_id: str
    matched: bool
    chosen: bool
    priority: int
    specificity: int
    why: str
    asks: str = ""
    result: str = ""
