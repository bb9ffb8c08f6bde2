"""Mock ecFlow servers, log server, SOCKS proxy, reverse proxy and auth service, each on asyncio.

Users of the harness find all of this in :mod:`ecfleet.services`, :mod:`ecfleet.wire` and
:mod:`ecfleet.models`.  The services are in modules of their own name and share the face of
:class:`ecfleet_mocks.service.Service`; below them are :mod:`ecfleet_mocks.model`, what ecFlow means, and
:mod:`ecfleet_mocks.wire`, what goes over the wire.  Importing this package imports none of them.
"""
