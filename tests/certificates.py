"""A certificate for 127.0.0.1 that vouches for itself."""

import shutil
import subprocess
from pathlib import Path

import pytest


def certificate(directory: Path) -> tuple[Path, Path]:
    """Paths of a new certificate and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command")
    cert, key = directory / "cert.pem", directory / "key.pem"
    command = (
        "openssl req -x509 -nodes -newkey rsa:2048 -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key
