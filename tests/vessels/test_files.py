"""Vessel graph files: what is read as it was written, and what is refused, with its line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim import quantity
from tumorsim.errors import InputError
from tumorsim.vessels import files_networkdat
from tumorsim.vessels.files import (
    read_graph,
    read_graphml,
    read_network_dat,
    write_graphml,
    write_network_dat,
)
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import FLOW, PRESSURE, Kind, VesselGraph

VESSELS = Path(__file__).parents[2].parent / "shared" / "vessels"
measured = pytest.mark.skipif(not VESSELS.is_dir(), reason="the measured networks are not here")

# lines 1-8 head, 9-11 segments, 12-13, 14-17 nodes, 18-19, 20-22 boundary nodes
DAT = """A fork
100. 200. 50. box dimensions in microns
10 20 5 number of tissue points
100. outer bound distance
150. max. segment length
4 maximum number of segments per node
3 total number of segments
SegName Type StartNode EndNode Diam Flow[nl/min] Hd
1 5 10 20 20.5 3.0 0.40 *
2 4 20 30 12 1.0 0.35 *
3 5 20 40 15 2.0 0.45 *
4 number of nodes
Name x y z
10 0 0 10
20 100 0 10
30 150 50 10
40 150 -50.5 10
3 Total number of boundary nodes
Node Bctype Press/Flow HD PO2
10 0 60 0.45 90
30 2 -1.0 0.4 40 25 45.9
40 0 20 0.4 40
"""


def put(folder: Path, text: str, name: str = "net.dat") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def lines_of(path: Path) -> list[str]:
    """What is refused of a file, without its folder."""
    with pytest.raises(InputError) as caught:
        read_graph(path)
    return [problem.replace(str(path), path.name) for problem in caught.value.problems]


def test_units_are_those_of_the_project():
    assert quantity.parse("1 mmHg", "Pa") == pytest.approx(files_networkdat.MMHG, rel=1e-12)
    assert quantity.parse("1 nL/min", "m^3/s") == pytest.approx(files_networkdat.NL_MIN, rel=1e-12)


def test_network_dat_in_si(tmp_path):
    graph = read_graph(put(tmp_path, DAT))
    assert graph.node_name == ["10", "20", "30", "40"] and graph.named == {"1": 0, "2": 1, "3": 2}
    assert graph.radius == pytest.approx([10.25e-6, 6e-6, 7.5e-6])
    assert graph.length[0] == pytest.approx(100e-6)
    assert graph.tail.tolist() == [0, 1, 1] and graph.head.tolist() == [1, 2, 3]
    assert graph.haematocrit.tolist() == [0.4, 0.35, 0.45]
    assert graph.boundary_type.tolist() == [PRESSURE, FLOW, PRESSURE]
    assert graph.boundary_value == pytest.approx([60 * 133.322387, -1e-12 / 60, 20 * 133.322387], rel=1e-8)
    assert graph.boundary_po2.tolist() == [90, 40, 40]
    assert graph.attributes["edge"]["flow"] * 6e13 == pytest.approx([3, 1, 2])
    assert graph.attributes["edge"]["segment_type"].tolist() == [5, 4, 5]
    assert graph.attributes["solutes"] == [[], [25.0, 45.9], []]
    assert graph.attributes["title"] == "A fork" and graph.attributes["box_um"] == [100, 200, 50]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: "\ufeff" + t,
        lambda t: t.replace(" ", "\t"),
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("\n", "   \t\n"),
        lambda t: t.replace("\n", "\n\n"),
        lambda t: t + "\n \n\n",
        lambda t: t.rstrip("\n"),
        lambda t: t + "written by hand\n",
        lambda t: t.replace("20.5", "2.05e1").replace("-50.5", "-.505D+02").replace("3.0 0.40", "3e0 4.0E-1"),
        lambda t: t.replace(" *", "*"),
        lambda t: t.replace(" *", " % a comment with 3 numbers 1 2"),
        lambda t: t.replace("4 number of nodes", "4"),
        lambda t: t.replace("Name x y z\n", "\n"),
        lambda t: t.replace("10 0 0 10\n", "0010 0 0 10\n"),
        lambda t: t + "\x1a",
    ],
)
def test_files_in_the_wild(tmp_path, change):
    plain = read_graph(put(tmp_path, DAT))
    assert read_graph(put(tmp_path, change(DAT), "wild.dat")).equals(plain)


def test_blank_title_and_text_of_another_encoding(tmp_path):
    assert read_graph(put(tmp_path, DAT.replace("A fork", ""))).attributes["title"] == ""
    path = tmp_path / "latin.dat"
    path.write_bytes(DAT.replace("A fork", "Réseau").encode("latin-1"))
    assert read_graph(path).attributes["title"] == "Réseau"


def test_segments_that_carry_no_blood_are_left_out_and_said(tmp_path):
    text = DAT.replace("3 total", "4 total").replace("4 number", "4 1 30 40 0 0 0\n4 number")
    graph = read_graph(put(tmp_path, text))
    assert graph.n_edges == 3
    assert graph.attributes["notes"] == ["1 segment(s) of type 1 left out: only types 4 and 5 carry blood"]


def test_relative_flows_are_said(tmp_path):
    graph = read_graph(put(tmp_path, DAT.replace("Flow[nl/min]", "rel. flow")))
    assert "relative" in graph.attributes["notes"][0]
    write_network_dat(graph, tmp_path / "again.dat")
    assert read_graph(tmp_path / "again.dat").attributes["relative_flow"]


def test_columns_that_are_not_there_are_unknown(tmp_path):
    text = DAT.replace("1 5 10 20 20.5 3.0 0.40", "1 5 10 20 20.5").replace("30 2 -1.0 0.4 40 25 45.9", "30 2 -1")
    graph = read_graph(put(tmp_path, text))
    assert np.isnan(graph.haematocrit[0]) and np.isnan(graph.attributes["edge"]["flow"][0])
    assert np.isnan(graph.boundary_haematocrit[1]) and np.isnan(graph.boundary_po2[1])
    write_network_dat(graph, tmp_path / "again.dat")
    assert read_graph(tmp_path / "again.dat").equals(graph)


BROKEN = {
    "missing node": ("2 4 20 30 12", "2 4 20 99 12", "net.dat:10: segment 2: node 99 is not among the nodes"),
    "negative diameter": ("2 4 20 30 12", "2 4 20 30 -12", "net.dat:10: segment 2: diameter -12 um"),
    "zero diameter": ("2 4 20 30 12", "2 4 20 30 0.", "net.dat:10: segment 2: diameter 0 um is not positive"),
    "diameter nan": ("2 4 20 30 12", "2 4 20 30 nan", "net.dat:10: segment 2: diameter 'nan' is not a number"),
    "diameter text": ("2 4 20 30 12", "2 4 20 30 wide", "net.dat:10: segment 2: diameter 'wide' is not"),
    "diameter infinite": ("2 4 20 30 12", "2 4 20 30 inf", "net.dat:10: segment 2: diameter 'inf' is not"),
    "flow nan": ("12 1.0 0.35", "12 NaN 0.35", "net.dat:10: segment 2: flow 'NaN' is not a number"),
    "haematocrit": ("12 1.0 0.35", "12 1.0 35", "net.dat:10: segment 2: haematocrit 35 is not from 0"),
    "same name": ("3 5 20 40", "2 5 20 40", "net.dat:11: segment 2: a segment of this name is already in line 10"),
    "node no number": ("2 4 20 30", "2 4 20 x30", "net.dat:10: segment 2: node number 'x30' is not a whole"),
    "node no integer": ("2 4 20 30", "2 4 20 3.5", "net.dat:10: segment 2: node number '3.5' is not a whole"),
    "type text": ("2 4 20 30", "2 a 20 30", "net.dat:10: segment 2: type 'a' is not a whole number"),
    "self loop": ("2 4 20 30", "2 4 20 20", "net.dat:10: segment 2 starts and ends at node 20"),
    "no length": ("30 150 50 10", "30 100 0 10", "net.dat:10: segment 2 has no length: its nodes 20 and 30"),
    "short row": ("2 4 20 30 12 1.0 0.35 *", "2 4 20", "net.dat:10: segment 2 of 3: expected 5 numbers"),
    "coordinate": ("30 150 50 10", "30 150 here 10", "net.dat:16: node 30: coordinate 'here' is not a number"),
    "coordinate nan": ("30 150 50 10", "30 150 nan 10", "net.dat:16: node 30: coordinate 'nan' is not"),
    "node twice": ("30 150 50 10", "20 150 50 10", "net.dat:16: node 20 is already in line 15"),
    "name of node": ("30 150 50 10", "here 150 50 10", "net.dat:16: node: node number 'here' is not a whole"),
    "too few segments": ("3 total", "4 total", "net.dat:12: line 7 announces 4 segments, but only 3 come"),
    "too many segments": ("3 total", "2 total", "net.dat:11: one segment more than its count announces"),
    "too few nodes": ("4 number", "5 number", "net.dat:18: line 12 announces 5 nodes, but only 4 come"),
    "too many nodes": ("4 number", "3 number", "net.dat:17: one node more than its count announces"),
    "too few boundaries": ("3 Total", "4 Total", "net.dat:22: the file ends where boundary node 4 of the 4"),
    "too many boundaries": ("3 Total", "2 Total", "net.dat:22: one boundary node more than its count"),
    "count": ("3 total", "many total", "net.dat:7: expected the number of segments, found 'many total"),
    "negative count": ("3 total", "-3 total", "net.dat:7: expected the number of segments"),
    "broken count": ("3 total", "3.5 total", "net.dat:7: expected the number of segments"),
    "box": ("100. 200. 50.", "100. wide", "net.dat:2: box size [um]: expected 3 number(s), found '100. wide"),
    "bound nan": ("100. outer", "nan outer", "net.dat:4: outer bound distance: expected 1 number(s)"),
    "foreign boundary": ("30 2 -1.0", "77 2 -1.0", "net.dat:21: boundary node 77 is not among the nodes"),
    "unused boundary": (
        "4 number of nodes\nName x y z\n", "5 number of nodes\nName x y z\n77 0 9 9\n",
        None,
    ),
    "boundary type": ("30 2 -1.0", "30 1 -1.0", "net.dat:21: boundary node 30: unknown type 1. Allowed: 0"),
    "boundary type text": ("30 2 -1.0", "30 p -1.0", "net.dat:21: boundary node 30: type 'p' is not a number"),
    "boundary value": ("30 2 -1.0", "30 2 out", "net.dat:21: boundary node 30: value 'out' is not a number"),
    "boundary nan": ("30 2 -1.0", "30 2 nan", "net.dat:21: boundary node 30: value 'nan' is not a number"),
    "boundary twice": ("40 0 20", "30 0 20", "net.dat:22: boundary node 30 is already in line 21"),
    "boundary haematocrit": ("40 0 20 0.4", "40 0 20 1.4", "net.dat:22: boundary node 40: haematocrit 1.4"),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, (_, _, words) in BROKEN.items() if words])
def test_broken_network_dat(tmp_path, name):
    old, new, words = BROKEN[name]
    assert old in DAT
    found = lines_of(put(tmp_path, DAT.replace(old, new, 1)))
    assert any(line.startswith(words) for line in found), found


def test_boundary_node_without_a_vessel(tmp_path):
    text = DAT.replace("4 number of nodes\nName x y z", "5 number of nodes\nName x y z\n77 0 9 9")
    found = lines_of(put(tmp_path, text.replace("30 2 -1.0", "77 2 -1.0")))
    assert found == ["net.dat:22: boundary node 77: no segment of type 4 or 5 ends there"]
    assert read_graph(put(tmp_path, text)).n_nodes == 5  # a node without a vessel does no harm


@pytest.mark.parametrize("end", range(1, 22))
def test_truncated_after_any_line(tmp_path, end):
    text = "\n".join(DAT.split("\n")[:end]) + "\n"
    found = lines_of(put(tmp_path, text))
    assert found[-1].startswith(f"net.dat:{end}: the file ends where"), found


def test_island_without_outlet(tmp_path):
    text = DAT.replace("3 total", "4 total").replace("4 number", "4 5 50 60 9 1 0.4\n6 number")
    text = text.replace("3 Total", "50 0 0 90\n60 50 0 90\n4 Total") + "50 2 1.0 0.4 40\n"
    found = lines_of(put(tmp_path, text))
    assert found == ["net.dat:26: boundary node 50: blood enters this piece of the network but has no outlet from it"]
    still = text.replace("4 Total", "3 Total").replace("50 2 1.0 0.4 40\n", "")
    assert FlowSolver(read_graph(put(tmp_path, still))).solve().edge_flow[3] == 0.0  # a piece at rest is legal


def test_flows_that_do_not_match(tmp_path):
    text = DAT.replace("10 0 60", "10 2 5").replace("40 0 20", "40 2 -3")
    assert "no boundary node has a pressure" in lines_of(put(tmp_path, text))[0]


def test_boundary_inside_the_network_is_legal(tmp_path):
    graph = read_graph(put(tmp_path, DAT.replace("30 2 -1.0", "20 2 -1.0")))
    assert FlowSolver(graph).solve().residual < 1e-12


def test_all_problems_at_once_and_no_flood(tmp_path):
    text = DAT.replace("20.5", "-1").replace("-50.5", "deep").replace("40 0 20", "40 7 20")
    assert [line.split(":")[1] for line in lines_of(put(tmp_path, text))] == ["9", "17", "22"]
    many = DAT.replace("3 total", "103 total").replace("4 number", "9 5 10 20 -1 0 0\n" * 100 + "4 number")
    found = lines_of(put(tmp_path, many))
    assert len(found) == 21 and "more problems" in found[-1]


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_empty_files(tmp_path, text):
    assert lines_of(put(tmp_path, text)) == ["net.dat:1: the file is empty"]


def test_files_that_are_not_there(tmp_path):
    for path in (tmp_path / "none.dat", tmp_path):
        with pytest.raises(InputError, match="no such file"):
            read_graph(path)


@pytest.mark.parametrize("junk", [b"\x00\x01\x02\xff" * 64, b"PK\x03\x04 something", b"1 2 3\n4 5 6\n"])
def test_files_of_another_kind(tmp_path, junk):
    path = tmp_path / "net.dat"
    path.write_bytes(junk)
    assert lines_of(path)[0].startswith("net.dat:")


# --- round trips -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [6, 10, 13])
def test_network_dat_round_trip(tmp_path, number):
    graph = read_graph(put(tmp_path, DAT.replace("20.5", str(round(np.pi * 7, number)))))
    write_network_dat(graph, tmp_path / "again.dat")
    again = read_network_dat(tmp_path / "again.dat")
    assert again.equals(graph)
    assert np.array_equal(again.attributes["edge"]["flow"], graph.attributes["edge"]["flow"])
    same = ("title", "box_um", "tissue_points", "solutes", "max_segments_per_node", "outer_bound_um")
    assert [again.attributes[k] for k in same] == [graph.attributes[k] for k in same]
    write_network_dat(again, tmp_path / "third.dat")
    assert (tmp_path / "third.dat").read_text() == (tmp_path / "again.dat").read_text()


@measured
@pytest.mark.parametrize("name", ["mesentery_rat_1990.dat", "tumour_r3230ac_1998.dat"])
def test_measured_networks_round_trip(tmp_path, name):
    graph = read_graph(VESSELS / name)
    write_network_dat(graph, tmp_path / "net.dat")
    write_graphml(graph, tmp_path / "net.graphml")
    for path in ("net.dat", "net.graphml"):
        again = read_graph(tmp_path / path)
        assert again.equals(graph)
        assert np.array_equal(again.edge_key, graph.edge_key)
        assert np.array_equal(again.attributes["edge"]["flow"], graph.attributes["edge"]["flow"])
        assert again.attributes["solutes"] == graph.attributes["solutes"]


def liver() -> VesselGraph:
    """A small graph that uses everything a graph can hold."""
    return VesselGraph(
        node_pos=np.array([[0, 0, 0], [1 / 3, 0, 0], [0.7, 0.1, 0], [1, 0, 0], [0, 1, 0]]) * 1e-2,
        tail=[0, 4, 1, 2, 1],
        head=[1, 2, 2, 3, 2],
        radius=[1e-3, 2e-3, 1.1e-5, np.pi * 1e-5, 1e-5],
        length=[4e-3, 1e-2, 5e-3, 3e-3, 6e-3],
        kind=[Kind.ARTERIAL, Kind.PORTAL, Kind.ARTERIAL, Kind.SINUSOID, Kind.EXTRAHEPATIC],
        node_name=["proper hepatic", "", "", "", "porta"],
        edge_name=["right", "portal_main", "feeder <1> & more", "", ""],
        conductance=[np.nan, np.nan, 1e-15, 3.3e-15, np.nan],
        haematocrit=[0.45, np.nan, 0.0, 0.3, 0.2],
        boundary_node=[4, 0, 3],
        boundary_type=[FLOW, PRESSURE, PRESSURE],
        boundary_value=[1e-9, 1.3e4, 400.0],
        boundary_haematocrit=[0.45, np.nan, np.nan],
        boundary_po2=[50.0, 95.0, np.nan],
        exchange=[2, 1],
        attributes={
            "title": "liver",
            "edge": {"grade": ["a", None, "b", "c", "d"]},
            "node": {"depth": np.arange(5)},
        },
    )


def test_graphml_round_trip_holds_everything(tmp_path):
    graph = liver()
    write_graphml(graph, tmp_path / "liver.graphml")
    again = read_graph(tmp_path / "liver.graphml")
    assert again.equals(graph)
    assert again.attributes["title"] == "liver"
    assert again.attributes["edge"]["grade"] == ["a", None, "b", "c", "d"]
    assert again.attributes["node"]["depth"].tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(again.edge_key, graph.edge_key)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_graphs_round_trip(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    n, m = 6, 9
    tail = np.concatenate([np.arange(n), rng.integers(0, n, m - n)])
    graph = VesselGraph(
        rng.uniform(-0.1, 0.1, (n, 3)), tail, (tail + rng.integers(1, n, m)) % n,
        np.minimum(rng.lognormal(-9, 2, m), 0.02),  # no vessel is wider, nor any network longer than metres
        boundary_node=rng.permutation(n), boundary_type=np.zeros(n), boundary_value=rng.normal(size=n) * 1e3,
        haematocrit=np.where(rng.random(m) < 0.5, np.nan, rng.random(m)),
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("graphs")
    write_graphml(graph, folder / "g.graphml")
    assert read_graph(folder / "g.graphml").equals(graph)
    write_network_dat(graph, folder / "g.dat")
    again = read_graph(folder / "g.dat")
    names = {"node_name": [""] * n, "edge_name": [""] * m}
    assert replace(again, **names).equals(replace(graph, **names), rtol=1e-13)


def test_network_dat_does_not_lose_silently(tmp_path):
    path = tmp_path / "net.dat"
    with pytest.raises(InputError) as caught:
        write_network_dat(liver(), path)
    for what in ("kinds", "calibrated", "lengths", "exchange nodes", "names of nodes", "with spaces"):
        assert what in str(caught.value)
    assert not path.exists()
    write_network_dat(liver(), path, lossy=True, flow=np.arange(5) * 1e-12)
    again = read_graph(path)
    assert again.radius == pytest.approx(liver().radius, rel=1e-14)
    assert again.edge_name[:2] == ["right", "portal_main"] and len(set(again.edge_name)) == 5
    assert again.attributes["edge"]["flow"] == pytest.approx(np.arange(5) * 1e-12)
    with pytest.raises(InputError, match="flow column"):
        write_network_dat(liver(), path, lossy=True, flow=[1.0])


def test_unsound_graphs_are_not_written(tmp_path):
    broken = replace(liver(), radius=np.array([1.0, -1, 1, 1, 1]))
    for write in (write_graphml, write_network_dat):
        with pytest.raises(InputError, match="radius"):
            write(broken, tmp_path / "net")
    assert not (tmp_path / "net").exists()


# --- GraphML of others -----------------------------------------------------------------------------------

XML = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="x" for="node" attr.name="x" attr.type="double"/>
<key id="y" for="node" attr.name="y" attr.type="double"/>
<key id="z" for="node" attr.name="z" attr.type="double"><default>0</default></key>
<key id="b" for="node" attr.name="boundary" attr.type="string"/>
<key id="v" for="node" attr.name="boundary_value" attr.type="double"/>
<key id="r" for="edge" attr.name="radius" attr.type="string"/>
<key id="k" for="edge" attr.name="kind" attr.type="string"/>
<key id="n" for="edge" attr.name="name" attr.type="string"/>
<graph edgedefault="directed">
<node id="in"><data key="x">0</data><data key="y">0</data><data key="b">pressure</data><data key="v">9e3</data></node>
<node id="mid"><data key="x">0.01</data><data key="y">0</data></node>
<node id="out"><data key="x">0.02</data><data key="y">0</data><data key="b">flow</data><data key="v">-1e-9</data></node>
<edge source="mid" target="out"><data key="r">1e-4</data><data key="k">portal</data><data key="n">b</data></edge>
<edge source="in" target="mid"><data key="r">2e-4</data><data key="k">Arterial</data><data key="n">a</data></edge>
</graph>
</graphml>
"""


def test_graphml_of_others(tmp_path):
    graph = read_graph(put(tmp_path, XML, "net.graphml"))
    assert graph.edge_name == ["b", "a"]  # the order of the file
    assert graph.tail.tolist() == [1, 0] and graph.head.tolist() == [2, 1]
    assert graph.kind.tolist() == [Kind.PORTAL, Kind.ARTERIAL]
    assert graph.length == pytest.approx([0.01, 0.01])
    assert graph.boundary_value == pytest.approx([9e3, -1e-9])
    assert FlowSolver(graph).solve().edge_flow == pytest.approx([1e-9, 1e-9])


def test_undirected_graphml_keeps_the_direction_of_the_file(tmp_path):
    text = XML.replace("directed", "undirected").replace('"in" target="mid"', '"mid" target="in"')
    graph = read_graphml(put(tmp_path, text, "net.graphml"))
    assert graph.tail.tolist() == [1, 1] and graph.head.tolist() == [2, 0]


WRONG = {
    "other document": ("graphml", "html", "net.graphml:2: not GraphML: the document is <html>"),
    "broken tag": ("</graph>", "</grap>", "net.graphml:17: not GraphML: mismatched tag"),
    "cut": ("</graph>\n</graphml>\n", "", "net.graphml:17: not GraphML: no element found"),
    "missing radius": ('<data key="r">1e-4</data>', "", "net.graphml:15: edge 'mid' to 'out' has no attribute 'rad"),
    "missing kind": ('<data key="k">portal</data>', "", "net.graphml:15: edge 'mid' to 'out' has no attribute 'kind'."),
    "negative radius": (">1e-4<", ">-1e-4<", "net.graphml:15: edge 'mid' to 'out': radius -0.0001 is not above 0"),
    "zero radius": (">1e-4<", ">0<", "net.graphml:15: edge 'mid' to 'out': radius 0 is not above 0"),
    "radius nan": (">1e-4<", ">nan<", "net.graphml:15: edge 'mid' to 'out': radius 'nan' is not a number"),
    "radius text": (">1e-4<", ">wide<", "net.graphml:15: edge 'mid' to 'out': radius 'wide' is not a number"),
    "unknown kind": (
        ">portal<", ">portl<",
        "net.graphml:15: edge 'mid' to 'out': unknown kind 'portl'. Did you mean 'portal'? Allowed: arterial, portal",
    ),
    "missing y": ('<data key="x">0.01</data><data key="y">0</data>', '<data key="x">0.01</data>',
                  "net.graphml:13: node 'mid' has no attribute 'y'"),
    "x text": (">0.01<", ">here<", "net.graphml:13: node 'mid': x 'here' is not a number"),
    "unknown node": ('source="mid"', 'source="mud"', "net.graphml:15: an edge names node 'mud'"),
    "node twice": ('id="mid"', 'id="in"', "net.graphml:13: node 'in' is already in line 12"),
    "self loop": ('source="mid" target="out"', 'source="mid" target="mid"',
                  "net.graphml:15: edge 'mid' to 'mid' starts and ends at the same node"),
    "same name": (">b</data></edge>", ">a</data></edge>", "net.graphml:16: vessel 'a' is already in line 15"),
    "same place": (">0.01<", ">0.02<", "net.graphml:15: edge 'mid' to 'out' has no length"),
    "boundary": (">flow<", ">flux<", "net.graphml:14: node 'out': unknown boundary 'flux'. Allowed: pressure, flow"),
    "boundary value": ('<data key="v">-1e-9</data>', "", "net.graphml:14: node 'out' has no attribute 'boundary_val"),
    "boundary kind": ('<data key="b">flow</data>', "", "net.graphml:14: node 'out' has a boundary_value but no"),
    "no outlet": ('<data key="b">pressure</data><data key="v">9e3</data>', "",
                  "net.graphml:14: node 'out': blood leaves this piece of the network but none enters it"),
    "unknown key": ('key="n">b<', 'key="q">b<',
                    "net.graphml:15: edge 'mid' to 'out': data of key 'q', which no <key> declares"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_broken_graphml(tmp_path, name):
    old, new, words = WRONG[name]
    assert old in XML
    found = lines_of(put(tmp_path, XML.replace(old, new) if name == "other document" else XML.replace(old, new, 1),
                         "net.graphml"))  # fmt: skip
    assert any(line.startswith(words) for line in found), found


def test_graphml_without_vessels_or_boundaries(tmp_path):
    empty = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed"/></graphml>'
    found = lines_of(put(tmp_path, empty, "net.graphml"))
    assert found == [
        "net.graphml:1: the graph has no edge: nothing carries blood",
        "net.graphml:1: no node has a boundary condition: no blood can enter",
    ]


BOMB = """<?xml version="1.0"{encoding}?>
<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<graphml>&c;</graphml>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1", "cp037"])
def test_entities_do_not_expand(tmp_path, encoding):
    path = tmp_path / "bomb.graphml"
    declared = "" if encoding == "utf-8" else f' encoding="{encoding}"'
    text = BOMB.format(encoding=declared)
    head, rest = text.split("\n", 1)
    # an EBCDIC document whose declaration is plain text: the declared encoding hides the rest from a text search
    path.write_bytes(head.encode() + ("\n" + rest).encode(encoding) if encoding == "cp037" else text.encode(encoding))
    assert lines_of(path)[0].startswith("bomb.graphml:")
    with pytest.raises(InputError, match=r"DOCTYPE|not GraphML"):
        read_graph(path)


def test_external_entities_are_not_fetched(tmp_path):
    secret = put(tmp_path, "secret", "secret.txt")
    text = f'<!DOCTYPE graphml [<!ENTITY s SYSTEM "{secret.as_uri()}">]>\n<graphml>&s;</graphml>'
    assert "DOCTYPE" in lines_of(put(tmp_path, text, "net.graphml"))[0]
