"""Every store keeps the contract."""

from __future__ import annotations

import pytest

from tests.zdsession.conformance import StoreContract, World


class TestContract(StoreContract):
    @pytest.fixture
    def world(self, turning_store: World) -> World:
        return turning_store
