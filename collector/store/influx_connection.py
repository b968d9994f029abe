"""One InfluxDB server over HTTP: lines in by the official client, InfluxQL answers out, errors in our words."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping, Sequence
from json import loads
from typing import Any

import aiohttp
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService
from yarl import URL

from collector.store.influx_errors import refusal, said
from collector.store.port import StoreError

_FASTEST = 1
"""gzip level: a tenth larger than the client's own level 9, in a sixth of its time."""


class InfluxConnection:
    """A server at `url`; connects at the first call.

    User and password of 1.x may stand in the url instead of a token; they are sent as one (InfluxDB 1.8, section
    "Authentication"). No message shows either.
    """

    def __init__(self, url: str, token: str | None, org: str, timeout: float) -> None:
        address = URL(url)
        self.url, self.org = str(address.with_user(None)).rstrip("/"), org
        by_name = f"{address.user}:{address.password or ''}" if address.user else ""
        self._token, self._timeout = (token or by_name).strip(), timeout
        self._client: InfluxDBClientAsync | None = None
        self._session: aiohttp.ClientSession | None = None

    async def post_lines(self, bucket: str, lines: Sequence[str], precision: str) -> None:
        """Write lines; they are in the server's log when this returns. Raises StoreError.

        The client would compress in the event loop; done here, in a thread, probes and polls go on meanwhile.
        """
        body = await asyncio.to_thread(_compressed, lines)
        try:
            api = WriteService(self._writer().api_client)  # type: ignore[no-untyped-call]
            _, status, _ = await api.post_write_async(  # type: ignore[no-untyped-call]
                self.org,
                bucket,
                body,
                precision=precision,
                content_encoding="gzip",
                _return_http_data_only=False,
            )
        except ApiException as error:
            raise self._refused(bucket, error) from None
        except (InfluxDBError, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from None
        if status != 204:
            raise StoreError(f"{self.url} took lines with the answer {status}, and InfluxDB says 204; check the url")

    def _refused(self, bucket: str, error: ApiException) -> StoreError:
        after = error.headers.get("Retry-After") if error.headers else None
        return refusal(self._name, bucket, int(error.status or 0), said(error.body or error.reason), after)

    def _writer(self) -> InfluxDBClientAsync:
        if self._client is None:
            # A redirected POST would be repeated as a GET and look like a success.
            self._client = InfluxDBClientAsync(
                url=self.url,
                token=self._token,
                org=self.org,
                timeout=round(self._timeout * 1000),
                allow_redirects=False,
            )
        return self._client

    async def query(self, bucket: str, query: str, epoch: str) -> Sequence[Mapping[str, Any]]:
        """The series of one InfluxQL statement. Raises StoreError."""
        database, _, policy = bucket.partition("/")
        form = {"q": query, "db": database, "epoch": epoch} | ({"rp": policy} if policy else {})
        status, headers, body = await self.request("POST", "/query", data=form)
        if status != 200:
            raise refusal(self._name, bucket, status, said(body), headers.get("Retry-After"), lines=False)
        try:
            (result,) = loads(body)["results"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{self._name} answered /query with something that is no InfluxQL result; check the url"
            ) from error
        if "error" in result:
            missing = "not found" in result["error"]
            raise refusal(self._name, bucket, 404 if missing else 500, said(result["error"]), lines=False)
        series: Sequence[Mapping[str, Any]] = result.get("series", [])
        return series

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        json: object = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of any call, with our token. Raises StoreError when nobody answers."""
        if self._session is None:
            headers = {"Authorization": f"Token {self._token}"} if self._token else {}
            self._session = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=self._timeout))
        try:
            async with self._session.request(
                method, self.url + path, params=params, data=data, json=json, allow_redirects=False
            ) as response:
                return response.status, response.headers, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from None

    @property
    def _name(self) -> str:
        return f"InfluxDB at {self.url}"

    def _unreachable(self, error: Exception) -> StoreError:
        reason = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return StoreError(
            f"{self._name} cannot be reached ({reason}); see that it runs and that the url is right", retryable=True
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()  # type: ignore[no-untyped-call]
        if self._session is not None:
            await self._session.close()
        self._client = self._session = None


def _compressed(lines: Sequence[str]) -> bytes:
    return gzip.compress("\n".join(lines).encode(), _FASTEST)
