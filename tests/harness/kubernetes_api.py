"""A small API server of Kubernetes for tests: TLS, bearer tokens, roles, the
three kinds of workload, their scale subresource with resourceVersion and merge
patches, and a controller that lets replicas come. Sources: the API conventions
(sig-architecture/api-conventions.md) and apps/v1, autoscaling/v1 and
postgresql.cnpg.io/v1 as their servers answer.

What goes wrong is told beforehand: `server.faults` holds one Fault after the
other; each request takes the first that fits it.
"""

import dataclasses
import http.server
import json
import re
import ssl
import threading
import time

KINDS = {
    "statefulsets": ("StatefulSet", "apps", "v1", "replicas", "readyReplicas"),
    "deployments": ("Deployment", "apps", "v1", "replicas", "readyReplicas"),
    "clusters": ("Cluster", "postgresql.cnpg.io", "v1", "instances",
                 "readyInstances"),
}
PATH = re.compile(r"/apis/([a-z.]+)/(v1)/namespaces/([a-z0-9-]+)/"
                  r"([a-z]+)/([a-z0-9.-]+)(/scale)?")
REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden",
           404: "NotFound", 405: "MethodNotAllowed", 409: "Conflict",
           415: "UnsupportedMediaType", 422: "Invalid",
           429: "TooManyRequests", 500: "InternalError",
           503: "ServiceUnavailable", 504: "Timeout"}


@dataclasses.dataclass
class Fault:
    """Of one request whose method is `method` and whose path ends in `path`.

    `before` and `after` are called around the request's own work. With a
    `status` the work is not done, unless `apply` says so. `body`, `close`,
    `half` and `hang` change the answer alone."""
    method: str = ""
    path: str = ""
    status: int = 0
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = None
    apply: bool = False
    close: bool = False      # no answer at all
    half: bool = False       # the beginning of one
    hang: threading.Event = None
    before: object = None
    after: object = None

    def fits(self, method, path):
        return (not self.method or self.method == method) and path.endswith(
            self.path)


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Workload:
    def __init__(self, plural, namespace, name, replicas):
        (self.kind, self.group, self.version, self.count,
         self.ready_count) = KINDS[plural]
        self.plural, self.namespace, self.name = plural, namespace, name
        self.replicas = self.current = self.ready = replicas
        self.generation = self.observed = 1
        self.resource_version = 0
        self.due = None  # when the controller is done

    def metadata(self):
        return {"name": self.name, "namespace": self.namespace,
                "uid": f"uid-{self.plural}-{self.name}",
                "resourceVersion": str(self.resource_version)}

    def document(self):
        status = {self.count: self.current, "conditions": []}
        if self.ready:
            status[self.ready_count] = self.ready  # omitempty
        if self.group == "apps":
            status["observedGeneration"] = self.observed
        return {
            "kind": self.kind, "apiVersion": f"{self.group}/{self.version}",
            "metadata": {**self.metadata(), "generation": self.generation,
                         "labels": {"app": self.name, "replicas": "77"},
                         "managedFields": [{"manager": "kubectl", "fieldsV1":
                                            {"f:spec": {"f:replicas": {}}}}]},
            "spec": {self.count: self.replicas, "template": {
                "spec": {"replicas": 55}}},
            "status": status}

    def scale(self):
        spec = {"replicas": self.replicas} if self.replicas else {}
        return {"kind": "Scale", "apiVersion": "autoscaling/v1",
                "metadata": self.metadata(), "spec": spec,
                "status": {"replicas": self.current,
                           "selector": f"app={self.name}"}}


class ApiServer:
    """Listens on 127.0.0.1. `ready_after`: seconds until the controller has
    the replicas that are asked for, None: never. `rules`: RBAC rules as in a
    Role, in `namespace`; None allows everything."""

    def __init__(self, certificate, token="token-one", ready_after=0.3,
                 rules=None, namespace="db"):
        self.tokens = {token}
        self.ready_after = ready_after
        self.rules, self.namespace = rules, namespace
        self.faults, self.requests, self.writes = [], [], []
        self.workloads = {}
        self._lock = threading.RLock()
        self._version = 1000
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True,
            do_handshake_on_connect=False)
        # A client that goes away or does not trust us is no news.
        self._server.handle_error = lambda *_: None
        self._closing = threading.Event()
        for work in (self._server.serve_forever, self._control):
            threading.Thread(target=work, daemon=True).start()

    def url(self, host="127.0.0.1"):
        return f"https://{host}:{self._server.server_port}"

    def close(self):
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def add(self, plural, name, replicas, namespace="db"):
        with self._lock:
            made = Workload(plural, namespace, name, replicas)
            made.resource_version = self._next()
            self.workloads[namespace, plural, name] = made
            return made

    def edit(self, workload, replicas):
        """Somebody else's change."""
        with self._lock:
            self._set(workload, replicas, "somebody")

    def touch(self, workload):
        """A change that is none of the replicas: the version moves on."""
        with self._lock:
            workload.resource_version = self._next()

    def _next(self):
        self._version += 1
        return self._version

    def _set(self, workload, replicas, by):
        self.writes.append((by, workload.replicas, replicas))
        if workload.replicas != replicas:
            workload.replicas = replicas
            workload.generation += 1
            workload.due = (None if self.ready_after is None
                            else time.monotonic() + self.ready_after)
        workload.resource_version = self._next()

    def _control(self):
        while not self._closing.wait(0.02):
            with self._lock:
                for workload in self.workloads.values():
                    if workload.due and time.monotonic() >= workload.due:
                        workload.due = None
                        workload.current = workload.ready = workload.replicas
                        workload.observed = workload.generation
                        workload.resource_version = self._next()

    # ---- one request -------------------------------------------------------

    def _authorize(self, headers):
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            raise Refused(401, "Unauthorized")

    def _permit(self, verb, group, namespace, resource, name):
        if self.rules is None or (namespace == self.namespace and any(
                group in rule["apiGroups"] and resource in rule["resources"] and
                verb in rule["verbs"] and
                name in rule.get("resourceNames", [name])
                for rule in self.rules)):
            return
        raise Refused(403, f'{resource.partition("/")[0]}.{group} "{name}" is '
                      'forbidden: User "system:serviceaccount:db:ruvector" '
                      f'cannot {verb} resource "{resource}" in API group '
                      f'"{group}" in the namespace "{namespace}"')

    def _work(self, method, path, headers, body):
        with self._lock:
            self._authorize(headers)
            found = PATH.fullmatch(path)
            if not found:
                raise Refused(404, "the server could not find the requested "
                              "resource")
            group, _, namespace, plural, name, scale = found.groups()
            resource = plural + (scale or "")
            self._permit({"GET": "get", "PATCH": "patch"}.get(method, "update"),
                         group, namespace, resource, name)
            workload = self.workloads.get((namespace, plural, name))
            if workload is None or workload.group != group:
                raise Refused(404, f'{plural}.{group} "{name}" not found')
            if method == "GET":
                return workload.scale() if scale else workload.document()
            if method != "PATCH" or not scale:
                raise Refused(405, "the server does not allow this method on "
                              "the requested resource")
            if headers.get("Content-Type") != "application/merge-patch+json":
                raise Refused(415, "the body of the request was in an unknown "
                              "format")
            return self._patch(workload, json.loads(body))

    def _patch(self, workload, patch):
        version = patch.get("metadata", {}).get("resourceVersion")
        if version is not None and version != str(workload.resource_version):
            raise Refused(409, f'Operation cannot be fulfilled on '
                          f'{workload.plural}.{workload.group} '
                          f'"{workload.name}": the object has been modified; '
                          "please apply your changes to the latest version "
                          "and try again")
        replicas = patch.get("spec", {}).get("replicas")
        least = 1 if workload.kind == "Cluster" else 0
        if not isinstance(replicas, int) or replicas < least:
            raise Refused(422, f'{workload.kind} "{workload.name}" is invalid: '
                          "spec.replicas: Invalid value")
        self._set(workload, replicas, "ruvector")
        return workload.scale()

    def _take_fault(self, method, path):
        with self._lock:
            for fault in self.faults:
                if fault.fits(method, path):
                    self.faults.remove(fault)
                    return fault
        return Fault()

    def _handler(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self):
                method, path = self.command, self.path
                body = self.rfile.read(
                    int(self.headers.get("Content-Length", 0)))
                api.requests.append((method, path, dict(self.headers), body))
                fault = api._take_fault(method, path)
                if fault.before:
                    fault.before()
                code, answer = fault.status, {}
                if not code or fault.apply:
                    try:
                        done, answer = 200, api._work(method, path,
                                                      self.headers, body)
                    except Refused as refusal:
                        done = refusal.code
                        answer = self._status(done, str(refusal))
                    code = code or done
                if fault.status:
                    answer = self._status(code, "as the test wants it")
                if fault.after:
                    fault.after()
                if fault.hang:
                    fault.hang.wait(120)
                if fault.close or fault.hang:
                    self.close_connection = True
                    return
                self._answer(code, fault, json.dumps(answer).encode()
                             if fault.body is None else fault.body)

            def _answer(self, code, fault, text):
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                for name, value in fault.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if fault.half:
                    self.wfile.write(text[:len(text) // 2])
                    self.close_connection = True
                else:
                    self.wfile.write(text)

            def _status(self, code, message):
                return {"kind": "Status", "apiVersion": "v1", "metadata": {},
                        "status": "Failure", "message": message,
                        "reason": REASONS.get(code, "Unknown"), "code": code}

            do_GET = do_PATCH = do_PUT = do_POST = do_DELETE = _serve

            def log_message(self, *_):
                pass

        return Handler


class Credentials:
    """A directory as a pod's service account has it."""

    def __init__(self, directory, authority, token="token-one"):
        self.directory = directory
        directory.mkdir()
        self.token = directory / "token"
        self.token.write_text(token)
        (directory / "ca.crt").write_text(authority.read_text())
