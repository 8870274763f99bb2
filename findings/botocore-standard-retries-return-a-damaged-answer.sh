#!/usr/bin/env bash
# botocore 1.43.106: with retry mode "standard", an answer of DynamoDB whose x-amz-crc32 is wrong at
# every try is returned as a success, with the damaged value in it. Mode "legacy" raises
# ChecksumError after its tries. Both repeat the call; only what follows the last try differs.
#
# Seen:
#   standard: 3 requests, returned Alicf
#   legacy: 3 requests, raised ChecksumError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check botocore==1.43.106
cat > "$folder/try.py" <<'PYTHON'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from zlib import crc32

from botocore.config import Config
from botocore.session import Session

SENT = b'{"Item":{"name":{"S":"Alice"}}}'
RECEIVED = SENT.replace(b"Alice", b"Alicf")
requests = 0


class Damaging(BaseHTTPRequestHandler):
    """Answers whole JSON in which one letter isn't the one that was sent."""

    def do_POST(self):
        global requests
        requests += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(RECEIVED)))
        self.send_header("x-amz-crc32", str(crc32(SENT)))
        self.end_headers()
        self.wfile.write(RECEIVED)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Damaging)
threading.Thread(target=server.serve_forever, daemon=True).start()
for mode in ("standard", "legacy"):
    requests = 0
    client = Session().create_client(
        "dynamodb",
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"mode": mode, "total_max_attempts": 3}),
    )
    try:
        answer = client.get_item(TableName="T", Key={"id": {"S": "1"}})
        outcome = f"returned {answer['Item']['name']['S']}"
    except Exception as error:
        outcome = f"raised {type(error).__name__}"
    print(f"{mode}: {requests} requests, {outcome}")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/try.py")
echo "$seen"
[[ $seen == "standard: 3 requests, returned Alicf
legacy: 3 requests, raised ChecksumError" ]]
