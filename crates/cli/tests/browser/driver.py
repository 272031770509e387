# A browser without a window, used through its DevTools protocol over a pipe (nothing to install but the browser):
#   python driver.py BROWSER FOLDER
# FOLDER is for what it keeps. A line on stdin is a JSON array, a verb and its arguments; each is answered by a line of JSON.
# Elements are named by CSS selectors, and waited for. What the console says, and what pages throw, comes with `console`.
import fcntl
import json
import os
import signal
import subprocess
import sys
import time

PATIENCE = 60


class Browser:
    def __init__(self, program, folder):
        # The protocol's pipes are the descriptors 3 and 4 of the browser: ours must be none of them.
        pipes = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in os.pipe() + os.pipe()]
        theirs, self.writer, self.reader, their_writer = pipes
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{theirs} 4>&{their_writer}', "browser", program]
            + ["--headless", "--remote-debugging-pipe", f"--user-data-dir={folder}", "--disable-gpu", "--lang=en-US"]
            + ["--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"]
            # Its sandbox refuses to work for root; the pages are our own.
            + (["--no-sandbox"] if os.getuid() == 0 else []),
            pass_fds=(theirs, their_writer),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=open(os.path.join(folder, "stderr"), "w"),
        )
        os.close(theirs)
        os.close(their_writer)
        self.rest, self.last, self.said, self.session = b"", 0, [], None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.ask(f"{domain}.enable")

    def end(self):
        try:
            self.ask("Browser.close")
            self.process.wait(10)
        except Exception:
            # Debian's program is a script: what it started ends with it.
            os.killpg(self.process.pid, signal.SIGKILL)

    def ask(self, method, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.hear()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def hear(self):
        while b"\0" not in self.rest:
            part = os.read(self.reader, 1 << 20)
            if not part:
                raise RuntimeError("the browser has ended")
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(message)
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.consoleAPICalled":
            texts = [str(value.get("value", value.get("description"))) for value in parameters["args"]]
            self.said.append(f"{parameters['type']}: {' '.join(texts)}")
        elif message.get("method") == "Runtime.exceptionThrown":
            self.said.append(f"exception: {parameters['exceptionDetails']}")
        elif message.get("method") == "Log.entryAdded":
            entry = parameters["entry"]
            self.said.append(f"{entry['level']}: {entry['text']} {entry.get('url', '')}")
        return message

    def evaluate(self, expression):
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, expression):
        """The expression's value, once it is true."""
        until = time.monotonic() + PATIENCE
        while not (value := self.evaluate(expression)):
            if time.monotonic() > until:
                page = self.evaluate("document.body.innerText")
                raise RuntimeError(f"{expression} did not come true; the console: {self.said}; the page:\n{page}")
            time.sleep(0.02)
        return value

    def place(self, selector):
        """The middle of an element that can be seen, scrolled to."""
        quoted = json.dumps(selector)
        self.wait(f"document.querySelector({quoted})?.checkVisibility()")
        return self.evaluate(
            f"(() => {{ const found = document.querySelector({quoted}); found.scrollIntoView({{block: 'center'}});"
            " const box = found.getBoundingClientRect();"
            " return {x: box.x + box.width / 2, y: box.y + box.height / 2}; })()"
        )

    def do_open(self, url):
        self.ask("Page.navigate", url=url)
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def do_click(self, selector):
        place = self.place(selector)
        for kind in ["mousePressed", "mouseReleased"]:
            self.ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def do_type(self, selector, text):
        self.do_click(selector)
        self.evaluate("document.activeElement.select()")
        self.ask("Input.insertText", text=text)

    def do_choose(self, selector, paths):
        self.place(selector)
        found = self.ask("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        self.ask("DOM.setFileInputFiles", files=paths, objectId=found["result"]["objectId"])

    def do_drop(self, selector, paths):
        dragged = {"items": [], "files": paths, "dragOperationsMask": 1}
        place = self.place(selector)
        for kind in ["dragEnter", "dragOver", "drop"]:
            self.ask("Input.dispatchDragEvent", type=kind, data=dragged, **place)

    def do_slow(self, bytes_a_second):
        self.ask(
            "Network.emulateNetworkConditions",
            offline=False,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=bytes_a_second,
        )

    def do_wait(self, expression):
        return self.wait(expression)

    def do_evaluate(self, expression):
        return self.evaluate(expression)

    def do_console(self):
        said, self.said = self.said, []
        return said


browser = Browser(*sys.argv[1:])
try:
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        print(json.dumps(getattr(browser, f"do_{verb}")(*arguments)), flush=True)
finally:
    browser.end()
