import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.fields.haemoglobin import capacity, delivery_shares, pressure_of, saturation

FLOWS = [0.25 * 1450, 0.75 * 1450]  # mL/min, artery and portal vein


@pytest.mark.parametrize(("portal", "share"), [(0.85, 0.2755681818), (0.72, 0.3099041534)])
def test_artery_brings_its_share_of_oxygen(portal, share):
    """C5 of analytic_vascular_oxygen.csv: a quarter of the flow is not half of the oxygen."""
    shares = delivery_shares(FLOWS, [0.97, portal])
    assert shares[0] == pytest.approx(share, abs=1e-9)
    assert shares.sum() == pytest.approx(1.0)


def test_nothing_delivered_has_no_shares():
    assert np.array_equal(delivery_shares([0.0, 0.0], [0.97, 0.85]), [0.0, 0.0])


def test_capacity_of_normal_blood():
    assert capacity(150.0, 1.34e-3) == pytest.approx(0.201)  # kg/m3, m3/kg


@given(st.floats(1e-3, 0.99), st.floats(20.0, 35.0), st.floats(2.0, 3.2))
def test_hill_inverts(share, p50, hill):
    assert saturation(pressure_of(share, p50, hill), p50, hill) == pytest.approx(share, rel=1e-10)


def test_hill_fixed_points():
    assert saturation(26.0, 26.0, 2.7) == pytest.approx(0.5)
    assert saturation(0.0, 26.0, 2.7) == 0.0
    assert saturation(-1.0, 26.0, 2.7) == 0.0
    assert pressure_of(0.0, 26.0, 2.7) == 0.0
