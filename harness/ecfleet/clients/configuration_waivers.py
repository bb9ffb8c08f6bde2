"""The known deviations of a client: its shipped profile's, or those that its description names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ecfleet import profiles
from ecfleet.clients.configuration import ClientEntry, ConfigurationError, find_configuration
from ecfleet.fleet_description import suggestion
from ecfleet.profiles import Profile, Waiver

__all__ = ["known_deviations", "profile_of"]


def profile_of(name: str, release: str) -> Profile | None:
    """The profile of the client called `name`: that of its description, else the shipped one of this release.

    Raises `ConfigurationError` or `ProfileError` when a file is wrong.
    """
    entry = _entry(name)
    if entry is None or entry.profile is None:
        return profiles.profile_for(name, release, profiles.shipped_profiles())
    if entry.profile.endswith(".toml"):
        return profiles.read_profile(entry.directory / entry.profile)
    shipped = {profile.path.stem: profile for profile in profiles.shipped_profiles()}
    if entry.profile not in shipped:
        raise ConfigurationError(
            f"{entry.where}: profile: neither a file *.toml nor a shipped profile: {entry.profile!r}"
            f"{suggestion(entry.profile, list(shipped))}"
        )
    return shipped[entry.profile]


def known_deviations(name: str, release: str, *, with_profile: bool = True) -> tuple[Waiver, ...]:
    """The waivers of the client called `name`: of its profile, and of the files that its description names.

    Raises `ConfigurationError` or `ProfileError` when a file is wrong.
    """
    waivers: list[Waiver] = []
    profile = profile_of(name, release) if with_profile else None
    if profile is not None:
        # A profile that is named by hand holds for a client of any name.
        waivers += [replace(waiver, client=name) for waiver in profile.waivers]
    entry = _entry(name)
    for path in entry.waivers if entry is not None else ():
        waivers += [
            replace(waiver, client=name)
            for waiver in profiles.read_waivers(Path(path))
            if waiver.client in ("", name)
        ]
    return tuple(waivers)


def _entry(name: str) -> ClientEntry | None:
    if name in (profiles.MOCKS, "builtin"):
        return None
    found = find_configuration()
    return None if found is None else found.clients.get(name)
