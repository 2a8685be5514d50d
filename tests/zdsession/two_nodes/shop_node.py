"""The example shop as gunicorn loads it in these tests: `SHOP_SESSIONS` names the store, which may be slow.

With `SHOP_WARM` the store is used while it is loaded: with `--preload` that is in the parent, before the fork.
"""

import os

from shop import create_app  # type: ignore[import-not-found]

from zdsession.stores import open_store

app = create_app(open_store(os.environ["SHOP_SESSIONS"], budget=10.0))
if "SHOP_WARM" in os.environ:
    with app.test_client() as client:
        assert client.put("/cart/tea").status_code == 200
