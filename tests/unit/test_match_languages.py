"""The words of the trades in eight languages: as a layer of their own, with numbers around them, inside no other."""

from __future__ import annotations

import pytest

from dxfd.convert.match.engine import RuleSet
from dxfd.convert.match.load import load_rules

CLASSES = (
    "IfcWall", "IfcDoor", "IfcWindow", "IfcColumn", "IfcBeam", "IfcSlab", "IfcStair", "IfcRailing", "IfcRoof",
    "IfcCovering", "IfcFurniture", "IfcFooting", "IfcDuctSegment", "IfcPipeSegment", "IfcLightFixture", "IfcOutlet",
    "IfcSanitaryTerminal", "IfcCableCarrierSegment", "IfcAirTerminal", "IfcFireSuppressionTerminal",
)  # fmt: skip

WORDS = {
    "English": "Wall Doors Window Column Beam Slab Stairs Handrail Roof Ceiling Furniture Foundation Duct Pipe"
    " Lighting Socket Sanitary Cable_tray Diffuser Sprinkler",
    "German": "Wände Türen Fenster Stützen Unterzug Decke Treppen Geländer Dach Abhangdecke Möbel Fundament"
    " Lüftungskanal Rohrleitung Leuchten Steckdosen Sanitär Kabeltrasse Luftauslass Sprinklerkopf",
    "French": "Murs Portes Fenêtres Poteaux Poutres Dalle Escaliers Garde-corps Toiture Faux_plafond Mobilier"
    " Fondations Gaines Tuyauterie Éclairage Prises Sanitaires Chemin_de_câbles Diffuseur"
    " Tête_sprinkler",
    "Spanish": "Muros Puertas Ventanas Columnas Vigas Losa Escaleras Barandilla Cubierta Falso_techo"
    " Mobiliario Cimentación Conductos Tuberías Luminarias Enchufes Sanitarios Bandeja Difusor"
    " Rociadores",
    "Italian": "Muri Porte Finestre Pilastri Travi Solaio Scala Ringhiera Tetto Controsoffitto Arredi"
    " Fondazioni Condotte Tubazioni Illuminazione Prese Sanitari Canaline Bocchette Sprinkler",
    "Malay": "Dinding Pintu Tingkap Tiang Rasuk Papak Tangga Susur_tangan Bumbung Siling Perabot Asas"
    " Salur_udara Paip Lampu Soket Tandas Dulang_kabel Peresap_udara Penyiram",
    "Chinese": "墙 门 窗户 结构柱 梁 楼板 楼梯 栏杆 屋顶 吊顶 家具 基础 风管 水管 照明灯具 插座 洁具 桥架 散流器 喷头",
    "Japanese": "壁 扉 窓 柱 大梁 スラブ 階段 手摺 屋根 天井 家具 フーチング ダクト 配管 照明 コンセント 便器"
    " ケーブルラック 制気口 スプリンクラー",
}


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules(None)


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("shape", ["{}", "01-{}_2", "xref|{} EXIST"])
def test_each_trade_is_known_in_each_language(rules: RuleSet, language: str, shape: str) -> None:
    found = {}
    for ifc_class, word in zip(CLASSES, WORDS[language].split(), strict=True):
        element = rules.classify("LWPOLYLINE", shape.format(word), "")
        if element is None or element.ifc_class != ifc_class:
            found[word] = element.ifc_class if element else None
    assert found == {}


@pytest.mark.parametrize("language", [name for name in WORDS if name not in {"Chinese", "Japanese"}])
def test_a_word_inside_another_is_none(rules: RuleSet, language: str) -> None:
    # German joins words (Außenwand is a wall), so what stands behind counts: -zz is no ending in any of these
    words = [word for word in WORDS[language].split() if "_" not in word and "-" not in word]
    assert [word for word in words if rules.classify("LWPOLYLINE", f"{word}zz", "") is not None] == []
