"""The application: routes, OpenAPI, what happens to errors."""

from importlib.metadata import version
from typing import Any

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from service.http import about, batches, completeness, denylist, exchange
from service.http.doors import Doors
from service.http.problems import answer


def make_app(doors: Doors) -> Litestar:
    """The application over these doors."""

    async def provide_doors() -> Doors:
        return doors

    handlers: dict[int | type[Exception], Any] = {Exception: answer}
    return Litestar(
        route_handlers=[
            batches.ROUTER,
            completeness.ROUTER,
            denylist.ROUTER,
            about.ROUTER,
            exchange.ROUTER,
        ],
        dependencies={"doors": Provide(provide_doors)},
        exception_handlers=handlers,
        openapi_config=OpenAPIConfig(
            title="onecard",
            version=version("onecard"),
            description="Submit tap batches, fetch receipts, verdicts and the denylist.",
            path="/schema",
            # The document alone: pages that draw it would load programs from elsewhere.
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
            components=Components(
                security_schemes={"api_key": SecurityScheme(type="http", scheme="bearer")}
            ),
            security=[{"api_key": []}],
        ),
        # Bodies are read within bounds of their own (service.http.bodies).
        request_max_body_size=None,
        logging_config=None,
        signature_namespace={"Doors": Doors},
        debug=False,
    )
