// Microsoft's client for debug adapters against `llmspell debug-adapter`, over stdio and over TCP.
// Run by tests/kernel/test_debug_microsoft_client.py; PYTHON names the interpreter, SCRIPTS a folder for Lua files.
"use strict";
const assert = require("node:assert");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { after, afterEach, before, beforeEach, describe, test } = require("node:test");
const { DebugClient } = require("@vscode/debugadapter-testsupport");

const PYTHON = process.env.PYTHON;
const SCRIPTS = process.env.SCRIPTS;
const STDIO = path.join(SCRIPTS, "adapter.py");
fs.writeFileSync(STDIO, 'import sys\nfrom llmspell.launch import main\nsys.exit(main(["debug-adapter"]))\n');

function script(name, text) {
  const file = path.join(SCRIPTS, name);
  fs.writeFileSync(file, text);
  return file;
}

const COUNT = script("count.lua", "local total = 0\nfor i = 1, 3 do\n  total = total + i\nend\nprint(total)\n");
const FAIL = script("fail.lua", "local t\nprint(t.x)\n");
const BOTH = script("both.lua", "print('to stdout')\nio.stderr:write('to stderr\\n')\n");
const BUSY = script("busy.lua", "print('on')\nwhile true do\n  local x = 1\nend\n");

let server, port;

before(async () => {
  server = spawn(PYTHON, ["-m", "llmspell", "debug-adapter", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  port = await new Promise((resolve) => server.stdout.once("data", (data) => resolve(Number(`${data}`.split(":")[1]))));
});
after(() => server.kill());

for (const transport of ["stdio", "tcp"]) {
  describe(transport, () => {
    let client;

    beforeEach(async () => {
      client = new DebugClient(PYTHON, STDIO, "llmspell", undefined, true);
      client.defaultTimeout = 5000;
      await client.start(transport === "tcp" ? port : undefined);
    });
    afterEach(() => client.stop());

    test("an unknown request produces an error", async () => {
      await assert.rejects(client.send("illegal_request"));
    });

    test("initialize returns capabilities", async () => {
      const response = await client.initializeRequest();
      assert.equal(response.body.supportsConfigurationDoneRequest, true);
      assert.equal(response.body.exceptionBreakpointFilters.length, 4);
    });

    test("a wrong pathFormat is an error", async () => {
      await assert.rejects(
        client.initializeRequest({ adapterID: "llmspell", linesStartAt1: true, columnsStartAt1: true, pathFormat: "url" }),
      );
    });

    test("a program runs to its end", () =>
      Promise.all([client.configurationSequence(), client.launch({ program: COUNT }), client.waitForEvent("terminated")]));

    test("stopOnEntry stops on the first line", () =>
      Promise.all([
        client.configurationSequence(),
        client.launch({ program: COUNT, stopOnEntry: true }),
        client.assertStoppedLocation("entry", { path: COUNT, line: 1 }),
      ]));

    test("a breakpoint stops", () => client.hitBreakpoint({ program: COUNT }, { path: COUNT, line: 3 }));

    test("a breakpoint moves to a statement", () =>
      client.hitBreakpoint({ program: COUNT }, { path: COUNT, line: 4 }, { path: COUNT, line: 5 }, { path: COUNT, line: 5 }));

    test("a conditional breakpoint stops where it holds", async () => {
      await Promise.all([
        client.waitForEvent("initialized").then(async () => {
          await client.setBreakpointsRequest({
            source: { path: COUNT }, breakpoints: [{ line: 3, condition: "i == 3" }],
          });
          await client.configurationDoneRequest();
        }),
        client.launch({ program: COUNT }),
        client.assertStoppedLocation("breakpoint", { path: COUNT, line: 3 }),
      ]);
      const { body: { stackFrames } } = await client.stackTraceRequest({ threadId: 1 });
      const value = await client.evaluateRequest({ expression: "total", frameId: stackFrames[0].id });
      assert.equal(value.body.result, "3");
    });

    test("steps arrive", async () => {
      await client.hitBreakpoint({ program: COUNT }, { path: COUNT, line: 1 });
      await Promise.all([client.nextRequest({ threadId: 1 }), client.assertStoppedLocation("step", { line: 2 })]);
      await Promise.all([client.stepInRequest({ threadId: 1 }), client.assertStoppedLocation("step", { line: 3 })]);
    });

    test("stdout and stderr are told apart", () =>
      Promise.all([
        client.configurationSequence(),
        client.launch({ program: BOTH }),
        client.assertOutput("stdout", "to stdout\n"),
        client.assertOutput("stderr", "to stderr\n"),
      ]));

    test("an uncaught error stops", () =>
      Promise.all([
        client.waitForEvent("initialized").then(async () => {
          await client.setExceptionBreakpointsRequest({ filters: ["uncaught"] });
          await client.configurationDoneRequest();
        }),
        client.launch({ program: FAIL }),
        client.assertStoppedLocation("exception", { path: FAIL, line: 2 }),
      ]));

    test("a busy loop is paused, and ended", async () => {
      await Promise.all([
        client.configurationSequence(), client.launch({ program: BUSY }), client.assertOutput("stdout", "on\n"),
      ]);
      await Promise.all([client.pauseRequest({ threadId: 1 }), client.waitForEvent("stopped")]);
      await Promise.all([client.terminateRequest({}), client.waitForEvent("terminated")]);
    });
  });
}
