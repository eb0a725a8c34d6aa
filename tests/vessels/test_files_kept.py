"""Networks in and out keep everything: every column, attribute, type, comment; and broken files name their line."""

import itertools
import json
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.vessels.files import read_graph, write_graphml, write_network_dat
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import VesselGraph

VESSELS = Path(__file__).parents[2].parent / "shared" / "vessels"
OF_THE_READING = ("format", "notes")


def same(a, b) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple | np.ndarray):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float | np.floating):
        return a == b or (a != a and b != b)
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def kept(graph: VesselGraph) -> dict:
    return {k: v for k, v in graph.attributes.items() if k not in OF_THE_READING}


def assert_equal(one: VesselGraph, other: VesselGraph) -> None:
    assert one.equals(other)
    for key in kept(one).keys() | kept(other).keys():
        assert same(kept(one).get(key), kept(other).get(key)), (key, kept(one).get(key), kept(other).get(key))


# --- network.dat -----------------------------------------------------------------------------------------

words = st.text(st.characters(codec="latin-1", categories=("L", "P")), min_size=1, max_size=8).filter(
    lambda w: not w[0].isdigit() and w[0] not in "+-.*#" and w.lower() not in ("nan", "inf", "infinity", "rel")
    and len(w.split()) == 1
)  # fmt: skip
remarks = st.one_of(st.just(""), st.just("*"), words.map("% {}".format), words.map("{} 3 4.5".format))
sizes = st.floats(1.5, 400).map(lambda v: float(f"{v:.12g}"))
fractions = st.floats(0, 0.9).map(lambda v: float(f"{v:.10g}"))


@st.composite
def network_texts(draw) -> str:
    n = draw(st.integers(3, 7))
    names = draw(st.lists(st.integers(1, 99999), min_size=n, max_size=n, unique=True))
    flows = draw(st.sampled_from(["none", "some", "all"]))
    rows = []
    for e, (u, v) in enumerate(itertools.pairwise(names)):
        row = [str(e + 1), draw(st.sampled_from("45")), str(u), str(v), repr(draw(sizes))]
        if flows == "all" or (flows == "some" and draw(st.booleans())):
            row += [repr(draw(sizes)), *([repr(draw(fractions))] if draw(st.booleans()) else [])]
        rows.append(" ".join([*row, draw(remarks)]))
        if draw(st.integers(0, 4)) == 0:
            rows.append(f"x{e} {draw(st.integers(0, 3))} {u} {v} 8 {draw(remarks)}")
    nodes = [f"{name} {10 * i} {draw(sizes)!r} 0 {draw(remarks)}" for i, name in enumerate(names)]
    ends = []
    for name, value in ((names[0], 60), (names[-1], 20)):
        row = [str(name), "0", str(value)]
        if draw(st.booleans()):
            row.append(repr(draw(fractions)))
            row += [repr(draw(sizes)) for _ in range(draw(st.integers(0, 3)))]
        ends.append(" ".join([*row, draw(remarks)]))
    flow = draw(st.sampled_from(["Flow[nl/min]", "rel. flow"]))
    header = draw(st.sampled_from(["Name x y z", ""]))
    head = [
        draw(st.one_of(st.just(""), words)),
        f"500 400 20 {draw(remarks)}",
        f"10 10 1 {draw(remarks)}",
        f"100.5 {draw(remarks)}",
        f"25 {draw(remarks)}",
        "4",
        f"{len(rows)} segments",
        f"Seg type from to diam {flow} hd",
        *rows,
        f"{n} {draw(remarks)}",
        header,
        *nodes,
        "2 boundary nodes",
        "node type value hd po2",
        *ends,
        *draw(st.lists(words, max_size=2)),
    ]
    return "\n".join(head) + "\n"


@settings(max_examples=60, deadline=None)
@given(network_texts())
def test_network_dat_keeps_everything_in_both_formats(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("net")
    (folder / "a.dat").write_text(text, encoding="utf-8")
    first = read_graph(folder / "a.dat")
    write_network_dat(first, folder / "b.dat")
    assert_equal(read_graph(folder / "b.dat"), first)
    write_graphml(first, folder / "c.graphml")
    through = read_graph(folder / "c.graphml")
    assert_equal(through, first)
    write_network_dat(through, folder / "d.dat")  # across both formats and back: the same text
    assert (folder / "d.dat").read_bytes() == (folder / "b.dat").read_bytes()


def test_the_words_of_a_network_dat_file_come_back(tmp_path):
    text = """A title
100 200 50 box, measured by hand
10 20 5
100 outer
150 longest
4
3 segments of which one is dry
Name type from to diam flow hd remark
1 5 10 20 20.5 3 0.4 * an artery
9 1 30 10 8 a dry one
2 4 20 30 12 1 0.35 7.5 8.5 fine
3 nodes
name x y z remark
10 0 0 10 inlet
20 100 0 10
30 150 50 10 outlet
2 ends
node type value hd po2 drug
10 0 60 0.45 90 25 3 arterial
30 0 20
written in 1990
by hand
"""
    (tmp_path / "a.dat").write_text(text)
    graph = read_graph(tmp_path / "a.dat")
    assert graph.attributes["edge"]["rest"] == ["* an artery", "7.5 8.5 fine"]
    assert graph.attributes["node"]["rest"] == ["inlet", "", "outlet"]
    assert graph.attributes["boundary_rest"] == ["arterial", ""]
    assert graph.attributes["left_out"] == [[1, "9 1 30 10 8 a dry one"]]
    assert graph.attributes["solutes"] == [[25.0, 3.0], []]
    assert graph.attributes["after"] == ["written in 1990", "by hand"]
    write_network_dat(graph, tmp_path / "b.dat")
    assert [line.split() for line in (tmp_path / "b.dat").read_text().splitlines()] == [
        line.split() for line in text.splitlines()
    ]


def test_what_is_not_known_does_not_come_back_as_zero(tmp_path):
    graph = VesselGraph(
        np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]]) * 1e-4, [0, 1], [1, 2], [1e-5, 1e-5],
        haematocrit=[0.4, np.nan], boundary_node=[0, 2], boundary_type=[0, 0], boundary_value=[9e3, 1e3],
        boundary_po2=[95.0, np.nan], node_name=["1", "2", "3"], edge_name=["1", "2"],
    )  # fmt: skip
    write_network_dat(graph, tmp_path / "a.dat")
    again = read_graph(tmp_path / "a.dat")
    assert again.equals(graph, rtol=1e-14) and np.isnan(again.attributes["edge"]["flow"]).all()
    write_network_dat(again, tmp_path / "b.dat")
    assert (tmp_path / "b.dat").read_text() == (tmp_path / "a.dat").read_text()
    with pytest.raises(InputError, match="unknown flows beside flows of zero"):
        write_network_dat(
            VesselGraph(**{**vars(graph), "attributes": {"edge": {"flow": np.array([np.nan, 0.0])}}}),
            tmp_path / "c.dat",
        )


def test_network_dat_names_the_columns_it_cannot_hold(tmp_path):
    graph = VesselGraph(
        np.array([[0, 0, 0], [1, 0, 0]]) * 1e-4, [0], [1], [1e-5],
        boundary_node=[0, 1], boundary_type=[0, 0], boundary_value=[9e3, 1e3],
        attributes={"title": "two\nlines", "species": "rat", "comments": [" seen "],
                    "edge": {"grade": ["a"]}, "node": {"depth": np.arange(2)}},
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        write_network_dat(graph, tmp_path / "a.dat")
    for what in ("columns of nodes (depth)", "columns of vessels (grade)", "(comments, species)", "more than one line"):
        assert what in str(caught.value)
    assert not list(tmp_path.iterdir())
    write_network_dat(graph, tmp_path / "a.dat", lossy=True)
    assert read_graph(tmp_path / "a.dat").attributes["title"] == "two lines"


# --- GraphML ---------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="￾￿"), max_size=12)
names = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8).filter(
    lambda w: w not in ("x", "y", "z", "name", "index", "radius", "length", "kind", "rest", "boundary", "exchange",
                        "id", "title", "format", "notes", "node", "edge", "types", "comments", "attributes")
)  # fmt: skip
values = {
    "double": st.one_of(st.none(), st.floats(allow_nan=False)),
    "float": st.one_of(st.none(), st.floats(allow_nan=False, width=32)),
    "long": st.one_of(st.none(), st.integers()),
    "int": st.integers(-(2**31), 2**31 - 1),
    "boolean": st.one_of(st.none(), st.booleans()),
    "string": st.one_of(st.none(), texts),
}


@st.composite
def graphml_texts(draw) -> str:
    """A network as another program may write it."""
    from xml.sax.saxutils import escape, quoteattr

    n = draw(st.integers(2, 5))
    keys, rows = [], {"node": [""] * n, "edge": [""] * (n - 1), "graph": [""]}
    for scope, row in rows.items():
        for name in draw(st.lists(names, max_size=3, unique=True)):
            kind = draw(st.sampled_from(sorted(values)))
            key = f"k{len(keys)}"
            default = f"<default>{draw(st.integers(0, 9))}</default>" if kind in ("int", "long") else ""
            keys.append(f'<key id="{key}" for="{scope}" attr.name={quoteattr(name)} attr.type="{kind}">{default}</key>')
            for i in range(len(row)):
                value = draw(values[kind])
                if value is not None:
                    text = str(value).lower() if isinstance(value, bool) else str(value)
                    row[i] += f'<data key="{key}">{escape(text)}</data>'
    ids = draw(st.lists(names, min_size=n, max_size=n, unique=True))
    out = [
        '<?xml version="1.0"?>',
        f"<!-- {draw(names)} -->",
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
    ]
    for scope, name in (("node", "x"), ("node", "y"), ("node", "z"), ("node", "boundary_value"), ("edge", "radius")):
        out.append(f'<key id="{name}" for="{scope}" attr.name="{name}" attr.type="double"/>')
    for scope, name in (("node", "boundary"), ("edge", "kind")):
        out.append(f'<key id="{name}" for="{scope}" attr.name="{name}" attr.type="string"/>')
    out += [*keys, f'<graph edgedefault="{draw(st.sampled_from(["directed", "undirected"]))}">{rows["graph"][0]}']
    for i in range(n):
        ends = i in (0, n - 1)
        condition = f'<data key="boundary">pressure</data><data key="boundary_value">{9000 - i}</data>' if ends else ""
        place = f'<data key="x">{i}e-3</data><data key="y">0</data><data key="z">0</data>'
        out.append(f"<node id={quoteattr(ids[i])}>{place}{condition}{rows['node'][i]}</node>")
    for e in range(n - 1):
        ident = f' id="v{e}"' if draw(st.booleans()) else ""
        ends = f"source={quoteattr(ids[e])} target={quoteattr(ids[e + 1])}"
        kind = draw(st.sampled_from(["arterial", "other"]))
        out.append(
            f'<edge{ident} {ends}><data key="radius">1e-5</data><data key="kind">{kind}</data>{rows["edge"][e]}</edge>'
        )
    return "\n".join([*out, "</graph>", "</graphml>"])


@settings(max_examples=80, deadline=None)
@given(graphml_texts())
def test_graphml_keeps_everything(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("net")
    (folder / "a.graphml").write_text(text, encoding="utf-8")
    first = read_graph(folder / "a.graphml")
    write_graphml(first, folder / "b.graphml")
    again = read_graph(folder / "b.graphml")
    assert_equal(again, first)
    write_graphml(again, folder / "c.graphml")
    assert (folder / "c.graphml").read_bytes() == (folder / "b.graphml").read_bytes()


FOREIGN = """<?xml version="1.0" encoding="UTF-8"?>
<!-- traced by hand -->
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="d0" for="node" attr.name="x" attr.type="double"/>
<key id="d1" for="node" attr.name="y" attr.type="double"><default>0</default></key>
<key id="d2" for="node" attr.name="z" attr.type="double"><default>0</default></key>
<key id="d3" for="node" attr.name="boundary" attr.type="string"/>
<key id="d4" for="node" attr.name="boundary_value" attr.type="double"/>
<key id="d5" for="edge" attr.name="radius" attr.type="float"/>
<key id="d6" for="edge" attr.name="kind" attr.type="string"><default>arterial</default></key>
<key id="d7" for="edge" attr.name="wall" attr.type="float"/>
<key id="d8" for="edge" attr.name="order" attr.type="int"/>
<key id="d9" for="edge" attr.name="stented" attr.type="boolean"/>
<key id="d10" for="graph" attr.name="species" attr.type="string"/>
<key id="d11" for="node" attr.name="never" attr.type="double"/>
<graph edgedefault="directed"><data key="d10">rat &amp; mouse</data>
<node id="inlet"><data key="d0">0</data><data key="d3">pressure</data><data key="d4">9e3</data></node>
<node id="outlet"><data key="d0">0.01</data><data key="d3">pressure</data><data key="d4">1e3</data></node>
<edge id="a" source="inlet" target="outlet"><data key="d5">1e-4</data><data key="d7">0.1</data>
 <data key="d8">3</data><data key="d9">true</data><!-- sclerotic --></edge>
<edge id="b" source="inlet" target="outlet"><data key="d5">1e-4</data></edge>
</graph>
</graphml>
"""


def test_types_identities_defaults_and_comments_of_graphml(tmp_path):
    (tmp_path / "a.graphml").write_text(FOREIGN)
    graph = read_graph(tmp_path / "a.graphml")
    keep = graph.attributes
    assert keep["node_id"] == ["inlet", "outlet"] and keep["edge_id"] == ["a", "b"]
    assert keep["species"] == "rat & mouse" and keep["comments"] == [" traced by hand ", " sclerotic "]
    assert keep["edge"]["stented"] == [True, None] and keep["edge"]["order"][0] == 3
    assert keep["types"] == {"edge": {"wall": "float", "order": "int"}} and np.isnan(keep["node"]["never"]).all()
    write_graphml(graph, tmp_path / "b.graphml")
    text = (tmp_path / "b.graphml").read_text()
    for what in ('attr.name="wall" attr.type="float"', 'attr.name="never"', 'id="inlet"', 'id="b"', "rat &amp; mouse"):
        assert what in text
    assert_equal(read_graph(tmp_path / "b.graphml"), graph)


def test_other_programs_read_what_is_written(tmp_path):
    (tmp_path / "a.graphml").write_text(FOREIGN)
    write_graphml(read_graph(tmp_path / "a.graphml"), tmp_path / "b.graphml")
    found = nx.read_graphml(tmp_path / "b.graphml", force_multigraph=True)
    assert found.graph["species"] == "rat & mouse" and found.nodes["outlet"]["boundary_value"] == 1e3
    assert found.edges["inlet", "outlet", "a"]["stented"] is True and found.number_of_edges() == 2
    nx.write_graphml(found, tmp_path / "c.graphml")
    assert read_graph(tmp_path / "c.graphml").equals(read_graph(tmp_path / "b.graphml"))


def test_nested_elements_are_named_as_not_read(tmp_path):
    nested = FOREIGN.replace('<data key="d9">true</data>', '<data key="d9"><y:node id="q"><y:a/></y:node></data>')
    nested = nested.replace("<graphml ", '<graphml xmlns:y="urn:y" ')
    (tmp_path / "a.graphml").write_text(nested)
    graph = read_graph(tmp_path / "a.graphml")
    assert "the nested elements of attribute 'stented' are not read" in graph.attributes["notes"]
    assert graph.n_nodes == 2


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"node": {"x": [1, 2]}}, "must not be called 'x'"),
        ({"edge": {"grade": ["a", "b"]}}, "column 'grade' of edges has 2 rows instead of 1"),
        ({"edge": {"grade": ["a\x00"]}}, "XML cannot hold the character '\\x00'"),
        ({"title": "a\rb"}, "XML cannot hold the character '\\r'"),
        ({"comments": ["a--b"]}, "a comment cannot hold '--'"),
        ({"node_id": ["a", "a"]}, "'node_id' must be 2 different names"),
    ],
)
def test_what_graphml_cannot_hold_is_refused(tmp_path, attributes, words):
    graph = VesselGraph(
        np.array([[0, 0, 0], [1, 0, 0]]) * 1e-4, [0], [1], [1e-5],
        boundary_node=[0, 1], boundary_type=[0, 0], boundary_value=[9e3, 1e3], attributes=attributes,
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        write_graphml(graph, tmp_path / "a.graphml")
    assert words in str(caught.value) and not list(tmp_path.iterdir())


def test_a_file_is_whole_or_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "a.graphml").write_text(FOREIGN)
    graph = read_graph(tmp_path / "a.graphml")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    for name, write in (("a.graphml", write_graphml), ("a.dat", lambda g, p: write_network_dat(g, p, lossy=True))):
        with pytest.raises(InputError, match="cannot be written: No space left"):
            write(graph, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["a.graphml"]
    assert (tmp_path / "a.graphml").read_text() == FOREIGN
    with pytest.raises(InputError, match="cannot be written"):
        write_graphml(graph, tmp_path / "nowhere" / "a.graphml")


# --- files in the wild, and broken ones ------------------------------------------------------------------

DAT = """A fork
100 200 50 box
10 20 5
100
150
4
3 segments
Name type from to diam flow hd
1 5 10 20 20.5 3.0 0.40 *
2 4 20 30 12 1.0 0.35 *
3 5 20 40 15 2.0 0.45 *
4 nodes
name x y z
10 0 0 10
20 100 0 10
30 150 50 10
40 150 -50.5 10
3 boundary nodes
node type value hd po2
10 0 60 0.45 90
30 2 -1.0 0.4 40 25 45.9
40 0 20 0.4 40
"""


def swap(old: str, new: str, text: str = DAT) -> bytes:
    assert old in text
    return text.replace(old, new, 1).encode()


GOOD = {
    "utf-8 mark": DAT.encode("utf-8-sig"),
    "utf-16 little endian with mark": DAT.encode("utf-16"),
    "utf-16 big endian with mark": b"\xfe\xff" + DAT.encode("utf-16-be"),
    "utf-16 without mark": DAT.encode("utf-16-le"),
    "utf-16 big endian without mark": DAT.encode("utf-16-be"),
    "utf-32 with mark": DAT.encode("utf-32"),
    "crlf": DAT.replace("\n", "\r\n").encode(),
    "cr": DAT.replace("\n", "\r").encode(),
    "tabs": DAT.replace(" ", "\t").encode(),
    "trailing blanks": DAT.replace("\n", " \t \n").encode(),
    "padding of zeros": DAT.encode() + b"\x00" * 40,
    "end-of-file mark": DAT.encode() + b"\x1a",
    "comments": DAT.replace("*", "! measured twice, 1 2 3").encode(),
    "ellipsis of windows": DAT.replace("A fork", "A fork… and more").encode("cp1252"),
    "no newline at the end": DAT.rstrip().encode(),
    "relative flows": DAT.replace("flow hd", "rel. flow hd").encode(),
    "fortran exponents": DAT.replace("20.5", "2.05D+01").encode(),
}


@pytest.mark.parametrize("name", GOOD)
def test_read_right(tmp_path, name):
    (tmp_path / "plain.dat").write_text(DAT)
    plain = read_graph(tmp_path / "plain.dat")
    (tmp_path / "net.dat").write_bytes(GOOD[name])
    graph = read_graph(tmp_path / "net.dat")
    assert graph.equals(plain)
    assert graph.attributes["relative_flow"] == (name == "relative flows")
    assert any("relative" in note for note in graph.attributes["notes"]) == (name == "relative flows")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_graphml_with_byte_order_marks(tmp_path, encoding):
    text = FOREIGN.replace('encoding="UTF-8"', f'encoding="{"UTF-16" if encoding == "utf-16" else "UTF-8"}"')
    (tmp_path / "plain.graphml").write_text(FOREIGN)
    (tmp_path / "net.graphml").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert_equal(read_graph(tmp_path / "net.graphml"), read_graph(tmp_path / "plain.graphml"))


ISLAND = DAT.replace("3 segments", "4 segments").replace("4 nodes", "7 5 50 60 9\n6 nodes")
ISLAND = ISLAND.replace("3 boundary", "50 0 0 90\n60 50 0 90\n3 boundary")
WITH_INLET = ISLAND.replace("3 boundary", "4 boundary")

BROKEN = {
    "missing node": (swap("2 4 20 30", "2 4 20 99"), ":10: segment 2: node 99 is not among the nodes"),
    "negative radius": (swap("30 12", "30 -12"), ":10: segment 2: diameter -12 um is not positive"),
    "nan": (swap("30 12", "30 nan"), ":10: segment 2: diameter 'nan' is not a number"),
    "inf": (swap("30 12", "30 inf"), ":10: segment 2: diameter 'inf' is not a number"),
    "place inf": (swap("150 50 10", "150 inf 10"), ":16: node 30: coordinate 'inf' is not a number"),
    "pressure nan": (swap("0 60", "0 nan"), ":20: boundary node 10: value 'nan' is not a number"),
    "solute inf": (swap("45.9", "inf"), ":21: boundary node 30: a solute is not a number"),
    "island without outlet": (
        (WITH_INLET + "50 2 1.0 0.4 40\n").encode(),
        ":26: boundary node 50: blood enters this piece of the network but has no outlet from it",
    ),
    "island without inlet": (
        (WITH_INLET + "50 2 -1.0 0.4 40\n").encode(),
        ":26: boundary node 50: blood leaves this piece of the network but none enters it",
    ),
    "duplicated segment": (swap("3 5 20 40", "2 4 20 30"), ":11: segment 2: a segment of this name is already in line"),
    "duplicated node": (swap("30 150", "20 150"), ":16: node 20 is already in line 15"),
    "duplicated boundary": (swap("40 0 20", "30 0 20"), ":22: boundary node 30 is already in line 21"),
    "count too high": (swap("3 segments", "4 segments"), ":12: line 7 announces 4 segments, but only 3 come"),
    "count too low": (swap("3 segments", "2 segments"), ":11: one segment more than its count announces"),
    "two dimensions": (swap("30 150 50 10", "30 150 50"), ":16: node 3 of 4: expected 4 numbers, found '30 150 50'"),
    "huge place": (swap("150 50 10", "1e300 50 10"), ":16: node 30 lies more than 10 m off. Is its unit (um) right?"),
    "huge vessel": (swap("30 12", "30 1e9"), ":10: segment 2: diameter 1e+09 um is wider than any vessel. Is its unit"),
    "huge count": (swap("3 segments", "900000000000 segments"), ":12: line 7 announces 900000000000 segments, but"),
    "decimal comma": (swap("20.5", "20,5"), ":9: segment 1: diameter '20,5' is not a number"),
    "commas": (swap("2 4 20 30 12 1.0 0.35 *", "2,4,20,30,12,1.0,0.35"), ":10: segment 2 of 3: expected 5 numbers"),
    "empty": (b"", ":1: the file is empty"),
    "blank": (b" \r\n\t\n", ":1: the file is empty"),
    "only a mark": (b"\xef\xbb\xbf", ":1: the file is empty"),
    "binary": (bytes(range(256)) * 4, ":1: not a text file: it holds the character"),
    "binary behind text": (DAT.encode() + b"\x07\x00\x01data", ":23: not a text file: it holds the character '\\x07'"),
    "zip": (b"PK\x03\x04 something", ":1: not a text file: it holds the character '\\x03'"),
    "mark that lies": (b"\xff\xfe" + b"\x00\xd8" * 3 + b"\x00", "marked as UTF-16-LE, which it is not"),
    "not a network": (b"dear all,\nplease find\nenclosed\n", ":2: box size [um]: expected 3 number(s)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_refused_with_line_and_reason(tmp_path, name):
    raw, reason = BROKEN[name]
    (tmp_path / "net.dat").write_bytes(raw)
    with pytest.raises(InputError) as caught:
        read_graph(tmp_path / "net.dat")
    assert any(reason in problem for problem in caught.value.problems), caught.value.problems


def edit(old: str, new: str) -> str:
    assert old in FOREIGN
    return FOREIGN.replace(old, new, 1)


WRONG = {
    "duplicated edge": (edit('id="b"', 'id="a"'), ":21: edge 'a' is already in line 19"),
    "duplicated node": (edit('id="outlet"', 'id="inlet"'), ":18: node 'inlet' is already in line 17"),
    "missing node": (edit('target="outlet"', 'target="outlat"'), ":19: an edge names node 'outlat', which is not in"),
    "negative radius": (edit(">1e-4<", ">-1e-4<"), ":19: edge 'inlet' to 'outlet': radius -0.0001 is not above 0"),
    "nan": (edit(">1e-4<", ">NaN<"), ":19: edge 'inlet' to 'outlet': radius 'nan' is not a number"),
    "inf": (edit(">1e-4<", ">INF<"), ":19: edge 'inlet' to 'outlet': radius 'inf' is not a number"),
    "two dimensions": (
        edit('<key id="d2" for="node" attr.name="z" attr.type="double"><default>0</default></key>', ""),
        ":17: node 'inlet' has no attribute 'z'",
    ),
    "huge place": (edit(">0.01<", ">1e200<"), ":18: node 'outlet' lies more than 10 m off. Is its unit (m) right?"),
    "huge vessel": (
        edit(">1e-4<", ">20<"),
        ":19: edge 'inlet' to 'outlet': radius 20 is wider than any vessel. Is its",
    ),
    "type": (edit(">3<", ">three<"), ":20: edge 'inlet' to 'outlet': order 'three' is not of its type, int"),
    "truth": (edit(">true<", ">maybe<"), ":20: edge 'inlet' to 'outlet': stented 'maybe' is not of its type, boolean"),
    "no outlet": (
        edit('<data key="d3">pressure</data><data key="d4">1e3</data>', "").replace(">pressure<", ">flow<"),
        ":17: node 'inlet': blood enters this piece of the network but has no outlet",
    ),
    "no identity": (edit('<node id="inlet">', "<node>"), ":17: a node without id"),
    "hyperedge": (edit("</graph>", "<hyperedge/></graph>"), ":22: a hyperedge: a vessel joins two nodes"),
    "second graph": (edit("</graph>", "</graph><graph/>"), ":22: a second graph; a file holds one network"),
    "key twice": (edit('id="d1"', 'id="d0"'), ":5: key 'd0' is already in line 4"),
    "undeclared": (edit('<data key="d7">', '<data key="d77">'), ":19: edge 'inlet' to 'outlet': data of key 'd77'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_graphml_refused_with_line_and_reason(tmp_path, name):
    text, reason = WRONG[name]
    (tmp_path / "net.graphml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_graph(tmp_path / "net.graphml")
    assert any(reason in problem for problem in caught.value.problems), caught.value.problems


def test_an_island_that_nothing_enters_is_read_at_rest_and_named(tmp_path):
    (tmp_path / "net.dat").write_text(ISLAND)
    graph = read_graph(tmp_path / "net.dat")
    assert FlowSolver(graph).solve().edge_flow[3] == 0.0
    note = "line 12: segment 7: blood stands in this piece of 1 vessel(s): it has no boundary node"
    assert graph.attributes["notes"] == [note]
    (tmp_path / "net.dat").write_text(WITH_INLET + "50 0 30 0.4 40\n")
    (note,) = read_graph(tmp_path / "net.dat").attributes["notes"]
    assert note.endswith("it has only one boundary pressure")


def test_parallel_vessels_are_no_duplicates_but_twins_are_named(tmp_path):
    parallel = DAT.replace("3 segments", "4 segments").replace("4 nodes", "9 5 30 20 {} 1 0.4\n4 nodes")
    (tmp_path / "net.dat").write_text(parallel.format(9))
    assert read_graph(tmp_path / "net.dat").attributes["notes"] == []
    (tmp_path / "net.dat").write_text(parallel.format(12))
    graph = read_graph(tmp_path / "net.dat")
    (note,) = graph.attributes["notes"]
    assert note.startswith("line 12: segment 9: between the same nodes and as wide and long as vessel '2'")
    assert graph.n_edges == 4
    (tmp_path / "net.graphml").write_text(FOREIGN)
    (note,) = read_graph(tmp_path / "net.graphml").attributes["notes"]
    assert note.startswith("line 21: edge 'inlet' to 'outlet': between the same nodes")


@pytest.mark.skipif(not VESSELS.is_dir(), reason="the measured networks are not here")
@pytest.mark.parametrize("name", ["mesentery_rat_1990.dat", "tumour_r3230ac_1998.dat"])
def test_measured_networks_keep_their_words(tmp_path, name):
    graph = read_graph(VESSELS / name)
    write_network_dat(graph, tmp_path / "net.dat")
    write_graphml(graph, tmp_path / "net.graphml")
    for again in ("net.dat", "net.graphml"):
        assert_equal(read_graph(tmp_path / again), graph)
    assert json.loads(json.dumps(graph.attributes["head"])) == graph.attributes["head"]
    assert set(graph.attributes["edge"]["rest"]) == {"*"}
