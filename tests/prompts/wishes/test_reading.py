"""Wishes in words: what is read of a prompt, in thirteen languages, and what is said not to be understood."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("hypothesis")
from hypothesis import given, settings
from hypothesis import strategies as st

from metaspatial_addon.core.task import PREDICATES
from metaspatial_addon.prompts.wishes.reading import read_wishes
from metaspatial_addon.prompts.wishes.walls import WALLS

CATEGORIES = {
    "bed": "double bed",
    "left nightstand": "nightstand",
    "right nightstand": "nightstand",
    "wardrobe": "wardrobe",
    "desk": "desk",
    "chair": "office chair",
    "sofa": "sofa",
    "armchair": "armchair",
    "table": "coffee table",
    "lamp 1": "table lamp",
    "lamp 2": "table lamp",
    "picture": "picture",
    "tv": "tv",
}
BEDSIDE = {
    ("left nightstand", "next_to", "bed"),
    ("right nightstand", "next_to", "bed"),
    ("lamp 1", "on", "left nightstand"),
    ("lamp 2", "on", "right nightstand"),
    ("bed", "under", "picture"),
}
FLANKED = {
    ("left nightstand", "left_of", "bed"),
    ("right nightstand", "right_of", "bed"),
    *(wish for wish in BEDSIDE if wish[1] != "next_to"),
}
WALLED = {("bed", "centred", "room"), ("wardrobe", "against", "east wall"), ("desk", "against", "window wall")}
FACING = {("sofa", "facing", "armchair"), ("armchair", "facing", "sofa")}
CORNER = {("desk", "corner", "north wall"), ("desk", "corner", "west wall")}


def read(prompt: str) -> set[tuple[str, str, str]]:
    wishes = read_wishes(prompt, CATEGORIES).wishes
    return {(w.subject, f"not {w.predicate}" if w.negated else w.predicate, w.object) for w in wishes}


@pytest.mark.parametrize(
    ("prompt", "wishes"),
    [
        ("Sofa and armchair facing each other", FACING),
        ("the sofa should face the tv", {("sofa", "facing", "tv")}),
        ("desk in the middle of the room", {("desk", "centred", "room")}),
        ("Bed centered, desk by the window", {("bed", "centred", "room"), ("desk", "against", "window wall")}),
        ("the desk belongs at the wall with the window", {("desk", "against", "window wall")}),
        ("Put the wardrobe along the longest wall.", {("wardrobe", "against", "longest wall")}),
        ("wardrobe on the left wall", {("wardrobe", "against", "west wall")}),
        ("a desk in a corner", {("desk", "corner", "room")}),
        ("Place the desk in the north-west corner", CORNER),
        ("bed against the north wall, wardrobe at the opposite wall", {
            ("bed", "against", "north wall"),
            ("wardrobe", "against", "south wall"),
        }),
        ("sofa opposite the door", {("sofa", "against", "wall opposite the door")}),
        ("bed away from the door", {("bed", "not against", "door wall")}),
        ("desk far from the bed", {("desk", "far", "bed")}),
        ("Never put the wardrobe against the south wall.", {("wardrobe", "not against", "south wall")}),
        ("the desk must not face the bed", {("desk", "not facing", "bed")}),
        ("the chair under the desk", {("chair", "under", "desk")}),
        ("Beside the bed stands a wardrobe.", {("wardrobe", "next_to", "bed")}),
        ("a desk with a lamp on it", {("lamp 1", "on", "desk")}),
        ("The desk holds a lamp and the tv", {("lamp 1", "on", "desk"), ("tv", "on", "desk")}),
        ("a sofa with a coffee table in front", {("table", "in_front_of", "sofa")}),
        ("armchair left of the sofa", {("armchair", "left_of", "sofa")}),
        ("two nightstands flanking the bed", {
            ("left nightstand", "left_of", "bed"),
            ("right nightstand", "right_of", "bed"),
        }),
        ("Two nightstands beside the bed, lamps on the nightstands, a picture above the bed", BEDSIDE),
        ("the table between sofa and armchair", {("table", "next_to", "sofa"), ("table", "next_to", "armchair")}),
        ("desk against the east wall and by the bed", {("desk", "against", "east wall"), ("desk", "next_to", "bed")}),
    ],
)  # fmt: skip
def test_what_is_read_in_english(prompt, wishes):
    assert read(prompt) == wishes


@pytest.mark.parametrize(
    ("prompt", "wishes"),
    [
        ("Zwei Nachttische neben dem Bett, Lampen auf den Nachttischen, ein Bild über dem Bett", BEDSIDE),
        ("Bett in der Mitte, Schrank an der Ostwand, Schreibtisch unter dem Fenster", WALLED),
        ("Sofa und Sessel einander zugewandt, der Schreibtisch in der Nordwestecke", FACING | CORNER),
        ("Der Sessel dem Sofa gegenüber", {("armchair", "across", "sofa")}),
        ("Der Kleiderschrank darf nie an der Südwand stehen.", {("wardrobe", "not against", "south wall")}),
        ("Deux tables de chevet à côté du lit, lampes sur les tables de chevet, un tableau au-dessus du lit", BEDSIDE),
        ("Lit au milieu de la pièce, armoire contre le mur est, bureau sous la fenêtre", WALLED),
        ("Canapé et fauteuil face à face, le bureau dans le coin nord-ouest", FACING | CORNER),
        ("Ne mettez jamais l'armoire contre le mur sud.", {("wardrobe", "not against", "south wall")}),
        ("Mesitas de noche a ambos lados de la cama, lámparas sobre las mesitas, un cuadro encima de la cama", FLANKED),
        ("Cama en el centro de la habitación, armario en la pared este, escritorio junto a la ventana", WALLED),
        ("El sofá y el sillón frente a frente; el escritorio en el rincón noroeste", FACING | CORNER),
        ("Due comodini accanto al letto, lampade sui comodini, un quadro sopra il letto", BEDSIDE),
        ("Il letto al centro della stanza, l'armadio contro la parete est, la scrivania sotto la finestra", WALLED),
        ("Divano e poltrona uno di fronte all'altro, scrivania nell'angolo nord-ovest", FACING | CORNER),
        ("Twee nachtkastjes naast het bed, lampen op de nachtkastjes, een schilderij boven het bed", BEDSIDE),
        ("Bed in het midden van de kamer, kledingkast tegen de oostmuur, bureau onder het raam", WALLED),
        ("Bank en fauteuil tegenover elkaar, bureau in de noordwesthoek", FACING | CORNER),
        ("Duas mesas de cabeceira ao lado da cama, abajures sobre as mesas, um quadro acima da cama", BEDSIDE),
        ("Cama no centro do quarto, guarda-roupa contra a parede leste, escrivaninha perto da janela", WALLED),
        ("Sofá e poltrona frente a frente, a escrivaninha no canto noroeste", FACING | CORNER),
        ("Dwie szafki nocne obok łóżka, lampy na szafkach nocnych, obraz nad łóżkiem", BEDSIDE),
        ("Łóżko na środku pokoju, szafa przy wschodniej ścianie, biurko pod oknem", WALLED),
        ("Kanapa i fotel naprzeciwko siebie, biurko w północno-zachodnim rogu", FACING | CORNER),
        ("Två nattduksbord bredvid sängen, lampor på nattduksborden, en tavla ovanför sängen", BEDSIDE),
        ("Sängen i mitten av rummet, garderoben mot östra väggen, skrivbordet under fönstret", WALLED),
        ("Soffan och fåtöljen mitt emot varandra, skrivbordet i nordvästra hörnet", FACING | CORNER),
        ("Две прикроватные тумбочки рядом с кроватью, лампы на тумбочках, картина над кроватью", BEDSIDE),
        ("Кровать в центре комнаты, шкаф у восточной стены, письменный стол у окна", WALLED),
        ("Диван и кресло друг напротив друга, письменный стол в северо-западном углу", FACING | CORNER),
        ("Никогда не ставьте шкаф у южной стены", {("wardrobe", "not against", "south wall")}),
        ("Yatağın iki yanında komodin, komodinlerin üstünde lambalar, yatağın üstünde tablo", FLANKED),
        ("Gardırop doğu duvarında, çalışma masası pencerenin yanında", WALLED - {("bed", "centred", "room")}),
        ("Kanepe ve koltuk karşılıklı, çalışma masası kuzeybatı köşesinde", FACING | CORNER),
        ("Gardırobu güney duvarına koyma", {("wardrobe", "not against", "south wall")}),
        ("两个床头柜放在床旁边，台灯放在床头柜上，床上方挂画", BEDSIDE),
        ("床放在房间中间，衣柜靠东墙，书桌在窗边", WALLED),
        ("沙发和扶手椅面对面，书桌放在西北角", FACING | CORNER),
        ("不要把衣柜放在南墙", {("wardrobe", "not against", "south wall")}),
        ("ベッドの両側にナイトテーブル、ナイトテーブルの上にテーブルランプ、ベッドの上に絵", FLANKED),
        ("ベッドを部屋の中央に、ワードローブは東の壁に、デスクは窓際に", WALLED),
        ("ソファとアームチェアを向かい合わせに、デスクは北西の角に", FACING | CORNER),
        ("ワードローブを南の壁に置かないで", {("wardrobe", "not against", "south wall")}),
    ],
)  # fmt: skip
def test_what_is_read_in_other_languages(prompt, wishes):
    assert read(prompt) == wishes


@pytest.mark.parametrize(
    "prompt",
    [
        "Bett in der Mitte. The desk under the window. Armoire contre le mur est.",
        "The bed in the middle, Schrank an der Ostwand, bureau sous la fenêtre",
        "床放在房间中间, the wardrobe against the east wall, escritorio junto a la ventana",
        "Das Bett in der Mitte und the desk by the window, the wardrobe against the east wall",
        "Łóżko na środku pokoju; garderoben mot östra väggen; 书桌在窗边",
        "a cozy bedroom, lit au milieu de la pièce, bureau sous la fenêtre, wardrobe against the east wall",
    ],
)
def test_what_is_read_in_several_languages_at_once(prompt):
    assert read(prompt) == WALLED


def test_a_sentence_with_words_of_the_other_language_is_read_in_its_own():
    read_in_both = {("sofa", "facing", "tv"), ("lamp 1", "corner", "north wall"), ("lamp 1", "corner", "west wall")}
    assert read("A sofa facing the TV. Un lampadaire dans le coin nord-ouest.") == read_in_both


@pytest.mark.parametrize(
    ("prompt", "phrase", "reason"),
    [
        ("the piano by the window", "the piano by the window", "not among the items"),
        ("desk next to the piano", "desk next to the piano", "not among the items"),
        ("desk facing the window", "desk facing the window", "part of the room"),
        ("bed in the middle, gizmo against the wall", "against the wall", "no item is called so"),
        ("Postel uprostřed velké místnosti. The desk by the bed", "Postel uprostřed velké místnosti", "no word"),
    ],
)
def test_what_is_not_understood_is_said(prompt, phrase, reason):
    reading = read_wishes(prompt, CATEGORIES)
    assert [(n.phrase, reason in n.reason) for n in reading.not_understood] == [(phrase, True)]


@pytest.mark.parametrize(
    "prompt",
    [
        "A calm bedroom",
        "nothing in front of the window please",
        "We just painted the walls, keep the way to the door free",
        "",
        "!?",
    ],
)
def test_what_is_no_wish_about_an_item_is_none(prompt):
    reading = read_wishes(prompt, CATEGORIES)
    assert (reading.wishes, reading.not_understood) == ((), ())


def test_what_was_read_names_its_words():
    prompt = "A calm bedroom; the desk by the window."
    (wish,) = read_wishes(prompt, CATEGORIES).wishes
    assert prompt[wish.start : wish.end] == wish.phrase == "the desk by the window"


def test_several_of_a_kind_are_those_that_the_word_means_most_likely():
    around = {"office": "office chair", "a": "dining chair", "b": "dining chair", "table": "dining table"}
    prompt = "The dining table with two chairs around it in the middle of the room; the office chair by the window"
    read = [(w.subject, w.predicate) for w in read_wishes(prompt, around).wishes]
    assert read == [("a", "around"), ("b", "around"), ("table", "centred"), ("office", "against")]


def test_items_of_no_known_kind_are_known_by_their_own_names():
    (wish,) = read_wishes("the robot next to the bed", {"r": "robot", "b": "bed"}).wishes
    assert (wish.subject, wish.predicate, wish.object) == ("r", "next_to", "b")


WORDS = re.findall(
    r"\S+",
    "the bed desk two lamps lamp and , . next to on in corner of wall window it each other facing with nothing north "
    "opposite между 床 の上に 旁边 neben dem Tisch gegenüber",
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)))
def test_any_text_can_be_read(prompt):
    for wish in read_wishes(prompt, CATEGORIES).wishes:
        assert wish.subject in CATEGORIES
        assert wish.predicate in PREDICATES
        assert wish.object in {*CATEGORIES, *WALLS, "room", "wall"} - {wish.subject}
