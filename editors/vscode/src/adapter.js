// The debug adapter: `llmspell debug-adapter`, over standard input and output.
"use strict";

const vscode = require("vscode");
const { adapterArgs, command } = require("./command");

class AdapterFactory {
  createDebugAdapterDescriptor(session) {
    const [program, ...words] = command(session.workspaceFolder);
    const args = [
      ...words, "debug-adapter", ...adapterArgs(session.workspaceFolder), ...(session.configuration.adapterArgs ?? []),
    ];
    const cwd = session.workspaceFolder?.uri.fsPath;
    return new vscode.DebugAdapterExecutable(program, args, cwd === undefined ? {} : { cwd });
  }
}

module.exports = { AdapterFactory };
