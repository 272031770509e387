# A stand-in for Google Cloud Storage, which has no emulator of its XML API: buckets in memory, gone with the process.
#   python gcs_server.py KEY_FILE
# It writes a service account's key to KEY_FILE and prints its port. Every request must carry a token that this key
# signed; lists have few entries a page; every eleventh request is refused once with 503, before anything is done. A
# request with `x-deliver` needs no token. https://docs.cloud.google.com/storage/docs/xml-api/overview
import base64
import email.utils
import hashlib
import http.server
import itertools
import json
import re
import sys
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ACCOUNT = "loader@shop.iam.gserviceaccount.com"
# Either lets an account read and write: https://docs.cloud.google.com/storage/docs/oauth-scopes
SCOPES = [f"https://www.googleapis.com/auth/{scope}" for scope in ("devstorage.full_control", "cloud-platform")]
PAGE = 3
REFUSED = 11

key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
pem = key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
with open(sys.argv[1], "w") as file:
    json.dump(
        {"type": "service_account", "client_email": ACCOUNT, "private_key_id": "1", "private_key": pem.decode()}, file
    )

lock = threading.Lock()
requests, numbers = itertools.count(1), itertools.count(1)
# Objects by bucket and key: generation, bytes, seconds.
objects = {}
uploads = {}


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_signed(token):
    try:
        head, claims, signature = token.split(".")
        key.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        claims = json.loads(decoded(claims))
    except (ValueError, InvalidSignature):
        return False
    now = time.time()
    is_ours = claims["iss"] == claims["sub"] == ACCOUNT and claims["scope"] in SCOPES
    return is_ours and claims["iat"] - 60 < now < claims["exp"]


def etag(data):
    return f'"{hashlib.md5(data).hexdigest()}"'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        if status >= 400:
            body = f"<?xml version='1.0'?><Error><Code>{status}</Code></Error>".encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def described(self, found):
        generation, data, seconds = found
        return {
            "ETag": etag(data),
            "x_goog_generation": str(generation),
            "Last_Modified": email.utils.formatdate(seconds, usegmt=True),
        }

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        place = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(place.query, keep_blank_values=True))
        bucket, _, name = place.path.lstrip("/").partition("/")
        place = urllib.parse.unquote(bucket), urllib.parse.unquote(name)
        with lock:
            if self.headers.get("x-deliver") is None:
                if next(requests) % REFUSED == 0:
                    return self.answer(503)
                if not is_signed(self.headers.get("Authorization", "").removeprefix("Bearer ")):
                    return self.answer(401)
            getattr(self, f"on_{self.command.lower()}")(place, asked, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request

    def store(self, place, data):
        expected = self.headers.get("x-goog-if-generation-match")
        now = objects.get(place, (0,))[0]
        if expected is not None and int(expected) != now:
            return self.answer(412)
        objects[place] = (next(numbers), data, time.time())
        self.answer(200, **self.described(objects[place]))

    def on_put(self, place, asked, body):
        if "uploadId" in asked:
            parts = uploads.get(asked["uploadId"])
            if parts is None:
                return self.answer(404)
            parts[int(asked["partNumber"])] = body
            return self.answer(200, ETag=etag(body))
        source = self.headers.get("x-goog-copy-source")
        if source is not None:
            bucket, _, name = source.lstrip("/").partition("/")
            found = objects.get((urllib.parse.unquote(bucket), urllib.parse.unquote(name)))
            if found is None:
                return self.answer(404)
            body = found[1]
        self.store(place, body)

    def on_post(self, place, asked, body):
        if "uploads" in asked:
            upload = str(next(numbers))
            uploads[upload] = {}
            told = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            return self.answer(200, told.encode())
        parts = uploads.pop(asked["uploadId"], None)
        if parts is None:
            return self.answer(404)
        named = [
            (int(part.find("PartNumber").text), part.find("ETag").text) for part in ElementTree.fromstring(body)
        ]
        if named != [(number, etag(data)) for number, data in sorted(parts.items())]:
            return self.answer(400)
        data = b"".join(data for _, data in sorted(parts.items()))
        objects[place] = (next(numbers), data, time.time())
        told = f"<CompleteMultipartUploadResult><ETag>{etag(data)}</ETag></CompleteMultipartUploadResult>"
        self.answer(200, told.encode(), x_goog_generation=str(objects[place][0]))

    def on_delete(self, place, asked, body):
        if "uploadId" in asked:
            return self.answer(204 if uploads.pop(asked["uploadId"], None) is not None else 404)
        self.answer(204 if objects.pop(place, None) is not None else 404)

    def on_head(self, place, asked, body):
        self.on_get(place, asked, body)

    def on_get(self, place, asked, body):
        if not place[1]:
            return self.list(place[0], asked)
        found = objects.get(place)
        if found is None or asked.get("generation", str(found[0])) != str(found[0]):
            return self.answer(404)
        headers, data = self.described(found), found[1]
        if self.headers.get("If-Match", headers["ETag"]) != headers["ETag"]:
            return self.answer(412)
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            return self.answer(200, data, Content_Length=str(len(data)), **headers)
        first, last = wanted.groups()
        begin = int(first) if first else max(len(data) - int(last), 0)
        end = min(int(last) + 1, len(data)) if first and last else len(data)
        if begin >= len(data):
            return self.answer(416)
        self.answer(206, data[begin:end], Content_Range=f"bytes {begin}-{end - 1}/{len(data)}", **headers)

    def list(self, bucket, asked):
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter")
        after = max(asked.get("start-after", ""), asked.get("continuation-token", ""))
        entries = {}
        for (of, name), found in objects.items():
            if of == bucket and name.startswith(prefix):
                folder, cut, _ = name[len(prefix):].partition(delimiter) if delimiter else ("", "", "")
                if cut:
                    entries[prefix + folder + cut] = None
                else:
                    entries[name] = found
        names = sorted(name for name in entries if name > after)
        page = names[:PAGE]
        told = []
        for name in page:
            if entries[name] is None:
                told.append(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>")
                continue
            _, data, seconds = entries[name]
            modified = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
            told.append(
                f"<Contents><Key>{escape(name)}</Key><LastModified>{modified}</LastModified>"
                f"<ETag>{etag(data)}</ETag><Size>{len(data)}</Size></Contents>"
            )
        if len(names) > len(page):
            told.append(f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>")
        self.answer(200, f"<ListBucketResult>{''.join(told)}</ListBucketResult>".encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
