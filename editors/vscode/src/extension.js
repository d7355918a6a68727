// The extension: debug configurations of type `llmspell`, their adapter, commands, and notebook cells.
"use strict";

const vscode = require("vscode");
const { AdapterFactory } = require("./adapter");
const { ConfigurationProvider } = require("./configuration");
const { pickKernel } = require("./kernels");
const { NotebookCells } = require("./notebooks");

const TYPE = "llmspell";

function activate(context) {
  const cells = new NotebookCells(TYPE);
  const provider = new ConfigurationProvider(cells);
  const dynamic = vscode.DebugConfigurationProviderTriggerKind.Dynamic;
  context.subscriptions.push(
    cells,
    vscode.debug.registerDebugConfigurationProvider(TYPE, provider),
    vscode.debug.registerDebugConfigurationProvider(TYPE, { provideDebugConfigurations: proposals }, dynamic),
    vscode.debug.registerDebugAdapterDescriptorFactory(TYPE, new AdapterFactory()),
    vscode.commands.registerCommand("llmspell.debugFile", (uri) => startFile(uri, false)),
    vscode.commands.registerCommand("llmspell.runFile", (uri) => startFile(uri, true)),
    vscode.commands.registerCommand("llmspell.attachToKernel", attachToKernel),
    vscode.commands.registerCommand("llmspell.pickKernel", async () => (await pickKernel())?.id),
  );
}

/** What the "Run and Debug" menu offers without a launch.json. */
function proposals() {
  return [
    { type: TYPE, request: "launch", name: "Lua: current file", program: "${file}" },
    { type: TYPE, request: "attach", name: "Lua: attach to a kernel", kernelId: "${command:pickKernel}" },
  ];
}

async function startFile(uri, noDebug) {
  const file = uri ?? vscode.window.activeTextEditor?.document.uri;
  if (file === undefined || file.scheme !== "file") {
    vscode.window.showErrorMessage("llmspell: open a Lua file first.");
    return false;
  }
  const configuration = { type: TYPE, request: "launch", name: "Lua: current file", program: file.fsPath };
  return vscode.debug.startDebugging(vscode.workspace.getWorkspaceFolder(file), configuration, { noDebug });
}

async function attachToKernel() {
  const kernel = await pickKernel();
  if (kernel === undefined) {
    return false;
  }
  const configuration = {
    type: TYPE, request: "attach", name: `Lua: kernel ${kernel.id}`, connectionFile: kernel.connection_file,
  };
  return vscode.debug.startDebugging(vscode.workspace.workspaceFolders?.[0], configuration);
}

module.exports = { activate, deactivate() {} };
