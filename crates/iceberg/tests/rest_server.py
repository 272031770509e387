"""An Iceberg REST catalog on this machine, over PyIceberg's own SQL catalog and models.

usage: rest_server.py <SQLite file>

It prints its port. Clients sign in as `me` with the secret `s3cret` and ask below the prefix `pre/fix`.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.table import CommitTableRequest

PREFIX = "/v1/pre%2Ffix/".replace("%2F", "/")
TOKEN = "token-of-me"
catalog = SqlCatalog("rest", uri=f"sqlite:///{sys.argv[1]}")
catalog.create_tables()


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def loaded(table):
    return {"metadata-location": table.metadata_location, "metadata": json.loads(table.metadata.model_dump_json())}


def answer(method, path, body):
    if path.startswith("config"):
        return {"defaults": {}, "overrides": {"prefix": "pre/fix"}}
    parts = path.split("/")
    if parts == ["namespaces"]:
        catalog.create_namespace(tuple(json.loads(body)["namespace"]))
        return {}
    namespace = tuple(unquote(parts[1]).split("\x1f"))
    if parts[2] == "register":
        asked = json.loads(body)
        return loaded(catalog.register_table((*namespace, asked["name"]), asked["metadata-location"]))
    name = (*namespace, unquote(parts[3]).split("?")[0])
    if method == "GET":
        return loaded(catalog.load_table(name))
    if method == "DELETE":
        catalog.drop_table(name)
        return {}
    request = CommitTableRequest.model_validate_json(body)
    done = catalog.commit_table(catalog.load_table(name), request.requirements, request.updates)
    return {"metadata-location": done.metadata_location, "metadata": json.loads(done.metadata.model_dump_json())}


class Handler(BaseHTTPRequestHandler):
    def handle_all(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            if self.path == "/v1/oauth/tokens":
                form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
                if (form.get("client_id"), form.get("client_secret")) != ("me", "s3cret"):
                    raise Refused(401, "unknown client")
                return self.say(200, {"access_token": TOKEN, "token_type": "bearer"})
            if self.headers.get("authorization") != f"Bearer {TOKEN}":
                raise Refused(401, "no token")
            if self.path.startswith("/v1/config"):
                return self.say(200, answer(self.command, "config", body))
            if not self.path.startswith(PREFIX):
                raise Refused(404, f"{self.path} is not below {PREFIX}")
            self.say(200, answer(self.command, self.path.removeprefix(PREFIX), body))
        except Refused as refused:
            self.say(refused.status, {"error": {"message": str(refused), "code": refused.status}})
        except NoSuchTableError as missing:
            self.say(404, {"error": {"message": str(missing), "code": 404}})
        except (CommitFailedException, NamespaceAlreadyExistsError, TableAlreadyExistsError) as conflict:
            self.say(409, {"error": {"message": str(conflict), "code": 409}})
        except Exception as error:
            self.say(500, {"error": {"message": repr(error), "code": 500}})

    do_GET = do_POST = do_DELETE = handle_all

    def say(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
