// The extension without VS Code: what it registers, fills in, starts and says. Run: node --test test/
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { beforeEach, test } = require("node:test");
const { asked, document, fire, reset, vscode } = require("./vscode");
const { activate } = require("../src/extension");

const manifest = JSON.parse(fs.readFileSync(path.join(__dirname, "..", "package.json"), "utf8"));
const FOLDER = { uri: { fsPath: "/project", toString: () => "file:///project" } };
const context = { subscriptions: [] };
activate(context);
const [provider, dynamic] = asked.providers.llmspell;
const [factory] = asked.factories.llmspell;
const [debugger_] = manifest.contributes.debuggers;
const run = (name, ...args) => asked.commands[name][0](...args);

beforeEach(() => {
  reset();
  asked.settings.command = [process.execPath]; // something that is there
});

/** Let `llmspell kernel list` answer with these kernels. */
function kernels(list, exit = 0) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "llmspell-"));
  const script = path.join(folder, "llmspell.js");
  const answer = JSON.stringify(JSON.stringify(list));
  fs.writeFileSync(script, `if (process.argv.slice(2).join(" ") !== "kernel list --format json") process.exit(9);
    process.stderr.write(${exit} ? "no such thing" : ""); process.stdout.write(${answer}); process.exitCode = ${exit};`);
  asked.settings.command = [process.execPath, script];
}

const ONE = { id: "one", pid: 7, cwd: "/project", connection_file: "/run/kernel-one.json", has_debugger: true };
const TWO = { id: "two", pid: null, cwd: null, connection_file: "/run/kernel-two.json", has_debugger: true };

test("every command and debugger of the manifest is registered", () => {
  assert.deepEqual(Object.keys(asked.commands).sort(), manifest.contributes.commands.map((each) => each.command).sort());
  assert.deepEqual(Object.keys(asked.factories), [debugger_.type]);
});

test("snippets, proposals and initial configurations use known attributes only", () => {
  const all = [
    ...debugger_.initialConfigurations, ...dynamic.provideDebugConfigurations(),
    ...debugger_.configurationSnippets.map((each) => each.body),
  ];
  for (const { type, request, name, ...attributes } of all) {
    const known = Object.keys(debugger_.configurationAttributes[request].properties);
    assert.deepEqual([type, Object.keys(attributes).filter((each) => !known.includes(each))], ["llmspell", []], name);
  }
});

test("F5 in a Lua file needs no launch.json", () => {
  vscode.window.activeTextEditor = { document: document("file:///project/a.lua", "") };

  assert.deepEqual(provider.resolveDebugConfiguration(FOLDER, {}), {
    type: "llmspell", request: "launch", name: "Lua: current file", program: "${file}",
  });
});

test("F5 in a file of another language is left to VS Code", () => {
  vscode.window.activeTextEditor = { document: document("file:///project/a.py", "", "python") };

  assert.deepEqual(provider.resolveDebugConfiguration(FOLDER, {}), {});
});

test("a script runs in the workspace folder unless the configuration says where", async () => {
  const launch = { type: "llmspell", request: "launch", name: "x", program: "/project/a.lua" };
  const resolve = (configuration) => provider.resolveDebugConfigurationWithSubstitutedVariables(FOLDER, configuration);

  assert.equal((await resolve(launch)).cwd, "/project");
  assert.equal((await resolve({ ...launch, cwd: "/elsewhere" })).cwd, "/elsewhere");
});

test("a launch without a program is explained", async () => {
  const launch = { type: "llmspell", request: "launch", name: "mine" };

  assert.equal(await provider.resolveDebugConfigurationWithSubstitutedVariables(FOLDER, launch), null);
  assert.match(asked.messages[0], /"program" is missing in "mine"/);
});

test("attaching without a target asks which kernel", async () => {
  kernels([ONE, TWO]);
  asked.picks = ["two"];
  const attach = { type: "llmspell", request: "attach", name: "x" };

  const resolved = await provider.resolveDebugConfigurationWithSubstitutedVariables(FOLDER, attach);

  assert.equal(resolved.connectionFile, TWO.connection_file);
});

test("attaching to a kernel brings the Lua cells along", async () => {
  const cells = [
    { document: document("vscode-notebook-cell:/n.ipynb#W0", "x = 1") },
    { document: document("vscode-notebook-cell:/n.ipynb#W1", "# text", "markdown") },
  ];
  vscode.workspace.notebookDocuments = [{ getCells: () => cells }];
  const attach = { type: "llmspell", request: "attach", name: "x", kernelId: "one" };

  const resolved = await provider.resolveDebugConfigurationWithSubstitutedVariables(FOLDER, attach);

  assert.deepEqual(resolved.cells, { "vscode-notebook-cell:/n.ipynb#W0": "x = 1" });
});

test("a picker that is dismissed starts nothing", async () => {
  const attach = { type: "llmspell", request: "attach", name: "x", kernelId: undefined };

  assert.equal(await provider.resolveDebugConfigurationWithSubstitutedVariables(FOLDER, attach), undefined);
});

test("the picker gives a kernel's id to launch.json", async () => {
  kernels([ONE]);
  asked.picks = ["one"];

  assert.equal(await run("llmspell.pickKernel"), "one");
});

test("the command attaches to the kernel that is picked", async () => {
  kernels([ONE, TWO]);
  asked.picks = ["one"];
  await run("llmspell.attachToKernel");

  assert.deepEqual(asked.started[0].configuration, {
    type: "llmspell", request: "attach", name: "Lua: kernel one", connectionFile: ONE.connection_file,
  });
});

test("where no kernel runs the person is told what to do", async () => {
  kernels([]);

  assert.equal(await run("llmspell.pickKernel"), undefined);
  assert.match(asked.messages[0], /no kernel runs/);
});

test("a list that fails is shown with its reason", async () => {
  kernels([], 1);

  assert.equal(await run("llmspell.pickKernel"), undefined);
  assert.match(asked.messages[0], /cannot be listed: no such thing/);
});

test("a llmspell that is not there is named", async () => {
  asked.settings.command = ["/nowhere/llmspell"];

  assert.equal(await run("llmspell.pickKernel"), undefined);
  assert.match(asked.messages[0], /\/nowhere\/llmspell/);
});

test("a session without llmspell is not started, and the person led to the setting", async () => {
  asked.settings = { python: "/nowhere/python" };
  asked.picks = ["Open Settings"];
  const launch = { type: "llmspell", request: "launch", name: "x", program: "/project/a.lua" };

  assert.equal(await provider.resolveDebugConfigurationWithSubstitutedVariables(FOLDER, launch), undefined);
  assert.match(asked.messages[0], /"\/nowhere\/python" is not found/);
  assert.deepEqual(asked.executed, [["workbench.action.openSettings", "llmspell"]]);
});

test("llmspell is found on the PATH", async () => {
  asked.settings.command = [path.basename(process.execPath)];
  const before = process.env.PATH;
  process.env.PATH = ["/nowhere", path.dirname(process.execPath)].join(path.delimiter);
  const launch = { type: "llmspell", request: "launch", name: "x", program: "/project/a.lua" };

  const resolved = await provider.resolveDebugConfigurationWithSubstitutedVariables(FOLDER, launch);
  process.env.PATH = before;

  assert.equal(resolved.program, "/project/a.lua");
});

test("the editor's file is debugged, or run", async () => {
  const { uri } = document("file:///project/a.lua", "");
  await run("llmspell.debugFile", uri);
  await run("llmspell.runFile", uri);

  assert.deepEqual(asked.started.map((each) => each.configuration.program), ["/project/a.lua", "/project/a.lua"]);
  assert.deepEqual(asked.started.map((each) => each.options.noDebug), [false, true]);
});

test("without a file there is nothing to debug", async () => {
  assert.equal(await run("llmspell.debugFile"), false);
  assert.match(asked.messages[0], /open a Lua file/);
});

test("the adapter is started by command, by interpreter, from the folder's environment or from the PATH", () => {
  const start = (folder, settings) => {
    asked.settings = settings;
    const { command, args } = factory.createDebugAdapterDescriptor({ workspaceFolder: folder, configuration: {} });
    return [command, ...args];
  };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "llmspell-"));
  const windows = process.platform === "win32";
  const inside = path.join(folder, ".venv", windows ? "Scripts" : "bin", windows ? "llmspell.exe" : "llmspell");
  fs.mkdirSync(path.dirname(inside), { recursive: true });
  fs.writeFileSync(inside, "");
  const project = { uri: { fsPath: folder } };

  assert.deepEqual(start(project, { command: ["a", "b"], python: "py" }), ["a", "b", "debug-adapter"]);
  assert.deepEqual(start(project, { python: "py" }), ["py", "-m", "llmspell", "debug-adapter"]);
  assert.deepEqual(start(project, {}), [inside, "debug-adapter"]);
  assert.deepEqual(start(undefined, {}), ["llmspell", "debug-adapter"]);
});

test("options of settings and of the configuration reach the adapter", () => {
  asked.settings = { command: ["llmspell"], adapterArgs: ["--ceiling", "safe"] };
  const configuration = { adapterArgs: ["--tools-dir", "tools"] };

  const descriptor = factory.createDebugAdapterDescriptor({ workspaceFolder: FOLDER, configuration });

  assert.deepEqual(descriptor.args, ["debug-adapter", "--ceiling", "safe", "--tools-dir", "tools"]);
  assert.deepEqual(descriptor.options, { cwd: "/project" });
});

test("a cell that is edited is sent with its breakpoints to the sessions that are attached", async () => {
  const uri = "vscode-notebook-cell:/n.ipynb#W0";
  const at = (line, more) => ({ location: { uri: { toString: () => uri }, range: { start: { line } } }, ...more });
  vscode.debug.breakpoints = [at(1, { enabled: true, condition: "x > 1" }), at(2, { enabled: false })];
  const sent = new Promise((resolve) => {
    const customRequest = async (...words) => resolve(words);
    fire("started", { type: "llmspell", configuration: { request: "attach" }, customRequest });
    fire("started", { type: "other", configuration: { request: "attach" }, customRequest: assert.fail });
  });
  fire("edited", { document: document(uri, "y = 2") });
  fire("edited", { document: document("file:///project/a.lua", "z = 3") });

  const [command, { cells }] = await sent;

  assert.equal(command, "llmspell/cells");
  assert.deepEqual(JSON.parse(JSON.stringify(cells)), [
    { uri, text: "y = 2", breakpoints: [{ line: 2, condition: "x > 1" }] },
  ]);
});
