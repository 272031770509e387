# Puts a blob, or makes a container, at Azurite, whose account and key everybody knows:
#   python azure_put.py ENDPOINT CONTAINER [NAME TEXT]
# https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
import base64
import email.utils
import hashlib
import hmac
import sys
import urllib.request

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

endpoint, container, *blob = sys.argv[1:]
path = f"/{ACCOUNT}/{container}" + (f"/{blob[0]}" if blob else "")
body = blob[1].encode() if blob else b""
headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
if blob:
    headers["x-ms-blob-type"] = "BlockBlob"
named = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
resource = f"/{ACCOUNT}{path}" + ("" if blob else "\nrestype:container")
kind = "application/octet-stream"
signed = f"PUT\n\n\n{len(body) or ''}\n\n{kind}\n\n\n\n\n\n\n{named}{resource}"
signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)).decode()
headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
headers["Content-Type"] = kind
url = f"{endpoint}{path.removeprefix('/' + ACCOUNT)}" + ("" if blob else "?restype=container")
urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers, method="PUT")).read()
