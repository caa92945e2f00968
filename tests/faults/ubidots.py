"""The Ubidots stub, which can also be told to refuse everything with 429, or to obey no limit at all.

`GET /behave?as=busy|patient|unlimited`; `GET /dots` tells all that is kept (`[label, variable, ms, value]` each), how many dots
came, and which account that is: one that ends with this process.
"""

import uuid
from argparse import ArgumentParser

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from connectors.simulator import ubidots_stub

LIMITS = {"busy": 0, "patient": ubidots_stub.REQUESTS_PER_S, "unlimited": 1_000_000}


async def behave(request: Request) -> JSONResponse:
    ubidots_stub.REQUESTS_PER_S = LIMITS[request.query_params["as"]]
    return JSONResponse({"requests_per_s": ubidots_stub.REQUESTS_PER_S})


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token", required=True)
    options = parser.parse_args()
    stub, identity = ubidots_stub.application(options.token), uuid.uuid4().hex

    async def dots(_: Request) -> JSONResponse:
        account = stub.state.account
        kept = [[*key, ms, dot["value"]] for key, found in account.values.items() for ms, dot in found.items()]
        return JSONResponse({"account": identity, "posted": account.counts["dots"], "dots": kept})

    app = Starlette(routes=[Route("/behave", behave), Route("/dots", dots), Mount("/", stub)])
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
