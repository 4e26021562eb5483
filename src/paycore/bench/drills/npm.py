"""What was received, verified by npm's official client: another hand, another language.

It is installed into the drill's temporary folder and read by nothing of ours. Where
there is no npm, or it cannot install, the reason is told.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from paycore.bench.drills.receivers import Place

CLIENT = "standardwebhooks@1"
INSTALL_S = 120
VERIFY_S = 600

# The client refuses what is older than five minutes: its clock is put to the moment
# that each notice was signed at.
SCRIPT = """
const { Webhook } = require("standardwebhooks");
const [record, places] = process.argv.slice(2);
const fs = require("fs");
const clients = JSON.parse(fs.readFileSync(places)).map(
  (place) => place.secrets.map((secret) => new Webhook(secret)));
const input = fs.createReadStream(record);
const lines = require("readline").createInterface({ input });
let verified = 0, refused = 0;
lines.on("line", (line) => {
  const came = JSON.parse(line);
  const headers = { "webhook-id": came.id, "webhook-timestamp": came.timestamp,
                    "webhook-signature": came.signature };
  Date.now = () => Number(came.timestamp) * 1000;
  const expected = clients[came.place].slice(0, came.signature.split(" ").length);
  try {
    for (const client of expected) client.verify(came.body, headers);
    verified += 1;
  } catch (error) { refused += 1; }
});
lines.on("close", () => console.log(JSON.stringify({ verified, refused })));
"""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """How many were verified and refused; or why nobody looked."""

    verified: int = 0
    refused: int = 0
    missing: str = ""


def verify(folder: Path, record: Path, places: Sequence[Place]) -> Verified:
    """Let npm's client verify every line of a record."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return Verified(missing="there is no npm on this machine")
    folder.mkdir()
    install = (npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", CLIENT)
    if not _ran(install, folder, INSTALL_S):
        return Verified(missing=f"npm could not install {CLIENT}")
    (folder / "places.json").write_bytes(msgspec.json.encode(places))
    (folder / "verify.js").write_text(SCRIPT, encoding="utf-8")
    verify = (node, "verify.js", str(record.resolve()), "places.json")
    said = _ran(verify, folder, VERIFY_S)
    if not said:
        return Verified(missing="npm's client did not come to an end")
    return msgspec.json.decode(said, type=Verified)


def _ran(command: Sequence[str], folder: Path, within_s: float) -> bytes:
    """What a command says, nothing where it fails."""
    try:
        ran = subprocess.run(  # noqa: S603 no shell, and nothing of a stranger's
            command, cwd=folder, capture_output=True, timeout=within_s, check=True
        )
    except (subprocess.SubprocessError, OSError):
        return b""
    return ran.stdout or b"\n"
