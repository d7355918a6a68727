// A stand-in for the `vscode` module, for tests: what it is asked for is kept in `asked`.
"use strict";

const Module = require("node:module");

const asked = { settings: {}, messages: [], started: [], picks: [], executed: [] };
const listeners = {};

const listen = (name) => (listener) => {
  (listeners[name] ??= []).push(listener);
  return { dispose() {} };
};
const register = (kind) => (name, value) => {
  asked[kind] ??= {};
  (asked[kind][name] ??= []).push(value);
  return { dispose() {} };
};
const say = async (text, ...buttons) => {
  asked.messages.push(text);
  return buttons.find((button) => asked.picks.includes(button));
};

const vscode = {
  DebugAdapterExecutable: class {
    constructor(command, args, options) {
      Object.assign(this, { command, args, options });
    }
  },
  DebugConfigurationProviderTriggerKind: { Initial: 1, Dynamic: 2 },
  commands: {
    registerCommand: register("commands"),
    executeCommand: async (...words) => void asked.executed.push(words),
  },
  debug: {
    breakpoints: [],
    onDidStartDebugSession: listen("started"),
    onDidTerminateDebugSession: listen("terminated"),
    registerDebugAdapterDescriptorFactory: register("factories"),
    registerDebugConfigurationProvider: register("providers"),
    startDebugging: async (folder, configuration, options) => asked.started.push({ folder, configuration, options }),
  },
  window: {
    activeTextEditor: undefined,
    showErrorMessage: say,
    showInformationMessage: say,
    showQuickPick: async (items) => items.find((item) => asked.picks.includes(item.label)),
  },
  workspace: {
    notebookDocuments: [],
    workspaceFolders: undefined,
    getConfiguration: () => ({ get: (name, fallback) => asked.settings[name] ?? fallback }),
    getWorkspaceFolder: () => undefined,
    onDidChangeTextDocument: listen("edited"),
    onDidOpenTextDocument: listen("opened"),
  },
};

const load = Module._load;
Module._load = (name, ...rest) => (name === "vscode" ? vscode : load(name, ...rest));

/** Tell those who listen. */
function fire(name, value) {
  (listeners[name] ?? []).forEach((listener) => listener(value));
}

/** Forget what a test has set. */
function reset() {
  Object.assign(asked, { settings: {}, messages: [], started: [], picks: [], executed: [] });
  Object.assign(vscode.workspace, { notebookDocuments: [], workspaceFolders: undefined });
  vscode.debug.breakpoints = [];
  vscode.window.activeTextEditor = undefined;
}

/** A document as VS Code gives it. */
function document(uri, text, languageId = "lua") {
  const [scheme] = uri.split(":");
  return { uri: { scheme, fsPath: uri.replace(/^file:\/\//, ""), toString: () => uri }, languageId, getText: () => text };
}

module.exports = { asked, document, fire, reset, vscode };
