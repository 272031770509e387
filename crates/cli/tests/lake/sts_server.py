# A token service before moto, with TLS, and moto's S3 that heeds what it hands out:
#   python sts_server.py MOTO CERTIFICATE KEY TOKEN_FILE ROLE LOG
# It makes ROLE, which may use S3, has moto check every signature from then on, and prints its port. With each
# answer, which holds for a minute, TOKEN_FILE gets another token; the one before is good once more, for who asks at the same
# time. LOG gets a line of JSON for each request.
import datetime
import http.server
import json
import re
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

import boto3

moto, certificate, key, token_file, role, log = sys.argv[1:]
number = 0


def rotate():
    global number
    number += 1
    with open(token_file, "w") as file:
        file.write(f"token-{number}")


def checked(on):
    count = "0" if on else "inf"
    headers = {"content-type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(f"{moto}/moto-api/reset-auth", count.encode(), headers)).read()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        good = asked.get("WebIdentityToken") in [f"token-{number}", f"token-{number - 1}"]
        with open(log, "a") as file:
            print(json.dumps({**asked, "good": good}), file=file)
        if not good:
            error = "<Code>InvalidIdentityToken</Code><Message>The token is not known</Message>"
            return self.say(400, f"<ErrorResponse><Error>{error}</Error></ErrorResponse>")
        rotate()
        # Nobody signs this request, which moto would refuse.
        checked(False)
        try:
            answer = urllib.request.urlopen(moto, urllib.parse.urlencode(asked).encode()).read().decode()
        finally:
            checked(True)
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)
        until = until.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.say(200, re.sub("<Expiration>.*</Expiration>", f"<Expiration>{until}</Expiration>", answer))

    def say(self, status, text):
        self.send_response(status)
        self.send_header("content-type", "text/xml")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments):
        pass


iam = boto3.client(
    "iam", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
)
allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
trust = {"Effect": "Allow", "Principal": {"Federated": "*"}, "Action": "sts:AssumeRoleWithWebIdentity"}
trust = {"Version": "2012-10-17", "Statement": [trust]}
iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
iam.put_role_policy(RoleName=role, PolicyName="s3", PolicyDocument=json.dumps(allow))
rotate()
checked(True)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
