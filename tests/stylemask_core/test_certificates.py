"""Servers whose certificate this machine does not trust, until it is told of their authority."""

import ssl

import pytest
import trustme

from stylemask import doctor
from stylemask.convert import fetch
from stylemask_core import StyleMaskPipeline, WeightsError, downloads
from stylemask_core.errors import DetectorError
from stylemask_core.faces import fan
from tests.support.hub_server import HubServer

VARIABLES = (downloads.CERTIFICATES, "SSL_CERT_DIR", *fetch.OF_REQUESTS)
REFUSED = "not trusted here (unable to get local issuer certificate)"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """An authority of a network's own, and the file of its certificate."""
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "own.pem"
    authority.cert_pem.write_to_path(path)
    return authority, path


@pytest.fixture(scope="module")
def server(authority, tiny_folder):
    """A Hub with a certificate of that authority; it holds the tiny model and a drive file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("127.0.0.1", "localhost").configure_cert(context)
    server = HubServer(context)
    server.add("user/tiny", tiny_folder)
    server.drive["mask.pt"] = b"PK\x03\x04" + bytes(96)
    yield server
    server.close()


@pytest.fixture(autouse=True)
def fresh(server, use_hub, monkeypatch):
    """What the environment names is read anew: the Hub's client keeps its certificates."""
    from huggingface_hub.utils import close_session

    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fan, "SITE", f"{server.url}/")
    use_hub(server)
    close_session()
    yield
    close_session()


def of_hub(tmp_path):
    return StyleMaskPipeline.from_pretrained("user/tiny", device="cpu")


def of_drive(tmp_path):
    file = fetch.DriveFile(f"{fetch_url()}/drive/mask.pt", "mask.pt", (1, 1000))
    return fetch.from_drive(file, tmp_path / "mask.pt", None, lambda step: None)


def of_landmark_weights(tmp_path):
    return fan.prepare()


def fetch_url() -> str:
    from huggingface_hub import constants

    return constants.ENDPOINT


CALLS = {"hub": of_hub, "drive": of_drive, "landmarks": of_landmark_weights}


@pytest.fixture(params=CALLS)
def call(request, tmp_path, monkeypatch):
    """Something that wants a file from the server."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv(fan.WEIGHTS_VARIABLE, raising=False)
    return lambda: CALLS[request.param](tmp_path)


def refusal(call) -> str:
    with pytest.raises((WeightsError, DetectorError)) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_certificate_that_is_not_trusted_is_named_as_the_cause_with_the_remedy(call):
    line = refusal(call)
    assert REFUSED in line or "not trusted here (it cannot be verified)" in line
    assert "name the file of its certificate in SSL_CERT_FILE" in line


def test_a_file_of_authorities_that_is_not_there_is_named(call, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    assert f"SSL_CERT_FILE names {tmp_path / 'gone.pem'}, which is no file" in refusal(call)


def test_with_the_authoritys_file_the_hub_is_reached(authority, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
    assert of_hub(tmp_path).config.name == "tiny"


def test_with_the_authoritys_file_the_drive_is_reached(authority, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
    assert of_drive(tmp_path).read_bytes().startswith(b"PK")


def test_the_variables_of_requests_go_before_for_what_uses_it(authority, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ssl.get_default_verify_paths().openssl_cafile)
    assert fetch.authorities() is True


def test_the_doctor_names_a_certificate_that_is_not_trusted(authority, monkeypatch, tmp_path):

    def hub():
        findings = doctor.examine("nowhere").findings
        return next(finding for finding in findings if finding.name == "Hub")

    found = hub()
    assert found.level == "warning" and REFUSED in found.text
    assert found.hint.startswith("if your network has an authority of its own")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
    from huggingface_hub.utils import close_session

    close_session()
    assert hub().level == "ok"


def test_other_errors_are_not_taken_for_those_of_certificates(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    assert downloads.certificate_trouble(PermissionError(13, "denied")) is None
    assert downloads.certificate_trouble(ConnectionRefusedError(111, "refused")) is None
